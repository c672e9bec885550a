#pragma once
// The search for values y = scale * q + offset, q an integer 0..n_levels, offset <= 0 (so that it can be
// stored as a minimum that is subtracted).
#include "formats/search_lanes.h"

namespace quern::formats {

struct ScaleOffset {
  float scale = 0.0f, offset = 0.0f;
};

/// Sums for codes q under weights w, enough for the least-squares scale and offset.
struct OffsetFit {
  float error;  ///< sum w (scale*q + offset - x)^2 for the scale and offset that gave the codes
  float w, wq, wqq, wx, wxq;

  /// The best scale and offset for these codes, {0, 0} where they do not determine both.
  ScaleOffset best() const {
    const double determinant = static_cast<double>(w) * wqq - static_cast<double>(wq) * wq;
    if (!(determinant > 0.0)) return {};
    const double scale = (static_cast<double>(w) * wxq - static_cast<double>(wx) * wq) / determinant;
    const double offset = (static_cast<double>(wqq) * wx - static_cast<double>(wq) * wxq) / determinant;
    return {static_cast<float>(scale), static_cast<float>(offset)};
  }
  /// The same with the offset at 0 or below, so that it can be stored as a minimum that is subtracted.
  ScaleOffset best_not_above_zero() const {
    const ScaleOffset free = best();
    return free.offset > 0.0f ? ScaleOffset{ratio_or_zero(wxq, wqq), 0.0f} : free;
  }
};

/// Codes q = nearest((x - offset) / scale) within 0..n_levels. n is a multiple of 4.
template <int n_levels, unsigned n>
OffsetFit fit_offset(const float* x, const float* w, ScaleOffset at) {
  const float inverse = inverse_or_zero(at.scale);
  F32x4 error{}, sum_w{}, wq{}, wqq{}, wx{}, wxq{};
  for (unsigned i = 0; i < n; i += 4) {
    const F32x4 xi = load4(x + i), wi = load4(w + i);
    const F32x4 q = clamp4(round_half_even((xi - at.offset) * inverse), 0, n_levels);
    const F32x4 miss = at.scale * q + at.offset - xi;
    error += wi * miss * miss;
    sum_w += wi;
    wq += wi * q;
    wqq += wi * q * q;
    wx += wi * xi;
    wxq += wi * q * xi;
  }
  return {sum4(error), sum4(sum_w), sum4(wq), sum4(wqq), sum4(wx), sum4(wxq)};
}

/// The codes that fit_offset() means.
template <int n_levels, unsigned n>
void offset_codes(const float* x, ScaleOffset at, std::uint8_t* codes) {
  const float inverse = inverse_or_zero(at.scale);
  for (unsigned i = 0; i < n; i += 4) {
    const F32x4 q = clamp4(round_half_even((load4(x + i) - at.offset) * inverse), 0, n_levels);
    for (unsigned j = 0; j < 4; ++j) codes[i + j] = static_cast<std::uint8_t>(q[j]);
  }
}

/// The steps over which a search spreads the range of values: slightly fewer to slightly more than there are.
template <int n_levels>
float start_steps(int k) {
  return n_levels - 0.9f + 0.05f * static_cast<float>(k);
}
constexpr int n_start_steps = 37;

struct ValueRange {
  float low, high;
};
inline ValueRange range_of(const float* x, unsigned n) {
  ValueRange range{x[0], x[0]};
  for (unsigned i = 1; i < n; ++i) {
    if (x[i] < range.low) range.low = x[i];
    if (x[i] > range.high) range.high = x[i];
  }
  return range;
}

/// The best scale and offset <= 0 of n values: the codes of many start scales, each with its least squares.
/// Each start takes the best offset so far.
template <int n_levels, unsigned n>
ScaleOffset best_free_offset(const float* x, const float* w) {
  auto [low, high] = range_of(x, n);
  if (low > 0.0f) low = 0.0f;
  if (!(high > low)) return {0.0f, low};
  ScaleOffset best{(high - low) / n_levels, low};
  float best_error = fit_offset<n_levels, n>(x, w, best).error;
  for (int k = 0; k < n_start_steps; ++k) {
    const ScaleOffset start{(high - low) / start_steps<n_levels>(k), best.offset};
    const ScaleOffset next = fit_offset<n_levels, n>(x, w, start).best_not_above_zero();
    const float error = fit_offset<n_levels, n>(x, w, next).error;
    if (!(error < best_error)) continue;
    best = next;
    best_error = error;
  }
  return best;
}

/// The best binary16 scale and offset, of any sign, for codes that are rounded under those very two.
template <int n_levels, unsigned n>
ScaleOffset best_half_offset(const float* x, const float* w) {
  const auto [low, high] = range_of(x, n);
  ScaleOffset best{0.0f, rounded_to_half(low)};
  float best_error = fit_offset<n_levels, n>(x, w, best).error;
  ScaleOffset start{0.0f, low};
  for (int k = 0; k < n_start_steps; ++k) {
    start.scale = (high - low) / start_steps<n_levels>(k);
    OffsetFit fit = fit_offset<n_levels, n>(x, w, start);
    for (int step = 0; step < 2; ++step) {
      const ScaleOffset free = fit.best();
      const ScaleOffset next{rounded_to_half(free.scale), rounded_to_half(free.offset)};
      fit = fit_offset<n_levels, n>(x, w, next);
      if (!(fit.error < best_error)) continue;
      best = next;
      best_error = fit.error;
      start.offset = free.offset;
    }
  }
  return best;
}

}  // namespace quern::formats
