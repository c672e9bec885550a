// Q2_K, Q4_K and Q5_K.
#include "formats/block_pack.h"
#include "formats/encode_search.h"
#include "formats/k_search_min.h"

namespace quern::formats {
namespace {

// Six bits for each scale and minimum; the inverse of k4_scale_min().
void pack_scales(const int* scales, const int* mins, std::uint8_t* out) {
  for (unsigned j = 0; j < 4; ++j) {
    const auto high_scale = static_cast<unsigned>(scales[j + 4]),
               high_min = static_cast<unsigned>(mins[j + 4]);
    out[j] = static_cast<std::uint8_t>(static_cast<unsigned>(scales[j]) | (high_scale >> 4) << 6);
    out[j + 4] = static_cast<std::uint8_t>(static_cast<unsigned>(mins[j]) | (high_min >> 4) << 6);
    out[j + 8] = static_cast<std::uint8_t>((high_scale & 15u) | (high_min & 15u) << 4);
  }
}

// The low four bits of 256 codes, sub-blocks of 32 side by side in pairs.
void pack_low_nibbles(const std::uint8_t* codes, std::uint8_t* qs) {
  for (unsigned pair = 0; pair < 4; ++pair)
    for (unsigned l = 0; l < 32; ++l) {
      const std::uint8_t* c = codes + 64 * pair + l;
      qs[32 * pair + l] = static_cast<std::uint8_t>((c[0] & 15) | (c[32] & 15) << 4);
    }
}

template <int n_levels, typename Block>
void encode_4_or_5(const float* x, const float* w, Block& block) {
  const auto found = MinSuperBlock<n_levels, 32, 63>::search(x, w);
  std::uint8_t codes[256];
  found.codes(x, codes);
  pack_low_nibbles(codes, block.qs);
  if constexpr (n_levels == 31) {
    for (std::uint8_t& byte : block.qh) byte = 0;
    for (unsigned e = 0; e < 256; ++e)
      block.qh[e % 32] |= static_cast<std::uint8_t>((codes[e] >> 4) << e / 32);
  }
  pack_scales(found.scales, found.mins, block.scales);
  block.d = to_half(found.d);
  block.dmin = to_half(found.dmin);
}

void encode_2(const float* x, const float* w, BlockQ2_K& block) {
  const auto found = MinSuperBlock<3, 16, 15>::search(x, w);
  std::uint8_t codes[256];
  found.codes(x, codes);
  pack_two_bits(codes, block.qs);
  for (unsigned s = 0; s < 16; ++s)
    block.scales[s] = static_cast<std::uint8_t>(found.scales[s] | found.mins[s] << 4);
  block.d = to_half(found.d);
  block.dmin = to_half(found.dmin);
}

}  // namespace

void encode_row(const float* x, std::size_t n_cols, const float* importance, BlockQ2_K* blocks) {
  for_each_super_block(x, n_cols, importance, 1.0, blocks, encode_2);
}

void encode_row(const float* x, std::size_t n_cols, const float* importance, BlockQ4_K* blocks) {
  for_each_super_block(x, n_cols, importance, 2.0, blocks, encode_4_or_5<15, BlockQ4_K>);
}

void encode_row(const float* x, std::size_t n_cols, const float* importance, BlockQ5_K* blocks) {
  for_each_super_block(x, n_cols, importance, 2.0, blocks, encode_4_or_5<31, BlockQ5_K>);
}

}  // namespace quern::formats
