#pragma once
// Quantized weights as small integers, for the products that serve every type. A type is a struct in
// weights_*.cpp and its line in the table at that file's end:
//
//   struct Q4_K {
//     using Block = BlockQ4_K;
//     static constexpr Grouping grouping = Grouping::sub_scales_of_32;
//     static constexpr bool has_min = true;
//     static constexpr int zero = 0;                  // what codes() adds to a code; 0 beside a minimum
//     static constexpr int largest_code = 15;         // plus zero; any_byte: signed ones, see below
//     static constexpr int largest = 15 * 63;         // |scale * code|, groups of 128
//     template <int k> static I8x64 codes(const Block* step);       // columns 64 k to 64 k + 63 of a step;
//                                                     // or from_nibbles(), see InNibbles
//     static Words16 scales_of_two(const Block& a, const Block& b), mins_of_two(...);
//                                                     // sub-scales of 32: eight of a and then eight of b
//     static Bytes16 scales(const Block& block), mins(...);         // sub-scales of 16
//     static std::uint16_t d_bits(const Block& block), offset_bits(...);   // float scales, binary16
//     static constexpr float d_factor = 1, offset_factor = -1;             // of them
//   };
//
// A step is 256 columns: one block, or as many of the shorter ones as fill it. Inside a group value =
// d * scale * code + offset * min; the offset of K-quants is -dmin. Codes plus `zero` lie in 0 to 127; or
// they are any signed bytes, and `zero` is signed_zero (simd/*.h). How big the integers get (any bits are
// legal, so these are bounds for hostile files too; |activation| <= 127):
//   groups of 32:  |code| <= 128:                  |I| <= 32 * 128 * 127 = 520192
//   groups of 128: |scale * code| <= 4096 (Q6_K):  |I| <= 128 * 4096 * 127 = 66584576;  before its scale a
//                  sub-block of codes plus zero sums to at most 32 * 255 * 127, with |scale| <= 128 and zero
//                  taken off to 128 times that: 132648960
//                  min <= 63 (Q4_K, Q5_K):         |J| <= 63 * 128 * 127 = 1024128
// so int32 never overflows. float(I) rounds to nearest even.
#include "kernels/kernel_table.h"
#include "kernels/simd/bytes.h"

namespace quern::kernels::QUERN_ISA {

enum class Grouping : std::uint8_t {
  scale_per_16,      // d for each 16 codes (NVFP4)
  scale_per_32,      // d for each 32 codes; where there is a minimum: min = 1
  sub_scales_of_16,  // d for each 128 codes, scale and min for each 16
  sub_scales_of_32,  // the same, with scale and min the same in pairs
};
constexpr std::size_t group_cols(Grouping grouping) {
  return grouping == Grouping::scale_per_16 ? 16 : grouping == Grouping::scale_per_32 ? 32 : 128;
}
// Codes that share a sub-scale, in groups of 128.
constexpr std::size_t sub_cols(Grouping grouping) { return grouping == Grouping::sub_scales_of_16 ? 16 : 32; }

inline constexpr std::size_t step_cols = 256;

// Columns that are unpacked at a time into memory.
inline constexpr std::size_t batch_cols = 2048;

// Up to batch_cols columns of one row.
struct Batch {
  alignas(64) std::int8_t codes[batch_cols];         // plus zero
  alignas(64) std::int16_t scales[batch_cols / 16];  // groups of 128 only
  alignas(64) std::int16_t mins[batch_cols / 16];    // groups of 128 with a minimum only
  alignas(64) float d[batch_cols / 16];              // one a group
  alignas(64) float offset[batch_cols / 16];         // one a group, where there is a minimum
};

// One token's packed activations.
struct TokenRow {
  const std::int8_t* codes;
  const float* scales;
  const std::int16_t* sums;
};
struct TokenRows {
  const Activations& acts;
  const std::uint32_t* list;  // null: token i itself
  TokenRow operator[](std::size_t i) const {
    const std::size_t token = list ? list[i] : i, group = acts.kind == ActivationKind::q8_128 ? 128 : 32;
    return {acts.codes + token * acts.n_cols, acts.scales + token * (acts.n_cols / group),
            acts.sums + token * (acts.n_cols / 16)};
  }
};

// Sums of 32 codes from sums of 16.
inline void join_sums(const std::int16_t* of_16, std::size_t n, std::int16_t* of_32) {
  for (std::size_t s = 0; s < n; ++s) of_32[s] = static_cast<std::int16_t>(of_16[2 * s] + of_16[2 * s + 1]);
}

// The largest code of types whose codes are any signed bytes.
inline constexpr int any_byte = 255;

struct WeightType {
  formats::TensorType type;
  Grouping grouping;
  bool has_min;
  std::uint8_t zero, largest_code;
  // Groups of 128: all sums of codes times scales times activations are at most 2^24, so float holds them.
  bool sums_fit_float;
  std::uint16_t block_cols, block_bytes;
  // From so many tokens on a panel costs less than what it saves.
  std::uint16_t panel_from_tokens;
  // Columns [0, n) of a row whose blocks these are; n <= batch_cols. What lies beyond n in the last step is
  // unspecified.
  void (*unpack)(const std::byte* blocks, std::size_t n, Batch& to);
  // For a few tokens: codes go from the file into registers and meet the activations there. scratch: 64-byte
  // aligned, row_scratch_bytes(n_cols).
  void (*multiply_rows)(const WeightView& w, std::size_t row_begin, std::size_t row_end,
                        const TokenRows& tokens, std::size_t n_tokens, float* y, std::size_t y_stride,
                        std::byte* scratch);
};

// For two tokens: their codes in another order, the last set of 512 filled up, or their sums of 32
// activations, the last set of 2048 filled up, which is less.
constexpr std::size_t row_scratch_bytes(std::size_t n_cols) { return 2 * (n_cols + 512); }

// Null for float types and for what is no weight.
const WeightType* find_weight_type(formats::TensorType type);

struct WeightTypes {
  const WeightType* types;
  std::size_t size;
};
WeightTypes plain_weight_types();
WeightTypes k_quant_weight_types();
WeightTypes i_quant_weight_types();

// The type's blocks in a step, and groups in a block.
template <typename Type>
inline constexpr std::size_t step_blocks = step_cols / Type::Block::elements;
template <typename Type>
inline constexpr std::size_t block_groups = Type::Block::elements / group_cols(Type::grouping);

// Whole matrices stream through once, and the hardware's own prefetching stops at every page. A prefetch is
// done only when its page's address is translated, which in a virtual machine takes over 100 ns, so pages are
// touched a few at a time, far ahead: their translations overlap. One token times 600 MB of rows of 4096
// columns, in pages of 4 KiB (Xeon, Sapphire Rapids, one core, medians of 7, plain reading 12.6 GB/s):
// from 2048 bytes ahead alone to these, Q4_K went from 9.7 to 11.0 GB/s, Q6_K from 9.4 to 11.1, Q4_0 from 8.8
// to 9.9 and Q8_0 from 10.8 to 11.8. Two pages at a time do less, eight no more. A Zen 3 loses by it
// (simd/avx2.h). Beyond the last row this touches nothing: a prefetch cannot fault.
template <typename Type>
QUERN_INLINE void prefetch_step(const typename Type::Block* step) {
  constexpr std::uintptr_t page = 4096, n_pages = 4, pages = n_pages * page, ahead = 3072;
  constexpr std::size_t step_bytes = step_blocks<Type> * sizeof(*step);
  const auto at = reinterpret_cast<std::uintptr_t>(step) + ahead, end = at + step_bytes;
#pragma GCC unroll 8
  for (std::size_t line = 0; line < step_bytes; line += 64)
    __builtin_prefetch(reinterpret_cast<const void*>(at + line));
  if (!touches_pages || at / pages == end / pages) [[likely]]
    return;
  const auto next = end / pages * pages + pages / 2;
#pragma GCC unroll 4
  for (std::uintptr_t p = 0; p < n_pages; ++p)
    __builtin_prefetch(reinterpret_cast<const void*>(next + p * page), 0, 2);
}

// Whether a type takes something apart for a whole step before its codes: Type::Parts.
template <typename Type>
concept TakesStepsApart = requires {
  typename Type::Parts;
};

// Whether a block is 32 codes in 16 bytes `qs`, the first 16 in the low nibbles and the rest in the high
// ones: Type::from_nibbles makes codes of 64 nibbles.
template <typename Type>
concept InNibbles = requires(I8x64 nibbles) {
  Type::from_nibbles(nibbles);
};
// Whether bit i of its block's four bytes `qh` is code i's fifth.
template <typename Type>
concept HasFifthBits = InNibbles<Type> && requires(typename Type::Block block) {
  block.qh;
};

// The nibbles of two blocks in the order of the columns.
template <typename Block>
QUERN_INLINE I8x64 nibbles(const Block* b) {
  return shift_quarters<0, 4, 0, 4>(repeat_quarters(b[0].qs, b[1].qs)) & splat_bytes(15);
}
template <typename Block>
QUERN_INLINE I8x64 fifth_bits(const Block* b) {
  return where_bits(&b[0].qh, &b[1].qh, 16);
}

// Up to `most` steps of a row. What has to be taken apart for their codes is so for all of them before the
// first is used: it is stored in other pieces than it is loaded in, which waits where the store is still in
// flight.
template <typename Type, std::size_t most>
class Steps {
 public:
  QUERN_INLINE Steps(const typename Type::Block* blocks, std::size_t n) : blocks_(blocks) {
    if constexpr (TakesStepsApart<Type>)
      for (std::size_t s = 0; s < n; ++s) Type::take_apart(blocks[s], parts_[s]);
  }
  QUERN_INLINE const typename Type::Block* blocks(std::size_t s) const {
    return blocks_ + s * step_blocks<Type>;
  }
  // Columns 64 k on of step s.
  template <int k>
  QUERN_INLINE I8x64 codes(std::size_t s) const {
    if constexpr (HasFifthBits<Type>)
      return Type::from_nibbles(nibbles(blocks(s) + 2 * k)) | fifth_bits(blocks(s) + 2 * k);
    else if constexpr (InNibbles<Type>)
      return Type::from_nibbles(nibbles(blocks(s) + 2 * k));
    else if constexpr (TakesStepsApart<Type>)
      return Type::template codes<k>(blocks(s), parts_[s]);
    else
      return Type::template codes<k>(blocks(s));
  }

 private:
  struct Nothing {};
  template <typename T>
  struct PartsOf {
    using Parts = Nothing[1];
  };
  template <TakesStepsApart T>
  struct PartsOf<T> {
    using Parts = typename T::Parts[most];
  };
  const typename Type::Block* blocks_;
  typename PartsOf<Type>::Parts parts_;
};

// The float scales of a step's groups, and the factors of their minimums.
template <typename Type>
QUERN_INLINE void load_float_scales(const typename Type::Block* step, float* d, float* offset) {
  constexpr std::size_t n = block_groups<Type>;
  for (std::size_t b = 0; b < step_blocks<Type>; ++b)
    for (std::size_t g = 0; g < n; ++g) {
      if constexpr (requires { Type::d(step[b], g); }) {
        d[n * b + g] = Type::d(step[b], g);
      } else {
        const std::uint16_t bits = Type::d_bits(step[b]);
        d[n * b + g] = load_half(&bits) * Type::d_factor;
      }
      if constexpr (Type::has_min) {
        const std::uint16_t bits = Type::offset_bits(step[b]);
        offset[n * b + g] = load_half(&bits) * Type::offset_factor;
      }
    }
}

// A block's sub-scales or minimums, one for 16 columns.
template <typename Type>
QUERN_INLINE void store_scales(const typename Type::Block& block, std::int16_t* to) {
  if constexpr (sub_cols(Type::grouping) == 32)
    store_words(to, first_eight_twice(Type::scales_of_two(block, block)));
  else
    store_words(to, Type::scales(block));
}
template <typename Type>
QUERN_INLINE void store_mins(const typename Type::Block& block, std::int16_t* to) {
  if constexpr (sub_cols(Type::grouping) == 32)
    store_words(to, first_eight_twice(Type::mins_of_two(block, block)));
  else
    store_words(to, Type::mins(block));
}

// Step s, whose first column is c.
template <typename Type, std::size_t most>
QUERN_INLINE void unpack_step(const Steps<Type, most>& steps, std::size_t s, std::size_t c, Batch& to) {
  store_bytes(to.codes + c, steps.template codes<0>(s));
  store_bytes(to.codes + c + 64, steps.template codes<1>(s));
  store_bytes(to.codes + c + 128, steps.template codes<2>(s));
  store_bytes(to.codes + c + 192, steps.template codes<3>(s));
  constexpr std::size_t cols = group_cols(Type::grouping);
  load_float_scales<Type>(steps.blocks(s), to.d + c / cols, to.offset + c / cols);
  if constexpr (cols == 128) {
    store_scales<Type>(*steps.blocks(s), to.scales + c / 16);
    if constexpr (Type::has_min) store_mins<Type>(*steps.blocks(s), to.mins + c / 16);
  }
}

template <typename Type>
void unpack_columns(const std::byte* bytes, std::size_t n, Batch& to) {
  using Block = typename Type::Block;
  const auto* blocks = reinterpret_cast<const Block*>(bytes);
  const std::size_t whole = n / step_cols, tail = n % step_cols;
  const Steps<Type, batch_cols / step_cols> steps(blocks, whole);
  for (std::size_t s = 0; s < whole; ++s) {
    prefetch_step<Type>(steps.blocks(s));
    unpack_step(steps, s, s * step_cols, to);
  }
  if (tail) {  // nothing beyond the row is read
    Block last[step_blocks<Type>] = {};
    __builtin_memcpy(last, steps.blocks(whole), tail / Block::elements * sizeof(Block));
    unpack_step(Steps<Type, 1>(last, 1), 0, whole * step_cols, to);
  }
}

}  // namespace quern::kernels::QUERN_ISA
