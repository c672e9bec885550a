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

typedef std::uint16_t Words8 __attribute__((vector_size(16)));
template <typename Vector>
QUERN_INLINE Vector load_as(const void* p) {
  Vector v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
template <typename Vector>
QUERN_INLINE void store_as(void* p, Vector v) {
  __builtin_memcpy(p, &v, sizeof v);
}

// What a step is taken apart into (weights.h): indices into the codebook, for 8 or for 4 columns each, and a
// bit for each column's sign.
struct Signs {
  alignas(32) std::uint8_t bits[32];
};
QUERN_INLINE Words16 words(Bytes16 b) { return __builtin_convertvector(b, Words16); }

template <std::size_t n>
struct Indices {
  alignas(32) std::uint16_t index[n];
};
struct IndicesAndSigns : Indices<32>, Signs {};

// 2 s + 1 for sixteen s.
template <typename Vector>
QUERN_INLINE Vector odd_scales(const Vector& s) {
  return s + s + 1;
}

// Eight entries of eight bytes, and sixteen of four.
template <typename EntryOf>
QUERN_INLINE I8x64 eights(EntryOf entry) {
  return load_words_8({entry(0), entry(1), entry(2), entry(3), entry(4), entry(5), entry(6), entry(7)});
}
template <typename EntryOf>
QUERN_INLINE I8x64 fours(EntryOf entry) {
  typedef std::uint32_t Words4 __attribute__((vector_size(16)));
  const auto four = [&](int i) {
    return reinterpret_cast<Bytes16>(Words4{entry(i), entry(i + 1), entry(i + 2), entry(i + 3)});
  };
  return join_quarters(four(0), four(4), four(8), four(12));
}
// Magnitudes with the signs of eight bytes, plus zero.
QUERN_INLINE I8x64 signed_codes(I8x64 magnitudes, const std::uint8_t* signs) {
  return negate_where(signs, signs + 4, magnitudes) + splat_bytes(64);
}

// even_signs of every byte: bit 7 becomes the parity of the others. Every shift takes bits towards bit 7 of
// their own byte; what crosses into the next byte stays below its bit 7.
QUERN_INLINE void store_even_signs(Dwords8 sevens, Signs& to) {
  Dwords8 parity = sevens ^ sevens << 4;
  parity ^= parity << 2;
  parity ^= parity << 1;
  store_as(to.bits, sevens | (parity & 0x80808080u));
}
// The signs of 256 columns from the low 28 bits of eight words, as IQ2_XXS and IQ3_XXS store them.
QUERN_INLINE void store_signs_of_28_bits(Dwords8 w, Signs& to) {
  store_even_signs((w & 0x7f) | (w << 1 & 0x7f00) | (w << 2 & 0x7f0000) | (w << 3 & 0x7f000000), to);
}
// Scales from the top four bits of the words of two blocks.
QUERN_INLINE Words16 scales_of_top_bits(const Dwords8& a, const Dwords8& b) {
  const auto in_turn = reinterpret_cast<Words16>(a >> 28 | (b >> 12 & 0xf0000));
  return odd_scales(
      __builtin_shufflevector(in_turn, in_turn, 0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15));
}

struct IQ2_XXS : IQuant<BlockIQ2_XXS> {
  static constexpr Grouping grouping = Grouping::sub_scales_of_32;
  using Parts = Signs;
  static QUERN_INLINE void take_apart(const Block& b, Parts& to) {
    store_signs_of_28_bits(sign_words(b), to);
  }
  template <int k>
  static QUERN_INLINE I8x64 codes(const Block* b, const Parts& parts) {
    return signed_codes(
        eights([&](int i) { return iq2_xxs_grid.entry[b->groups[2 * k + i / 4].index[i % 4]]; }),
        parts.bits + 8 * k);
  }
  static QUERN_INLINE Words16 scales_of_two(const Block& a, const Block& b) {
    return scales_of_top_bits(sign_words(a), sign_words(b));
  }
  static constexpr float d_factor = 0.125f;

 private:
  static QUERN_INLINE Dwords8 sign_words(const Block& b) {  // signs_scale of all groups
    return __builtin_shufflevector(load_as<Dwords8>(b.groups), load_as<Dwords8>(b.groups + 4), 1, 3, 5, 7, 9,
                                   11, 13, 15);
  }
};

// The low bytes of words.
QUERN_INLINE Dwords8 low_bytes_of(Words16 low, Words16 high) {
  typedef std::uint8_t Bytes32 __attribute__((vector_size(32)));
  return reinterpret_cast<Dwords8>(__builtin_shufflevector(
      reinterpret_cast<Bytes32>(low), reinterpret_cast<Bytes32>(high), 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20,
      22, 24, 26, 28, 30, 32, 34, 36, 38, 40, 42, 44, 46, 48, 50, 52, 54, 56, 58, 60, 62));
}

struct IQ2_XS : IQuant<BlockIQ2_XS> {
  static constexpr Grouping grouping = Grouping::sub_scales_of_16;
  using Parts = IndicesAndSigns;
  static QUERN_INLINE void take_apart(const Block& b, Parts& to) {
    const auto low = load_as<Words16>(b.qs), high = load_as<Words16>(b.qs + 16);
    store_as(to.index, low & 511);
    store_as(to.index + 16, high & 511);
    store_even_signs(low_bytes_of(low >> 9, high >> 9), to);
  }
  template <int k>
  static QUERN_INLINE I8x64 codes(const Block*, const Parts& parts) {
    return signed_codes(eights([&](int i) { return iq2_xs_grid.entry[parts.index[8 * k + i]]; }),
                        parts.bits + 8 * k);
  }
  static QUERN_INLINE Bytes16 scales(const Block& b) { return odd_scales(nibble_pairs(load_u64(b.scales))); }
  static constexpr float d_factor = 0.125f;
};

struct IQ2_S : IQuant<BlockIQ2_S> {
  static constexpr Grouping grouping = Grouping::sub_scales_of_16;
  using Parts = Indices<32>;
  static QUERN_INLINE void take_apart(const Block& b, Parts& to) {
    const Bytes16 qh = join(load_u64(b.qh), 0);
    const auto sixteen = [](const std::uint8_t* low, Bytes16 high) {  // two bits of every fourth go on top
      constexpr Words16 to_bit_8 = {256, 64, 16, 4, 256, 64, 16, 4, 256, 64, 16, 4, 256, 64, 16, 4};
      return words(load_16(low)) | (words(high) * to_bit_8 & 0x300);
    };
    store_as(to.index,
             sixteen(b.qs, __builtin_shufflevector(qh, qh, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3)));
    store_as(to.index + 16, sixteen(b.qs + 16, __builtin_shufflevector(qh, qh, 4, 4, 4, 4, 5, 5, 5, 5, 6, 6,
                                                                       6, 6, 7, 7, 7, 7)));
  }
  template <int k>
  static QUERN_INLINE I8x64 codes(const Block* b, const Parts& parts) {
    return signed_codes(eights([&](int i) { return iq2_s_grid.entry[parts.index[8 * k + i]]; }),
                        b->signs + 8 * k);
  }
  static QUERN_INLINE Bytes16 scales(const Block& b) { return odd_scales(nibble_pairs(load_u64(b.scales))); }
  static constexpr float d_factor = 0.125f;
};

struct IQ3_XXS : IQuant<BlockIQ3_XXS> {
  static constexpr Grouping grouping = Grouping::sub_scales_of_32;
  using Parts = Signs;
  static QUERN_INLINE void take_apart(const Block& b, Parts& to) {
    store_signs_of_28_bits(load_as<Dwords8>(b.signs_scale), to);
  }
  template <int k>
  static QUERN_INLINE I8x64 codes(const Block* b, const Parts& parts) {
    return signed_codes(fours([&](int i) { return iq3_xxs_grid.entry[b->qs[16 * k + i]]; }),
                        parts.bits + 8 * k);
  }
  static QUERN_INLINE Words16 scales_of_two(const Block& a, const Block& b) {
    return scales_of_top_bits(load_as<Dwords8>(a.signs_scale), load_as<Dwords8>(b.signs_scale));
  }
  static constexpr float d_factor = 0.25f;
};

struct IQ3_S : IQuant<BlockIQ3_S> {
  static constexpr Grouping grouping = Grouping::sub_scales_of_32;
  using Parts = Indices<64>;
  static QUERN_INLINE void take_apart(const Block& b, Parts& to) {
    constexpr Words16 bit = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768};
    for (int k = 0; k < 4; ++k) {
      const Words16 set = reinterpret_cast<Words16>((bit & load_u16(b.qh + 2 * k)) == bit);
      store_as(to.index + 16 * k, words(load_16(b.qs + 16 * k)) | (set & 256));
    }
  }
  template <int k>
  static QUERN_INLINE I8x64 codes(const Block* b, const Parts& parts) {
    return signed_codes(fours([&](int i) { return iq3_s_grid.entry[parts.index[16 * k + i]]; }),
                        b->signs + 8 * k);
  }
  static QUERN_INLINE Words16 scales_of_two(const Block& a, const Block& b) {
    return odd_scales(words(nibble_pairs(load_u32(a.scales) | std::uint64_t{load_u32(b.scales)} << 32)));
  }
};

// 8 (grid + delta), plus zero, for columns 64 k on: grid bytes are -1, 0 or 1, and delta is -1/8 at the set
// bits and 1/8 elsewhere.
template <int k>
QUERN_INLINE I8x64 iq1_codes(const IndicesAndSigns& parts) {
  const I8x64 one = eights([&](int i) { return iq1_grid.entry[parts.index[8 * k + i]]; });
  const I8x64 two = one + one, four = two + two;
  const std::uint8_t* minus = parts.bits + 8 * k;
  return four + four + (splat_bytes(65) + where_bits(minus, minus + 4, 0xfe));
}

struct IQ1_S : IQuant<BlockIQ1_S> {
  static constexpr Grouping grouping = Grouping::sub_scales_of_32;
  using Parts = IndicesAndSigns;
  static QUERN_INLINE void take_apart(const Block& b, Parts& to) {
    const auto qh = load_as<Words8>(b.qh);
    const auto sixteen = [](const std::uint8_t* low, Words16 high) {  // three bits of every fourth go on top
      constexpr Words16 to_bit_8 = {256, 32, 4, 0, 256, 32, 4, 0, 256, 32, 4, 0, 256, 32, 4, 0};
      constexpr Words16 last = {0, 0, 0, 0x700, 0, 0, 0, 0x700, 0, 0, 0, 0x700, 0, 0, 0, 0x700};
      return words(load_16(low)) | (high * to_bit_8 & 0x700) | (high >> 1 & last);
    };
    store_as(to.index,
             sixteen(b.qs, __builtin_shufflevector(qh, qh, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3)));
    store_as(to.index + 16, sixteen(b.qs + 16, __builtin_shufflevector(qh, qh, 4, 4, 4, 4, 5, 5, 5, 5, 6, 6,
                                                                       6, 6, 7, 7, 7, 7)));
    store_as(to.bits, 0 - (__builtin_convertvector(qh, Dwords8) >> 15));
  }
  template <int k>
  static QUERN_INLINE I8x64 codes(const Block*, const Parts& parts) {
    return iq1_codes<k>(parts);
  }
  static QUERN_INLINE Words16 scales_of_two(const Block& a, const Block& b) {
    return odd_scales(reinterpret_cast<Words16>(load_16_of_two(a.qh, b.qh)) >> 12 & 7);
  }
  static constexpr float d_factor = 0.125f;
};

struct IQ1_M : IQuant<BlockIQ1_M> {
  static constexpr Grouping grouping = Grouping::sub_scales_of_16;
  using Parts = IndicesAndSigns;
  static QUERN_INLINE void take_apart(const Block& b, Parts& to) {
    for (int half = 0; half < 2; ++half) {
      const Bytes16 high = nibble_pairs(load_u64(b.qh + 8 * half));
      store_as(to.index + 16 * half, words(load_16(b.qs + 16 * half)) | words(high & 7) << 8);
      store_as(to.bits + 16 * half, reinterpret_cast<Bytes16>(high > 7));
    }
  }
  template <int k>
  static QUERN_INLINE I8x64 codes(const Block*, const Parts& parts) {
    return iq1_codes<k>(parts);
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
  // iq4_xs_scale: each word gets the byte with its two high bits and, on top, the one with its low nibble.
  // Products move both to a place that is the same for all.
  static QUERN_INLINE Words16 scales_of_two(const Block& a, const Block& b) {
    static_assert(offsetof(Block, scales_h) == 2 && offsetof(Block, scales_l) == 4);
    const Bytes32 heads = load_16_of_two(&a, &b);
    const auto w = reinterpret_cast<Words16>(
        __builtin_shufflevector(heads, heads, 2, 4, 2, 4, 2, 5, 2, 5, 3, 6, 3, 6, 3, 7, 3, 7, 18, 20, 18, 20,
                                18, 21, 18, 21, 19, 22, 19, 22, 19, 23, 19, 23));
    constexpr Words16 nibble_to_12 = {16, 1, 16, 1, 16, 1, 16, 1, 16, 1, 16, 1, 16, 1, 16, 1};
    constexpr Words16 pair_to_8 = {256, 64, 16, 4, 256, 64, 16, 4, 256, 64, 16, 4, 256, 64, 16, 4};
    return (w * nibble_to_12 >> 12 | (w * pair_to_8 & 0x300) >> 4) - 32;
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
