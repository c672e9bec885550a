#include "src/base/trig.h"

#include <bit>
#include <cmath>
#include <cstdint>

namespace quern::detail {
namespace {

// ln 2 and pi/2 as sums of doubles, each the rounded rest of the one before.
constexpr double ln2_high = 0x1.62e42fefa39efp-1, ln2_low = 0x1.abc9e3b39803fp-56;
constexpr double half_pi[3] = {0x1.921fb54442d18p+0, 0x1.1a62633145c07p-54, -0x1.f1976b7ed8fbcp-110};

// 1 / n!
constexpr double inverse_factorial[] = {1.0,
                                        1.0,
                                        1.0 / 2,
                                        1.0 / 6,
                                        1.0 / 24,
                                        1.0 / 120,
                                        1.0 / 720,
                                        1.0 / 5040,
                                        1.0 / 40320,
                                        1.0 / 362880,
                                        1.0 / 3628800,
                                        1.0 / 39916800,
                                        1.0 / 479001600,
                                        1.0 / 6227020800,
                                        1.0 / 87178291200,
                                        1.0 / 1307674368000,
                                        1.0 / 20922789888000,
                                        1.0 / 355687428096000,
                                        1.0 / 6402373705728000};

double nearest(double x) { return std::floor(x + 0.5); }

}  // namespace

SinCos sin_cos(double x) {
  const double quarter_turns = nearest(x * 0x1.45f306dc9c883p-1);  // 2 / pi
  double r = x;
  for (const double part : half_pi) r = std::fma(-quarter_turns, part, r);
  // Taylor series for |r| <= pi/4, alternating in r^2: the first term left out is below 2^-63.
  const double r2 = -r * r;
  double s = inverse_factorial[17], c = inverse_factorial[18];
  for (int n = 15; n >= 3; n -= 2) s = std::fma(s, r2, inverse_factorial[n]);
  for (int n = 16; n >= 2; n -= 2) c = std::fma(c, r2, inverse_factorial[n]);
  s = std::fma(r * r2, s, r);
  c = std::fma(r2, c, 1.0);
  switch (static_cast<std::int64_t>(quarter_turns) & 3) {
    case 0: return {s, c};
    case 1: return {c, -s};
    case 2: return {-s, -c};
    default: return {-c, s};
  }
}

double exponential(double x) {
  const double n = nearest(x * 0x1.71547652b82fep+0);  // 1 / ln 2
  const double r = std::fma(-n, ln2_low, std::fma(-n, ln2_high, x));
  double sum = inverse_factorial[14];  // |r| <= ln(2)/2: the first term left out is below 2^-60
  for (int i = 13; i >= 0; --i) sum = std::fma(sum, r, inverse_factorial[i]);
  return sum * std::bit_cast<double>((static_cast<std::uint64_t>(static_cast<std::int64_t>(n)) + 1023) << 52);
}

double natural_log(double x) {
  // x = m * 2^e with m in [sqrt(1/2), sqrt(2));  ln m = 2 (s + s^3/3 + s^5/5 + ...), s = (m - 1) / (m + 1).
  constexpr std::uint64_t sqrt_half = 0x3fe6a09e667f3bcdu;
  const auto bits = std::bit_cast<std::uint64_t>(x);
  const auto e = static_cast<std::int64_t>(bits - sqrt_half) >> 52;
  const double m = std::bit_cast<double>(bits - (static_cast<std::uint64_t>(e) << 52));
  const double s = (m - 1.0) / (m + 1.0), s2 = s * s;
  double sum = 1.0 / 25;  // |s| < 0.1716: the first term left out is below 2^-64
  for (int n = 23; n >= 3; n -= 2) sum = std::fma(sum, s2, 1.0 / n);
  const double log_m = std::fma(2 * s * s2, sum, 2 * s);
  return std::fma(double(e), ln2_high, std::fma(double(e), ln2_low, log_m));
}

double power(double base, double exponent) { return exponential(exponent * natural_log(base)); }

}  // namespace quern::detail
