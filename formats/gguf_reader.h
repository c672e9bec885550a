#pragma once
// The part of a GGUF file before its data: read and checked, without a look at the data itself.
#include <cstdint>
#include <vector>

#include "formats/mapped_file.h"
#include "formats/metadata.h"
#include "formats/model_file.h"
#include "quern/result.h"

namespace quern::formats {

struct GgufHeader {
  std::uint32_t version = 0;
  Metadata metadata;            ///< owns what the tensors' names look into
  std::vector<Tensor> tensors;  ///< in file order, without data; their bytes lie within the file and apart
};

/// Fails with an error that names the key or tensor. That names of tensors are unique is left to the caller,
/// who may have several shards.
Result<GgufHeader> read_gguf_header(const ByteSource& source);

}  // namespace quern::formats
