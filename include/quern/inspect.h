#pragma once
/// inspect.h: what a GGUF file holds, without loading it.
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "quern/export.h"
#include "quern/result.h"

namespace quern {

struct MetadataItem {
  std::string key;
  std::string type;              ///< "u32", "string", "array of string"
  std::string value;             ///< as text; arrays and long strings are cut and say so
  std::uint64_t n_elements = 1;  ///< of an array
};

struct TensorItem {
  std::string name;
  std::string type;                 ///< "Q4_K"
  std::vector<std::uint64_t> dims;  ///< dims[0] is the row length
  std::uint64_t n_bytes = 0;
  std::uint64_t file_offset = 0;
};

struct FileReport {
  std::uint32_t version = 0;
  std::uint32_t n_shards = 1;
  std::uint64_t file_bytes = 0;
  std::vector<MetadataItem> metadata = {};
  std::vector<TensorItem> tensors = {};
};

/// Reads and checks the container: every rule of the format, nothing of the model's meaning (Model::plan does
/// that).
QUERN_API Result<FileReport> inspect(const std::filesystem::path& gguf);

}  // namespace quern
