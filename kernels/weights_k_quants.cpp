// K-quants and the ternary types: super-blocks of 256, two groups of 128.
#include "formats/k_quants.h"
#include "formats/ternary.h"
#include "kernels/row_products.h"

namespace quern::kernels::QUERN_ISA {
namespace {

using namespace formats;

// 32 bytes hold two bits, one of them counting from bit k of each, of 32 columns and, further up, of the
// next 32.
template <int shift, int width>
QUERN_INLINE I8x64 two_fields(const std::uint8_t* p) {
  return shift_quarters<shift, shift, shift + width, shift + width>(repeat_half(p));
}
// Columns 64 k on of two_bits_of_256(qs, e).
template <int k>
QUERN_INLINE I8x64 two_bits(const std::uint8_t* qs) {
  return two_fields<k % 2 * 4, 2>(qs + k / 2 * 32) & splat_bytes(3);
}

template <typename B>
struct KQuant {
  using Block = B;
  static constexpr bool has_min = false;
  static constexpr int zero = 0;
  static constexpr float d_factor = 1;
  static QUERN_INLINE std::uint16_t d_bits(const Block& block) { return load_u16(&block.d); }
};
template <typename B>
struct KQuantWithMin : KQuant<B> {
  static constexpr bool has_min = true;
  static constexpr float offset_factor = -1;  // the minimum is taken off
  static QUERN_INLINE std::uint16_t offset_bits(const B& block) { return load_u16(&block.dmin); }
};

// Each block's eight scales of six bits and then its eight minimums (formats' k4_scale_min).
template <typename Block>
QUERN_INLINE Bytes32 six_bit_factors(const Block& a, const Block& b) {
  static_assert(offsetof(Block, scales) == 4);
  const auto w = reinterpret_cast<Dwords8>(load_16_of_two(&a, &b));
  const Dwords8 low = __builtin_shufflevector(w, w, 1, 3, 2, 3, 5, 7, 6, 7),
                high = __builtin_shufflevector(w, w, 1, 1, 2, 2, 5, 5, 6, 6);
  constexpr std::uint32_t six = 0x3f3f3f3f, four = 0x0f0f0f0f, top = 0x30303030;
  return reinterpret_cast<Bytes32>(
      (low >> Dwords8{0, 0, 0, 4, 0, 0, 0, 4} & Dwords8{six, four, six, four, six, four, six, four}) |
      (high >> 2 & Dwords8{0, top, 0, top, 0, top, 0, top}));
}
template <typename Block>
struct KQuantOfSixBits : KQuantWithMin<Block> {
  static constexpr Grouping grouping = Grouping::sub_scales_of_32;
  static QUERN_INLINE Words16 scales_of_two(const Block& a, const Block& b) {
    return reinterpret_cast<Words16>(
        __builtin_shufflevector(six_bit_factors(a, b), Bytes32{}, 0, 32, 1, 33, 2, 34, 3, 35, 4, 36, 5, 37, 6,
                                38, 7, 39, 16, 48, 17, 49, 18, 50, 19, 51, 20, 52, 21, 53, 22, 54, 23, 55));
  }
  static QUERN_INLINE Words16 mins_of_two(const Block& a, const Block& b) {
    return reinterpret_cast<Words16>(__builtin_shufflevector(
        six_bit_factors(a, b), Bytes32{}, 8, 40, 9, 41, 10, 42, 11, 43, 12, 44, 13, 45, 14, 46, 15, 47, 24,
        56, 25, 57, 26, 58, 27, 59, 28, 60, 29, 61, 30, 62, 31, 63));
  }
};

struct Q2_K : KQuantWithMin<BlockQ2_K> {
  static constexpr Grouping grouping = Grouping::sub_scales_of_16;
  static constexpr int largest_code = 3;
  static constexpr int largest = 3 * 15;
  template <int k>
  static QUERN_INLINE I8x64 codes(const Block* b) {
    return two_bits<k>(b->qs);
  }
  static QUERN_INLINE Bytes16 scales(const Block& b) { return load_16(b.scales) & 15; }
  static QUERN_INLINE Bytes16 mins(const Block& b) { return load_16(b.scales) >> 4; }
};

struct Q3_K : KQuant<BlockQ3_K> {
  static constexpr Grouping grouping = Grouping::sub_scales_of_16;
  static constexpr int largest_code = 7;
  static constexpr int largest = 4 * 32;
  static constexpr int zero = 4;
  template <int k>
  static QUERN_INLINE I8x64 codes(const Block* b) {
    return two_bits<k>(b->qs) | (two_fields<2 * k - 2, 1>(b->hmask) & splat_bytes(4));
  }
  static QUERN_INLINE Bytes16 scales(const Block& b) {  // q3_k_scale, sixteen at a time
    static_assert(offsetof(Block, scales) + 14 == sizeof(Block));
    const Bytes16 v = load_16(reinterpret_cast<const std::byte*>(&b) + sizeof b - 16);
    const Bytes16 low = __builtin_shufflevector(v, v, 2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5, 6, 7, 8, 9);
    const Bytes16 high =
        __builtin_shufflevector(v, v, 10, 11, 12, 13, 10, 11, 12, 13, 10, 11, 12, 13, 10, 11, 12, 13);
    typedef std::uint64_t Words2 __attribute__((vector_size(16)));
    typedef std::uint32_t Words4 __attribute__((vector_size(16)));
    const auto nibbles = reinterpret_cast<Bytes16>(reinterpret_cast<Words2>(low) >> Words2{0, 4}) & 15;
    const auto pairs =
        reinterpret_cast<Bytes16>(reinterpret_cast<Words4>(high) >> Words4{0, 2, 4, 6} << 4) & 48;
    return (nibbles | pairs) - 32;
  }
};

struct Q4_K : KQuantOfSixBits<BlockQ4_K> {
  static constexpr int largest_code = 15;
  static constexpr int largest = 15 * 63;
  template <int k>
  static QUERN_INLINE I8x64 codes(const Block* b) {
    return two_fields<0, 4>(b->qs + 32 * k) & splat_bytes(15);
  }
};

struct Q5_K : KQuantOfSixBits<BlockQ5_K> {
  static constexpr int largest_code = 31;
  static constexpr int largest = 31 * 63;
  template <int k>
  static QUERN_INLINE I8x64 codes(const Block* b) {
    constexpr int first = 2 * k - 4;  // bits 2 k and 2 k + 1 go to bit 4
    return (two_fields<0, 4>(b->qs + 32 * k) & splat_bytes(15)) |
           (two_fields<first, 1>(b->qh) & splat_bytes(16));
  }
};

struct Q6_K : KQuant<BlockQ6_K> {
  static constexpr Grouping grouping = Grouping::sub_scales_of_16;
  static constexpr int largest_code = 63;
  static constexpr int largest = 32 * 128;
  static constexpr int zero = 32;
  template <int k>
  static QUERN_INLINE I8x64 codes(const Block* b) {
    constexpr int n = k / 2, odd = k % 2;
    const auto* ql = reinterpret_cast<const std::int8_t*>(b->ql + 64 * n);
    constexpr int shift = odd * 4;
    return (shift_quarters<shift, shift, shift, shift>(load_bytes(ql)) & splat_bytes(15)) |
           (two_fields<shift - 4, 2>(b->qh + 32 * n) & splat_bytes(48));
  }
  static QUERN_INLINE Bytes16 scales(const Block& b) { return load_16(b.scales); }
};

// Digits (tq1_0_digit) of sixteen bytes; the bytes come times a power of 3, modulo 256.
QUERN_INLINE Bytes16 ternary_digits(Bytes16 x) {  // the whole part of x * 3 / 256
  return (reinterpret_cast<Bytes16>(x > 85) & 1) + (reinterpret_cast<Bytes16>(x > 170) & 1);
}
struct TQ1_0 : KQuant<BlockTQ1_0> {
  static constexpr Grouping grouping = Grouping::sub_scales_of_32;
  static constexpr int largest_code = 2;
  static constexpr int largest = 1;
  static constexpr int zero = 1;
  template <int k>
  static QUERN_INLINE I8x64 codes(const Block* b) {
    const Bytes16 first = load_16(b->qs), second = load_16(b->qs + 16), third = load_16(b->qs + 32);
    if constexpr (k < 2) {
      constexpr std::uint8_t power = k == 0 ? 1 : 9;
      return join_quarters(ternary_digits(first * power), ternary_digits(second * power),
                           ternary_digits(first * power * 3), ternary_digits(second * power * 3));
    } else if constexpr (k == 2) {
      return join_quarters(ternary_digits(first * 81), ternary_digits(second * 81), ternary_digits(third),
                           ternary_digits(third * 3));
    } else {
      const Bytes16 powers = {1, 1, 1, 1, 3, 3, 3, 3, 9, 9, 9, 9, 27, 27, 27, 27};
      const std::uint64_t qh = load_u32(b->qh), twice = qh | qh << 32;
      return join_quarters(ternary_digits(third * 9), ternary_digits(third * 27), ternary_digits(third * 81),
                           ternary_digits(join(twice, twice) * powers));
    }
  }
  static QUERN_INLINE Words16 scales_of_two(const Block&, const Block&) { return Words16{} + 1; }
};

struct TQ2_0 : KQuant<BlockTQ2_0> {
  static constexpr Grouping grouping = Grouping::sub_scales_of_32;
  static constexpr int largest_code = 2;
  static constexpr int largest = 1;
  static constexpr int zero = 1;
  template <int k>
  static QUERN_INLINE I8x64 codes(const Block* b) {
    return two_bits<k>(b->qs);
  }
  static QUERN_INLINE Words16 scales_of_two(const Block&, const Block&) { return Words16{} + 1; }
};

constexpr WeightType types[] = {
    weight_type<Q2_K>(TensorType::q2_k),   weight_type<Q3_K>(TensorType::q3_k),
    weight_type<Q4_K>(TensorType::q4_k),   weight_type<Q5_K>(TensorType::q5_k),
    weight_type<Q6_K>(TensorType::q6_k),   weight_type<TQ1_0>(TensorType::tq1_0),
    weight_type<TQ2_0>(TensorType::tq2_0),
};

}  // namespace

WeightTypes k_quant_weight_types() { return {types, sizeof types / sizeof *types}; }

}  // namespace quern::kernels::QUERN_ISA
