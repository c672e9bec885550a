// K-quants and the ternary types: super-blocks of 256, two groups of 128.
#include "formats/k_quants.h"
#include "formats/ternary.h"
#include "kernels/simd/math.h"
#include "kernels/unpack.h"

namespace quern::kernels::QUERN_ISA {
namespace {

using namespace formats;

QUERN_INLINE void set_both(float* pair, float value) { pair[0] = pair[1] = value; }

// Codes two_bits_of_256(qs, e) - zero.
QUERN_INLINE void two_bit_codes(const std::uint8_t* __restrict qs, int zero, std::int8_t* __restrict codes) {
  for (int half = 0; half < 2; ++half)
    for (int shift = 0; shift < 4; ++shift)
      for (int l = 0; l < 32; ++l)
        codes[128 * half + 32 * shift + l] =
            static_cast<std::int8_t>((qs[32 * half + l] >> 2 * shift & 3) - zero);
}
// Codes of Q4_K, and the low four bits of Q5_K.
QUERN_INLINE void four_bit_codes(const std::uint8_t* __restrict qs, std::int8_t* __restrict codes) {
  for (int j = 0; j < 4; ++j)
    for (int l = 0; l < 32; ++l) {
      codes[64 * j + l] = static_cast<std::int8_t>(qs[32 * j + l] & 15);
      codes[64 * j + 32 + l] = static_cast<std::int8_t>(qs[32 * j + l] >> 4);
    }
}
QUERN_INLINE void scales_and_mins(const std::uint8_t* packed, const UnpackTo& to) {
  for (unsigned j = 0; j < 8; ++j) {
    const ScaleMin sub = k4_scale_min(packed, j);
    to.scales[2 * j] = to.scales[2 * j + 1] = sub.scale;
    to.mins[2 * j] = to.mins[2 * j + 1] = sub.min;
  }
}

void unpack_q2_k(const BlockQ2_K& block, const UnpackTo& to) {
  set_both(to.d, load_half(&block.d));
  set_both(to.dmin, load_half(&block.dmin));
  for (int s = 0; s < 16; ++s) {
    to.scales[s] = block.scales[s] & 15;
    to.mins[s] = block.scales[s] >> 4;
  }
  two_bit_codes(block.qs, 0, to.codes);
}

void unpack_q3_k(const BlockQ3_K& block, const UnpackTo& to) {
  set_both(to.d, load_half(&block.d));
  for (unsigned s = 0; s < 16; ++s) to.scales[s] = static_cast<std::int16_t>(q3_k_scale(block.scales, s));
  const std::uint8_t* __restrict high = block.hmask;
  std::int8_t* __restrict codes = to.codes;
  two_bit_codes(block.qs, 4, codes);
  for (int g = 0; g < 8; ++g)
    for (int l = 0; l < 32; ++l)
      codes[32 * g + l] = static_cast<std::int8_t>(codes[32 * g + l] + (high[l] >> g & 1) * 4);
}

void unpack_q4_k(const BlockQ4_K& block, const UnpackTo& to) {
  set_both(to.d, load_half(&block.d));
  set_both(to.dmin, load_half(&block.dmin));
  scales_and_mins(block.scales, to);
  four_bit_codes(block.qs, to.codes);
}

void unpack_q5_k(const BlockQ5_K& block, const UnpackTo& to) {
  set_both(to.d, load_half(&block.d));
  set_both(to.dmin, load_half(&block.dmin));
  scales_and_mins(block.scales, to);
  const std::uint8_t* __restrict high = block.qh;
  std::int8_t* __restrict codes = to.codes;
  four_bit_codes(block.qs, codes);
  for (int g = 0; g < 8; ++g)
    for (int l = 0; l < 32; ++l)
      codes[32 * g + l] = static_cast<std::int8_t>(codes[32 * g + l] + (high[l] >> g & 1) * 16);
}

void unpack_q6_k(const BlockQ6_K& block, const UnpackTo& to) {
  set_both(to.d, load_half(&block.d));
  for (int s = 0; s < 16; ++s) to.scales[s] = block.scales[s];
  std::int8_t* __restrict codes = to.codes;
  for (int n = 0; n < 2; ++n) {
    const std::uint8_t* __restrict low = block.ql + 64 * n;
    const std::uint8_t* __restrict high = block.qh + 32 * n;
    for (int l = 0; l < 32; ++l) {
      const int h = high[l], a = low[l], b = low[l + 32];
      codes[128 * n + l] = static_cast<std::int8_t>(((a & 15) | (h << 4 & 48)) - 32);
      codes[128 * n + 32 + l] = static_cast<std::int8_t>(((b & 15) | (h << 2 & 48)) - 32);
      codes[128 * n + 64 + l] = static_cast<std::int8_t>(((a >> 4) | (h & 48)) - 32);
      codes[128 * n + 96 + l] = static_cast<std::int8_t>(((b >> 4) | (h >> 2 & 48)) - 32);
    }
  }
}

QUERN_INLINE void unit_scales(const UnpackTo& to) {
  for (int s = 0; s < 16; ++s) to.scales[s] = 1;
}

void unpack_tq1_0(const BlockTQ1_0& block, const UnpackTo& to) {
  set_both(to.d, load_half(&block.d));
  unit_scales(to);
  const auto code = [](std::uint8_t byte, unsigned k) {
    return static_cast<std::int8_t>(static_cast<int>(tq1_0_digit(byte, k)) - 1);
  };
  for (unsigned e = 0; e < 160; ++e) to.codes[e] = code(block.qs[e % 32], e / 32);
  for (unsigned e = 0; e < 80; ++e) to.codes[160 + e] = code(block.qs[32 + e % 16], e / 16);
  for (unsigned e = 0; e < 16; ++e) to.codes[240 + e] = code(block.qh[e % 4], e / 4);
}

void unpack_tq2_0(const BlockTQ2_0& block, const UnpackTo& to) {
  set_both(to.d, load_half(&block.d));
  unit_scales(to);
  two_bit_codes(block.qs, 1, to.codes);
}

using enum Grouping;
constexpr WeightType types[] = {
    weight_type<BlockQ2_K, sub_scales_of_16, unpack_q2_k>(TensorType::q2_k, true),
    weight_type<BlockQ3_K, sub_scales_of_16, unpack_q3_k>(TensorType::q3_k),
    weight_type<BlockQ4_K, sub_scales_of_32, unpack_q4_k>(TensorType::q4_k, true),
    weight_type<BlockQ5_K, sub_scales_of_32, unpack_q5_k>(TensorType::q5_k, true),
    weight_type<BlockQ6_K, sub_scales_of_16, unpack_q6_k>(TensorType::q6_k),
    weight_type<BlockTQ1_0, sub_scales_of_32, unpack_tq1_0>(TensorType::tq1_0),
    weight_type<BlockTQ2_0, sub_scales_of_32, unpack_tq2_0>(TensorType::tq2_0),
};

}  // namespace

WeightTypes k_quant_weight_types() { return {types, sizeof types / sizeof *types}; }

}  // namespace quern::kernels::QUERN_ISA
