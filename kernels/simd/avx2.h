#pragma once
// The 16-lane vectors in AVX2 with FMA and F16C: two registers each. What the operations mean: scalar.h.
// Built with AVX-VNNI as well it serves the avxvnni row, whose byte products need one instruction.
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#define QUERN_INLINE inline __attribute__((always_inline))

namespace quern::kernels::QUERN_ISA {

struct F32x16 {
  __m256 lo, hi;
};
struct I32x16 {
  __m256i lo, hi;
};
struct Mask16 {
  __m256 lo, hi;
};

// All ones in the lanes of this half (first lane 0 or 8) that are below n.
QUERN_INLINE __m256i below(std::size_t n, int first_lane) {
  const __m256i lanes =
      _mm256_add_epi32(_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), _mm256_set1_epi32(first_lane));
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)), lanes);
}

QUERN_INLINE F32x16 splat(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
QUERN_INLINE F32x16 zero() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
QUERN_INLINE F32x16 load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
QUERN_INLINE F32x16 load_n(const float* p, std::size_t n) {
  return {_mm256_maskload_ps(p, below(n, 0)), _mm256_maskload_ps(p + 8, below(n, 8))};
}
QUERN_INLINE void store(float* p, F32x16 a) {
  _mm256_storeu_ps(p, a.lo);
  _mm256_storeu_ps(p + 8, a.hi);
}
QUERN_INLINE void store_n(float* p, F32x16 a, std::size_t n) {
  _mm256_maskstore_ps(p, below(n, 0), a.lo);
  _mm256_maskstore_ps(p + 8, below(n, 8), a.hi);
}
QUERN_INLINE float load_half(const void* p) {
  std::uint16_t h;
  __builtin_memcpy(&h, p, sizeof h);
  return _cvtsh_ss(h);
}
QUERN_INLINE F32x16 load_f16(const void* p) {
  const auto* h = static_cast<const __m128i*>(p);
  return {_mm256_cvtph_ps(_mm_loadu_si128(h)), _mm256_cvtph_ps(_mm_loadu_si128(h + 1))};
}
QUERN_INLINE __m256 widen_bf16(const __m128i* p) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128(p)), 16));
}
QUERN_INLINE F32x16 load_bf16(const void* p) {
  const auto* h = static_cast<const __m128i*>(p);
  return {widen_bf16(h), widen_bf16(h + 1)};
}
QUERN_INLINE void store_f16(void* p, F32x16 a) {
  auto* h = static_cast<__m128i*>(p);
  _mm_storeu_si128(h, _mm256_cvtps_ph(a.lo, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
  _mm_storeu_si128(h + 1, _mm256_cvtps_ph(a.hi, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}

QUERN_INLINE F32x16 operator+(F32x16 a, F32x16 b) {
  return {_mm256_add_ps(a.lo, b.lo), _mm256_add_ps(a.hi, b.hi)};
}
QUERN_INLINE F32x16 operator-(F32x16 a, F32x16 b) {
  return {_mm256_sub_ps(a.lo, b.lo), _mm256_sub_ps(a.hi, b.hi)};
}
QUERN_INLINE F32x16 operator*(F32x16 a, F32x16 b) {
  return {_mm256_mul_ps(a.lo, b.lo), _mm256_mul_ps(a.hi, b.hi)};
}
QUERN_INLINE F32x16 operator/(F32x16 a, F32x16 b) {
  return {_mm256_div_ps(a.lo, b.lo), _mm256_div_ps(a.hi, b.hi)};
}
QUERN_INLINE F32x16 fma(F32x16 a, F32x16 b, F32x16 c) {
  return {_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi)};
}
QUERN_INLINE F32x16 sqrt(F32x16 a) { return {_mm256_sqrt_ps(a.lo), _mm256_sqrt_ps(a.hi)}; }
QUERN_INLINE F32x16 max(F32x16 a, F32x16 b) { return {_mm256_max_ps(a.lo, b.lo), _mm256_max_ps(a.hi, b.hi)}; }
QUERN_INLINE F32x16 min(F32x16 a, F32x16 b) { return {_mm256_min_ps(a.lo, b.lo), _mm256_min_ps(a.hi, b.hi)}; }
QUERN_INLINE Mask16 less(F32x16 a, F32x16 b) {
  return {_mm256_cmp_ps(a.lo, b.lo, _CMP_LT_OQ), _mm256_cmp_ps(a.hi, b.hi, _CMP_LT_OQ)};
}
// Bit i is lane i's.
QUERN_INLINE std::uint32_t lane_bits(Mask16 m) {
  return static_cast<std::uint32_t>(_mm256_movemask_ps(m.lo) | _mm256_movemask_ps(m.hi) << 8);
}
QUERN_INLINE F32x16 select(Mask16 m, F32x16 yes, F32x16 no) {
  return {_mm256_blendv_ps(no.lo, yes.lo, m.lo), _mm256_blendv_ps(no.hi, yes.hi, m.hi)};
}
QUERN_INLINE float tree_sum(F32x16 a) {
  const __m256 v8 = _mm256_add_ps(a.lo, a.hi);
  const __m128 v4 = _mm_add_ps(_mm256_castps256_ps128(v8), _mm256_extractf128_ps(v8, 1));
  const __m128 v2 = _mm_add_ps(v4, _mm_movehl_ps(v4, v4));
  return _mm_cvtss_f32(_mm_add_ss(v2, _mm_movehdup_ps(v2)));
}
QUERN_INLINE void transpose_8(__m256 (&r)[8]) {
  __m256 a[8], b[8];
  for (int i = 0; i < 8; i += 2) {
    a[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
    a[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
  }
  for (int i = 0; i < 8; i += 4) {
    for (int c = 0; c < 2; ++c) {
      b[i + 2 * c] = _mm256_shuffle_ps(a[i + c], a[i + c + 2], 0x44);
      b[i + 2 * c + 1] = _mm256_shuffle_ps(a[i + c], a[i + c + 2], 0xee);
    }
  }
  for (int c = 0; c < 4; ++c) {
    r[c] = _mm256_permute2f128_ps(b[c], b[c + 4], 0x20);
    r[c + 4] = _mm256_permute2f128_ps(b[c], b[c + 4], 0x31);
  }
}
// r[i][j] and r[j][i] change places.
QUERN_INLINE void transpose(F32x16 (&r)[16]) {
  __m256 top_left[8], top_right[8], low_left[8], low_right[8];
  for (int i = 0; i < 8; ++i) {
    top_left[i] = r[i].lo, top_right[i] = r[i].hi;
    low_left[i] = r[i + 8].lo, low_right[i] = r[i + 8].hi;
  }
  transpose_8(top_left), transpose_8(top_right), transpose_8(low_left), transpose_8(low_right);
  for (int i = 0; i < 8; ++i) {
    r[i] = {top_left[i], low_left[i]};
    r[i + 8] = {top_right[i], low_right[i]};
  }
}
QUERN_INLINE float tree_max(F32x16 a) {
  const __m256 v8 = _mm256_max_ps(a.lo, a.hi);
  const __m128 v4 = _mm_max_ps(_mm256_castps256_ps128(v8), _mm256_extractf128_ps(v8, 1));
  const __m128 v2 = _mm_max_ps(v4, _mm_movehl_ps(v4, v4));
  return _mm_cvtss_f32(_mm_max_ss(v2, _mm_movehdup_ps(v2)));
}

QUERN_INLINE __m256i load_256(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
// A value that is made once, where it is written. Compilers make trees of chains of sums, and then all
// products of a chain wait in memory: without the pin prompts took 1.4 times as long. And for each operation
// that can take it from memory they load a value again, where few tokens wait for loads more than for sums
// (Zen 3, one token, Q4_K: 33 products/ns without the pin of what is loaded, 36 with).
QUERN_INLINE __m256i pin(__m256i value) {
  asm("" : "+x"(value));
  return value;
}
QUERN_INLINE I32x16 splat_i32(std::int32_t x) { return {_mm256_set1_epi32(x), _mm256_set1_epi32(x)}; }
QUERN_INLINE I32x16 load_i32(const void* p) {
  return {load_256(p), load_256(static_cast<const std::byte*>(p) + 32)};
}
QUERN_INLINE void store_i32(void* p, I32x16 a) {
  _mm256_storeu_si256(static_cast<__m256i*>(p), a.lo);
  _mm256_storeu_si256(static_cast<__m256i*>(p) + 1, a.hi);
}
QUERN_INLINE I32x16 load_i8(const std::int8_t* p) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return {_mm256_cvtepi8_epi32(bytes), _mm256_cvtepi8_epi32(_mm_unpackhi_epi64(bytes, bytes))};
}
QUERN_INLINE I32x16 load_i16(const std::int16_t* p) {
  const auto* words = reinterpret_cast<const __m128i*>(p);
  return {_mm256_cvtepi16_epi32(_mm_loadu_si128(words)), _mm256_cvtepi16_epi32(_mm_loadu_si128(words + 1))};
}
QUERN_INLINE __m128i low_bytes(__m256i a) {  // eight bytes, in the lower half
  const __m256i pick = _mm256_setr_epi8(0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 0, 4, 8,
                                        12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1);
  const __m256i bytes = _mm256_shuffle_epi8(a, pick);
  return _mm_unpacklo_epi32(_mm256_castsi256_si128(bytes), _mm256_extracti128_si256(bytes, 1));
}
QUERN_INLINE void store_i8(std::int8_t* p, I32x16 a) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm_unpacklo_epi64(low_bytes(a.lo), low_bytes(a.hi)));
}
QUERN_INLINE I32x16 operator+(I32x16 a, I32x16 b) {
  return {_mm256_add_epi32(a.lo, b.lo), _mm256_add_epi32(a.hi, b.hi)};
}
QUERN_INLINE I32x16 operator-(I32x16 a, I32x16 b) {
  return {_mm256_sub_epi32(a.lo, b.lo), _mm256_sub_epi32(a.hi, b.hi)};
}
QUERN_INLINE I32x16 operator*(I32x16 a, I32x16 b) {
  return {_mm256_mullo_epi32(a.lo, b.lo), _mm256_mullo_epi32(a.hi, b.hi)};
}
QUERN_INLINE I32x16 operator&(I32x16 a, I32x16 b) {
  return {_mm256_and_si256(a.lo, b.lo), _mm256_and_si256(a.hi, b.hi)};
}
QUERN_INLINE I32x16 operator|(I32x16 a, I32x16 b) {
  return {_mm256_or_si256(a.lo, b.lo), _mm256_or_si256(a.hi, b.hi)};
}
QUERN_INLINE I32x16 max(I32x16 a, I32x16 b) {
  return {_mm256_max_epi32(a.lo, b.lo), _mm256_max_epi32(a.hi, b.hi)};
}
template <int n>
QUERN_INLINE I32x16 shift_left(I32x16 a) {
  return {_mm256_slli_epi32(a.lo, n), _mm256_slli_epi32(a.hi, n)};
}
template <int n>
QUERN_INLINE I32x16 shift_right(I32x16 a) {
  return {_mm256_srai_epi32(a.lo, n), _mm256_srai_epi32(a.hi, n)};
}
QUERN_INLINE std::int32_t sum(I32x16 a) {
  const __m256i v8 = _mm256_add_epi32(a.lo, a.hi);
  const __m128i v4 = _mm_add_epi32(_mm256_castsi256_si128(v8), _mm256_extracti128_si256(v8, 1));
  const __m128i v2 = _mm_add_epi32(v4, _mm_shuffle_epi32(v4, 0x4e));
  return _mm_cvtsi128_si32(_mm_add_epi32(v2, _mm_shuffle_epi32(v2, 0xb1)));
}
QUERN_INLINE std::int32_t max_lane(I32x16 a) {
  const __m256i v8 = _mm256_max_epi32(a.lo, a.hi);
  const __m128i v4 = _mm_max_epi32(_mm256_castsi256_si128(v8), _mm256_extracti128_si256(v8, 1));
  const __m128i v2 = _mm_max_epi32(v4, _mm_shuffle_epi32(v4, 0x4e));
  return _mm_cvtsi128_si32(_mm_max_epi32(v2, _mm_shuffle_epi32(v2, 0xb1)));
}
QUERN_INLINE F32x16 to_f32(I32x16 a) { return {_mm256_cvtepi32_ps(a.lo), _mm256_cvtepi32_ps(a.hi)}; }
QUERN_INLINE I32x16 as_i32(F32x16 a) { return {_mm256_castps_si256(a.lo), _mm256_castps_si256(a.hi)}; }
QUERN_INLINE F32x16 as_f32(I32x16 a) { return {_mm256_castsi256_ps(a.lo), _mm256_castsi256_ps(a.hi)}; }

struct I8x64 {
  __m256i lo, hi;
};
struct I16x32 {
  __m256i lo, hi;
};
QUERN_INLINE I8x64 load_bytes(const std::int8_t* p) { return {load_256(p), load_256(p + 32)}; }
QUERN_INLINE I16x32 load_words(const std::int16_t* p) { return {load_256(p), load_256(p + 16)}; }
QUERN_INLINE __m256i repeat_32_bits(const void* p) {
  std::int32_t x;
  __builtin_memcpy(&x, p, sizeof x);
  return _mm256_set1_epi32(x);
}
QUERN_INLINE I8x64 repeat_bytes(const std::int8_t* p) { return {repeat_32_bits(p), repeat_32_bits(p)}; }
QUERN_INLINE I16x32 repeat_words(const std::int16_t* p) { return {repeat_32_bits(p), repeat_32_bits(p)}; }

QUERN_INLINE I8x64 load_halves(const void* a, const void* b) { return {load_256(a), load_256(b)}; }
QUERN_INLINE I8x64 repeat_half(const void* p) {
  const __m256i v = pin(load_256(p));
  return {v, v};
}
QUERN_INLINE __m256i load_two_128(const void* a, const void* b) {
  return _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128(static_cast<const __m128i*>(a))),
                                 _mm_loadu_si128(static_cast<const __m128i*>(b)), 1);
}
QUERN_INLINE I8x64 load_quarters(const void* a, const void* b, const void* c, const void* d) {
  return {load_two_128(a, b), load_two_128(c, d)};
}
QUERN_INLINE __m256i repeat_128(const void* p) {
  return _mm256_broadcastsi128_si256(_mm_loadu_si128(static_cast<const __m128i*>(p)));
}
QUERN_INLINE I8x64 repeat_quarters(const void* a, const void* b) { return {repeat_128(a), repeat_128(b)}; }
QUERN_INLINE void widen_to_words(const std::int8_t* from, std::int16_t* to) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm256_cvtepi8_epi16(bytes));
}
QUERN_INLINE void store_bytes(std::int8_t* p, I8x64 a) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), a.lo);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p + 32), a.hi);
}
QUERN_INLINE I8x64 splat_bytes(std::uint8_t x) {
  const __m256i v = _mm256_set1_epi8(static_cast<char>(x));
  return {v, v};
}
QUERN_INLINE I8x64 operator&(I8x64 a, I8x64 b) {
  return {_mm256_and_si256(a.lo, b.lo), _mm256_and_si256(a.hi, b.hi)};
}
QUERN_INLINE I8x64 operator|(I8x64 a, I8x64 b) {
  return {_mm256_or_si256(a.lo, b.lo), _mm256_or_si256(a.hi, b.hi)};
}
QUERN_INLINE I8x64 operator+(I8x64 a, I8x64 b) {
  return {_mm256_add_epi8(a.lo, b.lo), _mm256_add_epi8(a.hi, b.hi)};
}
template <int s0, int s1>
QUERN_INLINE __m256i shift_both(__m256i a) {
  static_assert((s0 >= 0) == (s1 >= 0) || s0 == 0 || s1 == 0, "one direction for both");
  if constexpr (s0 == 0 && s1 == 0) return a;
  if constexpr (s0 == s1) return s0 < 0 ? _mm256_slli_epi16(a, -s0 & 15) : _mm256_srli_epi16(a, s0 & 15);
  constexpr int n0 = s0 < 0 ? -s0 : s0, n1 = s1 < 0 ? -s1 : s1;
  const __m256i counts = _mm256_setr_epi64x(n0, n0, n1, n1);
  return s0 < 0 || s1 < 0 ? _mm256_sllv_epi64(a, counts) : _mm256_srlv_epi64(a, counts);
}
template <int s0, int s1, int s2, int s3>
QUERN_INLINE I8x64 shift_quarters(I8x64 a) {
  return {shift_both<s0, s1>(a.lo), shift_both<s2, s3>(a.hi)};
}
QUERN_INLINE I8x64 look_up(const std::int8_t* values, I8x64 codes) {
  const __m256i table = repeat_128(values);
  return {_mm256_shuffle_epi8(table, codes.lo), _mm256_shuffle_epi8(table, codes.hi)};
}
// All ones in byte i where bit i of four bytes is set.
QUERN_INLINE __m256i byte_mask(const void* bits) {
  const __m256i pick = _mm256_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2,
                                        2, 3, 3, 3, 3, 3, 3, 3, 3);
  const __m256i bit = _mm256_set1_epi64x(static_cast<long long>(0x8040201008040201u));
  const __m256i bytes = _mm256_shuffle_epi8(repeat_32_bits(bits), pick);
  return _mm256_cmpeq_epi8(_mm256_and_si256(bytes, bit), bit);
}
QUERN_INLINE __m256i negate_half(const void* bits, __m256i x) {
  const __m256i mask = byte_mask(bits);
  return _mm256_sub_epi8(_mm256_xor_si256(x, mask), mask);
}
QUERN_INLINE I8x64 negate_where(const void* low, const void* high, I8x64 x) {
  return {negate_half(low, x.lo), negate_half(high, x.hi)};
}
QUERN_INLINE I8x64 where_bits(const void* low, const void* high, std::uint8_t value) {
  const __m256i v = _mm256_set1_epi8(static_cast<char>(value));
  return {_mm256_and_si256(byte_mask(low), v), _mm256_and_si256(byte_mask(high), v)};
}

#ifdef __AVXVNNI__
inline constexpr int signed_zero = 128;
QUERN_INLINE I32x16 dot4(I32x16 acc, I8x64 w, I8x64 a) {
  return {_mm256_dpbusd_avx_epi32(acc.lo, w.lo, a.lo), _mm256_dpbusd_avx_epi32(acc.hi, w.hi, a.hi)};
}
QUERN_INLINE I32x16 dot4_small(I32x16 acc, I8x64 w, I8x64 a) { return dot4(acc, w, a); }
#else
inline constexpr int signed_zero = 0;
// For simd/words.h.
QUERN_INLINE I16x32 splat_words(std::int16_t x) { return {_mm256_set1_epi16(x), _mm256_set1_epi16(x)}; }
QUERN_INLINE I16x32 repeat_in_pairs(I32x16 a) {
  return {_mm256_blend_epi16(a.lo, _mm256_slli_epi32(a.lo, 16), 0xaa),
          _mm256_blend_epi16(a.hi, _mm256_slli_epi32(a.hi, 16), 0xaa)};
}
QUERN_INLINE I16x32 multiply_pairs(I8x64 w, I8x64 a) {
  return {_mm256_maddubs_epi16(w.lo, a.lo), _mm256_maddubs_epi16(w.hi, a.hi)};
}
QUERN_INLINE I16x32 operator+(I16x32 a, I16x32 b) {
  return {pin(_mm256_add_epi16(a.lo, b.lo)), pin(_mm256_add_epi16(a.hi, b.hi))};
}
QUERN_INLINE I32x16 add_pairs(I32x16 acc, I16x32 pairs) {
  const __m256i ones = _mm256_set1_epi16(1);
  return {pin(_mm256_add_epi32(acc.lo, _mm256_madd_epi16(pairs.lo, ones))),
          pin(_mm256_add_epi32(acc.hi, _mm256_madd_epi16(pairs.hi, ones)))};
}
QUERN_INLINE I32x16 dot4_small(I32x16 acc, I8x64 w, I8x64 a) { return add_pairs(acc, multiply_pairs(w, a)); }
// The sign of w moves to a. A pair's sum is at most 2 * 128 * 127 = 32512, so the 16-bit step never
// saturates.
QUERN_INLINE I16x32 multiply_signed_pairs(I8x64 w, I8x64 a) {
  return multiply_pairs({_mm256_abs_epi8(w.lo), _mm256_abs_epi8(w.hi)},
                        {_mm256_sign_epi8(a.lo, w.lo), _mm256_sign_epi8(a.hi, w.hi)});
}
QUERN_INLINE I32x16 dot4(I32x16 acc, I8x64 w, I8x64 a) { return add_pairs(acc, multiply_signed_pairs(w, a)); }
#endif
QUERN_INLINE I32x16 dot2(I32x16 acc, I16x32 w, I16x32 a) {
  return {pin(_mm256_add_epi32(acc.lo, _mm256_madd_epi16(w.lo, a.lo))),
          pin(_mm256_add_epi32(acc.hi, _mm256_madd_epi16(w.hi, a.hi)))};
}

QUERN_INLINE void turn_quarters(__m256i& a, __m256i& b, __m256i& c, __m256i& d) {
  const __m256i ab_low = _mm256_unpacklo_epi32(a, b), ab_high = _mm256_unpackhi_epi32(a, b);
  const __m256i cd_low = _mm256_unpacklo_epi32(c, d), cd_high = _mm256_unpackhi_epi32(c, d);
  a = _mm256_unpacklo_epi64(ab_low, cd_low), b = _mm256_unpackhi_epi64(ab_low, cd_low);
  c = _mm256_unpacklo_epi64(ab_high, cd_high), d = _mm256_unpackhi_epi64(ab_high, cd_high);
}
QUERN_INLINE I32x16 as_i32(I8x64 a) { return {a.lo, a.hi}; }
QUERN_INLINE void turn_quarters(I8x64 (&v)[4]) {
  turn_quarters(v[0].lo, v[1].lo, v[2].lo, v[3].lo);
  turn_quarters(v[0].hi, v[1].hi, v[2].hi, v[3].hi);
}

inline constexpr int float_tile_rows = 2, float_tile_tokens = 3, int8_tile_rows = 1, int8_tile_tokens = 4,
                     attention_queries = 6, attention_vectors = 1;
inline constexpr bool float_sub_scales = true;
// Zen 3, 1.1 billion weights, two threads, medians of 3: without Q8_0 went from 18.1 to 19.9 tokens/s and
// Q4_0 from 28.9 to 31.0.
inline constexpr bool touches_pages = false;

}  // namespace quern::kernels::QUERN_ISA
