#pragma once
// Sums of neighbouring lanes of several vectors, in order: lane i of the result is the i-th sum.
#include QUERN_ISA_HEADER

namespace quern::kernels::QUERN_ISA {

#if defined(__AVX2__) && !defined(__AVX512F__)

// Horizontal additions are two shuffles and a sum each, and want another to put their halves in order. These
// put them in order at the end: 42 instructions for sum_eights in place of 56, which a Zen 3 splits into 84.

// Each 128 bits: a0 + a2, b0 + b2, a1 + a3, b1 + b3.
QUERN_INLINE __m256i add_every_second(__m256i a, __m256i b) {
  return _mm256_add_epi32(_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b));
}
// Each 128 bits: a0 + a1, b0 + b1, c0 + c1, d0 + d1 of what add_every_second made of a and b, and of c and d.
QUERN_INLINE __m256i add_neighbours(__m256i ab, __m256i cd) {
  return _mm256_add_epi32(_mm256_unpacklo_epi64(ab, cd), _mm256_unpackhi_epi64(ab, cd));
}
// Sums of each 128 bits of four registers: all the lower ones, then all the upper ones.
QUERN_INLINE __m256i quarter_sums(I32x16 v, I32x16 w) {
  return add_neighbours(add_every_second(v.lo, v.hi), add_every_second(w.lo, w.hi));
}

QUERN_INLINE I32x16 sum_twos(const I32x16* v) {
  const auto sums = [](I32x16 w) {
    const __m256 low = _mm256_castsi256_ps(w.lo), high = _mm256_castsi256_ps(w.hi);
    const __m256i by_quarters = _mm256_add_epi32(_mm256_castps_si256(_mm256_shuffle_ps(low, high, 0x88)),
                                                 _mm256_castps_si256(_mm256_shuffle_ps(low, high, 0xdd)));
    return _mm256_permute4x64_epi64(by_quarters, 0xd8);
  };
  return {sums(v[0]), sums(v[1])};
}
QUERN_INLINE I32x16 sum_fours(const I32x16* v) {
  const __m256i in_order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
  return {_mm256_permutevar8x32_epi32(quarter_sums(v[0], v[1]), in_order),
          _mm256_permutevar8x32_epi32(quarter_sums(v[2], v[3]), in_order)};
}
// The upper 128 bits added to the lower ones, of two registers.
QUERN_INLINE __m256i add_quarters(__m256i a, __m256i b) {
  return _mm256_add_epi32(_mm256_permute2x128_si256(a, b, 0x20), _mm256_permute2x128_si256(a, b, 0x31));
}
// sum_eights in two parts, of which the first leaves one register for two vectors.
using SumsOfTwo = __m256i;
QUERN_INLINE SumsOfTwo sum_eights_of_two(I32x16 v, I32x16 w) { return quarter_sums(v, w); }
QUERN_INLINE I32x16 join_sums_of_two(const SumsOfTwo (&v)[4]) {
  return {add_quarters(v[0], v[1]), add_quarters(v[2], v[3])};
}

// Sums of each 16 neighbouring words of 8 vectors, where any four of a vector's words fit 16 bits together.
QUERN_INLINE __m256i quarter_sums(I16x32 v, I16x32 w) {
  const auto every_second = [](__m256i a, __m256i b) {
    return _mm256_add_epi16(_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b));
  };
  const __m256i ab = every_second(v.lo, v.hi), cd = every_second(w.lo, w.hi);
  return _mm256_madd_epi16(_mm256_add_epi16(_mm256_unpacklo_epi64(ab, cd), _mm256_unpackhi_epi64(ab, cd)),
                           _mm256_set1_epi16(1));
}
QUERN_INLINE I32x16 sum_sixteens(const I16x32* v) {
  return {add_quarters(quarter_sums(v[0], v[1]), quarter_sums(v[2], v[3])),
          add_quarters(quarter_sums(v[4], v[5]), quarter_sums(v[6], v[7]))};
}

// The halves of a vector added up, of two vectors: 16 lanes become 8.
QUERN_INLINE I32x16 add_halves(I32x16 a, I32x16 b) {
  return {_mm256_add_epi32(a.lo, a.hi), _mm256_add_epi32(b.lo, b.hi)};
}

#else

QUERN_INLINE I32x16 sum_twos(const I32x16* v) { return pair_sum(v[0], v[1]); }
QUERN_INLINE I32x16 sum_fours(const I32x16* v) {
  return pair_sum(pair_sum(v[0], v[1]), pair_sum(v[2], v[3]));
}
// sum_eights in two parts.
using SumsOfTwo = I32x16;
QUERN_INLINE SumsOfTwo sum_eights_of_two(const I32x16& v, const I32x16& w) { return pair_sum(v, w); }
QUERN_INLINE I32x16 join_sums_of_two(const SumsOfTwo (&v)[4]) { return sum_fours(v); }

#endif

QUERN_INLINE I32x16 sum_eights(const I32x16* v) {
  return join_sums_of_two({sum_eights_of_two(v[0], v[1]), sum_eights_of_two(v[2], v[3]),
                           sum_eights_of_two(v[4], v[5]), sum_eights_of_two(v[6], v[7])});
}

}  // namespace quern::kernels::QUERN_ISA
