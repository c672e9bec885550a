#pragma once
// Functions on 16 lanes, built from the fused operations of the row's vectors: the same bits on every
// instruction set. NaN comes out as NaN.
#include QUERN_ISA_HEADER

namespace quern::kernels::QUERN_ISA {

// 1.5 * 2^23: adding it to |x| < 2^22 rounds x to an integer, ties to even, and leaves that integer in the
// low bits.
inline constexpr float rounder = 0x1.8p23f;
inline constexpr std::int32_t rounder_bits = 0x4b400000;

// The first n lanes from memory, `fill` in the others.
QUERN_INLINE F32x16 load_filled(const float* p, std::size_t n, float fill) {
  float lanes[16];
  for (std::size_t i = 0; i < 16; ++i) lanes[i] = i < n ? p[i] : fill;
  return load(lanes);
}
QUERN_INLINE F32x16 negate(F32x16 x) { return as_f32(as_i32(x) + splat_i32(INT32_MIN)); }
QUERN_INLINE F32x16 absolute(F32x16 x) { return as_f32(as_i32(x) & splat_i32(INT32_MAX)); }

// e^x = 2^n e^r with n = round(x / ln 2), |r| <= ln(2)/2; e^r = 1 + r + r^2 q(r), where q interpolates
// (e^r - 1 - r) / r^2 at the five Chebyshev nodes of [-0.3467, 0.3467] (relative error 7e-9).
struct ExpParts16 {
  F32x16 e_r, shifted;  // the low bits of `shifted` are n + bias
};
template <int bias>
QUERN_INLINE ExpParts16 exp_parts(F32x16 x) {
  const F32x16 shifted = fma(x, splat(0x1.715476p0f), splat(rounder + bias));
  const F32x16 n = shifted - splat(rounder + bias);
  F32x16 r = fma(n, splat(-0x1.62e4p-1f), x);  // ln 2 in two parts; n times the first is exact
  r = fma(n, splat(-0x1.7f7d1cp-20f), r);
  F32x16 q = splat(0.00139262033616f);
  q = fma(q, r, splat(0.00836319488242f));
  q = fma(q, r, splat(0.0416665544984f));
  q = fma(q, r, splat(0.166665768946f));
  q = fma(q, r, splat(0.5f));
  return {fma(r * r, q, r) + splat(1.0f), shifted};
}

// e^x to about 1 ulp. Above 88.72 the result is infinity; below -103.97 it is 0; subnormal results are
// rounded once.
QUERN_INLINE F32x16 exp(F32x16 x) {
  const auto [e_r, shifted] =
      exp_parts<0>(max(splat(-104.0f), min(splat(89.0f), x)));  // in this order NaN stays
  // 2^n in two factors, for n reaches from -150 to 128.
  const I32x16 exponent = as_i32(shifted) - splat_i32(rounder_bits);
  const I32x16 half = shift_right<1>(exponent);
  const F32x16 scale_1 = as_f32(shift_left<23>(half + splat_i32(127)));
  const F32x16 scale_2 = as_f32(shift_left<23>(exponent - half + splat_i32(127)));
  return e_r * scale_1 * scale_2;
}

// e^x for x <= 0, to about 1 ulp; 0 below -87, which is before results become subnormal. The weights of
// softmax, at three quarters of the cost of exp().
QUERN_INLINE F32x16 exp_of_nonpositive(F32x16 x) {
  const auto [e_r, shifted] = exp_parts<127>(x);
  const F32x16 scale = as_f32(shift_left<23>(as_i32(shifted)));  // 2^n: n + 127 is the exponent's field
  return select(less(x, splat(-87.0f)), zero(), e_r * scale);
}

// 1 / (1 + e^-x).
QUERN_INLINE F32x16 sigmoid(F32x16 x) { return splat(1.0f) / (splat(1.0f) + exp(negate(x))); }

// To about 2 ulp. Below 0.625: x + x^3 p(x^2), p interpolating (tanh(x) - x) / x^3 at the Chebyshev nodes of
// x^2 in [0, 0.4]; above: 1 - 2 / (e^2|x| + 1).
QUERN_INLINE F32x16 tanh(F32x16 x) {
  const F32x16 a = absolute(x), z = x * x;
  F32x16 p = splat(0.00226950168416f);
  p = fma(p, z, splat(-0.00832318705828f));
  p = fma(p, z, splat(0.0217625029074f));
  p = fma(p, z, splat(-0.0539584616274f));
  p = fma(p, z, splat(0.133333001462f));
  p = fma(p, z, splat(-0.333333331494f));
  const F32x16 small = fma(x * z, p, x);
  const F32x16 large = splat(1.0f) - splat(2.0f) / (exp(a + a) + splat(1.0f));
  const I32x16 sign = as_i32(x) & splat_i32(INT32_MIN);
  return select(less(a, splat(0.625f)), small, as_f32(as_i32(large) | sign));
}

// x * sigmoid(x). Below -200 the value is 0 (-0), which the clamp gives for -infinity too.
QUERN_INLINE F32x16 silu(F32x16 x) {
  x = max(splat(-200.0f), x);
  return x / (splat(1.0f) + exp(negate(x)));
}

// 0.5 x (1 + tanh(u)) = x / (1 + e^-2u) with u = sqrt(2/pi) (x + 0.044715 x^3).
QUERN_INLINE F32x16 gelu(F32x16 x) {
  x = max(splat(-200.0f), x);
  const F32x16 two_u = x * fma(x * x, splat(0.0713548162726f), splat(1.59576912161f));
  return x / (splat(1.0f) + exp(negate(two_u)));
}

// cap * tanh(x / cap).
QUERN_INLINE F32x16 soft_cap(F32x16 x, F32x16 cap) { return cap * tanh(x / cap); }

}  // namespace quern::kernels::QUERN_ISA
