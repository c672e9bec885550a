#pragma once
// What the searching encoders share: four float lanes, sums in a fixed order, and the fit of one scale.
// Every sum runs in four lanes (element i in lane i mod 4) that are joined as (0 + 1) + (2 + 3), nothing is
// fused, and 1/x and sqrt are the correctly rounded ones, so an encoded file has the same bytes wherever it
// is made.
#include <cmath>
#include <cstring>

#include "formats/block_fields.h"
#include "formats/rounding.h"

namespace quern::formats {

using F32x4 = float __attribute__((vector_size(16)));

inline F32x4 load4(const float* p) {
  F32x4 v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
inline F32x4 splat4(float x) { return F32x4{x, x, x, x}; }
inline float sum4(F32x4 v) { return (v[0] + v[1]) + (v[2] + v[3]); }
/// As round_half_even(float). Values beyond its range stay large, infinities and NaN stay what they are.
inline F32x4 round_half_even(F32x4 v) { return (v + 12582912.0f) - 12582912.0f; }
/// Whether any lane of a is below b.
inline bool any_below(F32x4 a, float b) {
  const auto below = a < splat4(b);  // all ones or zero in each lane
  std::int64_t halves[2];
  std::memcpy(halves, &below, sizeof halves);
  return (halves[0] | halves[1]) != 0;
}
/// NaN gives low.
inline F32x4 clamp4(F32x4 v, float low, float high) {
  v = v > splat4(low) ? v : splat4(low);
  return v < splat4(high) ? v : splat4(high);
}

inline float rounded_to_half(float x) { return half_to_float(float_to_half(x)); }

/// a/b, or 0 where b is 0 (or not a number): the least-squares scale of codes that are all zero.
inline float ratio_or_zero(float a, float b) { return b > 0.0f ? a / b : 0.0f; }

/// Mean of x^2.
inline double mean_square(const float* x, std::size_t n) {
  double sum = 0.0;
  for (std::size_t i = 0; i < n; ++i) sum += static_cast<double>(x[i]) * x[i];
  return sum / static_cast<double>(n);
}

/// Whether any column counts; if none does (null: no importances, or columns that were never active), all
/// count alike.
inline bool any_importance(const float* importance, std::size_t n) {
  for (std::size_t i = 0; importance != nullptr && i < n; ++i)
    if (importance[i] > 0.0f) return true;
  return false;
}

/// Weights of the squared errors of n values: w = v, the importance of the column.
inline void plain_weights(const float* importance, std::size_t n, float* w) {
  const bool any = any_importance(importance, n);
  for (std::size_t i = 0; i < n; ++i) w[i] = any ? importance[i] : 1.0f;
}

/// w = v * sqrt(offset + x^2): large values matter more to a model than their squared error says.
inline void search_weights(const float* x, const float* importance, std::size_t n, double offset, float* w) {
  const bool any = any_importance(importance, n);
  for (std::size_t i = 0; i < n; ++i) {
    const double root = std::sqrt(offset + static_cast<double>(x[i]) * x[i]);
    w[i] = static_cast<float>(any ? importance[i] * root : root);
  }
}

/// Calls encode(x, w, block) for each super-block of 256 of a row, weights by search_weights() with `spread`
/// times the mean square of the 256 values.
template <typename Block, typename Encode>
void for_each_super_block(const float* x, std::size_t n_cols, const float* importance, double spread,
                          Block* blocks, Encode encode) {
  for (std::size_t at = 0; at < n_cols; at += 256) {
    float w[256];
    search_weights(x + at, importance ? importance + at : nullptr, 256, spread * mean_square(x + at, 256), w);
    encode(x + at, w, *blocks++);
  }
}

/// The integers low..high as levels.
template <int low, int high>
struct IntegerLevels {
  static F32x4 nearest(F32x4 t) { return clamp4(round_half_even(t), low, high); }
};

/// How well codes q = nearest(x / scale) do: the weighted squared error, and the sums for the next scale.
struct ScaleFit {
  float error;  ///< sum w (scale*q - x)^2
  float wxq;    ///< sum w x q
  float wqq;    ///< sum w q^2
  float best_scale() const { return ratio_or_zero(wxq, wqq); }
};

/// n is a multiple of 4.
template <typename Levels, unsigned n>
ScaleFit fit_scale(const float* x, const float* w, float scale) {
  const float inverse = inverse_or_zero(scale);
  F32x4 error{}, wxq{}, wqq{};
  for (unsigned i = 0; i < n; i += 4) {
    const F32x4 xi = load4(x + i), wi = load4(w + i);
    const F32x4 q = Levels::nearest(xi * inverse);
    const F32x4 wq = wi * q, miss = scale * q - xi;
    error += wi * miss * miss;
    wxq += wq * xi;
    wqq += wq * q;
  }
  return {sum4(error), sum4(wxq), sum4(wqq)};
}

/// The value of largest magnitude, with its sign; the first of several.
template <unsigned n>
float extreme_value(const float* x) {
  float found = 0.0f;
  for (unsigned i = 0; i < n; ++i)
    if (std::fabs(x[i]) > std::fabs(found)) found = x[i];
  return found;
}

}  // namespace quern::formats
