#pragma once
// The 16-lane vectors in plain C++. This is the floor that runs on every machine, and the definition of what
// each operation means: the other headers of this folder give the same bits, operation by operation.
#include <cstddef>
#include <cstdint>

#include "kernels/simd/join_bits.h"

#define QUERN_INLINE inline __attribute__((always_inline))

namespace quern::kernels::scalar {

struct F32x16 {
  float v[16];
};
struct I32x16 {
  std::int32_t v[16];
};
struct Mask16 {
  bool v[16];
};

// One call for every lane: `f` gets the lane's number.
template <typename Vector, typename F>
QUERN_INLINE Vector each(F f) {
  Vector r;
  for (int i = 0; i < 16; ++i) r.v[i] = f(i);
  return r;
}

QUERN_INLINE std::uint32_t bits_of(float x) { return __builtin_bit_cast(std::uint32_t, x); }
QUERN_INLINE float float_of(std::uint32_t b) { return __builtin_bit_cast(float, b); }

// Exact; a signalling NaN comes out quiet.
QUERN_INLINE float half_to_float(std::uint16_t h) {
  const std::uint32_t sign = std::uint32_t{h & 0x8000u} << 16, rest = h & 0x7fffu;
  if (rest >= 0x7c00)
    return float_of(sign | 0x7f800000u | (rest > 0x7c00 ? 0x400000u | (rest & 0x3ff) << 13 : 0));
  return float_of(sign |
                  bits_of(float_of(rest << 13) * 0x1p112f));  // shifts the exponent; exact for subnormals
}
// Nearest, ties to even; too large becomes infinity.
QUERN_INLINE std::uint16_t float_to_half(float x) {
  const std::uint32_t sign = bits_of(x) >> 16 & 0x8000u, rest = bits_of(x) & 0x7fffffffu;
  if (rest > 0x7f800000u) return static_cast<std::uint16_t>(sign | 0x7e00u | (rest >> 13 & 0x3ff));
  if (rest >= 0x47800000u) return static_cast<std::uint16_t>(sign | 0x7c00u);
  if (rest <
      0x38800000u)  // below 2^-14: the unit of [0.5, 1) is that of subnormal halves, so an addition rounds
    return static_cast<std::uint16_t>(sign | (bits_of(float_of(rest) + 0.5f) - 0x3f000000u));
  return static_cast<std::uint16_t>(sign | (rest - 0x38000000u + 0xfffu + (rest >> 13 & 1)) >> 13);
}

// --- floats
// ---------------------------------------------------------------------------------------------------

QUERN_INLINE F32x16 splat(float x) {
  return each<F32x16>([=](int) { return x; });
}
QUERN_INLINE F32x16 zero() { return splat(0.0f); }
QUERN_INLINE F32x16 load(const float* p) {  // at any address, like all loads
  F32x16 r;
  __builtin_memcpy(r.v, p, sizeof r.v);
  return r;
}
// The first n (0 to 16) lanes; the others are +0 and their memory is not touched.
QUERN_INLINE F32x16 load_n(const float* p, std::size_t n) {
  F32x16 r = zero();
  __builtin_memcpy(r.v, p, n * sizeof(float));
  return r;
}
QUERN_INLINE void store(float* p, const F32x16& a) { __builtin_memcpy(p, a.v, sizeof a.v); }
QUERN_INLINE void store_n(float* p, const F32x16& a, std::size_t n) {
  __builtin_memcpy(p, a.v, n * sizeof(float));
}
// One binary16 value at any address.
QUERN_INLINE float load_half(const void* p) {
  std::uint16_t h;
  __builtin_memcpy(&h, p, sizeof h);
  return half_to_float(h);
}
// 16 binary16 or bfloat16 values at any address.
QUERN_INLINE F32x16 load_f16(const void* p) {
  std::uint16_t h[16];
  __builtin_memcpy(h, p, sizeof h);
  return each<F32x16>([&](int i) { return half_to_float(h[i]); });
}
QUERN_INLINE F32x16 load_bf16(const void* p) {
  std::uint16_t h[16];
  __builtin_memcpy(h, p, sizeof h);
  return each<F32x16>([&](int i) { return float_of(std::uint32_t{h[i]} << 16); });
}
QUERN_INLINE void store_f16(void* p, const F32x16& a) {
  std::uint16_t h[16];
  for (int i = 0; i < 16; ++i) h[i] = float_to_half(a.v[i]);
  __builtin_memcpy(p, h, sizeof h);
}

QUERN_INLINE F32x16 operator+(const F32x16& a, const F32x16& b) {
  return each<F32x16>([&](int i) { return a.v[i] + b.v[i]; });
}
QUERN_INLINE F32x16 operator-(const F32x16& a, const F32x16& b) {
  return each<F32x16>([&](int i) { return a.v[i] - b.v[i]; });
}
QUERN_INLINE F32x16 operator*(const F32x16& a, const F32x16& b) {
  return each<F32x16>([&](int i) { return a.v[i] * b.v[i]; });
}
QUERN_INLINE F32x16 operator/(const F32x16& a, const F32x16& b) {
  return each<F32x16>([&](int i) { return a.v[i] / b.v[i]; });
}
// a * b + c, rounded once.
QUERN_INLINE F32x16 fma(const F32x16& a, const F32x16& b, const F32x16& c) {
  return each<F32x16>([&](int i) { return __builtin_fmaf(a.v[i], b.v[i], c.v[i]); });
}
QUERN_INLINE F32x16 sqrt(const F32x16& a) {
  return each<F32x16>([&](int i) { return __builtin_sqrtf(a.v[i]); });
}
// Where either operand is NaN, and for zeros of either sign, the result is b.
QUERN_INLINE F32x16 max(const F32x16& a, const F32x16& b) {
  return each<F32x16>([&](int i) { return a.v[i] > b.v[i] ? a.v[i] : b.v[i]; });
}
QUERN_INLINE F32x16 min(const F32x16& a, const F32x16& b) {
  return each<F32x16>([&](int i) { return a.v[i] < b.v[i] ? a.v[i] : b.v[i]; });
}
QUERN_INLINE Mask16 less(const F32x16& a, const F32x16& b) {
  return each<Mask16>([&](int i) { return a.v[i] < b.v[i]; });
}
// Bit i is lane i's.
QUERN_INLINE std::uint32_t lane_bits(const Mask16& m) {
  std::uint32_t bits = 0;
  for (int i = 0; i < 16; ++i) bits |= std::uint32_t{m.v[i]} << i;
  return bits;
}
QUERN_INLINE F32x16 select(const Mask16& m, const F32x16& yes, const F32x16& no) {
  return each<F32x16>([&](int i) { return m.v[i] ? yes.v[i] : no.v[i]; });
}
// The one way lanes are joined: v[i] + v[i+8], then +4, +2, +1.
QUERN_INLINE float tree_sum(F32x16 a) {
  for (int width = 8; width > 0; width /= 2)
    for (int i = 0; i < width; ++i) a.v[i] += a.v[i + width];
  return a.v[0];
}
// r[i][j] and r[j][i] change places.
QUERN_INLINE void transpose(F32x16 (&r)[16]) {
  for (int i = 0; i < 16; ++i)
    for (int j = 0; j < i; ++j) {
      const float x = r[i].v[j];
      r[i].v[j] = r[j].v[i];
      r[j].v[i] = x;
    }
}
// The same tree with max() instead of the sum.
QUERN_INLINE float tree_max(F32x16 a) {
  for (int width = 8; width > 0; width /= 2)
    for (int i = 0; i < width; ++i) a.v[i] = a.v[i] > a.v[i + width] ? a.v[i] : a.v[i + width];
  return a.v[0];
}

// --- 32-bit integers; sums and products wrap
// -------------------------------------------------------------------

QUERN_INLINE I32x16 splat_i32(std::int32_t x) {
  return each<I32x16>([=](int) { return x; });
}
// From and to memory of any type: the bits of floats, bytes in fours, words in pairs.
QUERN_INLINE I32x16 load_i32(const void* p) {
  I32x16 a;
  __builtin_memcpy(a.v, p, sizeof a.v);
  return a;
}
QUERN_INLINE void store_i32(void* p, const I32x16& a) { __builtin_memcpy(p, a.v, sizeof a.v); }
QUERN_INLINE I32x16 load_i8(const std::int8_t* p) {
  return each<I32x16>([=](int i) { return p[i]; });
}
QUERN_INLINE I32x16 load_i16(const std::int16_t* p) {
  return each<I32x16>([=](int i) { return p[i]; });
}
// The low byte of each lane.
QUERN_INLINE void store_i8(std::int8_t* p, const I32x16& a) {
  for (int i = 0; i < 16; ++i) p[i] = static_cast<std::int8_t>(a.v[i]);
}
QUERN_INLINE std::int32_t wrap(std::int64_t x) {
  return static_cast<std::int32_t>(static_cast<std::uint32_t>(x));
}
QUERN_INLINE I32x16 operator+(const I32x16& a, const I32x16& b) {
  return each<I32x16>([&](int i) { return wrap(std::int64_t{a.v[i]} + b.v[i]); });
}
QUERN_INLINE I32x16 operator-(const I32x16& a, const I32x16& b) {
  return each<I32x16>([&](int i) { return wrap(std::int64_t{a.v[i]} - b.v[i]); });
}
QUERN_INLINE I32x16 operator*(const I32x16& a, const I32x16& b) {
  return each<I32x16>([&](int i) { return wrap(std::int64_t{a.v[i]} * b.v[i]); });
}
QUERN_INLINE I32x16 operator&(const I32x16& a, const I32x16& b) {
  return each<I32x16>([&](int i) { return a.v[i] & b.v[i]; });
}
QUERN_INLINE I32x16 operator|(const I32x16& a, const I32x16& b) {
  return each<I32x16>([&](int i) { return a.v[i] | b.v[i]; });
}
QUERN_INLINE I32x16 max(const I32x16& a, const I32x16& b) {
  return each<I32x16>([&](int i) { return a.v[i] > b.v[i] ? a.v[i] : b.v[i]; });
}
template <int n>
QUERN_INLINE I32x16 shift_left(const I32x16& a) {
  return each<I32x16>(
      [&](int i) { return static_cast<std::int32_t>(static_cast<std::uint32_t>(a.v[i]) << n); });
}
template <int n>  // arithmetic
QUERN_INLINE I32x16 shift_right(const I32x16& a) {
  return each<I32x16>([&](int i) { return a.v[i] >> n; });
}
QUERN_INLINE std::int32_t sum(const I32x16& a) {
  std::int32_t total = 0;
  for (int i = 0; i < 16; ++i) total = wrap(std::int64_t{total} + a.v[i]);
  return total;
}
QUERN_INLINE std::int32_t max_lane(const I32x16& a) {
  std::int32_t most = a.v[0];
  for (int i = 1; i < 16; ++i) most = a.v[i] > most ? a.v[i] : most;
  return most;
}
// Sums of neighbours: the eight of a, then the eight of b.
QUERN_INLINE I32x16 pair_sum(const I32x16& a, const I32x16& b) {
  return each<I32x16>([&](int i) {
    const I32x16& from = i < 8 ? a : b;
    const int k = 2 * (i % 8);
    return wrap(std::int64_t{from.v[k]} + from.v[k + 1]);
  });
}

QUERN_INLINE F32x16 to_f32(const I32x16& a) {  // nearest, ties to even
  return each<F32x16>([&](int i) { return static_cast<float>(a.v[i]); });
}
QUERN_INLINE I32x16 as_i32(const F32x16& a) { return __builtin_bit_cast(I32x16, a); }
QUERN_INLINE F32x16 as_f32(const I32x16& a) { return __builtin_bit_cast(F32x16, a); }

// --- bytes: the products of weights and activations
// --------------------------------------------------------------

struct I8x64 {
  std::int8_t v[64];
};
struct I16x32 {
  std::int16_t v[32];
};
template <typename F>
QUERN_INLINE I8x64 each_byte(F f) {
  I8x64 r;
  for (int i = 0; i < 64; ++i) r.v[i] = static_cast<std::int8_t>(f(i));
  return r;
}
QUERN_INLINE I8x64 load_bytes(const std::int8_t* p) {
  I8x64 r;
  __builtin_memcpy(r.v, p, sizeof r.v);
  return r;
}
QUERN_INLINE I16x32 load_words(const std::int16_t* p) {
  I16x32 r;
  __builtin_memcpy(r.v, p, sizeof r.v);
  return r;
}
// The same 4 bytes, or 2 words, in all 16 places.
QUERN_INLINE I8x64 repeat_bytes(const std::int8_t* p) {
  I8x64 r;
  for (int i = 0; i < 64; ++i) r.v[i] = p[i % 4];
  return r;
}
QUERN_INLINE I16x32 repeat_words(const std::int16_t* p) {
  I16x32 r;
  for (int i = 0; i < 32; ++i) r.v[i] = p[i % 2];
  return r;
}
// Four quarters of 16 bytes, or two halves of 32.
QUERN_INLINE I8x64 load_quarters(const void* a, const void* b, const void* c, const void* d) {
  I8x64 r;
  __builtin_memcpy(r.v, a, 16);
  __builtin_memcpy(r.v + 16, b, 16);
  __builtin_memcpy(r.v + 32, c, 16);
  __builtin_memcpy(r.v + 48, d, 16);
  return r;
}
QUERN_INLINE I8x64 load_halves(const void* a, const void* b) {
  I8x64 r;
  __builtin_memcpy(r.v, a, 32);
  __builtin_memcpy(r.v + 32, b, 32);
  return r;
}
// 32 bytes, twice.
QUERN_INLINE I8x64 repeat_half(const void* p) { return load_halves(p, p); }
// 16 bytes twice, then 16 others twice.
QUERN_INLINE I8x64 repeat_quarters(const void* a, const void* b) { return load_quarters(a, a, b, b); }
// Sixteen signed bytes, to words.
QUERN_INLINE void widen_to_words(const std::int8_t* from, std::int16_t* to) {
  for (int i = 0; i < 16; ++i) to[i] = from[i];
}
QUERN_INLINE void store_bytes(std::int8_t* p, const I8x64& a) { __builtin_memcpy(p, a.v, sizeof a.v); }
QUERN_INLINE I8x64 splat_bytes(std::uint8_t x) {
  return each_byte([=](int) { return x; });
}
QUERN_INLINE I8x64 operator&(const I8x64& a, const I8x64& b) {
  return each_byte([&](int i) { return a.v[i] & b.v[i]; });
}
QUERN_INLINE I8x64 operator|(const I8x64& a, const I8x64& b) {
  return each_byte([&](int i) { return a.v[i] | b.v[i]; });
}
QUERN_INLINE I8x64 operator+(const I8x64& a, const I8x64& b) {  // wraps
  return each_byte([&](int i) { return a.v[i] + b.v[i]; });
}
// The bytes of quarter q shifted right by the q-th number, or left where it is negative. Bits may come in
// from a neighbour: whoever calls this masks them off.
template <int s0, int s1, int s2, int s3>
QUERN_INLINE I8x64 shift_quarters(const I8x64& a) {
  constexpr int shifts[4] = {s0, s1, s2, s3};
  return each_byte([&](int i) {
    const int s = shifts[i / 16], x = static_cast<std::uint8_t>(a.v[i]);
    return s < 0 ? x << -s : x >> s;
  });
}
// values[codes[i]], codes below 16.
QUERN_INLINE I8x64 look_up(const std::int8_t* values, const I8x64& codes) {
  return each_byte([&](int i) { return values[codes.v[i]]; });
}
// x[i], negated where bit i is set: of four bytes for the first 32, and of four more for the rest.
QUERN_INLINE I8x64 negate_where(const void* low, const void* high, const I8x64& x) {
  const std::uint64_t bits = join_bits(low, high);
  return each_byte([&](int i) { return bits >> i & 1 ? -x.v[i] : x.v[i]; });
}
// `value` where such a bit is set, else 0.
QUERN_INLINE I8x64 where_bits(const void* low, const void* high, std::uint8_t value) {
  const std::uint64_t bits = join_bits(low, high);
  return each_byte([&](int i) { return bits >> i & 1 ? value : 0; });
}
// Weights meet activations as bytes to which signed_zero was added, which suits instructions that multiply
// unsigned by signed bytes: the caller takes signed_zero times the sum of activations off again.
inline constexpr int signed_zero = 0;
// acc[i] + sum of w[4i + j] * a[4i + j], j = 0..3. Requires: a >= -127.
QUERN_INLINE I32x16 dot4(const I32x16& acc, const I8x64& w, const I8x64& a) {
  return each<I32x16>([&](int i) {
    std::int32_t s = acc.v[i];
    for (int j = 0; j < 4; ++j) s += w.v[4 * i + j] * a.v[4 * i + j];
    return s;
  });
}
// The same for 0 <= w <= 127, as they are.
QUERN_INLINE I32x16 dot4_small(const I32x16& acc, const I8x64& w, const I8x64& a) { return dot4(acc, w, a); }
// acc[i] + w[2i] * a[2i] + w[2i + 1] * a[2i + 1].
QUERN_INLINE I32x16 dot2(const I32x16& acc, const I16x32& w, const I16x32& a) {
  return each<I32x16>(
      [&](int i) { return acc.v[i] + w.v[2 * i] * a.v[2 * i] + w.v[2 * i + 1] * a.v[2 * i + 1]; });
}
// The bytes as words, four each.
QUERN_INLINE I32x16 as_i32(const I8x64& a) { return __builtin_bit_cast(I32x16, a); }
// Each quarter of four vectors has four words of 32 bits: word k of vector j and word j of vector k change
// places.
QUERN_INLINE void turn_quarters(I8x64 (&v)[4]) {
  for (int j = 0; j < 4; ++j)
    for (int k = 0; k < j; ++k)
      for (int q = 0; q < 64; q += 16) {
        std::int32_t x;
        __builtin_memcpy(&x, v[j].v + q + 4 * k, 4);
        __builtin_memcpy(v[j].v + q + 4 * k, v[k].v + q + 4 * j, 4);
        __builtin_memcpy(v[k].v + q + 4 * j, &x, 4);
      }
}

// Tiles that fit the registers: rows x tokens of the float product, vectors of rows x tokens of the int8
// product, queries and vectors of the products in attention (up to 6 queries).
inline constexpr int float_tile_rows = 2, float_tile_tokens = 2, int8_tile_rows = 1, int8_tile_tokens = 4,
                     attention_queries = 2, attention_vectors = 1;
// Whether an integer times its sub-scale is added with fewer instructions in float, where that is exact.
inline constexpr bool float_sub_scales = false;
// Whether prefetches of weights touch pages that come later (weights.h).
inline constexpr bool touches_pages = true;

}  // namespace quern::kernels::scalar
