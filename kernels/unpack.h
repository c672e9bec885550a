#pragma once
// Weights as small integers, for the one product that serves every quantized type. A type contributes one
// function (unpack_*.cpp) and its line in the table at that file's end.
//
// Inside a group value = d * scale * code - dmin * min, with int8 codes in natural order. How big the
// integers get (any bits are legal, so these are bounds for hostile files too; |activation| <= 127):
//   groups of 32:  |code| <= 128:                  |I| <= 32 * 128 * 127 = 520192
//   groups of 128: |scale * code| <= 4096 (Q6_K):  |I| <= 128 * 4096 * 127 = 66584576;  before its scale a
//                  sub-block sums to at most 32 * 128 * 127
//                  min <= 63 (Q4_K, Q5_K):         |J| <= 63 * 128 * 127 = 1024128
// so int32 never overflows. float(I) rounds to nearest even.
#include "kernels/kernel_table.h"

namespace quern::kernels::QUERN_ISA {

enum class Grouping : std::uint8_t {
  scale_per_16,      // d for each 16 codes (NVFP4)
  scale_per_32,      // d for each 32 codes; where there is a minimum: min = 1
  sub_scales_of_16,  // d for each 128 codes, scale and min for each 16
  sub_scales_of_32,  // the same, with scale and min the same in pairs
};

// Columns that are unpacked at a time: the least common multiple of what 16 lanes of groups cover.
inline constexpr std::size_t batch_cols = 2048;

// Up to batch_cols columns of one row.
struct Batch {
  alignas(64) std::int8_t codes[batch_cols];
  alignas(64) std::int16_t scales[batch_cols / 16];  // groups of 128 only
  alignas(64) std::int16_t mins[batch_cols / 16];    // groups of 128 with a minimum only
  alignas(64) float d[batch_cols / 16];              // one a group
  alignas(64) float dmin[batch_cols / 32];           // one a group, where there is a minimum
};

// Where the next block's integers go.
struct UnpackTo {
  std::int8_t* codes;
  std::int16_t* scales;
  std::int16_t* mins;
  float* d;
  float* dmin;
};

struct WeightType {
  formats::TensorType type;
  Grouping grouping;
  bool has_min;
  std::uint16_t block_cols, block_bytes;
  void (*unpack)(const std::byte* blocks, std::size_t n_blocks, UnpackTo to);
};

// Null for float types and for what is no weight.
const WeightType* find_weight_type(formats::TensorType type);

struct WeightTypes {
  const WeightType* types;
  std::size_t size;
};
WeightTypes plain_weight_types();
WeightTypes k_quant_weight_types();
WeightTypes i_quant_weight_types();

constexpr std::size_t group_cols(Grouping grouping) {
  return grouping == Grouping::scale_per_16 ? 16 : grouping == Grouping::scale_per_32 ? 32 : 128;
}

// Bytes between what is unpacked and what is fetched from memory. From none to 2048, one token times 32768
// rows of 4096 columns went from 44 to 29 ns per 256 weights for Q4_K and from 36 to 20 for Q4_0 (Xeon,
// Sapphire Rapids, one core of a busy machine); 1024 does less, 4096 no more.
inline constexpr std::size_t prefetch_ahead = 2048;

// A table line: unpack_block(block, to) writes one block's integers and returns nothing.
template <typename Block, Grouping grouping, void (*unpack_block)(const Block&, const UnpackTo&)>
void unpack_blocks(const std::byte* blocks, std::size_t n_blocks, UnpackTo to) {
  constexpr std::size_t n_groups = Block::elements / group_cols(grouping);
  for (std::size_t b = 0; b < n_blocks; ++b) {
    // Whole matrices stream through here once; the hardware's own prefetching stops at every page. Beyond the
    // last row this touches nothing: a prefetch cannot fault.
    for (std::size_t line = 0; line < sizeof(Block); line += 64)
      __builtin_prefetch(blocks + b * sizeof(Block) + line + prefetch_ahead);
    unpack_block(*reinterpret_cast<const Block*>(blocks + b * sizeof(Block)), to);
    to.codes += Block::elements;
    to.scales += Block::elements / 16;
    to.mins += Block::elements / 16;
    to.d += n_groups;
    to.dmin += n_groups;
  }
}
template <typename Block, Grouping grouping, void (*unpack_block)(const Block&, const UnpackTo&)>
constexpr WeightType weight_type(formats::TensorType type, bool has_min = false) {
  return {
      type, grouping, has_min, Block::elements, sizeof(Block), unpack_blocks<Block, grouping, unpack_block>};
}

}  // namespace quern::kernels::QUERN_ISA
