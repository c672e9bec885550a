#include "formats/plain_blocks.h"

namespace quern::formats {

void decode(const BlockQ8_0& block, float* y) {
  const float d = to_float(block.d);
  for (unsigned e = 0; e < 32; ++e) y[e] = d * static_cast<float>(block.qs[e]);
}

void decode(const BlockQ4_0& block, float* y) {
  const float d = to_float(block.d);
  for (unsigned e = 0; e < 32; ++e) {
    const int q = static_cast<int>(nibble_of_32(block.qs, e)) - 8;
    y[e] = d * static_cast<float>(q);
  }
}

void decode(const BlockQ4_1& block, float* y) {
  const float d = to_float(block.d), m = to_float(block.m);
  for (unsigned e = 0; e < 32; ++e) y[e] = d * static_cast<float>(nibble_of_32(block.qs, e)) + m;
}

void decode(const BlockQ5_0& block, float* y) {
  const float d = to_float(block.d);
  const std::uint32_t qh = to_uint(block.qh);
  for (unsigned e = 0; e < 32; ++e) {
    const int q = static_cast<int>(nibble_of_32(block.qs, e) | (qh >> e & 1u) << 4) - 16;
    y[e] = d * static_cast<float>(q);
  }
}

void decode(const BlockQ5_1& block, float* y) {
  const float d = to_float(block.d), m = to_float(block.m);
  const std::uint32_t qh = to_uint(block.qh);
  for (unsigned e = 0; e < 32; ++e) {
    const unsigned q = nibble_of_32(block.qs, e) | (qh >> e & 1u) << 4;
    y[e] = d * static_cast<float>(q) + m;
  }
}

void decode(const BlockQ1_0& block, float* y) {
  const float d = to_float(block.d);
  for (unsigned e = 0; e < 128; ++e) y[e] = block.qs[e / 8] >> e % 8 & 1 ? d : -d;
}

void decode(const BlockQ2_0& block, float* y) {
  const float d = to_float(block.d);
  for (unsigned e = 0; e < 64; ++e) {
    const int code = block.qs[e / 4] >> 2 * (e % 4) & 3;
    y[e] = d * static_cast<float>(code - 1);
  }
}

}  // namespace quern::formats
