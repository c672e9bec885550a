#pragma once
// Codes into the bits of a block: the inverse of what the decoders read.
#include <cstdint>

#include "formats/fp4_blocks.h"
#include "formats/plain_blocks.h"
#include "formats/ternary.h"

namespace quern::formats {

/// 32 four-bit codes, element e and e + 16 in one byte.
inline void pack_nibbles(const std::uint8_t* codes, std::uint8_t* qs) {
  for (unsigned e = 0; e < 16; ++e) qs[e] = static_cast<std::uint8_t>((codes[e] & 15) | codes[e + 16] << 4);
}

/// Bit 4 of 32 five-bit codes.
inline U32 pack_fifth_bits(const std::uint8_t* codes) {
  std::uint32_t bits = 0;
  for (unsigned e = 0; e < 32; ++e) bits |= static_cast<std::uint32_t>(codes[e] >> 4 & 1) << e;
  return to_u32(bits);
}

/// 256 two-bit codes, elements that are 32 apart in one byte.
inline void pack_two_bits(const std::uint8_t* codes, std::uint8_t* qs) {
  for (unsigned half = 0; half < 2; ++half)
    for (unsigned l = 0; l < 32; ++l) {
      const std::uint8_t* c = codes + 128 * half + l;
      qs[32 * half + l] = static_cast<std::uint8_t>(c[0] | c[32] << 2 | c[64] << 4 | c[96] << 6);
    }
}

/// 64 two-bit codes, four neighbours in one byte.
inline void pack_codes(const std::uint8_t* codes, BlockQ2_0& block) {
  for (unsigned i = 0; i < 16; ++i) {
    const std::uint8_t* c = codes + 4 * i;
    block.qs[i] = static_cast<std::uint8_t>(c[0] | c[1] << 2 | c[2] << 4 | c[3] << 6);
  }
}

inline void pack_codes(const std::uint8_t* codes, BlockTQ2_0& block) { pack_two_bits(codes, block.qs); }

/// 256 codes 0 to 2 as base-3 digits, five to a byte.
void pack_codes(const std::uint8_t* codes, BlockTQ1_0& block);

/// 16 codes of sub-block s.
inline void pack_sub_block(const std::uint8_t* codes, unsigned s, BlockNVFP4& block) {
  for (unsigned r = 0; r < 8; ++r)
    block.qs[8 * s + r] = static_cast<std::uint8_t>(codes[r] | codes[r + 8] << 4);
}

}  // namespace quern::formats
