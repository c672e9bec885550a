#include "formats/model_file.h"

#include <algorithm>
#include <cstdio>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "formats/gguf_layout.h"
#include "formats/gguf_reader.h"
#include "formats/mapped_file.h"
#include "formats/name_index.h"
#include "formats/printable.h"
#include "formats/shards.h"
#include "formats/try.h"

namespace quern::formats {

using Access = ModelFileOptions::Access;

struct ModelFile::Impl {
  std::uint32_t version = 0;
  std::vector<Metadata> metadata;  ///< per shard; the first is the model's, all own their tensors' names
  std::vector<Tensor> tensors;
  NameIndex<Tensor, &Tensor::name> by_name;
  std::vector<std::shared_ptr<const void>> owners;  ///< of tensor data
  std::uint64_t file_bytes = 0;
  bool mapped = false;
};

namespace {

constexpr std::string_view split_no_key = "split.no";
constexpr std::string_view split_count_key = "split.count";
constexpr std::string_view split_tensors_key = "split.tensors.count";

// Kernels read blocks through pointers to their types, which need no more than this.
constexpr std::uint64_t data_alignment = 32;

struct GgufShard {
  std::unique_ptr<ByteSource> source;
  GgufHeader header;
};

Error with_path(Error error, const std::filesystem::path& path) {
  if (error.code != ErrorCode::io) error.message = cat(path.string(), ": ", error.message);
  return error;
}

Result<GgufShard> open_shard(const std::filesystem::path& path) {
  QUERN_TRY(InputFile file, InputFile::open(path));
  GgufShard shard{.source = std::make_unique<InputFile>(std::move(file)), .header = {}};
  auto header = read_gguf_header(*shard.source);
  if (!header) return with_path(std::move(header).error(), path);
  shard.header = *std::move(header);
  return shard;
}

// "-00002-of-00005.gguf", counted from 1.
std::string shard_suffix(std::uint64_t number, std::uint64_t count) {
  char text[64];
  std::snprintf(text, sizeof text, "-%05llu-of-%05llu.gguf", static_cast<unsigned long long>(number),
                static_cast<unsigned long long>(count));
  return text;
}

std::optional<std::string> without_suffix(const std::string& name, const std::string& suffix) {
  if (!name.ends_with(suffix)) return std::nullopt;
  return name.substr(0, name.size() - suffix.size());
}

struct Split {
  std::uint64_t no = 0;
  std::uint64_t count = 1;
};

Result<Split> read_split(const Metadata& metadata) {
  Split split;
  QUERN_TRY(split.count, metadata.unsigned_integer_or(split_count_key, 1, gguf::max_shards));
  if (split.count <= 1) return Split{};
  QUERN_TRY(split.no, metadata.unsigned_integer(split_no_key, split.count - 1));
  return split;
}

// The paths of all shards, given the first: siblings in the same folder and nothing else.
Result<std::vector<std::filesystem::path>> shard_paths(const std::filesystem::path& path,
                                                       const Split& split) {
  const std::string name = path.filename().string();
  const std::string own_suffix = shard_suffix(split.no + 1, split.count);
  const auto prefix = without_suffix(name, own_suffix);
  if (!prefix)
    return Error{ErrorCode::corrupt,
                 cat(path.string(), ": holds shard ", split.no + 1, " of ", split.count,
                     ", so its name must end in '", own_suffix, "'"),
                 std::string(split_no_key)};
  if (split.no != 0)
    return Error{ErrorCode::invalid_argument,
                 cat(path.string(), ": is shard ", split.no + 1, " of ", split.count, "; open the first, '",
                     *prefix + shard_suffix(1, split.count), "'"),
                 std::string(split_no_key)};
  std::vector<std::filesystem::path> paths;
  for (std::uint64_t i = 1; i <= split.count; ++i)
    paths.push_back(path.parent_path() / (*prefix + shard_suffix(i, split.count)));
  return paths;
}

Result<void> check_sibling(const GgufShard& shard, std::uint64_t no, std::uint64_t count,
                           const std::filesystem::path& path) {
  auto split = read_split(shard.header.metadata);
  if (!split) return with_path(std::move(split).error(), path);
  if (split->no == no && split->count == count) return {};
  return Error{ErrorCode::corrupt,
               cat(path.string(), ": says that it is shard ", split->no + 1, " of ", split->count,
                   ", expected ", no + 1, " of ", count),
               std::string(split->count == count ? split_no_key : split_count_key)};
}

// Copies tensor data into memory of our own, every tensor aligned whatever the file's alignment is.
class DataReader {
 public:
  DataReader(const ModelFileOptions& options, std::uint64_t total_bytes)
      : options_(options), total_(total_bytes) {}

  Result<std::shared_ptr<const void>> read(const ByteSource& source, std::span<Tensor> tensors) {
    std::uint64_t n_bytes = 0;  // what the file really holds, and under 32 bytes more for each tensor
    for (const Tensor& tensor : tensors) n_bytes += gguf::pad(tensor.n_bytes, data_alignment);
    if (n_bytes > SIZE_MAX)
      return Error{ErrorCode::out_of_memory, "the model is larger than the address space"};
    constexpr std::align_val_t alignment{data_alignment};
    std::byte* at = static_cast<std::byte*>(::operator new(static_cast<std::size_t>(n_bytes), alignment));
    std::shared_ptr<const void> owner(at, [](std::byte* memory) { ::operator delete(memory, alignment); });
    for (Tensor& tensor : tensors) {
      QUERN_CHECK(read_tensor(source, tensor, at));
      tensor.data = at;
      at += gguf::pad(tensor.n_bytes, data_alignment);
    }
    return owner;
  }

 private:
  Result<void> read_tensor(const ByteSource& source, const Tensor& tensor, std::byte* to) {
    constexpr std::uint64_t step_bytes = std::uint64_t{16} << 20;  // between looks at the stop token
    for (std::uint64_t done = 0; done < tensor.n_bytes;) {
      if (options_.stop.stop_requested())
        return Error{ErrorCode::cancelled, "stopped while reading the model"};
      const std::uint64_t n = std::min(step_bytes, tensor.n_bytes - done);
      QUERN_CHECK(source.read(tensor.file_offset + done, {to + done, static_cast<std::size_t>(n)}));
      done += n;
      read_ += n;
      if (options_.progress) options_.progress(static_cast<double>(read_) / static_cast<double>(total_));
    }
    return {};
  }

  const ModelFileOptions& options_;
  std::uint64_t total_;
  std::uint64_t read_ = 0;
};

bool aligned_in(const ByteView& view, std::span<const Tensor> tensors) {
  return std::all_of(tensors.begin(), tensors.end(), [&](const Tensor& tensor) {
    return reinterpret_cast<std::uintptr_t>(view.bytes.data() + tensor.file_offset) %
               alignof(std::uint64_t) ==
           0;
  });
}

// Points the tensors of one shard at their bytes: in place where the source can and alignment allows, else a
// copy.
Result<void> attach_data(ModelFile::Impl& model, const ByteSource& source, std::span<Tensor> tensors,
                         DataReader& reader, Access access) {
  if (access == Access::header_only || tensors.empty()) return {};
  if (access == Access::map) {
    if (auto view = source.view(); view && aligned_in(*view, tensors)) {
      for (Tensor& tensor : tensors) tensor.data = view->bytes.data() + tensor.file_offset;
      model.owners.push_back(view->owner);
      model.mapped = model.mapped || view->mapped;
      return {};
    }
  }
  QUERN_TRY(auto owner, reader.read(source, tensors));
  model.owners.push_back(std::move(owner));
  return {};
}

Result<ModelFile> assemble(std::vector<GgufShard> shards, const ModelFileOptions& options) {
  auto model = std::make_shared<ModelFile::Impl>();
  model->version = shards.front().header.version;
  std::uint64_t data_bytes = 0;
  for (GgufShard& shard : shards) {
    const auto shard_number = static_cast<std::uint32_t>(model->metadata.size());
    for (Tensor& tensor : shard.header.tensors) {
      tensor.shard = shard_number;
      data_bytes += tensor.n_bytes;
      model->tensors.push_back(tensor);
    }
    model->metadata.push_back(shard.header.metadata);
    model->file_bytes += shard.source->size();
  }
  model->by_name = decltype(model->by_name)(model->tensors);
  if (const Tensor* twice = model->by_name.duplicate(model->tensors)) {
    const std::string name = printable(twice->name);
    return Error{ErrorCode::corrupt, cat("tensor '", name, "' stands in the model twice"), name};
  }

  DataReader reader(options, data_bytes);
  std::size_t first = 0;
  for (const GgufShard& shard : shards) {
    const std::size_t n = shard.header.tensors.size();
    QUERN_CHECK(attach_data(*model, *shard.source, std::span(model->tensors).subspan(first, n), reader,
                            options.access));
    first += n;
  }
  return ModelFile(std::move(model));
}

Result<ModelFile> open_all(const std::filesystem::path& path, const ModelFileOptions& options) {
  std::vector<GgufShard> shards;
  QUERN_TRY(GgufShard first, open_shard(path));
  auto split = read_split(first.header.metadata);
  if (!split) return with_path(std::move(split).error(), path);
  shards.push_back(std::move(first));
  if (split->count > 1) {
    QUERN_TRY(const auto paths, shard_paths(path, *split));
    std::uint64_t n_tensors = shards.front().header.tensors.size();
    for (std::uint64_t no = 1; no < split->count; ++no) {
      if (options.stop.stop_requested())
        return Error{ErrorCode::cancelled, "stopped while opening the model"};
      QUERN_TRY(GgufShard shard, open_shard(paths[no]));
      QUERN_CHECK(check_sibling(shard, no, split->count, paths[no]));
      n_tensors += shard.header.tensors.size();
      shards.push_back(std::move(shard));
    }
    auto expected = shards.front().header.metadata.unsigned_integer(split_tensors_key, gguf::max_tensors);
    if (!expected) return with_path(std::move(expected).error(), path);
    if (*expected != n_tensors)
      return Error{ErrorCode::corrupt,
                   cat(path.string(), ": key '", split_tensors_key, "' is ", *expected, ", but the ",
                       split->count, " shards hold ", n_tensors, " tensors"),
                   std::string(split_tensors_key)};
  }
  auto model = assemble(std::move(shards), options);
  if (!model) return with_path(std::move(model).error(), path);
  return model;
}

// A size that passed every check can still be more than this machine has.
template <typename Open>
Result<ModelFile> without_exceptions(Open open) {
  try {
    return open();
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::out_of_memory, "not enough memory to open the model"};
  }
}

}  // namespace

Result<std::vector<std::filesystem::path>> shard_paths(const std::filesystem::path& first,
                                                       std::uint64_t count) {
  if (count == 1) return std::vector{first};
  return shard_paths(first, Split{.no = 0, .count = count});
}

Result<ModelFile> ModelFile::open(const std::filesystem::path& path, const ModelFileOptions& options) {
  return without_exceptions([&] { return open_all(path, options); });
}

Result<ModelFile> ModelFile::from_bytes(std::span<const std::byte> bytes) {
  return without_exceptions([&]() -> Result<ModelFile> {
    auto source = std::make_unique<MemorySource>(bytes);
    QUERN_TRY(GgufHeader header, read_gguf_header(*source));
    QUERN_TRY(const Split split, read_split(header.metadata));
    if (split.count > 1)
      return Error{ErrorCode::unsupported,
                   cat("holds shard ", split.no + 1, " of ", split.count, ", expected a whole model"),
                   std::string(split_count_key)};
    std::vector<GgufShard> shards;
    shards.push_back(GgufShard{.source = std::move(source), .header = std::move(header)});
    return assemble(std::move(shards), {});
  });
}

const Metadata& ModelFile::metadata() const { return impl_->metadata.front(); }
std::span<const Tensor> ModelFile::tensors() const { return impl_->tensors; }
const Tensor* ModelFile::find(std::string_view name) const {
  return impl_->by_name.find(impl_->tensors, name);
}
std::uint32_t ModelFile::version() const { return impl_->version; }
std::uint32_t ModelFile::n_shards() const { return static_cast<std::uint32_t>(impl_->metadata.size()); }
std::uint64_t ModelFile::file_bytes() const { return impl_->file_bytes; }
std::uint64_t ModelFile::memory_bytes() const {
  std::uint64_t bytes = impl_->tensors.capacity() * sizeof(Tensor);
  for (const Metadata& metadata : impl_->metadata) bytes += metadata.memory_bytes();
  return bytes;
}
bool ModelFile::mapped() const { return impl_->mapped; }

}  // namespace quern::formats
