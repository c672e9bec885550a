#pragma once
// K-quants: super-blocks of 256 values in sub-blocks of 16 or 32, whose small integer scales (and minimums)
// are themselves multiples of the block's binary16 scale. The place of d differs: first in Q4_K and Q5_K,
// last elsewhere.
#include <cstdint>

#include "formats/block_fields.h"

namespace quern::formats {

/// Sub-block s = e/16: scale sc = low nibble, minimum m = high nibble of scales[s].
/// y = (d*sc) * two_bits_of_256(qs, e) - dmin*m.
struct BlockQ2_K {
  static constexpr unsigned elements = 256;
  std::uint8_t scales[16];
  std::uint8_t qs[64];
  Half d;
  Half dmin;
};

/// y = (d * q3_k_scale(scales, e/16)) * q, q = two_bits_of_256(qs, e), minus 4 where bit e/32 of hmask[e%32]
/// is clear.
struct BlockQ3_K {
  static constexpr unsigned elements = 256;
  std::uint8_t hmask[32];
  std::uint8_t qs[64];
  std::uint8_t scales[12];
  Half d;
};

/// Sub-block s = e/32, with k4_scale_min(scales, s). q = low (s even) or high (s odd) nibble of qs[32*(s/2) +
/// e%32]. y = (d*scale)*q - dmin*min.
struct BlockQ4_K {
  static constexpr unsigned elements = 256;
  Half d;
  Half dmin;
  std::uint8_t scales[12];
  std::uint8_t qs[128];
};

/// As Q4_K, with bit 4 of q in bit e/32 of qh[e%32].
struct BlockQ5_K {
  static constexpr unsigned elements = 256;
  Half d;
  Half dmin;
  std::uint8_t scales[12];
  std::uint8_t qh[32];
  std::uint8_t qs[128];
};

/// With n = e/128, c = e%128/32, l = e%32: the low four bits of q are the low (c < 2) or high nibble of
/// ql[64n + 32*(c%2) + l], bits 4 and 5 are bits 2c and 2c+1 of qh[32n + l]. y = (d * scales[e/16]) * (q -
/// 32).
struct BlockQ6_K {
  static constexpr unsigned elements = 256;
  std::uint8_t ql[128];
  std::uint8_t qh[64];
  std::int8_t scales[16];
  Half d;
};

static_assert(sizeof(BlockQ2_K) == 84 && alignof(BlockQ2_K) == 1);
static_assert(sizeof(BlockQ3_K) == 110 && alignof(BlockQ3_K) == 1);
static_assert(sizeof(BlockQ4_K) == 144 && alignof(BlockQ4_K) == 1);
static_assert(sizeof(BlockQ5_K) == 176 && alignof(BlockQ5_K) == 1);
static_assert(sizeof(BlockQ6_K) == 210 && alignof(BlockQ6_K) == 1);

/// Scale of sub-block s (0..15) of a Q3_K block: six bits, four in a nibble of the first eight bytes and two
/// in the last four bytes, minus 32.
static inline int q3_k_scale(const std::uint8_t* scales, unsigned s) {
  const unsigned low = s < 8 ? scales[s] & 15u : scales[s - 8] >> 4;
  const unsigned high = scales[8 + s % 4] >> 2 * (s / 4) & 3u;
  return static_cast<int>(low | high << 4) - 32;
}

struct ScaleMin {
  std::uint8_t scale, min;
};

/// Scale and minimum of sub-block j (0..7) of a Q4_K or Q5_K block, six bits each. The first four pairs lie
/// in the low six bits of bytes 0..7; the last four have their low nibbles in bytes 8..11 and the rest in the
/// spare bits.
static inline ScaleMin k4_scale_min(const std::uint8_t* scales, unsigned j) {
  ScaleMin out;
  if (j < 4) {
    out.scale = scales[j] & 63;
    out.min = scales[j + 4] & 63;
  } else {
    out.scale = static_cast<std::uint8_t>((scales[j + 4] & 15) | (scales[j - 4] >> 6) << 4);
    out.min = static_cast<std::uint8_t>((scales[j + 4] >> 4) | (scales[j] >> 6) << 4);
  }
  return out;
}

/// Each writes Block::elements values.
void decode(const BlockQ2_K& block, float* y);
void decode(const BlockQ3_K& block, float* y);
void decode(const BlockQ4_K& block, float* y);
void decode(const BlockQ5_K& block, float* y);
void decode(const BlockQ6_K& block, float* y);

}  // namespace quern::formats
