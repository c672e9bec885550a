#pragma once
// The 16-lane vectors in AVX-512 (F, BW, VL, DQ): one register each. What the operations mean: scalar.h.
// Built with VNNI as well it serves the avx512vnni row, whose byte products need one instruction.
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/simd/join_bits.h"

#define QUERN_INLINE inline __attribute__((always_inline))

namespace quern::kernels::QUERN_ISA {

struct F32x16 {
  __m512 v;
};
struct I32x16 {
  __m512i v;
};
struct Mask16 {
  __mmask16 m;
};

QUERN_INLINE __mmask16 first(std::size_t n) { return static_cast<__mmask16>((1u << n) - 1); }

QUERN_INLINE F32x16 splat(float x) { return {_mm512_set1_ps(x)}; }
QUERN_INLINE F32x16 zero() { return {_mm512_setzero_ps()}; }
QUERN_INLINE F32x16 load(const float* p) { return {_mm512_loadu_ps(p)}; }
QUERN_INLINE F32x16 load_n(const float* p, std::size_t n) { return {_mm512_maskz_loadu_ps(first(n), p)}; }
QUERN_INLINE void store(float* p, F32x16 a) { _mm512_storeu_ps(p, a.v); }
QUERN_INLINE void store_n(float* p, F32x16 a, std::size_t n) { _mm512_mask_storeu_ps(p, first(n), a.v); }
QUERN_INLINE float load_half(const void* p) {
  std::uint16_t h;
  __builtin_memcpy(&h, p, sizeof h);
  return _cvtsh_ss(h);
}
QUERN_INLINE F32x16 load_f16(const void* p) {
  return {_mm512_cvtph_ps(_mm256_loadu_si256(static_cast<const __m256i*>(p)))};
}
QUERN_INLINE F32x16 load_bf16(const void* p) {
  const __m256i h = _mm256_loadu_si256(static_cast<const __m256i*>(p));
  return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(h), 16))};
}
QUERN_INLINE void store_f16(void* p, F32x16 a) {
  _mm256_storeu_si256(static_cast<__m256i*>(p),
                      _mm512_cvtps_ph(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}

QUERN_INLINE F32x16 operator+(F32x16 a, F32x16 b) { return {_mm512_add_ps(a.v, b.v)}; }
QUERN_INLINE F32x16 operator-(F32x16 a, F32x16 b) { return {_mm512_sub_ps(a.v, b.v)}; }
QUERN_INLINE F32x16 operator*(F32x16 a, F32x16 b) { return {_mm512_mul_ps(a.v, b.v)}; }
QUERN_INLINE F32x16 operator/(F32x16 a, F32x16 b) { return {_mm512_div_ps(a.v, b.v)}; }
QUERN_INLINE F32x16 fma(F32x16 a, F32x16 b, F32x16 c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
QUERN_INLINE F32x16 sqrt(F32x16 a) { return {_mm512_sqrt_ps(a.v)}; }
QUERN_INLINE F32x16 max(F32x16 a, F32x16 b) { return {_mm512_max_ps(a.v, b.v)}; }
QUERN_INLINE F32x16 min(F32x16 a, F32x16 b) { return {_mm512_min_ps(a.v, b.v)}; }
QUERN_INLINE Mask16 less(F32x16 a, F32x16 b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ)}; }
// Bit i is lane i's.
QUERN_INLINE std::uint32_t lane_bits(Mask16 m) { return m.m; }
QUERN_INLINE F32x16 select(Mask16 m, F32x16 yes, F32x16 no) {
  return {_mm512_mask_blend_ps(m.m, no.v, yes.v)};
}
QUERN_INLINE float tree_sum(F32x16 a) {
  const __m256 v8 = _mm256_add_ps(_mm512_castps512_ps256(a.v), _mm512_extractf32x8_ps(a.v, 1));
  const __m128 v4 = _mm_add_ps(_mm256_castps256_ps128(v8), _mm256_extractf128_ps(v8, 1));
  const __m128 v2 = _mm_add_ps(v4, _mm_movehl_ps(v4, v4));
  return _mm_cvtss_f32(_mm_add_ss(v2, _mm_movehdup_ps(v2)));
}
// r[i][j] and r[j][i] change places.
QUERN_INLINE void transpose(F32x16 (&r)[16]) {
  F32x16 a[16], b[16];
  for (int i = 0; i < 16; i += 2) {
    a[i] = {_mm512_unpacklo_ps(r[i].v, r[i + 1].v)};
    a[i + 1] = {_mm512_unpackhi_ps(r[i].v, r[i + 1].v)};
  }
  for (int i = 0; i < 16;
       i += 4) {  // b[i + c] holds, in its four quarters, column c + 4 * quarter of rows i to i + 3
    for (int c = 0; c < 2; ++c) {
      const __m512d x = _mm512_castps_pd(a[i + c].v), y = _mm512_castps_pd(a[i + c + 2].v);
      b[i + 2 * c] = {_mm512_castpd_ps(_mm512_unpacklo_pd(x, y))};
      b[i + 2 * c + 1] = {_mm512_castpd_ps(_mm512_unpackhi_pd(x, y))};
    }
  }
  for (int c = 0; c < 4; ++c) {
    const __m512 even_top = _mm512_shuffle_f32x4(b[c].v, b[c + 4].v, 0x88);  // quarters 0, 2
    const __m512 odd_top = _mm512_shuffle_f32x4(b[c].v, b[c + 4].v, 0xdd);
    const __m512 even_low = _mm512_shuffle_f32x4(b[c + 8].v, b[c + 12].v, 0x88);
    const __m512 odd_low = _mm512_shuffle_f32x4(b[c + 8].v, b[c + 12].v, 0xdd);
    r[c] = {_mm512_shuffle_f32x4(even_top, even_low, 0x88)};
    r[c + 8] = {_mm512_shuffle_f32x4(even_top, even_low, 0xdd)};
    r[c + 4] = {_mm512_shuffle_f32x4(odd_top, odd_low, 0x88)};
    r[c + 12] = {_mm512_shuffle_f32x4(odd_top, odd_low, 0xdd)};
  }
}
QUERN_INLINE float tree_max(F32x16 a) {
  const __m256 v8 = _mm256_max_ps(_mm512_castps512_ps256(a.v), _mm512_extractf32x8_ps(a.v, 1));
  const __m128 v4 = _mm_max_ps(_mm256_castps256_ps128(v8), _mm256_extractf128_ps(v8, 1));
  const __m128 v2 = _mm_max_ps(v4, _mm_movehl_ps(v4, v4));
  return _mm_cvtss_f32(_mm_max_ss(v2, _mm_movehdup_ps(v2)));
}

QUERN_INLINE I32x16 splat_i32(std::int32_t x) { return {_mm512_set1_epi32(x)}; }
QUERN_INLINE I32x16 load_i32(const void* p) { return {_mm512_loadu_si512(p)}; }
QUERN_INLINE void store_i32(void* p, I32x16 a) { _mm512_storeu_si512(p, a.v); }
QUERN_INLINE I32x16 load_i8(const std::int8_t* p) {
  return {_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)))};
}
QUERN_INLINE I32x16 load_i16(const std::int16_t* p) {
  return {_mm512_cvtepi16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
}
QUERN_INLINE void store_i8(std::int8_t* p, I32x16 a) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(a.v));
}
QUERN_INLINE I32x16 operator+(I32x16 a, I32x16 b) { return {_mm512_add_epi32(a.v, b.v)}; }
QUERN_INLINE I32x16 operator-(I32x16 a, I32x16 b) { return {_mm512_sub_epi32(a.v, b.v)}; }
QUERN_INLINE I32x16 operator*(I32x16 a, I32x16 b) { return {_mm512_mullo_epi32(a.v, b.v)}; }
QUERN_INLINE I32x16 operator&(I32x16 a, I32x16 b) { return {_mm512_and_si512(a.v, b.v)}; }
QUERN_INLINE I32x16 operator|(I32x16 a, I32x16 b) { return {_mm512_or_si512(a.v, b.v)}; }
QUERN_INLINE I32x16 max(I32x16 a, I32x16 b) { return {_mm512_max_epi32(a.v, b.v)}; }
template <int n>
QUERN_INLINE I32x16 shift_left(I32x16 a) {
  return {_mm512_slli_epi32(a.v, n)};
}
template <int n>
QUERN_INLINE I32x16 shift_right(I32x16 a) {
  return {_mm512_srai_epi32(a.v, n)};
}
QUERN_INLINE std::int32_t sum(I32x16 a) { return _mm512_reduce_add_epi32(a.v); }
QUERN_INLINE std::int32_t max_lane(I32x16 a) { return _mm512_reduce_max_epi32(a.v); }
QUERN_INLINE I32x16 pair_sum(I32x16 a, I32x16 b) {
  const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  const __m512i odd = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
  return {
      _mm512_add_epi32(_mm512_permutex2var_epi32(a.v, even, b.v), _mm512_permutex2var_epi32(a.v, odd, b.v))};
}

QUERN_INLINE F32x16 to_f32(I32x16 a) { return {_mm512_cvtepi32_ps(a.v)}; }
QUERN_INLINE I32x16 as_i32(F32x16 a) { return {_mm512_castps_si512(a.v)}; }
QUERN_INLINE F32x16 as_f32(I32x16 a) { return {_mm512_castsi512_ps(a.v)}; }

struct I8x64 {
  __m512i v;
};
struct I16x32 {
  __m512i v;
};
QUERN_INLINE I8x64 load_bytes(const std::int8_t* p) { return {_mm512_loadu_si512(p)}; }
QUERN_INLINE I16x32 load_words(const std::int16_t* p) { return {_mm512_loadu_si512(p)}; }
QUERN_INLINE __m512i repeat_32_bits(const void* p) {
  std::int32_t x;
  __builtin_memcpy(&x, p, sizeof x);
  return _mm512_set1_epi32(x);
}
QUERN_INLINE I8x64 repeat_bytes(const std::int8_t* p) { return {repeat_32_bits(p)}; }
QUERN_INLINE I16x32 repeat_words(const std::int16_t* p) { return {repeat_32_bits(p)}; }

QUERN_INLINE __m128i load_128(const void* p) { return _mm_loadu_si128(static_cast<const __m128i*>(p)); }
QUERN_INLINE __m256i load_256(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
QUERN_INLINE I8x64 load_halves(const void* a, const void* b) {
  return {_mm512_inserti64x4(_mm512_castsi256_si512(load_256(a)), load_256(b), 1)};
}
QUERN_INLINE I8x64 repeat_half(const void* p) { return {_mm512_broadcast_i64x4(load_256(p))}; }
QUERN_INLINE I8x64 load_quarters(const void* a, const void* b, const void* c, const void* d) {
  const __m256i low = _mm256_inserti128_si256(_mm256_castsi128_si256(load_128(a)), load_128(b), 1);
  const __m256i high = _mm256_inserti128_si256(_mm256_castsi128_si256(load_128(c)), load_128(d), 1);
  return {_mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1)};
}
QUERN_INLINE I8x64 repeat_quarters(const void* a, const void* b) {
  return {_mm512_mask_broadcast_i32x4(_mm512_broadcast_i32x4(load_128(a)), 0xff00, load_128(b))};
}
QUERN_INLINE void widen_to_words(const std::int8_t* from, std::int16_t* to) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm256_cvtepi8_epi16(bytes));
}
QUERN_INLINE void store_bytes(std::int8_t* p, I8x64 a) { _mm512_storeu_si512(p, a.v); }
QUERN_INLINE I8x64 splat_bytes(std::uint8_t x) { return {_mm512_set1_epi8(static_cast<char>(x))}; }
QUERN_INLINE I8x64 operator&(I8x64 a, I8x64 b) { return {_mm512_and_si512(a.v, b.v)}; }
QUERN_INLINE I8x64 operator|(I8x64 a, I8x64 b) { return {_mm512_or_si512(a.v, b.v)}; }
QUERN_INLINE I8x64 operator+(I8x64 a, I8x64 b) { return {_mm512_add_epi8(a.v, b.v)}; }
template <int s0, int s1, int s2, int s3>
QUERN_INLINE I8x64 shift_quarters(I8x64 a) {
  if constexpr (s0 == 0 && s1 == 0 && s2 == 0 && s3 == 0) return a;
  return {_mm512_rorv_epi32(
      a.v, _mm512_setr_epi32(s0, s0, s0, s0, s1, s1, s1, s1, s2, s2, s2, s2, s3, s3, s3, s3))};
}
QUERN_INLINE I8x64 look_up(const std::int8_t* values, I8x64 codes) {
  return {_mm512_shuffle_epi8(_mm512_broadcast_i32x4(load_128(values)), codes.v)};
}
QUERN_INLINE I8x64 negate_where(const void* low, const void* high, I8x64 x) {
  return {_mm512_mask_sub_epi8(x.v, join_bits(low, high), _mm512_setzero_si512(), x.v)};
}
QUERN_INLINE I8x64 where_bits(const void* low, const void* high, std::uint8_t value) {
  return {_mm512_maskz_set1_epi8(join_bits(low, high), static_cast<char>(value))};
}

#ifdef __AVX512VNNI__
inline constexpr int signed_zero = 128;
QUERN_INLINE I32x16 dot4(I32x16 acc, I8x64 w, I8x64 a) { return {_mm512_dpbusd_epi32(acc.v, w.v, a.v)}; }
QUERN_INLINE I32x16 dot4_small(I32x16 acc, I8x64 w, I8x64 a) { return dot4(acc, w, a); }
QUERN_INLINE I32x16 dot2(I32x16 acc, I16x32 w, I16x32 a) { return {_mm512_dpwssd_epi32(acc.v, w.v, a.v)}; }
#else
inline constexpr int signed_zero = 0;
// For simd/words.h.
QUERN_INLINE I16x32 splat_words(std::int16_t x) { return {_mm512_set1_epi16(x)}; }
QUERN_INLINE I16x32 repeat_in_pairs(I32x16 a) {
  return {_mm512_mask_blend_epi16(0xaaaaaaaa, a.v, _mm512_slli_epi32(a.v, 16))};
}
QUERN_INLINE I16x32 multiply_pairs(I8x64 w, I8x64 a) { return {_mm512_maddubs_epi16(w.v, a.v)}; }
// A sum that is made where it is written: see avx2.h.
QUERN_INLINE __m512i pin(__m512i sum) {
  asm("" : "+v"(sum));
  return sum;
}
QUERN_INLINE I16x32 operator+(I16x32 a, I16x32 b) { return {pin(_mm512_add_epi16(a.v, b.v))}; }
QUERN_INLINE I32x16 dot4_small(I32x16 acc, I8x64 w, I8x64 a) {
  const __m512i pairs = _mm512_maddubs_epi16(w.v, a.v);
  return {pin(_mm512_add_epi32(acc.v, _mm512_madd_epi16(pairs, _mm512_set1_epi16(1))))};
}
// The sign of w moves to a. A pair's sum is at most 2 * 128 * 127 = 32512, so the 16-bit step never
// saturates.
QUERN_INLINE I32x16 dot4(I32x16 acc, I8x64 w, I8x64 a) {
  const __m512i signed_a = _mm512_mask_sub_epi8(a.v, _mm512_movepi8_mask(w.v), _mm512_setzero_si512(), a.v);
  return dot4_small(acc, {_mm512_abs_epi8(w.v)}, {signed_a});
}
QUERN_INLINE I32x16 dot2(I32x16 acc, I16x32 w, I16x32 a) {
  return {pin(_mm512_add_epi32(acc.v, _mm512_madd_epi16(w.v, a.v)))};
}
#endif

QUERN_INLINE I32x16 as_i32(I8x64 a) { return {a.v}; }
QUERN_INLINE void turn_quarters(I8x64 (&v)[4]) {
  const __m512i ab_low = _mm512_unpacklo_epi32(v[0].v, v[1].v),
                ab_high = _mm512_unpackhi_epi32(v[0].v, v[1].v);
  const __m512i cd_low = _mm512_unpacklo_epi32(v[2].v, v[3].v),
                cd_high = _mm512_unpackhi_epi32(v[2].v, v[3].v);
  v[0].v = _mm512_unpacklo_epi64(ab_low, cd_low), v[1].v = _mm512_unpackhi_epi64(ab_low, cd_low);
  v[2].v = _mm512_unpacklo_epi64(ab_high, cd_high), v[3].v = _mm512_unpackhi_epi64(ab_high, cd_high);
}

inline constexpr int float_tile_rows = 4, float_tile_tokens = 6, int8_tile_rows = 2, int8_tile_tokens = 6,
                     attention_queries = 6, attention_vectors = 4;
inline constexpr bool float_sub_scales = true;
inline constexpr bool touches_pages = true;

}  // namespace quern::kernels::QUERN_ISA
