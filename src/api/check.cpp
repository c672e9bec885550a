// check() and compare(): the tensors and the manifest. What the vocabulary and the chat template say of
// themselves is in check_text.cpp.
#include "quern/check.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <exception>
#include <map>
#include <memory>
#include <numeric>
#include <optional>

#include "formats/finite_blocks.h"
#include "formats/mapped_file.h"
#include "formats/model_file.h"
#include "formats/printable.h"
#include "formats/sha256.h"
#include "formats/shards.h"
#include "formats/try.h"
#include "src/api/check_text.h"
#include "src/api/edge.h"
#include "src/base/parallel.h"

namespace quern {
namespace {

using formats::cat;
using formats::ModelFile;
using formats::Sha256;
using formats::Tensor;
using formats::TensorTypeInfo;

// A piece stays in the second-level cache from the disk through both looks at it.
constexpr std::uint64_t piece_bytes = std::uint64_t{256} << 10;

/// Reads a model's tensors, the largest first, on several threads. A disk that fails is an error here, where
/// a mapping would end the process.
class TensorReader {
 public:
  /// `sources`: the shards.
  TensorReader(const ModelFile& file, const std::vector<formats::InputFile>& sources,
               const CheckOptions& options)
      : file_(file),
        sources_(sources),
        options_(options),
        order_(file.tensors().size()),
        digests_(order_.size()),
        findings_(order_.size()) {
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    std::ranges::sort(order_, std::greater(), [&](std::size_t i) { return file.tensors()[i].n_bytes; });
    for (const Tensor& tensor : file.tensors()) n_bytes_ += tensor.n_bytes;
  }

  Result<void> run(CheckReport& report) {
    const int wanted = options_.threads > 0 ? options_.threads : detail::usable_threads();
    const auto n_threads = static_cast<int>(
        std::min<std::size_t>(static_cast<std::size_t>(wanted), std::max<std::size_t>(1, order_.size())));
    detail::run_in_parallel(n_threads, [this](detail::Worker& worker) noexcept {
      try {
        const auto buffer = std::make_unique_for_overwrite<std::byte[]>(piece_bytes + max_block_bytes);
        for (std::size_t next; !stopped_ && (next = n_claimed_++) < order_.size();)
          read(order_[next], buffer.get(), worker.index() == 0);
      } catch (...) {
        fail(Error{}, std::current_exception());
      }
    });
    if (exception_) std::rethrow_exception(exception_);
    if (error_) return *std::move(error_);
    if (options_.progress) detail::call_user(options_.progress, 1.0);
    for (std::size_t i = 0; i < order_.size(); ++i) {
      report.manifest.tensors.push_back(std::move(digests_[i]));
      if (findings_[i]) report.findings.push_back(*std::move(findings_[i]));
    }
    report.n_bytes = n_bytes_;
    return {};
  }

 private:
  static constexpr std::uint64_t max_block_bytes = 512;

  void fail(Error error, std::exception_ptr exception = nullptr) {
    if (stopped_.exchange(true)) return;
    error_ = std::move(error);
    exception_ = std::move(exception);
  }

  void read(std::size_t index, std::byte* buffer, bool reports) {
    const Tensor& tensor = file_.tensors()[index];
    const TensorTypeInfo& type = formats::tensor_type_info(tensor.type);
    const std::uint64_t step = std::max<std::uint64_t>(1, piece_bytes / type.block_bytes) * type.block_bytes;
    Sha256 hash;
    std::uint64_t n_bad = 0, first_bad = 0;
    for (std::uint64_t offset = 0; offset < tensor.n_bytes; offset += step) {
      if (stopped_) return;
      if (options_.stop.stop_requested()) return fail({ErrorCode::cancelled, "the check was stopped", ""});
      const std::span piece(buffer, static_cast<std::size_t>(std::min(step, tensor.n_bytes - offset)));
      if (auto done = sources_[tensor.shard].read(tensor.file_offset + offset, piece); !done)
        return fail(std::move(done).error());
      hash.add(piece);
      const std::size_t n = count_non_finite(type.type, buffer, piece.size() / type.block_bytes);
      if (n_bad == 0 && n > 0) first_bad = offset / type.block_bytes + first_non_finite(type, buffer);
      n_bad += n;
      const std::uint64_t n_read = n_read_ += piece.size();
      if (reports && options_.progress && n_read < n_bytes_)
        detail::call_user(options_.progress, static_cast<double>(n_read) / static_cast<double>(n_bytes_));
    }
    digests_[index] = {.name = std::string(tensor.name),
                       .type = std::string(type.name),
                       .dims = {tensor.dims.begin(), tensor.dims.begin() + tensor.n_dims},
                       .n_bytes = tensor.n_bytes,
                       .sha256 = formats::to_hex(hash.digest())};
    if (n_bad > 0) findings_[index] = non_finite(tensor, type, n_bad, first_bad);
  }

  /// Requires: there is one.
  static std::uint64_t first_non_finite(const TensorTypeInfo& type, const std::byte* blocks) {
    std::uint64_t block = 0;
    while (count_non_finite(type.type, blocks + block * type.block_bytes, 1) == 0) ++block;
    return block;
  }

  static Finding non_finite(const Tensor& tensor, const TensorTypeInfo& type, std::uint64_t n_bad,
                            std::uint64_t first) {
    const std::uint64_t n_blocks = tensor.n_bytes / type.block_bytes;
    const std::uint64_t element = first * type.block_elements;
    return {.where = cat("tensor '", formats::printable(tensor.name), "'"),
            .what = cat(n_bad, " of ", n_blocks, " ", type.name,
                        type.block_elements > 1 ? " blocks are" : " values are",
                        " infinite or not a number; the first at row ", element / tensor.dims[0], ", column ",
                        element % tensor.dims[0])};
  }

  const ModelFile& file_;
  const std::vector<formats::InputFile>& sources_;
  const CheckOptions& options_;
  std::vector<std::size_t> order_;
  std::vector<TensorDigest> digests_;
  std::vector<std::optional<Finding>> findings_;
  std::uint64_t n_bytes_ = 0;
  std::atomic<std::uint64_t> n_read_{0};
  std::atomic<std::size_t> n_claimed_{0};
  std::atomic<bool> stopped_{false};
  std::optional<Error> error_{};  // written by the thread that stopped the others, read after all have ended
  std::exception_ptr exception_{};
};

/// Every key, type and value, each text with its length before it, so that no two models write the same.
std::string metadata_digest(const formats::Metadata& metadata) {
  Sha256 hash;
  const auto number = [&](std::uint64_t value) {
    std::byte bytes[8];
    for (unsigned i = 0; i < 8; ++i) bytes[i] = static_cast<std::byte>(value >> 8 * i);
    hash.add(bytes);
  };
  const auto text = [&](std::string_view value) {
    number(value.size());
    hash.add(std::as_bytes(std::span(value)));
  };
  for (const formats::MetadataEntry& entry : metadata.entries()) {
    if (entry.key.starts_with("split.")) continue;
    text(entry.key);
    number(static_cast<std::uint64_t>(entry.type));
    if (const auto* array = std::get_if<formats::MetadataArray>(&entry.value)) {
      number(static_cast<std::uint64_t>(array->element_type));
      number(array->size);
      hash.add(array->packed);
      for (const std::string_view element : array->strings) text(element);
    } else if (const auto* value = std::get_if<std::string_view>(&entry.value)) {
      text(*value);
    } else if (const auto* real = std::get_if<double>(&entry.value)) {
      number(std::bit_cast<std::uint64_t>(*real));
    } else if (const auto* integer = std::get_if<std::int64_t>(&entry.value)) {
      number(static_cast<std::uint64_t>(*integer));
    } else if (const auto* natural = std::get_if<std::uint64_t>(&entry.value)) {
      number(*natural);
    } else {
      number(std::get<bool>(entry.value) ? 1 : 0);
    }
  }
  return formats::to_hex(hash.digest());
}

std::string shown(const TensorDigest& tensor) {
  std::string out = tensor.type;
  for (std::size_t i = 0; i < tensor.dims.size(); ++i) out += cat(i == 0 ? " " : "x", tensor.dims[i]);
  return out;
}

}  // namespace

Result<CheckReport> check(const std::filesystem::path& gguf, const CheckOptions& options) {
  return detail::at_edge([&]() -> Result<CheckReport> {
    if (options.threads < 0)
      return Error{ErrorCode::invalid_argument, cat("threads is ", options.threads, ", expected 0 or more"),
                   "threads"};
    QUERN_TRY(const ModelFile file,
              ModelFile::open(gguf, {.access = formats::ModelFileOptions::Access::header_only}));
    QUERN_TRY(const auto paths, formats::shard_paths(gguf, file.n_shards()));
    std::vector<formats::InputFile> sources;
    for (const std::filesystem::path& path : paths) {
      QUERN_TRY(formats::InputFile source, formats::InputFile::open(path));
      sources.push_back(std::move(source));
    }
    CheckReport report;
    report.manifest.metadata_sha256 = metadata_digest(file.metadata());
    detail::check_tokenizer(file.metadata(), report);
    detail::check_chat_template(file.metadata(), gguf, report);
    QUERN_CHECK(TensorReader(file, sources, options).run(report));
    return report;
  });
}

std::vector<Finding> compare(const Manifest& expected, const Manifest& found) {
  std::vector<Finding> findings;
  if (expected.metadata_sha256 != found.metadata_sha256)
    findings.push_back({"metadata", cat("SHA-256 is ", found.metadata_sha256, ", expected ",
                                        formats::printable(expected.metadata_sha256))});
  std::map<std::string_view, const TensorDigest*> rest;
  for (const TensorDigest& tensor : found.tensors) rest.emplace(tensor.name, &tensor);
  for (const TensorDigest& tensor : expected.tensors) {
    const auto report = [&](std::string what) {
      findings.push_back({cat("tensor '", formats::printable(tensor.name), "'"), std::move(what)});
    };
    const auto at = rest.find(tensor.name);
    if (at == rest.end()) {
      report("is missing");
      continue;
    }
    const TensorDigest& other = *at->second;
    rest.erase(at);
    if (other.type != tensor.type || other.dims != tensor.dims)
      report(cat("is ", shown(other), ", expected ", formats::printable(shown(tensor))));
    else if (other.sha256 != tensor.sha256)
      report(cat("SHA-256 is ", other.sha256, ", expected ", formats::printable(tensor.sha256)));
  }
  for (const TensorDigest& tensor : found.tensors)
    if (rest.contains(tensor.name))
      findings.push_back({cat("tensor '", formats::printable(tensor.name), "'"), "is not in the manifest"});
  return findings;
}

}  // namespace quern
