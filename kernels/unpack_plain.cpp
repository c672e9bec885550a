// Blocks with one scale, and the 4-bit floats: groups of 32, or of 16 for NVFP4.
#include "formats/fp4_blocks.h"
#include "formats/i_quants.h"
#include "formats/plain_blocks.h"
#include "kernels/simd/bytes.h"
#include "kernels/unpack.h"

namespace quern::kernels::QUERN_ISA {
namespace {

using namespace formats;

// 16 bytes whose low nibbles are the first 16 codes and whose high nibbles are the rest, minus `zero`.
QUERN_INLINE void nibbles(const std::uint8_t* qs, std::uint8_t zero, std::int8_t* codes) {
  const Bytes16 b = load_16(qs);
  store_16(codes, (b & 15) - zero);
  store_16(codes + 16, (b >> 4) - zero);
}
// The same with bit i of `high` as the fifth bit of code i.
QUERN_INLINE void five_bits(const std::uint8_t* qs, std::uint32_t high, std::uint8_t zero,
                            std::int8_t* codes) {
  const Bytes16 b = load_16(qs);
  store_16(codes, ((b & 15) | (spread_16_bits<0>(high) & 16)) - zero);
  store_16(codes + 16, ((b >> 4) | (spread_16_bits<16>(high) & 16)) - zero);
}
QUERN_INLINE void look_up(const std::uint8_t* qs, const std::int8_t* values, std::int8_t* codes) {
  const Bytes16 b = load_16(qs);
  store_values(codes, values, b & 15);
  store_values(codes + 16, values, b >> 4);
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
  five_bits(block.qs, to_uint(block.qh), 16, to.codes);
}

void unpack_q5_1(const BlockQ5_1& block, const UnpackTo& to) {
  *to.d = load_half(&block.d);
  *to.dmin = -load_half(&block.m);
  five_bits(block.qs, to_uint(block.qh), 0, to.codes);
}

void unpack_q1_0(const BlockQ1_0& block, const UnpackTo& to) {
  const float d = load_half(&block.d);
  for (int g = 0; g < 4; ++g) to.d[g] = d;
  for (int k = 0; k < 8; ++k) {
    std::uint16_t bits;
    __builtin_memcpy(&bits, block.qs + 2 * k, sizeof bits);
    store_16(to.codes + 16 * k, (spread_16_bits<0>(bits) & 2) - 1);
  }
}

void unpack_q2_0(const BlockQ2_0& block, const UnpackTo& to) {
  const float d = load_half(&block.d);
  to.d[0] = to.d[1] = d;
  for (int k = 0; k < 16; ++k) {
    // Four copies of the byte, each shifted so that its two bits come to the bottom of a byte.
    const std::uint32_t x = block.qs[k], four = (x | x << 6 | x << 12 | x << 18) & 0x03030303u;
    const std::uint32_t less_one = ((four | 0x80808080u) - 0x01010101u) ^ 0x80808080u;
    __builtin_memcpy(to.codes + 4 * k, &less_one, 4);
  }
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
    std::uint64_t b;  // eight bytes: the low nibbles, then the high ones
    __builtin_memcpy(&b, block.qs + 8 * s, sizeof b);
    store_values(to.codes + 16 * s, fp4_values, join(b & 15 * every_byte, b >> 4 & 15 * every_byte));
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
