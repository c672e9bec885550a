#include "src/base/trig.h"

#include <cmath>
#include <cstdint>

namespace quern::detail {
namespace {

// pi/2 as a sum of doubles, each the rounded rest of the one before.
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

}  // namespace

SinCos sin_cos(double x) {
  const double quarter_turns = std::floor(x * 0x1.45f306dc9c883p-1 + 0.5);  // 2 / pi
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

}  // namespace quern::detail
