#pragma once
// Multi-byte fields of a block. Many blocks have an odd size or one that is 2 modulo 4, so a block may start
// at any byte of a file: the fields are bytes, read and written by memcpy, and every block has alignment 1.
// Internal linkage throughout, as in float16.h.
#include <cstdint>
#include <cstring>

#include "formats/float16.h"

namespace quern::formats {

/// A binary16 number in a block.
struct Half {
  std::uint8_t bytes[2];
};
/// Unsigned integers in a block, little-endian.
struct U16 {
  std::uint8_t bytes[2];
};
struct U32 {
  std::uint8_t bytes[4];
};

static_assert(sizeof(Half) == 2 && alignof(Half) == 1);
static_assert(sizeof(U16) == 2 && alignof(U16) == 1);
static_assert(sizeof(U32) == 4 && alignof(U32) == 1);
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "files and blocks are read in place, little-endian");

static inline std::uint16_t to_uint(U16 field) {
  std::uint16_t value;
  std::memcpy(&value, field.bytes, sizeof value);
  return value;
}
static inline std::uint32_t to_uint(U32 field) {
  std::uint32_t value;
  std::memcpy(&value, field.bytes, sizeof value);
  return value;
}
static inline float to_float(Half field) {
  std::uint16_t half;
  std::memcpy(&half, field.bytes, sizeof half);
  return half_to_float(half);
}

static inline U16 to_u16(std::uint16_t value) {
  U16 field;
  std::memcpy(field.bytes, &value, sizeof value);
  return field;
}
static inline U32 to_u32(std::uint32_t value) {
  U32 field;
  std::memcpy(field.bytes, &value, sizeof value);
  return field;
}
/// Rounds to the nearest binary16, ties to even.
static inline Half to_half(float value) {
  const std::uint16_t half = float_to_half(value);
  Half field;
  std::memcpy(field.bytes, &half, sizeof half);
  return field;
}

/// The 4-bit code of element e (0..31) of a block of 32 whose byte i holds element i in its low nibble and
/// element i + 16 in its high one.
static inline unsigned nibble_of_32(const std::uint8_t* qs, unsigned e) {
  return e < 16 ? qs[e] & 15u : qs[e - 16] >> 4;
}

/// The 2-bit code of element e (0..255) where a byte holds four elements that are 32 apart, in each half of
/// 128.
static inline unsigned two_bits_of_256(const std::uint8_t* qs, unsigned e) {
  return qs[32 * (e / 128) + e % 32] >> 2 * (e % 128 / 32) & 3u;
}

}  // namespace quern::formats
