#include "src/base/math.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "kernels/exp_ln.h"

namespace quern::detail {

double exp(double x) {
  if (std::isnan(x)) return x;
  if (x > 710) return std::numeric_limits<double>::infinity();
  if (x < -746) return 0;
  const kernels::ExpParts parts = kernels::exp_parts(x);
  // 2^n in two factors: one alone may be infinite or subnormal where the result is neither.
  const int n = static_cast<int>(parts.shifted - kernels::round_shift);
  const auto power = [](int e) { return std::bit_cast<double>(static_cast<std::uint64_t>(e + 1023) << 52); };
  return parts.mantissa * power(n / 2) * power(n - n / 2);
}

double ln(double x) {
  if (std::isnan(x) || x < 0) return std::numeric_limits<double>::quiet_NaN();
  if (x == 0) return -std::numeric_limits<double>::infinity();
  if (std::isinf(x)) return x;
  if (x < std::numeric_limits<double>::min()) return kernels::ln_normal(x * 0x1p54) - 54 * ln_2;
  return kernels::ln_normal(x);
}

}  // namespace quern::detail
