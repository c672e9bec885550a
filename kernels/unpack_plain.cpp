// Blocks with one scale, and the 4-bit floats: groups of 32, or of 16 for NVFP4.
#include "formats/fp4_blocks.h"
#include "formats/i_quants.h"
#include "formats/plain_blocks.h"
#include "kernels/simd/math.h"
#include "kernels/unpack.h"

namespace quern::kernels::QUERN_ISA {
namespace {

using namespace formats;

// 16 bytes whose low nibbles are the first 16 codes and whose high nibbles are the rest, minus `zero`.
QUERN_INLINE void nibbles(const std::uint8_t* __restrict qs, int zero, std::int8_t* __restrict codes) {
  for (int i = 0; i < 16; ++i) {
    codes[i] = static_cast<std::int8_t>((qs[i] & 15) - zero);
    codes[i + 16] = static_cast<std::int8_t>((qs[i] >> 4) - zero);
  }
}
// Adds 16 where bit i of `high` is set.
QUERN_INLINE void add_fifth_bits(std::uint32_t high, std::int8_t* __restrict codes) {
  for (int i = 0; i < 32; ++i) codes[i] = static_cast<std::int8_t>(codes[i] + (high >> i & 1) * 16);
}
QUERN_INLINE void look_up(const std::uint8_t* __restrict qs, const std::int8_t* __restrict values,
                          std::int8_t* __restrict codes) {
  for (int i = 0; i < 16; ++i) {
    codes[i] = values[qs[i] & 15];
    codes[i + 16] = values[qs[i] >> 4];
  }
}

void unpack_q8_0(const BlockQ8_0& block, const UnpackTo& to) {
  *to.d = load_half(&block.d);
  __builtin_memcpy(to.codes, block.qs, 32);
}

void unpack_q4_0(const BlockQ4_0& block, const UnpackTo& to) {
  *to.d = load_half(&block.d);
  nibbles(block.qs, 8, to.codes);
}

// The offset is added: its negative is subtracted.
void unpack_q4_1(const BlockQ4_1& block, const UnpackTo& to) {
  *to.d = load_half(&block.d);
  *to.dmin = -load_half(&block.m);
  nibbles(block.qs, 0, to.codes);
}

void unpack_q5_0(const BlockQ5_0& block, const UnpackTo& to) {
  *to.d = load_half(&block.d);
  nibbles(block.qs, 16, to.codes);
  add_fifth_bits(to_uint(block.qh), to.codes);
}

void unpack_q5_1(const BlockQ5_1& block, const UnpackTo& to) {
  *to.d = load_half(&block.d);
  *to.dmin = -load_half(&block.m);
  nibbles(block.qs, 0, to.codes);
  add_fifth_bits(to_uint(block.qh), to.codes);
}

void unpack_q1_0(const BlockQ1_0& block, const UnpackTo& to) {
  const float d = load_half(&block.d);
  for (int g = 0; g < 4; ++g) to.d[g] = d;
  for (int e = 0; e < 128; ++e)
    to.codes[e] = static_cast<std::int8_t>((block.qs[e / 8] >> e % 8 & 1) * 2 - 1);
}

void unpack_q2_0(const BlockQ2_0& block, const UnpackTo& to) {
  const float d = load_half(&block.d);
  to.d[0] = to.d[1] = d;
  for (int e = 0; e < 64; ++e) to.codes[e] = static_cast<std::int8_t>((block.qs[e / 4] >> e % 4 * 2 & 3) - 1);
}

void unpack_iq4_nl(const BlockIQ4_NL& block, const UnpackTo& to) {
  *to.d = load_half(&block.d);
  look_up(block.qs, iq4_values, to.codes);
}

void unpack_mxfp4(const BlockMXFP4& block, const UnpackTo& to) {
  *to.d = e8m0_half(block.e);
  look_up(block.qs, fp4_values, to.codes);
}

void unpack_nvfp4(const BlockNVFP4& block, const UnpackTo& to) {
  for (int s = 0; s < 4; ++s) {
    to.d[s] = ue4m3_half(block.d[s]);
    for (int i = 0; i < 8; ++i) {
      to.codes[16 * s + i] = fp4_values[block.qs[8 * s + i] & 15];
      to.codes[16 * s + 8 + i] = fp4_values[block.qs[8 * s + i] >> 4];
    }
  }
}

using enum Grouping;
constexpr WeightType types[] = {
    weight_type<BlockQ8_0, scale_per_32, unpack_q8_0>(TensorType::q8_0),
    weight_type<BlockQ4_0, scale_per_32, unpack_q4_0>(TensorType::q4_0),
    weight_type<BlockQ4_1, scale_per_32, unpack_q4_1>(TensorType::q4_1, true),
    weight_type<BlockQ5_0, scale_per_32, unpack_q5_0>(TensorType::q5_0),
    weight_type<BlockQ5_1, scale_per_32, unpack_q5_1>(TensorType::q5_1, true),
    weight_type<BlockQ1_0, scale_per_32, unpack_q1_0>(TensorType::q1_0),
    weight_type<BlockQ2_0, scale_per_32, unpack_q2_0>(TensorType::q2_0),
    weight_type<BlockIQ4_NL, scale_per_32, unpack_iq4_nl>(TensorType::iq4_nl),
    weight_type<BlockMXFP4, scale_per_32, unpack_mxfp4>(TensorType::mxfp4),
    weight_type<BlockNVFP4, scale_per_16, unpack_nvfp4>(TensorType::nvfp4),
};

}  // namespace

WeightTypes plain_weight_types() { return {types, sizeof types / sizeof *types}; }

}  // namespace quern::kernels::QUERN_ISA
