#pragma once
// I-quants: groups of eight (IQ2, IQ1) or four (IQ3) values as an index into a codebook of shapes, with signs
// and a small scale; and IQ4, sixteen uneven levels. Groups of 32 are g = e/32, of eight k = e/8, of four t =
// e/4. No IQ2, IQ3 or IQ4 level is zero, and IQ1 adds its delta to the level before the scale: these types
// cannot represent zero unless d is zero.
#include <cstdint>

#include "formats/block_fields.h"
#include "formats/codebooks.h"

namespace quern::formats {

/// A group of 32 has four index bytes, then a word w: for k = 4g + l the index is byte l, the signs are
/// even_signs(bits 7l to 7l+6 of w), and s = the top four bits of w. y = d*(s + 0.5)*0.25 * grid * sign.
struct BlockIQ2_XXS {
  static constexpr unsigned elements = 256;
  struct Group {
    std::uint8_t index[4];
    U32 signs_scale;
  };
  Half d;
  Group groups[8];
};

/// qs[k]: low nine bits the index, high seven the signs. Scales cover 16 elements, the low nibble of
/// scales[g] the first half of group g. y as IQ2_XXS.
struct BlockIQ2_XS {
  static constexpr unsigned elements = 256;
  Half d;
  U16 qs[32];
  std::uint8_t scales[8];
};

/// qs[k] and bits 2*(k%4), 2*(k%4)+1 of qh[k/4]: ten index bits. signs[k]: all eight signs. Scales as IQ2_XS.
struct BlockIQ2_S {
  static constexpr unsigned elements = 256;
  Half d;
  std::uint8_t qs[32];
  std::uint8_t signs[32];
  std::uint8_t qh[8];
  std::uint8_t scales[8];
};

/// qs[t]: index of four elements. signs_scale[g]: the word of IQ2_XXS. y = d*(s + 0.5)*0.5 * grid * sign.
struct BlockIQ3_XXS {
  static constexpr unsigned elements = 256;
  Half d;
  std::uint8_t qs[64];
  U32 signs_scale[8];
};

/// qs[t] and bit t%8 of qh[t/8]: nine index bits. signs[k]: all eight signs. s = nibble g%2 of scales[g/2],
/// low first. y = d*(2s + 1) * grid * sign.
struct BlockIQ3_S {
  static constexpr unsigned elements = 256;
  Half d;
  std::uint8_t qs[64];
  std::uint8_t qh[8];
  std::uint8_t signs[32];
  std::uint8_t scales[4];
};

/// qh[g]: three high index bits for each of the four k = 4g + l at bit 3l, s at bits 12 to 14, and bit 15 set
/// for delta = -1/8, else +1/8. y = d*(2s + 1) * (grid + delta).
struct BlockIQ1_S {
  static constexpr unsigned elements = 256;
  Half d;
  std::uint8_t qs[32];
  U16 qh[8];
};

/// Nibble k%2 of qh[k/2]: three high index bits, and bit 3 set for delta = -1/8 in these eight. The top
/// nibbles of the four scale words are the binary16 d, lowest first; the other twelve bits hold s for four
/// sub-blocks of 16.
struct BlockIQ1_M {
  static constexpr unsigned elements = 256;
  std::uint8_t qs[32];
  std::uint8_t qh[16];
  U16 scales[4];
};

/// y = d * iq4_values[nibble_of_32(qs, e)].
struct BlockIQ4_NL {
  static constexpr unsigned elements = 32;
  Half d;
  std::uint8_t qs[16];
};

/// Group g: s = nibble g%2 of scales_l[g/2], low first, and bits 2g, 2g+1 of scales_h above it, minus 32.
/// y = (d*s) * iq4_values[nibble_of_32(qs + 16g, e%32)].
struct BlockIQ4_XS {
  static constexpr unsigned elements = 256;
  Half d;
  U16 scales_h;
  std::uint8_t scales_l[4];
  std::uint8_t qs[128];
};

static_assert(sizeof(BlockIQ2_XXS) == 66 && alignof(BlockIQ2_XXS) == 1);
static_assert(sizeof(BlockIQ2_XS) == 74 && alignof(BlockIQ2_XS) == 1);
static_assert(sizeof(BlockIQ2_S) == 82 && alignof(BlockIQ2_S) == 1);
static_assert(sizeof(BlockIQ3_XXS) == 98 && alignof(BlockIQ3_XXS) == 1);
static_assert(sizeof(BlockIQ3_S) == 110 && alignof(BlockIQ3_S) == 1);
static_assert(sizeof(BlockIQ1_S) == 50 && alignof(BlockIQ1_S) == 1);
static_assert(sizeof(BlockIQ1_M) == 56 && alignof(BlockIQ1_M) == 1);
static_assert(sizeof(BlockIQ4_NL) == 18 && alignof(BlockIQ4_NL) == 1);
static_assert(sizeof(BlockIQ4_XS) == 136 && alignof(BlockIQ4_XS) == 1);

/// The block scale of IQ1_M, put together from the top nibbles of its scale words: a binary16 number, and its
/// value.
static inline std::uint16_t iq1_m_d_bits(const BlockIQ1_M& block) {
  unsigned half = 0;
  for (unsigned i = 0; i < 4; ++i) half |= static_cast<unsigned>(to_uint(block.scales[i]) >> 12) << 4 * i;
  return static_cast<std::uint16_t>(half);
}
static inline float iq1_m_d(const BlockIQ1_M& block) { return half_to_float(iq1_m_d_bits(block)); }

/// Scale of group g (0..7) of an IQ4_XS block, -32 to 31.
static inline int iq4_xs_scale(const BlockIQ4_XS& block, unsigned g) {
  const unsigned low = block.scales_l[g / 2] >> 4 * (g % 2) & 15u;
  const unsigned high = to_uint(block.scales_h) >> 2 * g & 3u;
  return static_cast<int>(low | high << 4) - 32;
}

/// Each writes Block::elements values.
void decode(const BlockIQ2_XXS& block, float* y);
void decode(const BlockIQ2_XS& block, float* y);
void decode(const BlockIQ2_S& block, float* y);
void decode(const BlockIQ3_XXS& block, float* y);
void decode(const BlockIQ3_S& block, float* y);
void decode(const BlockIQ1_S& block, float* y);
void decode(const BlockIQ1_M& block, float* y);
void decode(const BlockIQ4_NL& block, float* y);
void decode(const BlockIQ4_XS& block, float* y);

}  // namespace quern::formats
