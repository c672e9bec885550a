#include "formats/i_quants.h"

namespace quern::formats {
namespace {

// n values scale * grid * sign; bit j of `signs` makes element j negative.
template <unsigned n, typename Entry>
inline void decode_signed(float scale, Entry grid, unsigned signs, float* y) {
  for (unsigned j = 0; j < n; ++j) {
    const float sign = signs >> j & 1u ? -1.0f : 1.0f;
    y[j] = scale * static_cast<float>(grid_magnitude(grid, j)) * sign;
  }
}

// Eight values scale * (grid + delta).
inline void decode_iq1(float scale, std::uint64_t grid, float delta, float* y) {
  for (unsigned j = 0; j < 8; ++j) y[j] = scale * (static_cast<float>(grid_signed(grid, j)) + delta);
}

// d*(s + 0.5)*0.25 with the scale nibble of group k of eight, two groups to a nibble.
inline float iq2_scale(float d, const std::uint8_t* scales, unsigned k) {
  const unsigned s = scales[k / 4] >> 4 * (k % 4 / 2) & 15u;
  return d * (static_cast<float>(s) + 0.5f) * 0.25f;
}

}  // namespace

void decode(const BlockIQ2_XXS& block, float* y) {
  const float d = to_float(block.d);
  for (unsigned g = 0; g < 8; ++g) {
    const std::uint32_t w = to_uint(block.groups[g].signs_scale);
    const float scale = d * (static_cast<float>(w >> 28) + 0.5f) * 0.25f;
    for (unsigned l = 0; l < 4; ++l) {
      const std::uint64_t grid = iq2_xxs_grid.entry[block.groups[g].index[l]];
      decode_signed<8>(scale, grid, even_signs(w >> 7 * l & 127u), y + 32 * g + 8 * l);
    }
  }
}

void decode(const BlockIQ2_XS& block, float* y) {
  const float d = to_float(block.d);
  for (unsigned k = 0; k < 32; ++k) {
    const unsigned q = to_uint(block.qs[k]);
    decode_signed<8>(iq2_scale(d, block.scales, k), iq2_xs_grid.entry[q & 511u], even_signs(q >> 9),
                     y + 8 * k);
  }
}

void decode(const BlockIQ2_S& block, float* y) {
  const float d = to_float(block.d);
  for (unsigned k = 0; k < 32; ++k) {
    const unsigned high = block.qh[k / 4] >> 2 * (k % 4) & 3u;
    const std::uint64_t grid = iq2_s_grid.entry[block.qs[k] | high << 8];
    decode_signed<8>(iq2_scale(d, block.scales, k), grid, block.signs[k], y + 8 * k);
  }
}

void decode(const BlockIQ3_XXS& block, float* y) {
  const float d = to_float(block.d);
  for (unsigned g = 0; g < 8; ++g) {
    const std::uint32_t w = to_uint(block.signs_scale[g]);
    const float scale = d * (static_cast<float>(w >> 28) + 0.5f) * 0.5f;
    for (unsigned l = 0; l < 4; ++l) {
      const unsigned k = 4 * g + l;
      const unsigned signs = even_signs(w >> 7 * l & 127u);
      decode_signed<4>(scale, iq3_xxs_grid.entry[block.qs[2 * k]], signs, y + 8 * k);
      decode_signed<4>(scale, iq3_xxs_grid.entry[block.qs[2 * k + 1]], signs >> 4, y + 8 * k + 4);
    }
  }
}

void decode(const BlockIQ3_S& block, float* y) {
  const float d = to_float(block.d);
  for (unsigned t = 0; t < 64; ++t) {
    const unsigned g = t / 8;
    const unsigned s = block.scales[g / 2] >> 4 * (g % 2) & 15u;
    const float scale = d * static_cast<float>(2 * s + 1);
    const unsigned high = block.qh[t / 8] >> t % 8 & 1u;
    const std::uint32_t grid = iq3_s_grid.entry[block.qs[t] | high << 8];
    decode_signed<4>(scale, grid, block.signs[t / 2] >> 4 * (t % 2), y + 4 * t);
  }
}

void decode(const BlockIQ1_S& block, float* y) {
  const float d = to_float(block.d);
  for (unsigned k = 0; k < 32; ++k) {
    const unsigned qh = to_uint(block.qh[k / 4]);
    const float scale = d * static_cast<float>(2 * (qh >> 12 & 7u) + 1);
    const float delta = qh >> 15 ? -0.125f : 0.125f;
    const unsigned high = qh >> 3 * (k % 4) & 7u;
    decode_iq1(scale, iq1_grid.entry[block.qs[k] | high << 8], delta, y + 8 * k);
  }
}

void decode(const BlockIQ1_M& block, float* y) {
  const float d = iq1_m_d(block);
  for (unsigned k = 0; k < 32; ++k) {
    const unsigned b = k / 2;  // sub-block of 16
    const unsigned s = to_uint(block.scales[b / 4]) >> 3 * (b % 4) & 7u;
    const float scale = d * static_cast<float>(2 * s + 1);
    const unsigned high = block.qh[k / 2] >> 4 * (k % 2) & 15u;
    const float delta = high & 8u ? -0.125f : 0.125f;
    decode_iq1(scale, iq1_grid.entry[block.qs[k] | (high & 7u) << 8], delta, y + 8 * k);
  }
}

void decode(const BlockIQ4_NL& block, float* y) {
  const float d = to_float(block.d);
  for (unsigned e = 0; e < 32; ++e) y[e] = d * static_cast<float>(iq4_values[nibble_of_32(block.qs, e)]);
}

void decode(const BlockIQ4_XS& block, float* y) {
  const float d = to_float(block.d);
  for (unsigned g = 0; g < 8; ++g) {
    const float scale = d * static_cast<float>(iq4_xs_scale(block, g));
    for (unsigned l = 0; l < 32; ++l)
      y[32 * g + l] = scale * static_cast<float>(iq4_values[nibble_of_32(block.qs + 16 * g, l)]);
  }
}

}  // namespace quern::formats
