#pragma once
// Whether what tensors say is finite.
#include <cstddef>

#include "formats/tensor_type.h"

namespace quern::formats {

/// How many of n blocks hold a scale or a value that is infinite or not a number. 0 for integers.
std::size_t count_non_finite(TensorType type, const std::byte* blocks, std::size_t n_blocks);

}  // namespace quern::formats
