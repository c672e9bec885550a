#include "formats/fp4_blocks.h"

namespace quern::formats {

void decode(const BlockMXFP4& block, float* y) {
  const float scale = e8m0_half(block.e);
  for (unsigned e = 0; e < 32; ++e) y[e] = scale * static_cast<float>(fp4_values[nibble_of_32(block.qs, e)]);
}

void decode(const BlockNVFP4& block, float* y) {
  for (unsigned s = 0; s < 4; ++s) {
    const float scale = ue4m3_half(block.d[s]);
    for (unsigned r = 0; r < 16; ++r) {
      const std::uint8_t byte = block.qs[8 * s + r % 8];
      const unsigned code = r < 8 ? byte & 15u : byte >> 4;
      y[16 * s + r] = scale * static_cast<float>(fp4_values[code]);
    }
  }
}

}  // namespace quern::formats
