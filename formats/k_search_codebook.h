#pragma once
// The search for super-blocks of 256 values y = d * unit * (2s + 1) * q: d a binary16 scale, s a small
// integer for each group of 16 or 32, q the (signed or shifted) elements of codebook entries. One procedure
// for all IQ1, IQ2 and IQ3 types; what differs is how eight values are fitted under a given scale.
#include <algorithm>

#include "formats/search_scale.h"

namespace quern::formats {

/// Eight values under a given scale: what a block stores for them, their error and the sums for the next
/// scale.
struct EightFit {
  ScaleFit fit{};
  std::uint16_t entry[2] = {};  ///< one entry of eight, or two of four
  std::uint8_t signs = 0;       ///< bit j set: element j is negative; IQ1: bit 0 set: delta is -1/8
};

/// The odd numbers 1 .. 2 n_scales - 1, as multiples that a scale code stands for.
template <int n_scales>
struct OddLevels {
  static F32x4 nearest(F32x4 t) {
    return 2.0f * clamp4(round_half_even(0.5f * t - 0.5f), 0, n_scales - 1) + 1.0f;
  }
};

/// Format: group (values under one scale code), n_scales, unit, starts, and fit_group(x, w, scale,
/// EightFit*), which finds the codes of the group/8 eights.
template <typename Format>
struct CodebookSuperBlock {
  static constexpr unsigned n_groups = 256 / Format::group;
  static constexpr unsigned eights_per_group = Format::group / 8;
  float d = 0.0f;  ///< a binary16 value
  int scales[n_groups] = {};
  EightFit eights[32] = {};

  /// Finds all fields for x[256] under weights w[256]. First every group by itself, then d as the best
  /// divisor of the scales found, then in turn the best scale codes under that d and the best d under those.
  static CodebookSuperBlock search(const float* x, const float* w) {
    return refine_in_turn(start(x, w), 0.0f, [&](CodebookSuperBlock& block, int round) {
      return block.choose_scales(x, w, round < 2 ? 2 - round : 0);
    });
  }

 private:
  using Totals = SuperBlockTotals;  // z = unit * (2s + 1) * q

  static ScaleFit group_sum(const EightFit* eights) {
    ScaleFit sum{};
    for (unsigned k = 0; k < eights_per_group; ++k) {
      sum.error += eights[k].fit.error;
      sum.wxq += eights[k].fit.wxq;
      sum.wqq += eights[k].fit.wqq;
    }
    return sum;
  }

  static CodebookSuperBlock start(const float* x, const float* w) {
    float free_scale[n_groups], weight[n_groups];
    for (unsigned g = 0; g < n_groups; ++g) {
      const float* values = x + Format::group * g;
      const float extreme = std::fabs(extreme_value<Format::group>(values));
      ScaleFit best{};
      EightFit fits[eights_per_group];
      for (int k = 0; k < Format::starts.count; ++k) {
        Format::fit_group(values, w + Format::group * g, Format::starts.scale(extreme, k), fits);
        const ScaleFit fit = group_sum(fits);
        if (!(fit.wxq > 0.0f)) continue;
        const double score = static_cast<double>(fit.wxq) * fit.wxq * best.wqq;
        if (score > static_cast<double>(best.wxq) * best.wxq * fit.wqq || best.wqq == 0.0f) best = fit;
      }
      free_scale[g] = best.best_scale();
      weight[g] = best.wqq;
    }
    using Multiples = OddLevels<Format::n_scales>;
    CodebookSuperBlock block;
    const float largest = extreme_value<n_groups>(free_scale) / (Format::unit * (2 * Format::n_scales - 1));
    float best_error = -1.0f;
    for (int k = -8; k <= 8; ++k) {
      const float d = rounded_to_half(largest * (1.0f + 0.02f * static_cast<float>(k)));
      const float error = fit_scale<Multiples, n_groups>(free_scale, weight, Format::unit * d).error;
      if (best_error >= 0.0f && !(error < best_error)) continue;
      best_error = error;
      block.d = d;
    }
    const float inverse = inverse_or_zero(Format::unit * block.d);
    for (unsigned g = 0; g < n_groups; g += 4) {
      const F32x4 nearest = Multiples::nearest(load4(free_scale + g) * inverse);
      for (unsigned i = 0; i < 4; ++i) block.scales[g + i] = static_cast<int>(nearest[i]) / 2;
    }
    return block;
  }

  // For each group the best of the scale codes within `window` of the present one, each with its best
  // entries.
  Totals choose_scales(const float* x, const float* w, int window) {
    Totals totals;
    for (unsigned g = 0; g < n_groups; ++g) {
      EightFit* chosen = eights + eights_per_group * g;
      ScaleFit best{};
      const int centre = scales[g];
      bool first = true;
      EightFit fits[eights_per_group];
      std::copy(chosen, chosen + eights_per_group, fits);
      for (int s = std::max(centre - window, 0); s <= std::min(centre + window, Format::n_scales - 1); ++s) {
        const float scale = d * Format::unit * static_cast<float>(2 * s + 1);
        Format::fit_group(x + Format::group * g, w + Format::group * g, scale, fits);
        const ScaleFit fit = group_sum(fits);
        if (!first && !(fit.error < best.error)) continue;
        first = false;
        best = fit;
        scales[g] = s;
        std::copy(fits, fits + eights_per_group, chosen);
      }
      const double multiple = static_cast<double>(Format::unit) * (2 * scales[g] + 1);
      totals.error += best.error;
      totals.wxz += multiple * best.wxq;
      totals.wzz += multiple * multiple * best.wqq;
    }
    return totals;
  }
};

}  // namespace quern::formats
