#include "kernels/token_block.h"

#include "kernels/lane_order.h"
#include "kernels/panel.h"

namespace quern::kernels::QUERN_ISA {
namespace {

constexpr std::size_t align_up(std::size_t n) { return (n + 63) / 64 * 64; }

struct BlockBytes {
  std::size_t codes, scales, sums;
};
BlockBytes part_bytes(const WeightType& type, std::size_t n_cols) {
  const std::size_t groups = n_cols / group_cols(type.grouping) * block_tokens;
  return {align_up(n_cols * block_tokens), align_up(groups * sizeof(float)),
          align_up(groups * group_sums(type.grouping, type.has_min) * sizeof(std::int32_t))};
}

template <Grouping grouping>
void fill(const TokenBlock block, const WeightType& type, const TokenRows& tokens, std::size_t first,
          std::size_t n_tokens) {
  constexpr std::size_t cols = group_cols(grouping), start = start_cols(grouping), n = cols / start;
  constexpr std::size_t scale_cols = cols < 32 ? 32 : cols;
  // Not read again in the loop, where writing bytes could have changed them.
  const bool in_words = type.has_min && n > 1;
  const std::size_t n_sums = group_sums(grouping, type.has_min);
  const std::int32_t factor = type.has_min ? 1 : -type.zero;
  for (std::size_t t = 0; t < n_tokens; ++t) {
    const TokenRow a = tokens[first + t], next = tokens[first + (t + 1 < n_tokens ? t + 1 : t)];
    std::size_t at = block.at(t, 0), ahead = 0;
    for (const unsigned lane : lane_order)
      for (std::size_t g = lane; g < block.n_groups; g += 16, at += int8_tile_tokens) {
        __builtin_memcpy(block.codes + at * cols, a.codes + g * cols, cols);
        block.scales[at] = a.scales[g * cols / scale_cols];
        std::int16_t sums[n];
        if constexpr (start == 16)
          __builtin_memcpy(sums, a.sums + g * n, sizeof sums);
        else
          join_sums(a.sums + g * 2 * n, n, sums);
        if (in_words)
          __builtin_memcpy(block.sums + at * n_sums, sums, sizeof sums);
        else
          for (std::size_t s = 0; s < n; ++s) block.sums[at * n + s] = factor * sums[s];
        // Lanes jump about in a row, which the hardware does not foresee.
        for (std::size_t c = 0; c < cols; c += 64) __builtin_prefetch(next.codes + ahead + c);
        __builtin_prefetch(next.sums + ahead / 16);
        ahead += cols;
      }
  }
}

}  // namespace

std::size_t token_block_bytes(const WeightType& type, std::size_t n_cols) {
  const BlockBytes bytes = part_bytes(type, n_cols);
  return bytes.codes + bytes.scales + bytes.sums;
}

TokenBlock place_token_block(const WeightType& type, std::size_t n_cols, std::byte* at) {
  const BlockBytes bytes = part_bytes(type, n_cols);
  return {reinterpret_cast<std::int8_t*>(at), reinterpret_cast<float*>(at + bytes.codes),
          reinterpret_cast<std::int32_t*>(at + bytes.codes + bytes.scales),
          n_cols / group_cols(type.grouping)};
}

void fill_token_block(const TokenBlock& block, const WeightType& type, const TokenRows& tokens,
                      std::size_t first, std::size_t n) {
  switch (type.grouping) {
    case Grouping::scale_per_16: return fill<Grouping::scale_per_16>(block, type, tokens, first, n);
    case Grouping::scale_per_32: return fill<Grouping::scale_per_32>(block, type, tokens, first, n);
    case Grouping::sub_scales_of_16: return fill<Grouping::sub_scales_of_16>(block, type, tokens, first, n);
    case Grouping::sub_scales_of_32: return fill<Grouping::sub_scales_of_32>(block, type, tokens, first, n);
  }
}

}  // namespace quern::kernels::QUERN_ISA
