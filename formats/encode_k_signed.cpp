// Q3_K, Q6_K and IQ4_XS.
#include "formats/block_pack.h"
#include "formats/encode_search.h"
#include "formats/iq4_levels.h"
#include "formats/k_search_signed.h"

namespace quern::formats {
namespace {

// Codes of a super-block: nearest level to x / (d*s), counted from the lowest level.
template <int low, typename SuperBlock>
void integer_codes(const SuperBlock& found, const float* x, std::uint8_t* codes) {
  constexpr unsigned sub_size = 256 / SuperBlock::n_subs;
  for (unsigned i = 0; i < 256; i += 4) {
    const float inverse = inverse_or_zero(found.d * static_cast<float>(found.scales[i / sub_size]));
    const F32x4 q = IntegerLevels<low, -low - 1>::nearest(load4(x + i) * inverse);
    for (unsigned j = 0; j < 4; ++j) codes[i + j] = static_cast<std::uint8_t>(static_cast<int>(q[j]) - low);
  }
}

void pack_scales(const int* scales, BlockQ3_K& block) {
  for (std::uint8_t& byte : block.scales) byte = 0;
  for (unsigned s = 0; s < 16; ++s) {
    const auto code = static_cast<unsigned>(scales[s] + 32);
    block.scales[s % 8] |= static_cast<std::uint8_t>((code & 15u) << 4 * (s / 8));
    block.scales[8 + s % 4] |= static_cast<std::uint8_t>((code >> 4) << 2 * (s / 4));
  }
}

}  // namespace

void encode_row(const float* x, std::size_t n_cols, const float* importance, BlockQ3_K* blocks) {
  for (std::size_t at = 0; at < n_cols; at += 256, x += 256, ++blocks) {
    float w[256];
    search_weights(x, importance ? importance + at : nullptr, 256, 2.0 * mean_square(x, 256), w);
    const auto found =
        SignedSuperBlock<IntegerLevels<-4, 3>, 16, 32>::search(x, w, {-1.0f / 4.9f, -1.0f / 3.1f, 19});
    std::uint8_t codes[256], low[256];
    integer_codes<-4>(found, x, codes);
    for (std::uint8_t& byte : blocks->hmask) byte = 0;
    for (unsigned e = 0; e < 256; ++e) {
      low[e] = codes[e] & 3;
      blocks->hmask[e % 32] |= static_cast<std::uint8_t>((codes[e] >> 2) << e / 32);
    }
    pack_two_bits(low, blocks->qs);
    pack_scales(found.scales, *blocks);
    blocks->d = to_half(found.d);
  }
}

void encode_row(const float* x, std::size_t n_cols, const float* importance, BlockQ6_K* blocks) {
  for (std::size_t at = 0; at < n_cols; at += 256, x += 256, ++blocks) {
    float w[256];
    plain_weights(importance ? importance + at : nullptr, 256, w);
    const auto found =
        SignedSuperBlock<IntegerLevels<-32, 31>, 16, 128>::search(x, w, {-1.0f / 32.9f, -1.0f / 31.1f, 19});
    std::uint8_t codes[256], high[256];
    integer_codes<-32>(found, x, codes);
    for (unsigned half = 0; half < 2; ++half)
      for (unsigned l = 0; l < 64; ++l) {
        const std::uint8_t* c = codes + 128 * half + l;
        blocks->ql[64 * half + l] = static_cast<std::uint8_t>((c[0] & 15) | (c[64] & 15) << 4);
      }
    for (unsigned e = 0; e < 256; ++e) high[e] = codes[e] >> 4;
    pack_two_bits(high, blocks->qh);
    for (unsigned s = 0; s < 16; ++s) blocks->scales[s] = static_cast<std::int8_t>(found.scales[s]);
    blocks->d = to_half(found.d);
  }
}

void encode_row(const float* x, std::size_t n_cols, const float* importance, BlockIQ4_XS* blocks) {
  for (std::size_t at = 0; at < n_cols; at += 256, x += 256, ++blocks) {
    float w[256];
    search_weights(x, importance ? importance + at : nullptr, 256, 2.0 * mean_square(x, 256), w);
    const auto found =
        SignedSuperBlock<Iq4Levels, 32, 32>::search(x, w, {-1.0f / 134.0f, -1.0f / 120.0f, 15});
    std::uint16_t scales_h = 0;
    for (std::uint8_t& byte : blocks->scales_l) byte = 0;
    for (unsigned g = 0; g < 8; ++g) {
      std::uint8_t codes[32];
      const float inverse = inverse_or_zero(found.d * static_cast<float>(found.scales[g]));
      for (unsigned l = 0; l < 32; ++l)
        codes[l] = static_cast<std::uint8_t>(Iq4Levels::code(x[32 * g + l] * inverse));
      pack_nibbles(codes, blocks->qs + 16 * g);
      const auto scale = static_cast<unsigned>(found.scales[g] + 32);
      blocks->scales_l[g / 2] |= static_cast<std::uint8_t>((scale & 15u) << 4 * (g % 2));
      scales_h = static_cast<std::uint16_t>(scales_h | (scale >> 4) << 2 * g);
    }
    blocks->scales_h = to_u16(scales_h);
    blocks->d = to_half(found.d);
  }
}

}  // namespace quern::formats
