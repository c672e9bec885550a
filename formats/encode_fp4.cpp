// MXFP4 and NVFP4: their scales are codes, so the neighbours of the plain encoder's choice are tried one by
// one.
#include <algorithm>

#include "formats/block_pack.h"
#include "formats/encode_search.h"
#include "formats/search_lanes.h"

namespace quern::formats {
namespace {

struct Fp4Levels {
  static F32x4 nearest(F32x4 t) {
    const F32x4 magnitude = t < splat4(0.0f) ? -t : t;
    const auto above = [&](float midpoint, float step) {
      return magnitude > splat4(midpoint) ? splat4(step) : splat4(0.0f);
    };
    const F32x4 level = above(0.5f, 1.0f) + above(1.5f, 1.0f) + above(2.5f, 1.0f) + above(3.5f, 1.0f) +
                        above(5.0f, 2.0f) + above(7.0f, 2.0f) + above(10.0f, 4.0f);
    return t < splat4(0.0f) ? -level : level;
  }
};

// The code within `window` of `centre` (and in 0..max) whose scale has the smallest error over n values.
template <unsigned n, float (*scale_of)(std::uint8_t)>
std::uint8_t best_scale_code(const float* x, const float* w, std::uint8_t centre, int window, int max) {
  std::uint8_t best = centre;
  float best_error = fit_scale<Fp4Levels, n>(x, w, scale_of(centre)).error;
  for (int code = std::max(centre - window, 0); code <= std::min(centre + window, max); ++code) {
    const float error = fit_scale<Fp4Levels, n>(x, w, scale_of(static_cast<std::uint8_t>(code))).error;
    if (!(error < best_error)) continue;
    best = static_cast<std::uint8_t>(code);
    best_error = error;
  }
  return best;
}

void fp4_codes(const float* x, float scale, unsigned n, std::uint8_t* codes) {
  for (unsigned e = 0; e < n; ++e) codes[e] = static_cast<std::uint8_t>(fp4_code(x[e], scale));
}

}  // namespace

void encode_row(const float* x, std::size_t n_cols, const float* importance, BlockMXFP4* blocks) {
  const double offset = 2.0 * mean_square(x, n_cols);
  for (std::size_t at = 0; at < n_cols; at += 32, ++blocks) {
    float w[32];
    search_weights(x + at, importance ? importance + at : nullptr, 32, offset, w);
    encode_plain(x + at, *blocks);
    blocks->e = best_scale_code<32, e8m0_half>(x + at, w, blocks->e, 1, 254);
    std::uint8_t codes[32];
    fp4_codes(x + at, e8m0_half(blocks->e), 32, codes);
    pack_nibbles(codes, blocks->qs);
  }
}

void encode_row(const float* x, std::size_t n_cols, const float* importance, BlockNVFP4* blocks) {
  const double offset = 2.0 * mean_square(x, n_cols);
  for (std::size_t at = 0; at < n_cols; at += 64, ++blocks) {
    float w[64];
    search_weights(x + at, importance ? importance + at : nullptr, 64, offset, w);
    encode_plain(x + at, *blocks);
    for (unsigned s = 0; s < 4; ++s) {
      const float* sub = x + at + 16 * s;
      blocks->d[s] = best_scale_code<16, ue4m3_half>(sub, w + 16 * s, blocks->d[s], 8, 0x7E);
      std::uint8_t codes[16];
      fp4_codes(sub, ue4m3_half(blocks->d[s]), 16, codes);
      pack_sub_block(codes, s, *blocks);
    }
  }
}

}  // namespace quern::formats
