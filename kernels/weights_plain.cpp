// Blocks with one scale, and the 4-bit floats: groups of 32, or of 16 for NVFP4.
#include "formats/fp4_blocks.h"
#include "formats/i_quants.h"
#include "formats/plain_blocks.h"
#include "kernels/row_products.h"

namespace quern::kernels::QUERN_ISA {
namespace {

using namespace formats;

template <typename B>
struct Plain {
  using Block = B;
  static constexpr Grouping grouping = Grouping::scale_per_32;
  static constexpr bool has_min = false;
  static constexpr int zero = 0;
  static constexpr float d_factor = 1;
  static QUERN_INLINE std::uint16_t d_bits(const Block& block) { return load_u16(&block.d); }
};
template <typename B>
struct PlainWithOffset : Plain<B> {
  static constexpr bool has_min = true;
  static constexpr float offset_factor = 1;
  static QUERN_INLINE std::uint16_t offset_bits(const B& block) { return load_u16(&block.m); }
};

struct Q8_0 : Plain<BlockQ8_0> {
  static constexpr int zero = signed_zero, largest_code = any_byte;
  template <int k>
  static QUERN_INLINE I8x64 codes(const Block* b) {
    return load_halves(b[2 * k].qs, b[2 * k + 1].qs) + splat_bytes(signed_zero);
  }
};
struct Q4_0 : Plain<BlockQ4_0> {
  static constexpr int largest_code = 15;
  static constexpr int zero = 8;
  static QUERN_INLINE I8x64 from_nibbles(const I8x64& n) { return n; }
};
struct Q4_1 : PlainWithOffset<BlockQ4_1> {
  static constexpr int largest_code = 15;
  static QUERN_INLINE I8x64 from_nibbles(const I8x64& n) { return n; }
};
struct Q5_0 : Plain<BlockQ5_0> {
  static constexpr int largest_code = 31;
  static constexpr int zero = 16;
  static QUERN_INLINE I8x64 from_nibbles(const I8x64& n) { return n; }
};
struct Q5_1 : PlainWithOffset<BlockQ5_1> {
  static constexpr int largest_code = 31;
  static QUERN_INLINE I8x64 from_nibbles(const I8x64& n) { return n; }
};
struct Q1_0 : Plain<BlockQ1_0> {
  static constexpr int largest_code = 2;
  static constexpr int zero = 1;
  template <int k>
  static QUERN_INLINE I8x64 codes(const Block* b) {
    const std::uint8_t* bits = b[k / 2].qs + k % 2 * 8;
    return where_bits(bits, bits + 4, 2);
  }
};
struct Q2_0 : Plain<BlockQ2_0> {
  static constexpr int largest_code = 3;
  static constexpr int zero = 1;
  template <int k>
  static QUERN_INLINE I8x64 codes(const Block* b) {
    typedef std::uint32_t Words4 __attribute__((vector_size(16)));
    const Bytes16 v = load_16(b[k].qs);
    const auto four_each = [](Bytes16 copies) {  // byte j of a word: its bits 2 j and 2 j + 1
      const Words4 w = reinterpret_cast<Words4>(copies);
      return reinterpret_cast<Bytes16>((w & 3) | (w >> 2 & 3u << 8) | (w >> 4 & 3u << 16) |
                                       (w >> 6 & 3u << 24));
    };
    return join_quarters(
        four_each(__builtin_shufflevector(v, v, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3)),
        four_each(__builtin_shufflevector(v, v, 4, 4, 4, 4, 5, 5, 5, 5, 6, 6, 6, 6, 7, 7, 7, 7)),
        four_each(__builtin_shufflevector(v, v, 8, 8, 8, 8, 9, 9, 9, 9, 10, 10, 10, 10, 11, 11, 11, 11)),
        four_each(
            __builtin_shufflevector(v, v, 12, 12, 12, 12, 13, 13, 13, 13, 14, 14, 14, 14, 15, 15, 15, 15)));
  }
};

struct IQ4_NL : Plain<BlockIQ4_NL> {
  static constexpr int zero = signed_zero, largest_code = any_byte;
  static QUERN_INLINE I8x64 from_nibbles(const I8x64& n) {
    return look_up(iq4_values, n) + splat_bytes(signed_zero);
  }
};

// fp4_values plus their largest.
constexpr std::int8_t fp4_values_up[16] = {12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0};
constexpr bool are_fp4_values_up() {
  for (int i = 0; i < 16; ++i)
    if (fp4_values_up[i] != fp4_values[i] + 12) return false;
  return true;
}
static_assert(are_fp4_values_up());

struct MXFP4 : Plain<BlockMXFP4> {
  static constexpr int largest_code = 24;
  static constexpr int zero = 12;
  static QUERN_INLINE I8x64 from_nibbles(const I8x64& n) { return look_up(fp4_values_up, n); }
  static QUERN_INLINE float d(const Block& block, std::size_t) { return e8m0_half(block.e); }
  // 2^(e - 128), in two factors, for it may be subnormal.
  static QUERN_INLINE F32x16 set_scales(const Block* b) {
    const I32x16 e = exponents(b) & splat_i32(255), half = shift_right<1>(e);
    return as_f32(shift_left<23>(half + splat_i32(127 - 63))) *
           as_f32(shift_left<23>(e - half + splat_i32(127 - 65)));
  }

 private:
  static QUERN_INLINE I32x16 exponents(const Block* b) {  // in the low bytes
    static_assert(offsetof(Block, e) == 0);
    if constexpr (loads_heads) return load_heads<sizeof(Block)>(b);
    return widen(Bytes16{b[0].e, b[1].e, b[2].e, b[3].e, b[4].e, b[5].e, b[6].e, b[7].e, b[8].e, b[9].e,
                         b[10].e, b[11].e, b[12].e, b[13].e, b[14].e, b[15].e});
  }
};
struct NVFP4 : Plain<BlockNVFP4> {
  static constexpr int largest_code = 24;
  static constexpr Grouping grouping = Grouping::scale_per_16;
  static constexpr int zero = 12;
  template <int k>
  static QUERN_INLINE I8x64 codes(const Block* b) {
    const Bytes16 v[2] = {load_16(b[k].qs), load_16(b[k].qs + 16)};
    Bytes16 subs[4];  // of eight bytes the low nibbles, then the high ones
    for (int i = 0; i < 2; ++i) {
      const Bytes16 low = v[i] & 15, high = v[i] >> 4;
      subs[2 * i] =
          __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23);
      subs[2 * i + 1] =
          __builtin_shufflevector(low, high, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
    }
    return look_up(fp4_values_up, join_quarters(subs[0], subs[1], subs[2], subs[3]));
  }
  static QUERN_INLINE float d(const Block& block, std::size_t s) { return ue4m3_half(block.d[s]); }
  static QUERN_INLINE F32x16 set_scales(const Block* b) {
    typedef std::uint32_t Words4 __attribute__((vector_size(16)));
    Bytes16 x = reinterpret_cast<Bytes16>(
        Words4{load_u32(b[0].d), load_u32(b[1].d), load_u32(b[2].d), load_u32(b[3].d)});
    x &= 127;
    x &= reinterpret_cast<Bytes16>(x != 127);
    // Exponent and mantissa where a float has them, subnormal ones too; 2^119 makes up for the other bias.
    return as_f32(shift_left<20>(widen(x))) * splat(0x1p119f);
  }
};

constexpr WeightType types[] = {
    weight_type<Q8_0>(TensorType::q8_0),   weight_type<Q4_0>(TensorType::q4_0),
    weight_type<Q4_1>(TensorType::q4_1),   weight_type<Q5_0>(TensorType::q5_0),
    weight_type<Q5_1>(TensorType::q5_1),   weight_type<Q1_0>(TensorType::q1_0),
    weight_type<Q2_0>(TensorType::q2_0),   weight_type<IQ4_NL>(TensorType::iq4_nl),
    weight_type<MXFP4>(TensorType::mxfp4), weight_type<NVFP4>(TensorType::nvfp4),
};

}  // namespace

WeightTypes plain_weight_types() { return {types, sizeof types / sizeof *types}; }

}  // namespace quern::kernels::QUERN_ISA
