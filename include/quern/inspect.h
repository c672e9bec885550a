#pragma once
/// inspect.h: what a GGUF file holds, without loading it.
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "quern/export.h"
#include "quern/result.h"

namespace quern {

/// One key of a file and what stands there.
struct MetadataItem {
  std::string key;
  std::string type;              ///< "u32", "string", "array of string"
  std::string value;             ///< as text; arrays and long strings are cut and say so
  std::uint64_t n_elements = 1;  ///< of an array; 1 for everything else
};

/// One tensor, as the file describes it.
struct TensorItem {
  std::string name;
  std::string type;                 ///< "Q4_K"
  std::vector<std::uint64_t> dims;  ///< dims[0] is the row length
  std::uint64_t n_bytes = 0;
  std::uint64_t file_offset = 0;  ///< of its first byte, from the start of the file that holds it
};

struct FileReport {
  std::uint32_t version = 0;     ///< of GGUF
  std::uint32_t n_shards = 1;    ///< files that the model is split into
  std::uint64_t file_bytes = 0;  ///< of all of them
  std::vector<MetadataItem> metadata = {};
  std::vector<TensorItem> tensors = {};
};

/// Reads and checks the container: every rule of the format, nothing of the model's meaning (Model::plan does
/// that). Errors: io; corrupt or unsupported, whose field is the key or tensor; out_of_memory.
QUERN_API Result<FileReport> inspect(const std::filesystem::path& gguf);

}  // namespace quern
