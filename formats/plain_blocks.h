#pragma once
// Blocks with one scale, and where the name ends in 1 one offset, for all their values: Q4_0, Q4_1, Q5_0,
// Q5_1, Q8_0, Q1_0, Q2_0. `e` is the element's index in the block and `y` its value.
#include <cstdint>

#include "formats/block_fields.h"

namespace quern::formats {

/// y = d * qs[e].
struct BlockQ8_0 {
  static constexpr unsigned elements = 32;
  Half d;
  std::int8_t qs[32];
};

/// y = d * (nibble_of_32(qs, e) - 8). The extreme level is -8, so d is negative where the largest value is
/// positive.
struct BlockQ4_0 {
  static constexpr unsigned elements = 32;
  Half d;
  std::uint8_t qs[16];
};

/// y = d * nibble_of_32(qs, e) + m.
struct BlockQ4_1 {
  static constexpr unsigned elements = 32;
  Half d;
  Half m;
  std::uint8_t qs[16];
};

/// y = d * (nibble_of_32(qs, e) + 16 * (bit e of qh) - 16).
struct BlockQ5_0 {
  static constexpr unsigned elements = 32;
  Half d;
  U32 qh;
  std::uint8_t qs[16];
};

/// y = d * (nibble_of_32(qs, e) + 16 * (bit e of qh)) + m.
struct BlockQ5_1 {
  static constexpr unsigned elements = 32;
  Half d;
  Half m;
  U32 qh;
  std::uint8_t qs[16];
};

/// y = d where bit e%8 of qs[e/8] is set, else -d: there is no zero.
struct BlockQ1_0 {
  static constexpr unsigned elements = 128;
  Half d;
  std::uint8_t qs[16];
};

/// y = d * (code - 1), code = bits 2*(e%4) and up of qs[e/4]: levels -1, 0, 1, 2.
struct BlockQ2_0 {
  static constexpr unsigned elements = 64;
  Half d;
  std::uint8_t qs[16];
};

static_assert(sizeof(BlockQ8_0) == 34 && alignof(BlockQ8_0) == 1);
static_assert(sizeof(BlockQ4_0) == 18 && alignof(BlockQ4_0) == 1);
static_assert(sizeof(BlockQ4_1) == 20 && alignof(BlockQ4_1) == 1);
static_assert(sizeof(BlockQ5_0) == 22 && alignof(BlockQ5_0) == 1);
static_assert(sizeof(BlockQ5_1) == 24 && alignof(BlockQ5_1) == 1);
static_assert(sizeof(BlockQ1_0) == 18 && alignof(BlockQ1_0) == 1);
static_assert(sizeof(BlockQ2_0) == 18 && alignof(BlockQ2_0) == 1);

/// Each writes Block::elements values.
void decode(const BlockQ8_0& block, float* y);
void decode(const BlockQ4_0& block, float* y);
void decode(const BlockQ4_1& block, float* y);
void decode(const BlockQ5_0& block, float* y);
void decode(const BlockQ5_1& block, float* y);
void decode(const BlockQ1_0& block, float* y);
void decode(const BlockQ2_0& block, float* y);

}  // namespace quern::formats
