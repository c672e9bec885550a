#pragma once
// Packed activations of a block of tokens for the tiles of matmul_panels.cpp: a tile's side by side, group by
// group in the order in which the lanes are summed (lane_order.h), so that a tile reads on from where it is.
#include "kernels/weights.h"

namespace quern::kernels::QUERN_ISA {

// Tokens that are packed together, in whole tiles.
inline constexpr std::size_t block_tokens = 8 * int8_tile_tokens;

// Columns whose sum of products begins with one of TokenBlock::sums.
constexpr std::size_t start_cols(Grouping grouping) {
  return grouping == Grouping::scale_per_16 || grouping == Grouping::sub_scales_of_16 ? 16 : 32;
}
// Sums of a group, in words of 32 bits.
constexpr std::size_t group_sums(Grouping grouping, bool has_min) {
  const std::size_t n = group_cols(grouping) / start_cols(grouping);
  return has_min && n > 1 ? n / 2 : n;
}

struct TokenBlock {
  std::int8_t* codes;  // [block_tokens / int8_tile_tokens][n_groups][int8_tile_tokens][cols of a group]
  float* scales;       // one a group, in the same order
  // group_sums a group, in the same order. Types with a minimum: the sum of each start_cols codes, as int16
  // where two meet two minimums at once. The others, int32: minus zero times that sum, which takes the type's
  // zero off.
  std::int32_t* sums;
  std::size_t n_groups;

  // The index of a token's group.
  std::size_t at(std::size_t token, std::size_t position) const {
    constexpr std::size_t T = int8_tile_tokens;
    return (token / T * n_groups + position) * T + token % T;
  }
};

std::size_t token_block_bytes(const WeightType& type, std::size_t n_cols);
TokenBlock place_token_block(const WeightType& type, std::size_t n_cols, std::byte* at);

// Tokens [first, first + n), n <= block_tokens.
void fill_token_block(const TokenBlock& block, const WeightType& type, const TokenRows& tokens,
                      std::size_t first, std::size_t n);

}  // namespace quern::kernels::QUERN_ISA
