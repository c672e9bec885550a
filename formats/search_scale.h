#pragma once
// The search for one scale: y = scale * q, q a level for each value.
#include <algorithm>

#include "formats/search_lanes.h"

namespace quern::formats {

/// The nearest of the integers low..high to x / scale, counted from low. n is a multiple of 4.
template <int low, int high, unsigned n>
void integer_codes(const float* x, float scale, std::uint8_t* codes) {
  const float inverse = inverse_or_zero(scale);
  for (unsigned i = 0; i < n; i += 4) {
    const F32x4 q = IntegerLevels<low, high>::nearest(load4(x + i) * inverse);
    for (unsigned j = 0; j < 4; ++j) codes[i + j] = static_cast<std::uint8_t>(static_cast<int>(q[j]) - low);
  }
}

/// Scales at which a search starts: `count` of them, evenly from first to last times the value of largest
/// magnitude.
struct StartScales {
  float first, last;
  int count;

  float scale(float extreme, int k) const {
    return extreme * (first + (last - first) / static_cast<float>(count - 1) * static_cast<float>(k));
  }
};

/// The codes of highest score (sum wxq)^2 / (sum wq^2), by which the error falls under their best scale.
template <typename Levels, unsigned n>
ScaleFit best_free_fit(const float* x, const float* w, StartScales starts) {
  const float extreme = extreme_value<n>(x);
  ScaleFit best{};
  for (int k = 0; k < starts.count; ++k) {
    const ScaleFit fit = fit_scale<Levels, n>(x, w, starts.scale(extreme, k));
    const double score = static_cast<double>(fit.wxq) * fit.wxq * best.wqq;
    const double best_score = static_cast<double>(best.wxq) * best.wxq * fit.wqq;
    if (score > best_score || (best.wqq == 0.0f && fit.wqq > 0.0f)) best = fit;
  }
  return best;
}

/// The best binary16 scale for codes that are rounded under that very scale. From every start, and from its
/// negative where the levels are not symmetric, two steps of least squares.
template <typename Levels, unsigned n>
float best_half_scale(const float* x, const float* w, StartScales starts, bool both_signs) {
  const float extreme = extreme_value<n>(x);
  float best = 0.0f, best_error = fit_scale<Levels, n>(x, w, 0.0f).error;
  for (int sign = 1; sign >= (both_signs ? -1 : 1); sign -= 2) {
    for (int k = 0; k < starts.count; ++k) {
      ScaleFit fit = fit_scale<Levels, n>(x, w, static_cast<float>(sign) * starts.scale(extreme, k));
      for (int step = 0; step < 2; ++step) {
        const float scale = rounded_to_half(fit.best_scale());
        fit = fit_scale<Levels, n>(x, w, scale);
        if (!(fit.error < best_error)) continue;
        best = scale;
        best_error = fit.error;
      }
    }
  }
  return best;
}

/// Sums over a super-block y = d * z for its codes, z what a code stands for before the scale.
struct SuperBlockTotals {
  double error = 0.0, wxz = 0.0, wzz = 0.0;
};

/// The best of a super-block's codes under its d and the best d under those codes, in turn. choose(block,
/// round) makes the block's codes and returns their totals. No d is below least_d.
template <typename SuperBlock, typename Choose>
SuperBlock refine_in_turn(SuperBlock best, float least_d, Choose choose) {
  SuperBlockTotals totals = choose(best, 0);
  for (int round = 1; round <= 3; ++round) {
    SuperBlock next = best;
    const float d = totals.wzz > 0.0 ? static_cast<float>(totals.wxz / totals.wzz) : 0.0f;
    next.d = rounded_to_half(std::max(d, least_d));
    const SuperBlockTotals next_totals = choose(next, round);
    if (!(next_totals.error < totals.error)) break;
    best = next;
    totals = next_totals;
  }
  return best;
}

}  // namespace quern::formats
