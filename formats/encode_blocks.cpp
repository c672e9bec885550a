// Blocks with one scale, or one scale and one offset: Q4_0 to Q8_0, Q1_0, Q2_0, the ternary types and IQ4_NL.
#include "formats/block_pack.h"
#include "formats/encode_search.h"
#include "formats/iq4_levels.h"
#include "formats/search_min.h"
#include "formats/search_scale.h"

namespace quern::formats {
namespace {

// The extreme value may be cut off by a quarter or leave 15% of the levels unused.
constexpr StartScales around_level(float level, int count = 33) {
  return {1.0f / (1.15f * level), 1.0f / (0.75f * level), count};
}

// Calls encode(x, w, block) for each block of a row, with the mean square for the weights taken over the row.
template <typename Block, typename Encode>
void for_each_block(const float* x, std::size_t n_cols, const float* importance, Block* blocks,
                    Encode encode) {
  const double offset = 2.0 * mean_square(x, n_cols);
  for (std::size_t at = 0; at < n_cols; at += Block::elements) {
    float w[Block::elements];
    search_weights(x + at, importance ? importance + at : nullptr, Block::elements, offset, w);
    encode(x + at, w, *blocks++);
  }
}

template <int low, int high, typename Block>
void encode_ternary(const float* x, const float* w, Block& block) {
  constexpr unsigned n = Block::elements;
  const float d = best_half_scale<IntegerLevels<low, high>, n>(x, w, {0.05f, 1.3f, 51}, low != -high);
  std::uint8_t codes[n];
  integer_codes<low, high, n>(x, d, codes);
  pack_codes(codes, block);
  block.d = to_half(d);
}

// d, m and the codes of 32 values y = d*q + m.
template <int n_levels, typename Block>
void encode_with_offset(const float* x, const float* w, Block& block) {
  const ScaleOffset found = best_half_offset<n_levels, 32>(x, w);
  std::uint8_t codes[32];
  offset_codes<n_levels, 32>(x, found, codes);
  pack_nibbles(codes, block.qs);
  if constexpr (n_levels == 31) block.qh = pack_fifth_bits(codes);
  block.d = to_half(found.scale);
  block.m = to_half(found.offset);
}

}  // namespace

void encode_row(const float* x, std::size_t n_cols, const float* importance, BlockQ8_0* blocks) {
  for_each_block(x, n_cols, importance, blocks, [](const float* values, const float* w, BlockQ8_0& block) {
    // -128 is left alone: it would make the levels lopsided for a gain of nothing.
    const float d = best_half_scale<IntegerLevels<-127, 127>, 32>(values, w, around_level(127.0f, 49), false);
    std::uint8_t codes[32];
    integer_codes<-127, 127, 32>(values, d, codes);
    for (unsigned e = 0; e < 32; ++e) block.qs[e] = static_cast<std::int8_t>(codes[e] - 127);
    block.d = to_half(d);
  });
}

void encode_row(const float* x, std::size_t n_cols, const float* importance, BlockQ4_0* blocks) {
  for_each_block(x, n_cols, importance, blocks, [](const float* values, const float* w, BlockQ4_0& block) {
    const float d = best_half_scale<IntegerLevels<-8, 7>, 32>(values, w, around_level(8.0f), true);
    std::uint8_t codes[32];
    integer_codes<-8, 7, 32>(values, d, codes);
    pack_nibbles(codes, block.qs);
    block.d = to_half(d);
  });
}

void encode_row(const float* x, std::size_t n_cols, const float* importance, BlockQ5_0* blocks) {
  for_each_block(x, n_cols, importance, blocks, [](const float* values, const float* w, BlockQ5_0& block) {
    const float d = best_half_scale<IntegerLevels<-16, 15>, 32>(values, w, around_level(16.0f), true);
    std::uint8_t codes[32];
    integer_codes<-16, 15, 32>(values, d, codes);
    pack_nibbles(codes, block.qs);
    block.qh = pack_fifth_bits(codes);
    block.d = to_half(d);
  });
}

void encode_row(const float* x, std::size_t n_cols, const float* importance, BlockQ4_1* blocks) {
  for_each_block(x, n_cols, importance, blocks, encode_with_offset<15, BlockQ4_1>);
}

void encode_row(const float* x, std::size_t n_cols, const float* importance, BlockQ5_1* blocks) {
  for_each_block(x, n_cols, importance, blocks, encode_with_offset<31, BlockQ5_1>);
}

void encode_row(const float* x, std::size_t n_cols, const float* importance, BlockQ1_0* blocks) {
  for (std::size_t at = 0; at < n_cols; at += BlockQ1_0::elements, ++blocks) {
    encode_plain(x + at, *blocks);  // the bits are the signs whatever the scale
    float w[BlockQ1_0::elements];
    plain_weights(importance ? importance + at : nullptr, BlockQ1_0::elements, w);
    double wx = 0.0, sum = 0.0;
    for (unsigned e = 0; e < BlockQ1_0::elements; ++e) {
      wx += static_cast<double>(w[e]) * std::fabs(x[at + e]);
      sum += w[e];
    }
    blocks->d = to_half(static_cast<float>(wx / sum));
  }
}

void encode_row(const float* x, std::size_t n_cols, const float* importance, BlockQ2_0* blocks) {
  for_each_block(x, n_cols, importance, blocks, encode_ternary<-1, 2, BlockQ2_0>);
}

void encode_row(const float* x, std::size_t n_cols, const float* importance, BlockTQ1_0* blocks) {
  for_each_block(x, n_cols, importance, blocks, encode_ternary<-1, 1, BlockTQ1_0>);
}

void encode_row(const float* x, std::size_t n_cols, const float* importance, BlockTQ2_0* blocks) {
  for_each_block(x, n_cols, importance, blocks, encode_ternary<-1, 1, BlockTQ2_0>);
}

void encode_row(const float* x, std::size_t n_cols, const float* importance, BlockIQ4_NL* blocks) {
  for (std::size_t at = 0; at < n_cols; at += 32, x += 32, ++blocks) {
    float w[32];
    search_weights(x, importance ? importance + at : nullptr, 32, 2.0 * mean_square(x, 32), w);
    const float d = best_half_scale<Iq4Levels, 32>(x, w, around_level(127.0f), true);
    std::uint8_t codes[32];
    Iq4Levels::codes(x, d, 32, codes);
    pack_nibbles(codes, blocks->qs);
    blocks->d = to_half(d);
  }
}

}  // namespace quern::formats
