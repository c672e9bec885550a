#pragma once
// The search for super-blocks of 256 values y = d * s * q: d a binary16 scale, s a small signed integer for
// each sub-block, q a level for each value (Q3_K, Q6_K, IQ4_XS).
#include <algorithm>
#include <limits>

#include "formats/search_scale.h"

namespace quern::formats {

/// s lies in -n_scales .. n_scales - 1.
template <typename Levels, unsigned sub_size, int n_scales>
struct SignedSuperBlock {
  static constexpr unsigned n_subs = 256 / sub_size;
  float d = 0.0f;  ///< a binary16 value
  int scales[n_subs] = {};

  /// Scale of sub-block s as a float.
  float scale(unsigned s) const { return d * static_cast<float>(scales[s]); }

  /// Finds d and the scales for x[256] under weights w[256]. First every sub-block by itself, then d as the
  /// best divisor of their scales, then in turn the best scales under that d and the best d under those
  /// scales.
  static SignedSuperBlock search(const float* x, const float* w, StartScales starts) {
    return refine_in_turn(
        start(x, w, starts), std::numeric_limits<float>::lowest(),
        [&](SignedSuperBlock& block, int round) { return block.choose_scales(x, w, round == 0 ? 2 : 1); });
  }

 private:
  using Totals = SuperBlockTotals;  // z = s*q

  static SignedSuperBlock start(const float* x, const float* w, StartScales starts) {
    using Scales = IntegerLevels<-n_scales, n_scales - 1>;
    float free_scale[n_subs], weight[n_subs];
    for (unsigned s = 0; s < n_subs; ++s) {
      const ScaleFit fit = best_free_fit<Levels, sub_size>(x + sub_size * s, w + sub_size * s, starts);
      free_scale[s] = fit.best_scale();
      weight[s] = fit.wqq;
    }
    SignedSuperBlock block;
    const float extreme = extreme_value<n_subs>(free_scale);
    float best_error = -1.0f;
    for (int k = -12; k <= 12; ++k) {
      const float d =
          rounded_to_half(extreme / (-static_cast<float>(n_scales) - 0.1f * static_cast<float>(k)));
      const float error = fit_scale<Scales, n_subs>(free_scale, weight, d).error;
      if (best_error >= 0.0f && !(error < best_error)) continue;
      best_error = error;
      block.d = d;
    }
    const float inverse = inverse_or_zero(block.d);
    for (unsigned s = 0; s < n_subs; s += 4) {
      const F32x4 nearest = Scales::nearest(load4(free_scale + s) * inverse);
      for (unsigned i = 0; i < 4; ++i) block.scales[s + i] = static_cast<int>(nearest[i]);
    }
    return block;
  }

  // For each sub-block the best of the scales within `window` of the present one and of its negative (the
  // levels are not symmetric), each with its best codes.
  Totals choose_scales(const float* x, const float* w, int window) {
    Totals totals;
    for (unsigned s = 0; s < n_subs; ++s) {
      const auto fit_of = [&](int scale) {
        return fit_scale<Levels, sub_size>(x + sub_size * s, w + sub_size * s, d * static_cast<float>(scale));
      };
      const int centre = scales[s];
      ScaleFit best = fit_of(centre);
      for (int sign = 1; sign >= -1; sign -= 2) {
        const int middle = sign * centre;
        const int low = std::max(middle - window, -n_scales), high = std::min(middle + window, n_scales - 1);
        for (int scale = low; scale <= high; ++scale) {
          const ScaleFit fit = fit_of(scale);
          if (!(fit.error < best.error)) continue;
          best = fit;
          scales[s] = scale;
        }
      }
      totals.error += best.error;
      totals.wxz += static_cast<double>(scales[s]) * best.wxq;
      totals.wzz += static_cast<double>(scales[s]) * scales[s] * best.wqq;
    }
    return totals;
  }
};

}  // namespace quern::formats
