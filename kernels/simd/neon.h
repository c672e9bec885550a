#pragma once
// The 16-lane vectors in NEON (AArch64): four registers each. What the operations mean: scalar.h.
// Built with dotprod as well it serves the rows neon_dotprod and neon_i8mm, whose byte products need one
// instruction; i8mm's products of two tokens at once are in pairs.h.
#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

#include "kernels/simd/join_bits.h"

#define QUERN_INLINE inline __attribute__((always_inline))

namespace quern::kernels::QUERN_ISA {

struct F32x16 {
  float32x4_t v[4];
};
struct I32x16 {
  int32x4_t v[4];
};
struct Mask16 {
  uint32x4_t v[4];
};

// One call for every register.
template <typename Vector, typename F>
QUERN_INLINE Vector each(F f) {
  Vector r;
  for (int i = 0; i < 4; ++i) r.v[i] = f(i);
  return r;
}

QUERN_INLINE F32x16 splat(float x) {
  return each<F32x16>([=](int) { return vdupq_n_f32(x); });
}
QUERN_INLINE F32x16 zero() { return splat(0.0f); }
QUERN_INLINE F32x16 load(const float* p) {
  F32x16 r;
  __builtin_memcpy(r.v, p, sizeof r.v);
  return r;
}
QUERN_INLINE F32x16 load_n(const float* p, std::size_t n) {
  float lanes[16] = {};
  __builtin_memcpy(lanes, p, n * sizeof(float));
  return load(lanes);
}
QUERN_INLINE void store(float* p, const F32x16& a) { __builtin_memcpy(p, a.v, sizeof a.v); }
QUERN_INLINE void store_n(float* p, const F32x16& a, std::size_t n) {
  float lanes[16];
  store(lanes, a);
  __builtin_memcpy(p, lanes, n * sizeof(float));
}
QUERN_INLINE float load_half(const void* p) {
  __fp16 h;
  __builtin_memcpy(&h, p, sizeof h);
  return static_cast<float>(h);
}
QUERN_INLINE F32x16 load_f16(const void* p) {
  float16x4_t h[4];
  __builtin_memcpy(h, p, sizeof h);
  return each<F32x16>([&](int i) { return vcvt_f32_f16(h[i]); });
}
QUERN_INLINE F32x16 load_bf16(const void* p) {
  uint16x4_t h[4];
  __builtin_memcpy(h, p, sizeof h);
  return each<F32x16>([&](int i) { return vreinterpretq_f32_u32(vshll_n_u16(h[i], 16)); });
}
QUERN_INLINE void store_f16(void* p, const F32x16& a) {
  float16x4_t h[4];
  for (int i = 0; i < 4; ++i) h[i] = vcvt_f16_f32(a.v[i]);
  __builtin_memcpy(p, h, sizeof h);
}

QUERN_INLINE F32x16 operator+(const F32x16& a, const F32x16& b) {
  return each<F32x16>([&](int i) { return vaddq_f32(a.v[i], b.v[i]); });
}
QUERN_INLINE F32x16 operator-(const F32x16& a, const F32x16& b) {
  return each<F32x16>([&](int i) { return vsubq_f32(a.v[i], b.v[i]); });
}
QUERN_INLINE F32x16 operator*(const F32x16& a, const F32x16& b) {
  return each<F32x16>([&](int i) { return vmulq_f32(a.v[i], b.v[i]); });
}
QUERN_INLINE F32x16 operator/(const F32x16& a, const F32x16& b) {
  return each<F32x16>([&](int i) { return vdivq_f32(a.v[i], b.v[i]); });
}
QUERN_INLINE F32x16 fma(const F32x16& a, const F32x16& b, const F32x16& c) {
  return each<F32x16>([&](int i) { return vfmaq_f32(c.v[i], a.v[i], b.v[i]); });
}
QUERN_INLINE F32x16 sqrt(const F32x16& a) {
  return each<F32x16>([&](int i) { return vsqrtq_f32(a.v[i]); });
}
QUERN_INLINE float32x4_t greater_of(float32x4_t a, float32x4_t b) { return vbslq_f32(vcgtq_f32(a, b), a, b); }
QUERN_INLINE F32x16 max(const F32x16& a, const F32x16& b) {
  return each<F32x16>([&](int i) { return greater_of(a.v[i], b.v[i]); });
}
QUERN_INLINE F32x16 min(const F32x16& a, const F32x16& b) {
  return each<F32x16>([&](int i) { return vbslq_f32(vcltq_f32(a.v[i], b.v[i]), a.v[i], b.v[i]); });
}
QUERN_INLINE Mask16 less(const F32x16& a, const F32x16& b) {
  return each<Mask16>([&](int i) { return vcltq_f32(a.v[i], b.v[i]); });
}
// Bit i is lane i's.
QUERN_INLINE std::uint32_t lane_bits(const Mask16& m) {
  const uint32x4_t bit = {1, 2, 4, 8};
  std::uint32_t bits = 0;
  for (int i = 0; i < 4; ++i) bits |= vaddvq_u32(vandq_u32(m.v[i], bit)) << (4 * i);
  return bits;
}
QUERN_INLINE F32x16 select(const Mask16& m, const F32x16& yes, const F32x16& no) {
  return each<F32x16>([&](int i) { return vbslq_f32(m.v[i], yes.v[i], no.v[i]); });
}
QUERN_INLINE float tree_sum(const F32x16& a) {
  const float32x4_t v4 = vaddq_f32(vaddq_f32(a.v[0], a.v[2]), vaddq_f32(a.v[1], a.v[3]));
  const float32x2_t v2 = vadd_f32(vget_low_f32(v4), vget_high_f32(v4));
  return vget_lane_f32(v2, 0) + vget_lane_f32(v2, 1);
}
// r[i][j] and r[j][i] change places.
QUERN_INLINE void transpose(F32x16 (&r)[16]) {
  F32x16 t[16];
  for (int i = 0; i < 4; ++i) {    // rows 4i to 4i + 3
    for (int j = 0; j < 4; ++j) {  // columns 4j to 4j + 3
      const float32x4x2_t even = vtrnq_f32(r[4 * i].v[j], r[4 * i + 1].v[j]);
      const float32x4x2_t odd = vtrnq_f32(r[4 * i + 2].v[j], r[4 * i + 3].v[j]);
      t[4 * j].v[i] = vcombine_f32(vget_low_f32(even.val[0]), vget_low_f32(odd.val[0]));
      t[4 * j + 1].v[i] = vcombine_f32(vget_low_f32(even.val[1]), vget_low_f32(odd.val[1]));
      t[4 * j + 2].v[i] = vcombine_f32(vget_high_f32(even.val[0]), vget_high_f32(odd.val[0]));
      t[4 * j + 3].v[i] = vcombine_f32(vget_high_f32(even.val[1]), vget_high_f32(odd.val[1]));
    }
  }
  for (int i = 0; i < 16; ++i) r[i] = t[i];
}
QUERN_INLINE float tree_max(const F32x16& a) {
  const float32x4_t v4 = greater_of(greater_of(a.v[0], a.v[2]), greater_of(a.v[1], a.v[3]));
  float lanes[4];
  vst1q_f32(lanes, v4);
  const float even = lanes[0] > lanes[2] ? lanes[0] : lanes[2],
              odd = lanes[1] > lanes[3] ? lanes[1] : lanes[3];
  return even > odd ? even : odd;
}

QUERN_INLINE I32x16 splat_i32(std::int32_t x) {
  return each<I32x16>([=](int) { return vdupq_n_s32(x); });
}
QUERN_INLINE I32x16 load_i32(const void* p) {
  const auto* bytes = static_cast<const std::uint8_t*>(p);
  return each<I32x16>([=](int i) { return vreinterpretq_s32_u8(vld1q_u8(bytes + 16 * i)); });
}
QUERN_INLINE void store_i32(void* p, const I32x16& a) {
  for (int i = 0; i < 4; ++i) vst1q_u8(static_cast<std::uint8_t*>(p) + 16 * i, vreinterpretq_u8_s32(a.v[i]));
}
QUERN_INLINE I32x16 load_i8(const std::int8_t* p) {
  const int8x16_t bytes = vld1q_s8(p);
  const int16x8_t low = vmovl_s8(vget_low_s8(bytes)), high = vmovl_s8(vget_high_s8(bytes));
  return {vmovl_s16(vget_low_s16(low)), vmovl_s16(vget_high_s16(low)), vmovl_s16(vget_low_s16(high)),
          vmovl_s16(vget_high_s16(high))};
}
QUERN_INLINE I32x16 load_i16(const std::int16_t* p) {
  return each<I32x16>([=](int i) { return vmovl_s16(vld1_s16(p + 4 * i)); });
}
QUERN_INLINE void store_i8(std::int8_t* p, const I32x16& a) {
  const int16x8_t low = vcombine_s16(vmovn_s32(a.v[0]), vmovn_s32(a.v[1]));
  const int16x8_t high = vcombine_s16(vmovn_s32(a.v[2]), vmovn_s32(a.v[3]));
  vst1q_s8(p, vcombine_s8(vmovn_s16(low), vmovn_s16(high)));
}
QUERN_INLINE I32x16 operator+(const I32x16& a, const I32x16& b) {
  return each<I32x16>([&](int i) { return vaddq_s32(a.v[i], b.v[i]); });
}
QUERN_INLINE I32x16 operator-(const I32x16& a, const I32x16& b) {
  return each<I32x16>([&](int i) { return vsubq_s32(a.v[i], b.v[i]); });
}
QUERN_INLINE I32x16 operator*(const I32x16& a, const I32x16& b) {
  return each<I32x16>([&](int i) { return vmulq_s32(a.v[i], b.v[i]); });
}
QUERN_INLINE I32x16 operator&(const I32x16& a, const I32x16& b) {
  return each<I32x16>([&](int i) { return vandq_s32(a.v[i], b.v[i]); });
}
QUERN_INLINE I32x16 operator|(const I32x16& a, const I32x16& b) {
  return each<I32x16>([&](int i) { return vorrq_s32(a.v[i], b.v[i]); });
}
QUERN_INLINE I32x16 max(const I32x16& a, const I32x16& b) {
  return each<I32x16>([&](int i) { return vmaxq_s32(a.v[i], b.v[i]); });
}
template <int n>
QUERN_INLINE I32x16 shift_left(const I32x16& a) {
  return each<I32x16>([&](int i) { return vshlq_n_s32(a.v[i], n); });
}
template <int n>
QUERN_INLINE I32x16 shift_right(const I32x16& a) {
  return each<I32x16>([&](int i) { return vshrq_n_s32(a.v[i], n); });
}
QUERN_INLINE std::int32_t sum(const I32x16& a) {
  return vaddvq_s32(vaddq_s32(vaddq_s32(a.v[0], a.v[1]), vaddq_s32(a.v[2], a.v[3])));
}
QUERN_INLINE std::int32_t max_lane(const I32x16& a) {
  return vmaxvq_s32(vmaxq_s32(vmaxq_s32(a.v[0], a.v[1]), vmaxq_s32(a.v[2], a.v[3])));
}
QUERN_INLINE I32x16 pair_sum(const I32x16& a, const I32x16& b) {
  return {vpaddq_s32(a.v[0], a.v[1]), vpaddq_s32(a.v[2], a.v[3]), vpaddq_s32(b.v[0], b.v[1]),
          vpaddq_s32(b.v[2], b.v[3])};
}

QUERN_INLINE F32x16 to_f32(const I32x16& a) {
  return each<F32x16>([&](int i) { return vcvtq_f32_s32(a.v[i]); });
}
QUERN_INLINE I32x16 as_i32(const F32x16& a) {
  return each<I32x16>([&](int i) { return vreinterpretq_s32_f32(a.v[i]); });
}
QUERN_INLINE F32x16 as_f32(const I32x16& a) {
  return each<F32x16>([&](int i) { return vreinterpretq_f32_s32(a.v[i]); });
}

struct I8x64 {
  int8x16_t v[4];
};
struct I16x32 {
  int16x8_t v[4];
};
QUERN_INLINE I8x64 load_bytes(const std::int8_t* p) {
  return each<I8x64>([=](int i) { return vld1q_s8(p + 16 * i); });
}
QUERN_INLINE I16x32 load_words(const std::int16_t* p) {
  return each<I16x32>([=](int i) { return vld1q_s16(p + 8 * i); });
}
QUERN_INLINE int32x4_t repeat_32_bits(const void* p) {
  std::int32_t x;
  __builtin_memcpy(&x, p, sizeof x);
  return vdupq_n_s32(x);
}
QUERN_INLINE I8x64 repeat_bytes(const std::int8_t* p) {
  return each<I8x64>([=](int) { return vreinterpretq_s8_s32(repeat_32_bits(p)); });
}
QUERN_INLINE I16x32 repeat_words(const std::int16_t* p) {
  return each<I16x32>([=](int) { return vreinterpretq_s16_s32(repeat_32_bits(p)); });
}
QUERN_INLINE I8x64 load_quarters(const void* a, const void* b, const void* c, const void* d) {
  const void* const parts[4] = {a, b, c, d};
  return each<I8x64>([&](int i) { return vld1q_s8(static_cast<const std::int8_t*>(parts[i])); });
}
QUERN_INLINE I8x64 load_halves(const void* a, const void* b) {
  const auto *low = static_cast<const std::byte*>(a), *high = static_cast<const std::byte*>(b);
  return load_quarters(low, low + 16, high, high + 16);
}
QUERN_INLINE I8x64 repeat_half(const void* p) { return load_halves(p, p); }
QUERN_INLINE I8x64 repeat_quarters(const void* a, const void* b) { return load_quarters(a, a, b, b); }
QUERN_INLINE void widen_to_words(const std::int8_t* from, std::int16_t* to) {
  vst1q_s16(to, vmovl_s8(vld1_s8(from)));
  vst1q_s16(to + 8, vmovl_s8(vld1_s8(from + 8)));
}
QUERN_INLINE void store_bytes(std::int8_t* p, const I8x64& a) {
  for (int i = 0; i < 4; ++i) vst1q_s8(p + 16 * i, a.v[i]);
}
QUERN_INLINE I8x64 splat_bytes(std::uint8_t x) {
  return each<I8x64>([=](int) { return vreinterpretq_s8_u8(vdupq_n_u8(x)); });
}
QUERN_INLINE I8x64 operator&(const I8x64& a, const I8x64& b) {
  return each<I8x64>([&](int i) { return vandq_s8(a.v[i], b.v[i]); });
}
QUERN_INLINE I8x64 operator|(const I8x64& a, const I8x64& b) {
  return each<I8x64>([&](int i) { return vorrq_s8(a.v[i], b.v[i]); });
}
QUERN_INLINE I8x64 operator+(const I8x64& a, const I8x64& b) {
  return each<I8x64>([&](int i) { return vaddq_s8(a.v[i], b.v[i]); });
}
template <int s>
QUERN_INLINE int8x16_t shift_bytes(int8x16_t a) {
  if constexpr (s > 0) return vreinterpretq_s8_u8(vshrq_n_u8(vreinterpretq_u8_s8(a), s));
  if constexpr (s < 0) return vshlq_n_s8(a, -s);
  return a;
}
template <int s0, int s1, int s2, int s3>
QUERN_INLINE I8x64 shift_quarters(const I8x64& a) {
  return {shift_bytes<s0>(a.v[0]), shift_bytes<s1>(a.v[1]), shift_bytes<s2>(a.v[2]), shift_bytes<s3>(a.v[3])};
}
QUERN_INLINE I8x64 look_up(const std::int8_t* values, const I8x64& codes) {
  const int8x16_t table = vld1q_s8(values);
  return each<I8x64>([&](int i) { return vqtbl1q_s8(table, vreinterpretq_u8_s8(codes.v[i])); });
}
// All ones in byte i where bit i is set, for 16 of the bits.
QUERN_INLINE uint8x16_t byte_mask(std::uint64_t bits, int quarter) {
  const std::uint8_t each_bit[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
  const uint8x8_t low = vdup_n_u8(static_cast<std::uint8_t>(bits >> 16 * quarter));
  const uint8x8_t high = vdup_n_u8(static_cast<std::uint8_t>(bits >> (16 * quarter + 8)));
  return vtstq_u8(vcombine_u8(low, high), vld1q_u8(each_bit));
}
QUERN_INLINE I8x64 negate_where(const void* low, const void* high, const I8x64& x) {
  const std::uint64_t bits = join_bits(low, high);
  return each<I8x64>([&](int i) { return vbslq_s8(byte_mask(bits, i), vnegq_s8(x.v[i]), x.v[i]); });
}
QUERN_INLINE I8x64 where_bits(const void* low, const void* high, std::uint8_t value) {
  const std::uint64_t bits = join_bits(low, high);
  return each<I8x64>(
      [&](int i) { return vreinterpretq_s8_u8(vandq_u8(byte_mask(bits, i), vdupq_n_u8(value))); });
}

inline constexpr int signed_zero = 0;
#ifdef __ARM_FEATURE_DOTPROD
QUERN_INLINE I32x16 dot4(const I32x16& acc, const I8x64& w, const I8x64& a) {
  return each<I32x16>([&](int i) { return vdotq_s32(acc.v[i], w.v[i], a.v[i]); });
}
#else
// A product of bytes fits 16 bits (128 * 127 = 16256); pairs of them are summed in 32.
QUERN_INLINE I32x16 dot4(const I32x16& acc, const I8x64& w, const I8x64& a) {
  return each<I32x16>([&](int i) {
    const int16x8_t low = vmull_s8(vget_low_s8(w.v[i]), vget_low_s8(a.v[i]));
    const int16x8_t high = vmull_high_s8(w.v[i], a.v[i]);
    return vaddq_s32(acc.v[i], vpaddq_s32(vpaddlq_s16(low), vpaddlq_s16(high)));
  });
}
#endif
QUERN_INLINE I32x16 dot4_small(const I32x16& acc, const I8x64& w, const I8x64& a) { return dot4(acc, w, a); }
QUERN_INLINE I32x16 dot2(const I32x16& acc, const I16x32& w, const I16x32& a) {
  return each<I32x16>([&](int i) {
    const int32x4_t low = vmull_s16(vget_low_s16(w.v[i]), vget_low_s16(a.v[i]));
    return vaddq_s32(acc.v[i], vpaddq_s32(low, vmull_high_s16(w.v[i], a.v[i])));
  });
}

QUERN_INLINE I32x16 as_i32(const I8x64& a) {
  return each<I32x16>([&](int i) { return vreinterpretq_s32_s8(a.v[i]); });
}
QUERN_INLINE void turn_quarters(I8x64 (&v)[4]) {
  for (int q = 0; q < 4; ++q) {
    const auto words = [&](int i) { return vreinterpretq_s32_s8(v[i].v[q]); };
    const auto even = [](int32x4_t a, int32x4_t b) { return vreinterpretq_s64_s32(vtrn1q_s32(a, b)); };
    const auto odd = [](int32x4_t a, int32x4_t b) { return vreinterpretq_s64_s32(vtrn2q_s32(a, b)); };
    const int64x2_t ab_even = even(words(0), words(1)), ab_odd = odd(words(0), words(1));
    const int64x2_t cd_even = even(words(2), words(3)), cd_odd = odd(words(2), words(3));
    v[0].v[q] = vreinterpretq_s8_s64(vtrn1q_s64(ab_even, cd_even));
    v[1].v[q] = vreinterpretq_s8_s64(vtrn1q_s64(ab_odd, cd_odd));
    v[2].v[q] = vreinterpretq_s8_s64(vtrn2q_s64(ab_even, cd_even));
    v[3].v[q] = vreinterpretq_s8_s64(vtrn2q_s64(ab_odd, cd_odd));
  }
}

inline constexpr int float_tile_rows = 2, float_tile_tokens = 2, int8_tile_rows = 1, int8_tile_tokens = 4,
                     attention_queries = 6, attention_vectors = 1;
inline constexpr bool float_sub_scales = false;
inline constexpr bool touches_pages = true;

}  // namespace quern::kernels::QUERN_ISA
