#pragma once
// exp and ln of our own, for whatever decides a result: the same bits on every machine, which libm does not
// promise. The error is below 1 (exp) and 1.25 (ln) units in the last place.

namespace quern::detail {

inline constexpr double ln_2 = 0x1.62e42fefa39efp-1;

/// e^x for any x: 0 and infinity at the ends, NaN for NaN.
double exp(double x);

/// The natural logarithm for any x: minus infinity for 0, NaN for a negative number or NaN.
double ln(double x);

}  // namespace quern::detail
