// K-quants and the ternary types: super-blocks of 256, two groups of 128.
#include "formats/k_quants.h"
#include "formats/ternary.h"
#include "kernels/simd/bytes.h"
#include "kernels/unpack.h"

namespace quern::kernels::QUERN_ISA {
namespace {

using namespace formats;

QUERN_INLINE void set_both(float* pair, float value) { pair[0] = pair[1] = value; }

// Codes two_bits_of_256(qs, e) - zero.
QUERN_INLINE void two_bit_codes(const std::uint8_t* qs, std::uint8_t zero, std::int8_t* codes) {
  for (int i = 0; i < 64; i += 16) {
    const Bytes16 b = load_16(qs + i);
    std::int8_t* to = codes + i / 32 * 128 + i % 32;
    for (int k = 0; k < 4; ++k) store_16(to + 32 * k, (b >> 2 * k & 3) - zero);
  }
}
// Eight scales and eight minimums of six bits (formats' k4_scale_min, four at a time), each for two
// sub-blocks.
QUERN_INLINE void scales_and_mins(const std::uint8_t* packed, const UnpackTo& to) {
  std::uint32_t a, b, c;
  __builtin_memcpy(&a, packed, 4);
  __builtin_memcpy(&b, packed + 4, 4);
  __builtin_memcpy(&c, packed + 8, 4);
  const std::uint32_t scales[2] = {a & 0x3f3f3f3fu, (c & 0x0f0f0f0fu) | (a >> 2 & 0x30303030u)};
  const std::uint32_t mins[2] = {b & 0x3f3f3f3fu, (c >> 4 & 0x0f0f0f0fu) | (b >> 2 & 0x30303030u)};
  for (int j = 0; j < 8; ++j) {
    const std::uint32_t scale = scales[j / 4] >> 8 * (j % 4) & 255, min = mins[j / 4] >> 8 * (j % 4) & 255;
    const std::uint32_t both_scales = scale << 16 | scale, both_mins = min << 16 | min;
    __builtin_memcpy(to.scales + 2 * j, &both_scales, 4);
    __builtin_memcpy(to.mins + 2 * j, &both_mins, 4);
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
  for (int i = 0; i < 64; i += 16) {
    const Bytes16 low = load_16(block.qs + i), high = load_16(block.hmask + i % 32) >> i / 32 * 4;
    std::int8_t* codes = to.codes + i / 32 * 128 + i % 32;
    for (int k = 0; k < 4; ++k) store_16(codes + 32 * k, ((low >> 2 * k & 3) | (high >> k & 1) << 2) - 4);
  }
}

void unpack_q4_k(const BlockQ4_K& block, const UnpackTo& to) {
  set_both(to.d, load_half(&block.d));
  set_both(to.dmin, load_half(&block.dmin));
  scales_and_mins(block.scales, to);
  for (int i = 0; i < 128; i += 16) {
    const Bytes16 b = load_16(block.qs + i);
    std::int8_t* codes = to.codes + i / 32 * 64 + i % 32;
    store_16(codes, b & 15);
    store_16(codes + 32, b >> 4);
  }
}

void unpack_q5_k(const BlockQ5_K& block, const UnpackTo& to) {
  set_both(to.d, load_half(&block.d));
  set_both(to.dmin, load_half(&block.dmin));
  scales_and_mins(block.scales, to);
  for (int i = 0; i < 128; i += 16) {
    const Bytes16 b = load_16(block.qs + i), high = load_16(block.qh + i % 32) >> i / 32 * 2;
    std::int8_t* codes = to.codes + i / 32 * 64 + i % 32;
    store_16(codes, (b & 15) | (high & 1) << 4);
    store_16(codes + 32, b >> 4 | (high & 2) << 3);
  }
}

void unpack_q6_k(const BlockQ6_K& block, const UnpackTo& to) {
  set_both(to.d, load_half(&block.d));
  for (int s = 0; s < 16; ++s) to.scales[s] = block.scales[s];
  for (int i = 0; i < 64; i += 16) {
    const int n = i / 32, l = i % 32;
    const Bytes16 a = load_16(block.ql + 64 * n + l), b = load_16(block.ql + 64 * n + 32 + l);
    const Bytes16 high = load_16(block.qh + i);
    std::int8_t* codes = to.codes + 128 * n + l;
    store_16(codes, ((a & 15) | (high << 4 & 48)) - 32);
    store_16(codes + 32, ((b & 15) | (high << 2 & 48)) - 32);
    store_16(codes + 64, (a >> 4 | (high & 48)) - 32);
    store_16(codes + 96, (b >> 4 | (high >> 2 & 48)) - 32);
  }
}

QUERN_INLINE void unit_scales(const UnpackTo& to) {
  for (int s = 0; s < 16; ++s) to.scales[s] = 1;
}

void unpack_tq1_0(const BlockTQ1_0& block, const UnpackTo& to) {
  set_both(to.d, load_half(&block.d));
  unit_scales(to);
  // Digit k of a byte: its value as a fraction of 256, times 3^k, and the whole part of three times the rest.
  const auto digits = [](const std::uint8_t* bytes, int n, unsigned power, std::int8_t* codes) {
    for (int i = 0; i < n; ++i) codes[i] = static_cast<std::int8_t>(((bytes[i] * power & 255) * 3 >> 8) - 1);
  };
  unsigned power = 1;
  for (int k = 0; k < 5; ++k, power *= 3) {
    digits(block.qs, 32, power, to.codes + 32 * k);
    digits(block.qs + 32, 16, power, to.codes + 160 + 16 * k);
    if (k < 4) digits(block.qh, 4, power, to.codes + 240 + 4 * k);
  }
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
