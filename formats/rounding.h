#pragma once
// Roundings that are the same on every machine. None of them calls the maths library.

namespace quern::formats {

/// Nearest integer, halves away from zero. Requires: |x| < 2^31.
inline int round_half_away(float x) {
  const int whole = static_cast<int>(x);
  const float rest = x - static_cast<float>(whole);  // exact
  return rest >= 0.5f ? whole + 1 : rest <= -0.5f ? whole - 1 : whole;
}

/// Nearest integer, halves to even. Requires: |x| <= 2^22, where adding 1.5 * 2^23 leaves no fraction bits.
inline float round_half_even(float x) { return (x + 12582912.0f) - 12582912.0f; }

/// x cut off to an integer within low..high; NaN gives low.
inline int truncate_to(float x, int low, int high) {
  if (!(x > static_cast<float>(low))) return low;
  return x < static_cast<float>(high) ? static_cast<int>(x) : high;
}

/// 1/d, or 0 where that overflows: such a block is so small that its binary16 scale is zero as well.
inline float inverse_or_zero(float d) {
  const float inverse = 1.0f / d;
  return inverse - inverse == 0.0f ? inverse : 0.0f;
}

}  // namespace quern::formats
