#pragma once
// Sixteen blocks of bytes side by side, so that what a lane sums is its block's.
#include QUERN_ISA_HEADER

namespace quern::kernels::QUERN_ISA {

#if defined(__AVX2__) && !defined(__AVXVNNI__) && !defined(__AVX512F__)

// Worth it where products are summed in words: it turns 8 vectors of nibbles, where sums across lanes are of
// 16 vectors. Zen 3, one core, rows of 4096 columns in cache: Q4_0 went from 28 to 37 products/ns.
inline constexpr bool turns_sets = true;

// Of each of 16 blocks the 16 bytes that begin at `bytes` in the first: vector k gets bytes 4 k to 4 k + 3 of
// all, in the order of the blocks.
template <std::size_t block_bytes>
QUERN_INLINE void load_turned(const void* bytes, I8x64 (&v)[4]) {
  const auto* at = static_cast<const char*>(bytes);
#pragma GCC unroll 4
  for (std::size_t j = 0; j < 4; ++j)
    v[j] = load_quarters(at + j * block_bytes, at + (4 + j) * block_bytes, at + (8 + j) * block_bytes,
                         at + (12 + j) * block_bytes);
  turn_quarters(v[0].lo, v[1].lo, v[2].lo, v[3].lo);
  turn_quarters(v[0].hi, v[1].hi, v[2].hi, v[3].hi);
}

#else

inline constexpr bool turns_sets = false;

// Never called.
template <std::size_t block_bytes>
void load_turned(const void* bytes, I8x64 (&v)[4]);

#endif

}  // namespace quern::kernels::QUERN_ISA
