#pragma once

#include <cstdint>

namespace quern {

/// One entry of a vocabulary, 0 to n_vocab - 1.
using Token = std::int32_t;

}  // namespace quern
