#pragma once
// Products of bytes that are summed in 16 bits before they become 32, for instruction sets without an
// instruction that multiplies bytes and adds them to 32 bits at once.
#include QUERN_ISA_HEADER

namespace quern::kernels::QUERN_ISA {

#if defined(__AVX2__) && !defined(__AVXVNNI__) && !defined(__AVX512VNNI__)

inline constexpr bool sums_in_words = true;

#else

inline constexpr bool sums_in_words = false;

// Never called.
I16x32 splat_words(std::int16_t x);
// The low half of each lane, in both halves.
I16x32 repeat_in_pairs(I32x16 a);
// w[2i] * a[2i] + w[2i + 1] * a[2i + 1], with w from 0 to 127 and a >= -127.
I16x32 multiply_pairs(I8x64 w, I8x64 a);
I16x32 operator+(I16x32 a, I16x32 b);

#endif

// Whether products of few tokens multiply those sums by sub-scales, 16 bits each.
#if defined(__AVX2__) && !defined(__AVXVNNI__) && !defined(__AVX512F__)

inline constexpr bool scales_words = true;

// For columns 64 k on: each scale beside the sums of pairs of its `cols` columns.
template <int k, std::size_t cols>
QUERN_INLINE I16x32 spread_scales(const std::int16_t* scales) {
  if constexpr (cols == 32) return {_mm256_set1_epi16(scales[2 * k]), _mm256_set1_epi16(scales[2 * k + 1])};
  constexpr int first = k % 2 * 8;  // the first scale's byte among eight scales
  const __m256i both = repeat_128(scales + k / 2 * 8);
  const auto pick = [](int low, int high) {
    const auto word = [](int at) { return static_cast<short>(at | (at + 1) << 8); };
    return _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_set1_epi16(word(low))),
                                   _mm_set1_epi16(word(high)), 1);
  };
  return {_mm256_shuffle_epi8(both, pick(first, first + 2)),
          _mm256_shuffle_epi8(both, pick(first + 4, first + 6))};
}

#else

inline constexpr bool scales_words = false;

// Never called.
template <int k, std::size_t cols>
I16x32 spread_scales(const std::int16_t* scales);
I16x32 multiply_signed_pairs(I8x64 w, I8x64 a);
I32x16 add_halves(I32x16 a, I32x16 b);
I32x16 sum_sixteens(const I16x32* v);

#endif

}  // namespace quern::kernels::QUERN_ISA
