#pragma once
#include <cstddef>

namespace quern::test {

/// Bytes that operator new has given in this program so far, whether they were freed or not.
std::size_t allocated_so_far();

}  // namespace quern::test
