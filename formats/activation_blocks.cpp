#include "formats/activation_blocks.h"

namespace quern::formats {

void decode(const BlockQ8_1& block, float* y) {
  const float d = to_float(block.d);
  for (unsigned e = 0; e < 32; ++e) y[e] = d * static_cast<float>(block.qs[e]);
}

void decode(const BlockQ8_K& block, float* y) {
  const float d = float_from_bits(to_uint(block.d));
  for (unsigned e = 0; e < 256; ++e) y[e] = d * static_cast<float>(block.qs[e]);
}

}  // namespace quern::formats
