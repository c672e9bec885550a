#pragma once
// For the instruction sets that take 64 bits at once.
#include <cstdint>

namespace quern::kernels {

// Two times four bytes, wherever they lie, as 64 bits.
static inline __attribute__((always_inline)) std::uint64_t join_bits(const void* low, const void* high) {
  std::uint32_t l, h;
  __builtin_memcpy(&l, low, sizeof l);
  __builtin_memcpy(&h, high, sizeof h);
  return l | std::uint64_t{h} << 32;
}

}  // namespace quern::kernels
