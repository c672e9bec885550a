// Codebook types: super-blocks of 256, two groups of 128. The float factors (1/8 of IQ2 and IQ1, 1/4 of
// IQ3_XXS) are powers of two, so d takes them exactly: half times 1/8 is a normal float.
#include "formats/i_quants.h"
#include "kernels/row_products.h"

namespace quern::kernels::QUERN_ISA {
namespace {

using namespace formats;

template <typename B>
struct IQuant {
  using Block = B;
  static constexpr bool has_min = false;
  static constexpr int zero = 64;  // the largest magnitude is 62
  static constexpr int largest_code = 126, largest = 62 * 31;
  static constexpr float d_factor = 1;
  static QUERN_INLINE std::uint16_t d_bits(const Block& block) { return load_u16(&block.d); }
};

constexpr std::uint64_t every_byte = 0x0101010101010101u;

// 2 s + 1 for sixteen s.
QUERN_INLINE Bytes16 odd_scales(Bytes16 s) { return s + s + 1; }

// Eight magnitudes with the signs of `bits`, plus zero.
QUERN_INLINE I8x64 signed_codes(const std::uint64_t (&magnitudes)[8], std::uint64_t bits) {
  return negate_where(bits, load_words_8(magnitudes)) + splat_bytes(64);
}
// The signs of 32 columns from the 28 bits that IQ2_XXS and IQ3_XXS store.
QUERN_INLINE std::uint64_t signs_of_28_bits(std::uint32_t w) {
  return even_signs(w & 127) | even_signs(w >> 7 & 127) << 8 | even_signs(w >> 14 & 127) << 16 |
         std::uint64_t{even_signs(w >> 21 & 127)} << 24;
}
// The top four bits of eight words, each for two sub-blocks of 16.
template <typename WordOf>
QUERN_INLINE Bytes16 top_bits(WordOf word) {
  std::uint64_t s = 0;
  for (int g = 0; g < 8; ++g) s |= std::uint64_t{word(g) >> 28} << 8 * g;
  return odd_scales(double_bytes(s));
}

struct IQ2_XXS : IQuant<BlockIQ2_XXS> {
  static constexpr Grouping grouping = Grouping::sub_scales_of_32;
  template <int k>
  static QUERN_INLINE I8x64 codes(const Block* b) {
    const auto &first = b->groups[2 * k], &second = b->groups[2 * k + 1];
    std::uint64_t words[8];
    for (int i = 0; i < 4; ++i) {
      words[i] = iq2_xxs_grid.entry[first.index[i]];
      words[4 + i] = iq2_xxs_grid.entry[second.index[i]];
    }
    return signed_codes(words, signs_of_28_bits(to_uint(first.signs_scale)) |
                                   signs_of_28_bits(to_uint(second.signs_scale)) << 32);
  }
  static QUERN_INLINE Bytes16 scales(const Block& b) {
    return top_bits([&](int g) { return to_uint(b.groups[g].signs_scale); });
  }
  static constexpr float d_factor = 0.125f;
};

struct IQ2_XS : IQuant<BlockIQ2_XS> {
  static constexpr Grouping grouping = Grouping::sub_scales_of_16;
  template <int k>
  static QUERN_INLINE I8x64 codes(const Block* b) {
    std::uint64_t words[8], signs = 0;
    for (int i = 0; i < 8; ++i) {
      const unsigned q = to_uint(b->qs[8 * k + i]);
      words[i] = iq2_xs_grid.entry[q & 511];
      signs |= std::uint64_t{even_signs(q >> 9)} << 8 * i;
    }
    return signed_codes(words, signs);
  }
  static QUERN_INLINE Bytes16 scales(const Block& b) { return odd_scales(nibble_pairs(load_u64(b.scales))); }
  static constexpr float d_factor = 0.125f;
};

struct IQ2_S : IQuant<BlockIQ2_S> {
  static constexpr Grouping grouping = Grouping::sub_scales_of_16;
  template <int k>
  static QUERN_INLINE I8x64 codes(const Block* b) {
    std::uint64_t words[8];
    for (int i = 0; i < 8; ++i) {
      const unsigned high = b->qh[2 * k + i / 4] >> 2 * (i % 4) & 3u;
      words[i] = iq2_s_grid.entry[b->qs[8 * k + i] | high << 8];
    }
    return signed_codes(words, load_u64(b->signs + 8 * k));
  }
  static QUERN_INLINE Bytes16 scales(const Block& b) { return odd_scales(nibble_pairs(load_u64(b.scales))); }
  static constexpr float d_factor = 0.125f;
};

struct IQ3_XXS : IQuant<BlockIQ3_XXS> {
  static constexpr Grouping grouping = Grouping::sub_scales_of_32;
  template <int k>
  static QUERN_INLINE I8x64 codes(const Block* b) {
    std::uint64_t words[8];
    for (int i = 0; i < 8; ++i) {
      const std::uint64_t first = iq3_xxs_grid.entry[b->qs[16 * k + 2 * i]];
      words[i] = first | std::uint64_t{iq3_xxs_grid.entry[b->qs[16 * k + 2 * i + 1]]} << 32;
    }
    return signed_codes(words, signs_of_28_bits(to_uint(b->signs_scale[2 * k])) |
                                   signs_of_28_bits(to_uint(b->signs_scale[2 * k + 1])) << 32);
  }
  static QUERN_INLINE Bytes16 scales(const Block& b) {
    return top_bits([&](int g) { return to_uint(b.signs_scale[g]); });
  }
  static constexpr float d_factor = 0.25f;
};

struct IQ3_S : IQuant<BlockIQ3_S> {
  static constexpr Grouping grouping = Grouping::sub_scales_of_32;
  template <int k>
  static QUERN_INLINE I8x64 codes(const Block* b) {
    std::uint64_t words[8];
    for (int i = 0; i < 8; ++i) {
      const unsigned high = b->qh[2 * k + i / 4] >> 2 * (i % 4);
      const std::uint64_t first = iq3_s_grid.entry[b->qs[16 * k + 2 * i] | (high & 1) << 8];
      words[i] = first | std::uint64_t{iq3_s_grid.entry[b->qs[16 * k + 2 * i + 1] | (high & 2) << 7]} << 32;
    }
    return signed_codes(words, load_u64(b->signs + 8 * k));
  }
  static QUERN_INLINE Bytes16 scales(const Block& b) {
    const Bytes16 nibbles = nibble_pairs(load_u32(b.scales));
    return odd_scales(double_bytes(low_half(nibbles)));
  }
};

// 8 (grid + delta), delta = +-1/8, plus zero, for eight elements; grid bytes are -1, 0 or 1. No byte carries
// into the next: 8 (grid + 1) is 0, 8 or 16, and 55 or 57 is added.
QUERN_INLINE std::uint64_t iq1_codes(unsigned index, bool minus) {
  const std::uint64_t digits = (iq1_grid.entry[index] ^ 0x80 * every_byte) - 0x7f * every_byte;
  return (digits << 3) + (minus ? 55 : 57) * every_byte;
}

struct IQ1_S : IQuant<BlockIQ1_S> {
  static constexpr Grouping grouping = Grouping::sub_scales_of_32;
  template <int k>
  static QUERN_INLINE I8x64 codes(const Block* b) {
    std::uint64_t words[8];
    for (int i = 0; i < 8; ++i) {
      const unsigned qh = to_uint(b->qh[2 * k + i / 4]);
      words[i] = iq1_codes(b->qs[8 * k + i] | (qh >> 3 * (i % 4) & 7u) << 8, qh >> 15);
    }
    return load_words_8(words);
  }
  static QUERN_INLINE Bytes16 scales(const Block& b) {
    std::uint64_t s = 0;
    for (int g = 0; g < 8; ++g) s |= std::uint64_t{to_uint(b.qh[g]) >> 12 & 7u} << 8 * g;
    return odd_scales(double_bytes(s));
  }
  static constexpr float d_factor = 0.125f;
};

struct IQ1_M : IQuant<BlockIQ1_M> {
  static constexpr Grouping grouping = Grouping::sub_scales_of_16;
  template <int k>
  static QUERN_INLINE I8x64 codes(const Block* b) {
    std::uint64_t words[8];
    for (int i = 0; i < 8; ++i) {
      const unsigned high = b->qh[4 * k + i / 2] >> 4 * (i % 2) & 15u;
      words[i] = iq1_codes(b->qs[8 * k + i] | (high & 7u) << 8, high & 8u);
    }
    return load_words_8(words);
  }
  static QUERN_INLINE Bytes16 scales(const Block& b) {
    std::uint64_t s[2] = {};
    for (int i = 0; i < 16; ++i)
      s[i / 8] |= std::uint64_t{to_uint(b.scales[i / 4]) >> 3 * (i % 4) & 7u} << 8 * (i % 8);
    return odd_scales(join(s[0], s[1]));
  }
  static constexpr float d_factor = 0.125f;
  static QUERN_INLINE std::uint16_t d_bits(const Block& block) { return iq1_m_d_bits(block); }
};

struct IQ4_XS : IQuant<BlockIQ4_XS> {
  static constexpr Grouping grouping = Grouping::sub_scales_of_32;
  static constexpr int zero = signed_zero, largest_code = any_byte, largest = 127 * 32;
  template <int k>
  static QUERN_INLINE I8x64 codes(const Block* b) {
    const std::uint8_t* qs = b->qs + 32 * k;
    const I8x64 nibbles = shift_quarters<0, 4, 0, 4>(repeat_quarters(qs, qs + 16)) & splat_bytes(15);
    return look_up(iq4_values, nibbles) + splat_bytes(signed_zero);
  }
  static QUERN_INLINE Bytes16 scales(const Block& b) {  // iq4_xs_scale, eight at a time
    std::uint64_t high = to_uint(b.scales_h);           // eight fields of two bits: each to a byte of its own
    high = (high | high << 24) & 0x000000ff000000ffu;
    high = (high | high << 12) & 0x000f000f000f000fu;
    high = (high | high << 6) & 0x0303030303030303u;
    const Bytes16 low = nibble_pairs(load_u32(b.scales_l));
    return double_bytes(low_half(low) | high << 4) - 32;
  }
};

constexpr WeightType types[] = {
    weight_type<IQ2_XXS>(TensorType::iq2_xxs), weight_type<IQ2_XS>(TensorType::iq2_xs),
    weight_type<IQ2_S>(TensorType::iq2_s),     weight_type<IQ3_XXS>(TensorType::iq3_xxs),
    weight_type<IQ3_S>(TensorType::iq3_s),     weight_type<IQ1_S>(TensorType::iq1_s),
    weight_type<IQ1_M>(TensorType::iq1_m),     weight_type<IQ4_XS>(TensorType::iq4_xs),
};

}  // namespace

WeightTypes i_quant_weight_types() { return {types, sizeof types / sizeof *types}; }

}  // namespace quern::kernels::QUERN_ISA
