#pragma once
// Blocks that hold activations in other programs and never stand in a model file. They are here so that
// vectors which use them can be checked.
#include <cstdint>

#include "formats/block_fields.h"

namespace quern::formats {

/// y = d * qs[e]; s = d * (sum of qs), with d before it was rounded.
struct BlockQ8_1 {
  static constexpr unsigned elements = 32;
  Half d;
  Half s;
  std::int8_t qs[32];
};

/// y = d * qs[e], d a binary32 number; sums[j] (int16) = sum of qs[16j..16j+15].
struct BlockQ8_K {
  static constexpr unsigned elements = 256;
  U32 d;
  std::int8_t qs[256];
  U16 sums[16];
};

static_assert(sizeof(BlockQ8_1) == 36 && alignof(BlockQ8_1) == 1);
static_assert(sizeof(BlockQ8_K) == 292 && alignof(BlockQ8_K) == 1);

/// Each writes Block::elements values.
void decode(const BlockQ8_1& block, float* y);
void decode(const BlockQ8_K& block, float* y);

}  // namespace quern::formats
