#include "src/runtime/rope_table.h"

#include <algorithm>
#include <cmath>

#include "src/base/math.h"
#include "src/base/trig.h"

namespace quern::detail {
namespace {

constexpr double pi = 3.14159265358979323846;

// YaRN (arXiv 2309.00071), section 3.2: from the pair that turns beta_fast times over the original context
// down to the one that turns beta_slow times, a ramp from "keep the trained frequency" (1) to "interpolate"
// (0).
struct YarnRamp {
  explicit YarnRamp(const RopeSpec& rope) {
    constexpr double beta_fast = 32, beta_slow = 1;
    const auto pair_turning = [&](double turns) {
      return rope.n_rot * ln(double(rope.original_context) / (turns * 2 * pi)) / (2 * ln(rope.theta));
    };
    low = std::max(0.0, std::floor(pair_turning(beta_fast)));
    high = std::min(rope.n_rot - 1.0, std::ceil(pair_turning(beta_slow)));
  }
  double keep(double pair) const {
    return 1 - std::clamp((pair - low) / std::max(0.001, high - low), 0.0, 1.0);
  }
  double low, high;
};

// Whether pair i is of an axis that stands at the token's position.
bool turns(const RopeSpec& rope, std::size_t i) {
  const auto& sections = rope.sections;
  const std::size_t period = std::size_t{sections[0]} + sections[1] + sections[2] + sections[3];
  if (period == 0) return true;
  const std::size_t in_period = i % period, axis = in_period % 3;
  return in_period < 3 * std::size_t{sections[axis]};
}

}  // namespace

void rope_frequencies(const RopeSpec& rope, const float* factors, double* frequencies) {
  const std::size_t n_pairs = rope.n_rot / 2;
  for (std::size_t i = 0; i < n_pairs; ++i) {
    const double trained =
        exp(-2.0 * double(i) / rope.n_rot * ln(rope.theta)) / (factors ? double(factors[i]) : 1.0);
    const double keep = rope.yarn ? YarnRamp(rope).keep(double(i)) : 0.0;
    frequencies[i] = turns(rope, i) ? trained * (rope.freq_scale * (1 - keep) + keep) : 0;
  }
}

double rope_magnitude(const RopeSpec& rope) {
  const double yarn = rope.yarn ? 1 + rope.yarn_growth * ln(1 / rope.freq_scale) : 1;
  return rope.attn_factor * yarn;
}

void rope_rotations(const double* frequencies, std::size_t n_pairs, double magnitude, std::size_t position,
                    float* cos_sin) {
  for (std::size_t i = 0; i < n_pairs; ++i) {
    const SinCos turn = sin_cos(double(position) * frequencies[i]);
    cos_sin[2 * i] = static_cast<float>(turn.cos * magnitude);
    cos_sin[2 * i + 1] = static_cast<float>(turn.sin * magnitude);
  }
}

}  // namespace quern::detail
