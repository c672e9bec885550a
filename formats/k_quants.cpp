#include "formats/k_quants.h"

namespace quern::formats {

void decode(const BlockQ2_K& block, float* y) {
  const float d = to_float(block.d), dmin = to_float(block.dmin);
  for (unsigned s = 0; s < 16; ++s) {
    const float scale = d * static_cast<float>(block.scales[s] & 15);
    const float min = dmin * static_cast<float>(block.scales[s] >> 4);
    for (unsigned e = 16 * s; e < 16 * s + 16; ++e)
      y[e] = scale * static_cast<float>(two_bits_of_256(block.qs, e)) - min;
  }
}

void decode(const BlockQ3_K& block, float* y) {
  const float d = to_float(block.d);
  for (unsigned s = 0; s < 16; ++s) {
    const float scale = d * static_cast<float>(q3_k_scale(block.scales, s));
    for (unsigned e = 16 * s; e < 16 * s + 16; ++e) {
      const unsigned high = block.hmask[e % 32] >> e / 32 & 1u;
      const int q = static_cast<int>(two_bits_of_256(block.qs, e) | high << 2) - 4;
      y[e] = scale * static_cast<float>(q);
    }
  }
}

namespace {

// Q4_K and Q5_K: eight sub-blocks of 32, each with a scale and a minimum; code(s, l) is value l of sub-block
// s.
template <typename Block, typename Code>
void decode_with_minimums(const Block& block, float* y, Code code) {
  const float d = to_float(block.d), dmin = to_float(block.dmin);
  for (unsigned s = 0; s < 8; ++s) {
    const ScaleMin sub = k4_scale_min(block.scales, s);
    const float scale = d * static_cast<float>(sub.scale);
    const float min = dmin * static_cast<float>(sub.min);
    for (unsigned l = 0; l < 32; ++l) y[32 * s + l] = scale * static_cast<float>(code(s, l)) - min;
  }
}

unsigned low_four_bits(const std::uint8_t* qs, unsigned s, unsigned l) {
  const std::uint8_t byte = qs[32 * (s / 2) + l];
  return s % 2 == 0 ? byte & 15u : byte >> 4;
}

}  // namespace

void decode(const BlockQ4_K& block, float* y) {
  decode_with_minimums(block, y, [&](unsigned s, unsigned l) { return low_four_bits(block.qs, s, l); });
}

void decode(const BlockQ5_K& block, float* y) {
  decode_with_minimums(block, y, [&](unsigned s, unsigned l) {
    return low_four_bits(block.qs, s, l) | (block.qh[l] >> s & 1u) << 4;
  });
}

void decode(const BlockQ6_K& block, float* y) {
  const float d = to_float(block.d);
  for (unsigned s = 0; s < 16; ++s) {
    const float scale = d * static_cast<float>(block.scales[s]);
    for (unsigned e = 16 * s; e < 16 * s + 16; ++e) {
      const unsigned n = e / 128, c = e % 128 / 32, l = e % 32;
      const std::uint8_t byte = block.ql[64 * n + 32 * (c % 2) + l];
      const unsigned low = c < 2 ? byte & 15u : byte >> 4;
      const unsigned high = block.qh[32 * n + l] >> 2 * c & 3u;
      y[e] = scale * static_cast<float>(static_cast<int>(low | high << 4) - 32);
    }
  }
}

}  // namespace quern::formats
