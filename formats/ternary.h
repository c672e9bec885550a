#pragma once
// Ternary weights, 256 to a block with one scale: TQ1_0 packs five to a byte in base 3, TQ2_0 four to a byte.
#include <cstdint>

#include "formats/block_fields.h"

namespace quern::formats {

/// y = d * (digit - 1). A byte holds five base-3 digits, the first being the most significant (tq1_0_digit):
///   e 0..159:   digit e/32 of qs[e%32]
///   e 160..239: digit (e-160)/16 of qs[32 + (e-160)%16]
///   e 240..255: digit (e-240)/4 of qh[(e-240)%4], where the fifth digit is unused.
struct BlockTQ1_0 {
  static constexpr unsigned elements = 256;
  std::uint8_t qs[48];
  std::uint8_t qh[4];
  Half d;
};

/// y = d * (two_bits_of_256(qs, e) - 1). Code 3 is never written but decodes, to 2d.
struct BlockTQ2_0 {
  static constexpr unsigned elements = 256;
  std::uint8_t qs[64];
  Half d;
};

static_assert(sizeof(BlockTQ1_0) == 54 && alignof(BlockTQ1_0) == 1);
static_assert(sizeof(BlockTQ2_0) == 66 && alignof(BlockTQ2_0) == 1);

/// Digit k (0..4) of a byte that stands for the fraction byte/256 in base 3. Any byte gives 0, 1 or 2.
static inline unsigned tq1_0_digit(std::uint8_t byte, unsigned k) {
  constexpr unsigned powers_of_3[5] = {1, 3, 9, 27, 81};
  return (byte * powers_of_3[k] & 255u) * 3u >> 8;
}

/// Each writes Block::elements values.
void decode(const BlockTQ1_0& block, float* y);
void decode(const BlockTQ2_0& block, float* y);

}  // namespace quern::formats
