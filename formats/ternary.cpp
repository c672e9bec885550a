#include "formats/ternary.h"

namespace quern::formats {

void decode(const BlockTQ1_0& block, float* y) {
  const float d = to_float(block.d);
  const auto value = [d](std::uint8_t byte, unsigned k) {
    return d * static_cast<float>(static_cast<int>(tq1_0_digit(byte, k)) - 1);
  };
  for (unsigned e = 0; e < 160; ++e) y[e] = value(block.qs[e % 32], e / 32);
  for (unsigned e = 0; e < 80; ++e) y[160 + e] = value(block.qs[32 + e % 16], e / 16);
  for (unsigned e = 0; e < 16; ++e) y[240 + e] = value(block.qh[e % 4], e / 4);
}

void decode(const BlockTQ2_0& block, float* y) {
  const float d = to_float(block.d);
  for (unsigned e = 0; e < 256; ++e)
    y[e] = d * static_cast<float>(static_cast<int>(two_bits_of_256(block.qs, e)) - 1);
}

}  // namespace quern::formats
