#pragma once
// Elementary functions in double precision built from + - * / and fused multiply-add alone, so that they give
// the same bits on every machine (the C library's differ). For tables made at load and rotary angles;
// relative error a few 2^-53.

namespace quern::detail {

struct SinCos {
  double sin, cos;
};

/// |x| < 2^30; the reduction by pi/2 keeps an absolute error near 2^-53 over that whole range.
SinCos sin_cos(double x);

}  // namespace quern::detail
