#pragma once
// The plain encoders: a scale from the extreme values of a block, codes by rounding. Codes are computed with
// the scale before it is rounded to binary16. Requires: finite values. Each reads Block::elements values.
#include "formats/activation_blocks.h"
#include "formats/fp4_blocks.h"
#include "formats/plain_blocks.h"
#include "formats/ternary.h"

namespace quern::formats {

void encode_plain(const float* x, BlockQ8_0& block);
void encode_plain(const float* x, BlockQ4_0& block);
void encode_plain(const float* x, BlockQ4_1& block);
void encode_plain(const float* x, BlockQ5_0& block);
void encode_plain(const float* x, BlockQ5_1& block);
void encode_plain(const float* x, BlockQ1_0& block);
void encode_plain(const float* x, BlockQ2_0& block);
void encode_plain(const float* x, BlockTQ1_0& block);
void encode_plain(const float* x, BlockTQ2_0& block);
void encode_plain(const float* x, BlockMXFP4& block);
void encode_plain(const float* x, BlockNVFP4& block);
void encode_plain(const float* x, BlockQ8_1& block);
void encode_plain(const float* x, BlockQ8_K& block);

/// Nearest E2M1 code of x under a scale as e8m0_half() or ue4m3_half() gives it: ties to the smaller
/// magnitude, saturating at 12 scales, never code 8.
unsigned fp4_code(float x, float scale);

/// The UE4M3 code of a scale, by the format's own rounding: half up, and everything from 248 on becomes 448.
std::uint8_t ue4m3_code(float scale);

}  // namespace quern::formats
