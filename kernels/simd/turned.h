#pragma once
// Sixteen blocks of bytes side by side, so that what a lane sums is its block's.
#include QUERN_ISA_HEADER

namespace quern::kernels::QUERN_ISA {

// Of each of 16 blocks, `stride` bytes apart, the 16 bytes that begin at `bytes` in the first: vector k gets
// bytes 4 k to 4 k + 3 of all, in the order of the blocks.
QUERN_INLINE void load_turned(const void* bytes, std::size_t stride, I8x64 (&v)[4]) {
  const auto* at = static_cast<const char*>(bytes);
#pragma GCC unroll 4
  for (std::size_t j = 0; j < 4; ++j)
    v[j] =
        load_quarters(at + j * stride, at + (4 + j) * stride, at + (8 + j) * stride, at + (12 + j) * stride);
  turn_quarters(v);
}

#if defined(__AVX2__) && !defined(__AVXVNNI__) && !defined(__AVX512F__)

// Worth it where products are summed in words: it turns 8 vectors of nibbles, where sums across lanes are of
// 16 vectors. Zen 3, one core, rows of 4096 columns in cache: Q4_0 went from 28 to 37 products/ns.
inline constexpr bool turns_sets = true;

// Of each lane the four bits from bit `first` on, a multiple of four, as the fifth bits of its four bytes.
template <int first>
QUERN_INLINE __m256i as_fifth_bits(__m256i lanes) {
  constexpr int byte = first / 8 * 0x01010101;
  const __m256i pick = _mm256_broadcastsi128_si256(
      _mm_setr_epi32(byte, 0x04040404 + byte, 0x08080808 + byte, 0x0c0c0c0c + byte));
  const __m256i in_upper_nibble = first % 8 == 0 ? _mm256_slli_epi32(lanes, 4) : lanes;
  const __m256i one_each = _mm256_and_si256(_mm256_shuffle_epi8(in_upper_nibble, pick),
                                            _mm256_set1_epi32(static_cast<int>(0x80402010u)));
  return _mm256_min_epu8(one_each, _mm256_set1_epi8(16));
}
template <int first>
QUERN_INLINE I8x64 as_fifth_bits(I32x16 lanes) {
  return {as_fifth_bits<first>(lanes.lo), as_fifth_bits<first>(lanes.hi)};
}

#else

inline constexpr bool turns_sets = false;

// Never called.
template <int first>
I8x64 as_fifth_bits(I32x16 lanes);

#endif

}  // namespace quern::kernels::QUERN_ISA
