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
  static constexpr bool from_codebook = true;
  static constexpr bool has_min = false;
  static constexpr int zero = 64;  // the largest magnitude is 62
  static constexpr int largest_code = 126, largest = 62 * 31;
  static constexpr float d_factor = 1;
  static QUERN_INLINE std::uint16_t d_bits(const Block& block) { return load_u16(&block.d); }
};

constexpr std::uint64_t every_byte = 0x0101010101010101u;

// 2 s + 1 for sixteen s.
QUERN_INLINE Bytes16 odd_scales(Bytes16 s) { return s + s + 1; }

// Magnitudes with the signs of `bits`, plus zero.
QUERN_INLINE I8x64 signed_codes(I8x64 magnitudes, std::uint64_t bits) {
  return negate_where(bits, magnitudes) + splat_bytes(64);
}
QUERN_INLINE I8x64 signed_codes(const std::uint64_t (&magnitudes)[8], std::uint64_t bits) {
  return signed_codes(load_words_8(magnitudes), bits);
}
// Sixteen entries of four bytes.
template <typename EntryOf>
QUERN_INLINE I8x64 fours(EntryOf entry) {
  typedef std::uint32_t Words4 __attribute__((vector_size(16)));
  const auto four = [&](int i) {
    return reinterpret_cast<Bytes16>(Words4{entry(i), entry(i + 1), entry(i + 2), entry(i + 3)});
  };
  return join_quarters(four(0), four(4), four(8), four(12));
}
// even_signs of eight bytes at once: bit 7 becomes the parity of the others. Every shift takes bits towards
// bit 7 of their own byte; what crosses into the next byte stays below its bit 7.
QUERN_INLINE std::uint64_t even_signs_of_8(std::uint64_t sevens) {
  std::uint64_t parity = sevens ^ sevens << 4;
  parity ^= parity << 2;
  parity ^= parity << 1;
  return sevens | (parity & 0x80 * every_byte);
}
// The signs of 64 columns from the low 28 bits of both halves, as IQ2_XXS and IQ3_XXS store them.
QUERN_INLINE std::uint64_t signs_of_28_bits(std::uint64_t w) {
  constexpr std::uint64_t both_halves = 0x100000001u;
  return even_signs_of_8((w & 0x7f * both_halves) | (w << 1 & 0x7f00 * both_halves) |
                         (w << 2 & 0x7f0000 * both_halves) | (w << 3 & 0x7f000000 * both_halves));
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
    return signed_codes(words, signs_of_28_bits(to_uint(first.signs_scale) |
                                                std::uint64_t{to_uint(second.signs_scale)} << 32));
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
    std::uint64_t words[8], sevens = 0;
    for (int i = 0; i < 8; ++i) {
      const unsigned q = to_uint(b->qs[8 * k + i]);
      words[i] = iq2_xs_grid.entry[q & 511];
      sevens |= std::uint64_t{q >> 9} << 8 * i;
    }
    return signed_codes(words, even_signs_of_8(sevens));
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
    return signed_codes(fours([&](int i) { return iq3_xxs_grid.entry[b->qs[16 * k + i]]; }),
                        signs_of_28_bits(load_u64(b->signs_scale + 2 * k)));
  }
  static QUERN_INLINE Bytes16 scales(const Block& b) {
    return top_bits([&](int g) { return to_uint(b.signs_scale[g]); });
  }
  static constexpr float d_factor = 0.25f;
};

// Sixteen numbers of nine bits from their low bytes and their high bits.
QUERN_INLINE void nine_bits(const std::uint8_t* low, std::uint16_t high, std::uint16_t* numbers) {
  typedef std::uint16_t Words16 __attribute__((vector_size(32)));
  constexpr Words16 bit = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768};
  const Words16 set = reinterpret_cast<Words16>((bit & high) == bit);
  take_apart(reinterpret_cast<Halves16>(__builtin_convertvector(load_16(low), Words16) | (set & 256)),
             numbers);
}

struct IQ3_S : IQuant<BlockIQ3_S> {
  static constexpr Grouping grouping = Grouping::sub_scales_of_32;
  template <int k>
  static QUERN_INLINE I8x64 codes(const Block* b) {
    std::uint16_t index[16];
    nine_bits(b->qs + 16 * k, load_u16(b->qh + 2 * k), index);
    return signed_codes(fours([&](int i) { return iq3_s_grid.entry[index[i]]; }), load_u64(b->signs + 8 * k));
  }
  static QUERN_INLINE Bytes16 scales(const Block& b) {
    const Bytes16 nibbles = nibble_pairs(load_u32(b.scales));
    return odd_scales(double_bytes(low_half(nibbles)));
  }
};

// 8 (grid + delta), plus zero, for 64 elements: grid bytes are -1, 0 or 1, and delta is -1/8 at the set bits
// and 1/8 elsewhere.
QUERN_INLINE I8x64 iq1_codes(const std::uint64_t (&grid)[8], std::uint64_t minus) {
  const I8x64 one = load_words_8(grid), two = one + one, four = two + two;
  return four + four + (splat_bytes(65) + where_bits(minus, 0xfe));
}

struct IQ1_S : IQuant<BlockIQ1_S> {
  static constexpr Grouping grouping = Grouping::sub_scales_of_32;
  template <int k>
  static QUERN_INLINE I8x64 codes(const Block* b) {
    std::uint64_t words[8];
    const unsigned first = to_uint(b->qh[2 * k]), second = to_uint(b->qh[2 * k + 1]);
    for (int i = 0; i < 8; ++i)
      words[i] = iq1_grid.entry[b->qs[8 * k + i] | ((i < 4 ? first : second) >> 3 * (i % 4) & 7u) << 8];
    return iq1_codes(words, (first >> 15) * 0xffffffffu | (second >> 15) * 0xffffffff00000000u);
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
    const std::uint64_t nibbles = low_half(nibble_pairs(load_u32(b->qh + 4 * k)));
    for (int i = 0; i < 8; ++i) words[i] = iq1_grid.entry[b->qs[8 * k + i] | (nibbles >> 8 * i & 7u) << 8];
    return iq1_codes(words, (nibbles >> 3 & every_byte) * 0xff);
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
  static constexpr bool from_codebook = false;
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
