#pragma once
/// check.h: is a model's file sound, and is it the file that it should be? Reads every byte.
///
///   const auto report = quern::check("tiny.gguf").value();
///   for (const auto& finding : report.findings) std::cerr << finding.where << ": " << finding.what << '\n';
///   auto changed = quern::compare(manifest_of_the_maker, report.manifest);
#include <cstdint>
#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "quern/export.h"
#include "quern/result.h"

namespace quern {

/// One thing that is wrong.
struct Finding {
  std::string where;  ///< "tensor 'output.weight'", "tokenizer", "chat template"
  std::string what;   ///< one line
  bool operator==(const Finding&) const = default;
};

/// One tensor's bytes in short.
struct TensorDigest {
  std::string name;
  std::string type;                 ///< "Q4_K"
  std::vector<std::uint64_t> dims;  ///< dims[0] is the row length
  std::uint64_t n_bytes = 0;
  std::string sha256;  ///< of its bytes, in small hexadecimal digits
  bool operator==(const TensorDigest&) const = default;
};

/// What a model is, whatever the order of its tensors and the number of its files.
struct Manifest {
  std::string metadata_sha256;  ///< of all keys and values, in order, but for those that say how it was split
  std::vector<TensorDigest> tensors;
  bool operator==(const Manifest&) const = default;
};

struct CheckOptions {
  /// 0: as many as this process may really use.
  int threads = 0;
  /// Fraction read, 0 to 1, on the calling thread. What it throws passes through check().
  std::function<void(double)> progress = {};
  /// When triggered, check() gives ErrorCode::cancelled.
  std::stop_token stop = {};
};

struct CheckReport {
  std::vector<Finding> findings = {};  ///< empty: nothing is wrong
  /// What was not checked because the file has none, and what is odd about its vocabulary but no fault; a
  /// line each.
  std::vector<std::string> notes = {};
  Manifest manifest = {};
  std::uint64_t n_bytes = 0;  ///< of tensors that were read
};

/// Reads every block of every tensor for scales and values that are infinite or not a number, and hashes
/// them; encodes and decodes texts; renders a conversation with the chat template. A file that breaks the
/// format is an Error as in inspect(); what is wrong in a well-formed one is a finding. Further errors:
/// cancelled, invalid_argument for a negative number of threads.
QUERN_API Result<CheckReport> check(const std::filesystem::path& gguf, const CheckOptions& options = {});

/// Where `found` differs from `expected`: a finding for the metadata and for each tensor that has changed, is
/// missing or was added. Empty: the same model.
QUERN_API std::vector<Finding> compare(const Manifest& expected, const Manifest& found);

}  // namespace quern
