#pragma once
// Four-bit floats (E2M1) under a small scale: MXFP4 (a power of two for 32 values, OCP Microscaling
// Formats 1.0) and NVFP4 (an 8-bit float for 16 values). Nibbles follow the other blocks of this folder, not
// the OCP packing.
#include <cstdint>

#include "formats/block_fields.h"

namespace quern::formats {

/// Twice the E2M1 value of a code; the factor 1/2 is taken by the scale functions below. Code 8, minus zero,
/// is 0.
constexpr std::int8_t fp4_values[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

/// y = fp4_values[nibble_of_32(qs, e)] * e8m0_half(e).
struct BlockMXFP4 {
  static constexpr unsigned elements = 32;
  std::uint8_t e;
  std::uint8_t qs[16];
};

/// Four sub-blocks of 16: sub-block s has the bytes qs[8s..8s+7], element r of it in the low nibble of byte r
/// for r < 8 and the high nibble of byte r - 8 from there on. y = fp4_values[code] * ue4m3_half(d[s]). A
/// model may hold one more F32 scale per tensor, which belongs to the product and not to this decode.
struct BlockNVFP4 {
  static constexpr unsigned elements = 64;
  std::uint8_t d[4];
  std::uint8_t qs[32];
};

static_assert(sizeof(BlockMXFP4) == 17 && alignof(BlockMXFP4) == 1);
static_assert(sizeof(BlockNVFP4) == 36 && alignof(BlockNVFP4) == 1);

/// Half the value of an E8M0 scale: 2^(e-128). Codes 0 and 1 give subnormal floats; 255, the NaN of the
/// specification, gives 2^127.
static inline float e8m0_half(std::uint8_t e) {
  return float_from_bits(e >= 2 ? (e - 1u) << 23 : e == 1 ? 0x00400000u : 0x00200000u);
}

/// Half the value of a UE4M3 scale. The NaN pattern 127 counts as 0 and bit 7, which no writer sets, is
/// ignored.
static inline float ue4m3_half(std::uint8_t x) {
  const unsigned code = x & 127u;
  if (code == 127) return 0.0f;
  if (code < 8) return static_cast<float>(code) * 0.0009765625f;           // subnormal: units of 2^-10
  return float_from_bits(((code >> 3) + 119u) << 23 | (code & 7u) << 20);  // (8 + low bits) * 2^(code/8 - 11)
}

/// Each writes Block::elements values.
void decode(const BlockMXFP4& block, float* y);
void decode(const BlockNVFP4& block, float* y);

}  // namespace quern::formats
