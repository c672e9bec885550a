#pragma once
// The search for super-blocks of 256 values y = (d*s)*q - dmin*m: two binary16 scales, two small non-negative
// integers s and m for each sub-block, a level q for each value (Q2_K, Q4_K, Q5_K).
#include <algorithm>

#include "formats/search_min.h"

namespace quern::formats {

/// q lies in 0..n_levels, s and m in 0..n_scales.
template <int n_levels, unsigned sub_size, int n_scales>
struct MinSuperBlock {
  static constexpr unsigned n_subs = 256 / sub_size;
  float d = 0.0f, dmin = 0.0f;  ///< binary16 values
  int scales[n_subs] = {}, mins[n_subs] = {};

  ScaleOffset at(int scale, int min) const {
    return {d * static_cast<float>(scale), -(dmin * static_cast<float>(min))};
  }

  /// Finds all fields for x[256] under weights w[256]. First every sub-block by itself, then d and dmin as
  /// the best divisors of what came out, then in turn the best scales and minimums under those and the best d
  /// and dmin.
  static MinSuperBlock search(const float* x, const float* w) {
    MinSuperBlock best = start(x, w);
    Totals best_totals = best.choose_scales(x, w, 2);
    for (int round = 0; round < 3; ++round) {
      MinSuperBlock next = best;
      best_totals.refit(next);
      const Totals totals = next.choose_scales(x, w, 1);
      if (!(totals.error < best_totals.error)) break;
      best = next;
      best_totals = totals;
    }
    return best;
  }

  /// out[256]: the codes under the scales found.
  void codes(const float* x, std::uint8_t* out) const {
    for (unsigned s = 0; s < n_subs; ++s)
      offset_codes<n_levels, sub_size>(x + sub_size * s, at(scales[s], mins[s]), out + sub_size * s);
  }

 private:
  // Sums over the block for its codes, scales and minimums; z = s*q.
  struct Totals {
    double error = 0.0, wzz = 0.0, wzm = 0.0, wmm = 0.0, wxz = 0.0, wxm = 0.0;

    void add(const OffsetFit& fit, double s, double m) {
      error += fit.error;
      wzz += s * s * fit.wqq;
      wzm += s * m * fit.wq;
      wmm += m * m * fit.w;
      wxz += s * fit.wxq;
      wxm += m * fit.wx;
    }
    // Least squares of x = d*z - dmin*m; d alone where the two are not both determined.
    void refit(MinSuperBlock& block) const {
      const double determinant = wzz * wmm - wzm * wzm;
      if (determinant > 0.0) {
        block.d = rounded_to_half(static_cast<float>((wmm * wxz - wzm * wxm) / determinant));
        block.dmin = rounded_to_half(static_cast<float>((wzm * wxz - wzz * wxm) / determinant));
      } else if (wzz > 0.0) {
        block.d = rounded_to_half(static_cast<float>((wxz + block.dmin * wzm) / wzz));
      }
    }
  };

  static MinSuperBlock start(const float* x, const float* w) {
    float scale[n_subs], min[n_subs], weight[n_subs];
    for (unsigned s = 0; s < n_subs; ++s) {
      const ScaleOffset free = best_free_offset<n_levels, sub_size>(x + sub_size * s, w + sub_size * s);
      scale[s] = free.scale;
      min[s] = -free.offset;
      F32x4 sum{};
      for (unsigned i = 0; i < sub_size; i += 4) sum += load4(w + sub_size * s + i);
      weight[s] = sum4(sum);
    }
    MinSuperBlock block;
    block.d = divisor(scale, weight, block.scales);
    block.dmin = divisor(min, weight, block.mins);
    return block;
  }

  // The binary16 number of which the values (>= 0) are most nearly multiples 0..n_scales, and those
  // multiples.
  static float divisor(const float* values, const float* weight, int* multiples) {
    using Levels = IntegerLevels<0, n_scales>;
    const float max = extreme_value<n_subs>(values);
    float best = 0.0f, best_error = -1.0f;
    for (int k = -6; k <= 6; ++k) {
      const float d = rounded_to_half(max / (n_scales + 0.1f * static_cast<float>(k)));
      const float error = fit_scale<Levels, n_subs>(values, weight, d).error;
      if (best_error >= 0.0f && !(error < best_error)) continue;
      best = d;
      best_error = error;
    }
    for (unsigned s = 0; s < n_subs; s += 4) {
      const F32x4 nearest = Levels::nearest(load4(values + s) * inverse_or_zero(best));
      for (unsigned i = 0; i < 4; ++i) multiples[s + i] = static_cast<int>(nearest[i]);
    }
    return best;
  }

  // For each sub-block the best pair of a scale and a minimum within `window` of the present ones.
  Totals choose_scales(const float* x, const float* w, int window) {
    Totals totals;
    for (unsigned s = 0; s < n_subs; ++s) {
      const auto fit_of = [&](int scale, int min) {
        return fit_offset<n_levels, sub_size>(x + sub_size * s, w + sub_size * s, at(scale, min));
      };
      const int scale_now = scales[s], min_now = mins[s];
      OffsetFit best = fit_of(scale_now, min_now);
      for (int scale = std::max(scale_now - window, 0); scale <= std::min(scale_now + window, n_scales);
           ++scale)
        for (int min = std::max(min_now - window, 0); min <= std::min(min_now + window, n_scales); ++min) {
          const OffsetFit fit = fit_of(scale, min);
          if (!(fit.error < best.error)) continue;
          best = fit;
          scales[s] = scale;
          mins[s] = min;
        }
      totals.add(best, scales[s], mins[s]);
    }
    return totals;
  }
};

}  // namespace quern::formats
