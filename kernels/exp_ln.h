#pragma once
// exp and ln in double precision, from additions, products and fused multiply-adds alone, so that every
// machine computes the same bits. Forced inline: a kernel source that is built for one instruction set leaves
// no copy behind that another could be linked to.
#include <cstdint>

#define QUERN_ALWAYS_INLINE inline __attribute__((always_inline))

namespace quern::kernels {

/// ln 2 as a sum: the first part has 21 significant bits, so its product with a whole number below 2^32 is
/// exact.
inline constexpr double ln2_high = 0x1.62e42p-1;
inline constexpr double ln2_low = 0x1.fdf473de6af28p-22;

/// 1.5 * 2^52: adding it rounds a number below 2^51 in magnitude to a whole one (half to even), which then
/// stands in the low bits of the sum.
inline constexpr double round_shift = 0x1.8p52;

/// x = n ln 2 + r with n whole and |r| <= ln 2 / 2.
struct ExpParts {
  double mantissa;  ///< e^r, 0.7 to 1.42
  double shifted;   ///< n + round_shift
};

// e^r = 1 + r + r^2 P(r): P is the polynomial of degree 10 with the smallest largest relative error of e^r
// over |r| <= ln 2 / 2, 5.3e-20 (Remez' algorithm, 60 digits).
static QUERN_ALWAYS_INLINE ExpParts exp_parts(double x) {
  const double shifted = __builtin_fma(x, 0x1.71547652b82fep+0 /* 1 / ln 2 */, round_shift);
  const double n = shifted - round_shift;
  const double r = __builtin_fma(n, -ln2_low, __builtin_fma(n, -ln2_high, x));
  double p = 0x1.1e3d2ae1b9f58p-29;
  p = __builtin_fma(p, r, 0x1.af6be7db3dc11p-26);
  p = __builtin_fma(p, r, 0x1.27e5b447b7c52p-22);
  p = __builtin_fma(p, r, 0x1.71ddf020d45a0p-19);
  p = __builtin_fma(p, r, 0x1.a01a01368ece6p-16);
  p = __builtin_fma(p, r, 0x1.a01a01b37e34fp-13);
  p = __builtin_fma(p, r, 0x1.6c16c16c3048ep-10);
  p = __builtin_fma(p, r, 0x1.111111110ec5dp-7);
  p = __builtin_fma(p, r, 0x1.5555555555503p-5);
  p = __builtin_fma(p, r, 0x1.555555555555bp-3);
  p = __builtin_fma(p, r, 0.5);
  return {1.0 + __builtin_fma(r * r, p, r), shifted};
}

/// e^x. Requires: |x| <= 708, where neither the result nor 2^n leaves the normal numbers. No branches.
static QUERN_ALWAYS_INLINE double exp_bounded(double x) {
  const ExpParts parts = exp_parts(x);
  const std::uint64_t n = __builtin_bit_cast(std::uint64_t, parts.shifted);
  return __builtin_bit_cast(double, __builtin_bit_cast(std::uint64_t, parts.mantissa) + (n << 52));
}

// x = 2^k m with m in [sqrt 1/2, sqrt 2), f = m - 1 (exact), s = f / (2 + f). Then ln m = 2 artanh s, and
// because 2 s = f - s f, it is f - s (f - R) with R = s^2 Q(s^2): the large part, f, carries no rounding
// error, and ln x keeps its relative accuracy near x = 1. Q of degree 7 leaves a relative error of 8e-21
// (Remez' algorithm).
/// ln x. Requires: x is positive and normal. No branches.
static QUERN_ALWAYS_INLINE double ln_normal(double x) {
  constexpr std::uint64_t sqrt_half = 0x3fe6a09e667f3bcd, one = 0x3ff0000000000000;
  const std::uint64_t bits = __builtin_bit_cast(std::uint64_t, x) + (one - sqrt_half);
  const double k = static_cast<double>(static_cast<std::int32_t>(bits >> 52) - 1023);
  const double f = __builtin_bit_cast(double, (bits & 0x000fffffffffffff) + sqrt_half) - 1.0;
  const double s = f / (2.0 + f);
  const double z = s * s;
  double q = 0x1.0f6314057d66bp-3;
  q = __builtin_fma(q, z, 0x1.0f5cc8c86c9ccp-3);
  q = __builtin_fma(q, z, 0x1.3b20ab92520c2p-3);
  q = __builtin_fma(q, z, 0x1.745cde358dcdep-3);
  q = __builtin_fma(q, z, 0x1.c71c7258fdeaap-3);
  q = __builtin_fma(q, z, 0x1.249249242b410p-2);
  q = __builtin_fma(q, z, 0x1.9999999999dffp-2);
  q = __builtin_fma(q, z, 0x1.5555555555555p-1);
  const double ln_m = __builtin_fma(-s, __builtin_fma(-z, q, f), f);
  return __builtin_fma(k, ln2_high, __builtin_fma(k, ln2_low, ln_m));
}

}  // namespace quern::kernels
