#pragma once
// What an embedding model has beside its checkpoint: modules.json lists what happens to the hidden states
// (pooling, matrices), each with a folder of its own.
#include <filesystem>
#include <string>
#include <vector>

#include "formats/safetensors.h"
#include "quern/result.h"
#include "src/convert/family.h"

namespace quern::detail {

/// A matrix behind the pooling.
struct DenseModule {
  std::string name;  ///< of its tensor, without ".weight"
  std::uint32_t n_in = 0, n_out = 0;
  formats::Safetensors weights;
};

/// Writes the pooling, and the widths of the matrices that are returned. unsupported: a module that the
/// family's arithmetic lacks.
Result<std::vector<DenseModule>> read_sentence_modules(const std::filesystem::path& folder,
                                                       Conversion& conversion);

}  // namespace quern::detail
