// Q3_K, Q6_K and IQ4_XS.
#include "formats/block_pack.h"
#include "formats/encode_search.h"
#include "formats/iq4_levels.h"
#include "formats/k_search_signed.h"

namespace quern::formats {
namespace {

// The codes of a super-block whose sub-blocks have 16 values, counted from the lowest level.
template <int low, typename SuperBlock>
void sub_block_codes(const SuperBlock& found, const float* x, std::uint8_t* codes) {
  for (unsigned s = 0; s < 16; ++s)
    integer_codes<low, -low - 1, 16>(x + 16 * s, found.scale(s), codes + 16 * s);
}

// The inverse of q3_k_scale().
void pack_scales(const int* scales, BlockQ3_K& block) {
  for (std::uint8_t& byte : block.scales) byte = 0;
  for (unsigned s = 0; s < 16; ++s) {
    const auto code = static_cast<unsigned>(scales[s] + 32);
    block.scales[s % 8] |= static_cast<std::uint8_t>((code & 15u) << 4 * (s / 8));
    block.scales[8 + s % 4] |= static_cast<std::uint8_t>((code >> 4) << 2 * (s / 4));
  }
}

void encode_q3_k(const float* x, const float* w, BlockQ3_K& block) {
  const auto found =
      SignedSuperBlock<IntegerLevels<-4, 3>, 16, 32>::search(x, w, {-1.0f / 4.9f, -1.0f / 3.1f, 19});
  std::uint8_t codes[256], low[256];
  sub_block_codes<-4>(found, x, codes);
  for (std::uint8_t& byte : block.hmask) byte = 0;
  for (unsigned e = 0; e < 256; ++e) {
    low[e] = codes[e] & 3;
    block.hmask[e % 32] |= static_cast<std::uint8_t>((codes[e] >> 2) << e / 32);
  }
  pack_two_bits(low, block.qs);
  pack_scales(found.scales, block);
  block.d = to_half(found.d);
}

void encode_q6_k(const float* x, const float* w, BlockQ6_K& block) {
  const auto found =
      SignedSuperBlock<IntegerLevels<-32, 31>, 16, 128>::search(x, w, {-1.0f / 32.9f, -1.0f / 31.1f, 19});
  std::uint8_t codes[256], high[256];
  sub_block_codes<-32>(found, x, codes);
  for (unsigned half = 0; half < 2; ++half)
    for (unsigned l = 0; l < 64; ++l) {
      const std::uint8_t* c = codes + 128 * half + l;
      block.ql[64 * half + l] = static_cast<std::uint8_t>((c[0] & 15) | (c[64] & 15) << 4);
    }
  for (unsigned e = 0; e < 256; ++e) high[e] = codes[e] >> 4;
  pack_two_bits(high, block.qh);
  for (unsigned s = 0; s < 16; ++s) block.scales[s] = static_cast<std::int8_t>(found.scales[s]);
  block.d = to_half(found.d);
}

void encode_iq4_xs(const float* x, const float* w, BlockIQ4_XS& block) {
  const auto found = SignedSuperBlock<Iq4Levels, 32, 32>::search(x, w, {-1.0f / 134.0f, -1.0f / 120.0f, 15});
  unsigned scales_h = 0;
  for (std::uint8_t& byte : block.scales_l) byte = 0;
  for (unsigned g = 0; g < 8; ++g) {
    std::uint8_t codes[32];
    Iq4Levels::codes(x + 32 * g, found.scale(g), 32, codes);
    pack_nibbles(codes, block.qs + 16 * g);
    const auto scale = static_cast<unsigned>(found.scales[g] + 32);
    block.scales_l[g / 2] |= static_cast<std::uint8_t>((scale & 15u) << 4 * (g % 2));
    scales_h |= (scale >> 4) << 2 * g;
  }
  block.scales_h = to_u16(static_cast<std::uint16_t>(scales_h));
  block.d = to_half(found.d);
}

}  // namespace

void encode_row(const float* x, std::size_t n_cols, const float* importance, BlockQ3_K* blocks) {
  for_each_super_block(x, n_cols, importance, 2.0, blocks, encode_q3_k);
}

void encode_row(const float* x, std::size_t n_cols, const float* importance, BlockQ6_K* blocks) {
  // At six bits the error is small everywhere, so large values need no favour.
  for (std::size_t at = 0; at < n_cols; at += 256) {
    float w[256];
    plain_weights(importance ? importance + at : nullptr, 256, w);
    encode_q6_k(x + at, w, *blocks++);
  }
}

void encode_row(const float* x, std::size_t n_cols, const float* importance, BlockIQ4_XS* blocks) {
  for_each_super_block(x, n_cols, importance, 2.0, blocks, encode_iq4_xs);
}

}  // namespace quern::formats
