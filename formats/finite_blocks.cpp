#include "formats/finite_blocks.h"

#include <cmath>
#include <cstring>

#include "formats/fp4_blocks.h"
#include "formats/i_quants.h"
#include "formats/k_quants.h"
#include "formats/plain_blocks.h"
#include "formats/ternary.h"

namespace quern::formats {
namespace {

// All bits of the exponent set: an infinity or a NaN.
constexpr bool finite_half(std::uint16_t bits) { return (bits & 0x7C00u) != 0x7C00u; }
constexpr bool finite_bf16(std::uint16_t bits) { return (bits & 0x7F80u) != 0x7F80u; }
constexpr bool finite_f32(std::uint32_t bits) { return (bits & 0x7F800000u) != 0x7F800000u; }
constexpr bool finite_f64(std::uint64_t bits) { return (bits & 0x7FF0000000000000u) != 0x7FF0000000000000u; }

bool is_finite(Half field) {
  std::uint16_t bits;
  std::memcpy(&bits, field.bytes, sizeof bits);
  return finite_half(bits);
}

/// Blocks whose binary16 scale is called d, with a minimum dmin or an offset m where there is one: their
/// values are these times small integers, and finite where these are.
template <typename Block>
bool is_finite(const Block& block) {
  bool finite = is_finite(block.d);
  if constexpr (requires { block.dmin; }) finite &= is_finite(block.dmin);
  if constexpr (requires { block.m; }) finite &= is_finite(block.m);
  return finite;
}

bool is_finite(const BlockIQ1_M& block) { return std::isfinite(iq1_m_d(block)); }

/// Code 255 is the NaN of E8M0, and from 253 on the largest values of E2M1 overflow a float.
bool is_finite(const BlockMXFP4& block) {
  if (block.e < 253) return true;
  float values[BlockMXFP4::elements];
  decode(block, values);
  for (const float value : values)
    if (!std::isfinite(value)) return false;
  return block.e != 255;
}

bool is_finite(const BlockNVFP4& block) {
  for (const std::uint8_t scale : block.d)
    if ((scale & 127u) == 127u) return false;  // the NaN of UE4M3
  return true;
}

template <typename Block>
std::size_t count_blocks(const std::byte* bytes, std::size_t n_blocks) {
  const auto* blocks = reinterpret_cast<const Block*>(bytes);
  std::size_t n = 0;
  for (std::size_t b = 0; b < n_blocks; ++b) n += !is_finite(blocks[b]);
  return n;
}

template <typename Bits, bool (*finite)(Bits)>
std::size_t count_values(const std::byte* bytes, std::size_t n_values) {
  std::size_t n = 0;
  for (std::size_t i = 0; i < n_values; ++i) {
    Bits bits;
    std::memcpy(&bits, bytes + i * sizeof bits, sizeof bits);
    n += !finite(bits);
  }
  return n;
}

}  // namespace

std::size_t count_non_finite(TensorType type, const std::byte* blocks, std::size_t n) {
  switch (type) {
    case TensorType::f32: return count_values<std::uint32_t, finite_f32>(blocks, n);
    case TensorType::f16: return count_values<std::uint16_t, finite_half>(blocks, n);
    case TensorType::bf16: return count_values<std::uint16_t, finite_bf16>(blocks, n);
    case TensorType::f64: return count_values<std::uint64_t, finite_f64>(blocks, n);
    case TensorType::q4_0: return count_blocks<BlockQ4_0>(blocks, n);
    case TensorType::q4_1: return count_blocks<BlockQ4_1>(blocks, n);
    case TensorType::q5_0: return count_blocks<BlockQ5_0>(blocks, n);
    case TensorType::q5_1: return count_blocks<BlockQ5_1>(blocks, n);
    case TensorType::q8_0: return count_blocks<BlockQ8_0>(blocks, n);
    case TensorType::q1_0: return count_blocks<BlockQ1_0>(blocks, n);
    case TensorType::q2_0: return count_blocks<BlockQ2_0>(blocks, n);
    case TensorType::mxfp4: return count_blocks<BlockMXFP4>(blocks, n);
    case TensorType::nvfp4: return count_blocks<BlockNVFP4>(blocks, n);
    case TensorType::q2_k: return count_blocks<BlockQ2_K>(blocks, n);
    case TensorType::q3_k: return count_blocks<BlockQ3_K>(blocks, n);
    case TensorType::q4_k: return count_blocks<BlockQ4_K>(blocks, n);
    case TensorType::q5_k: return count_blocks<BlockQ5_K>(blocks, n);
    case TensorType::q6_k: return count_blocks<BlockQ6_K>(blocks, n);
    case TensorType::tq1_0: return count_blocks<BlockTQ1_0>(blocks, n);
    case TensorType::tq2_0: return count_blocks<BlockTQ2_0>(blocks, n);
    case TensorType::iq2_xxs: return count_blocks<BlockIQ2_XXS>(blocks, n);
    case TensorType::iq2_xs: return count_blocks<BlockIQ2_XS>(blocks, n);
    case TensorType::iq2_s: return count_blocks<BlockIQ2_S>(blocks, n);
    case TensorType::iq3_xxs: return count_blocks<BlockIQ3_XXS>(blocks, n);
    case TensorType::iq3_s: return count_blocks<BlockIQ3_S>(blocks, n);
    case TensorType::iq1_s: return count_blocks<BlockIQ1_S>(blocks, n);
    case TensorType::iq1_m: return count_blocks<BlockIQ1_M>(blocks, n);
    case TensorType::iq4_nl: return count_blocks<BlockIQ4_NL>(blocks, n);
    case TensorType::iq4_xs: return count_blocks<BlockIQ4_XS>(blocks, n);
    case TensorType::i8:
    case TensorType::i16:
    case TensorType::i32:
    case TensorType::i64:
    case TensorType::q8_1:  // in no file
    case TensorType::q8_k: return 0;
  }
  return 0;
}

}  // namespace quern::formats
