#pragma once
// The two 16-bit float formats. Every function works on bits, so the results are the same on any machine: the
// conversions to float are exact, those from float round to nearest, ties to even.
// Functions here have internal linkage: a kernel built for one instruction set must not lend its copy to the
// rest of the program.
#include <cstdint>
#include <cstring>

namespace quern::formats {

static inline std::uint32_t float_bits(float value) {
  std::uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

static inline float float_from_bits(std::uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

/// IEEE binary16 to float. Exact, subnormals included; a signalling NaN comes out quiet.
static inline float half_to_float(std::uint16_t half) {
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000u) << 16;
  const std::uint32_t exponent = (half >> 10) & 31u;
  const std::uint32_t mantissa = half & 0x3FFu;
  if (exponent == 0) {  // mantissa * 2^-24
    const float magnitude = static_cast<float>(mantissa) * 5.9604644775390625e-8f;
    return float_from_bits(sign | float_bits(magnitude));
  }
  if (exponent == 31)
    return float_from_bits(sign | 0x7F800000u | mantissa << 13 | (mantissa ? 0x400000u : 0u));
  return float_from_bits(sign | (exponent + 112u) << 23 | mantissa << 13);
}

/// Float to IEEE binary16. From 65520 on the result is infinity; every NaN becomes 0x7E00 with its sign.
static inline std::uint16_t float_to_half(float value) {
  const std::uint32_t bits = float_bits(value);
  const std::uint32_t sign = bits >> 16 & 0x8000u;
  const std::uint32_t magnitude = bits & 0x7FFFFFFFu;
  std::uint32_t half;
  if (magnitude > 0x7F800000u) {
    half = 0x7E00u;
  } else if (magnitude >= 0x477FF000u) {
    half = 0x7C00u;
  } else if (magnitude >= 0x38800000u) {  // 2^-14 and up: normal, drop 13 bits and rebias the exponent by 112
    half = (magnitude - 0x38000000u + 0xFFFu + (magnitude >> 13 & 1u)) >> 13;
  } else if (magnitude >= 0x33000000u) {  // 2^-25 and up: count units of 2^-24
    const std::uint32_t mantissa = (magnitude & 0x7FFFFFu) | 0x800000u;
    const std::uint32_t shift = 126u - (magnitude >> 23);  // 14 to 24
    half = (mantissa + (1u << (shift - 1)) - 1u + (mantissa >> shift & 1u)) >> shift;
  } else {
    half = 0;
  }
  return static_cast<std::uint16_t>(sign | half);
}

/// bfloat16 to float: the upper half of the bits. Exact; a NaN keeps its payload.
static inline float bf16_to_float(std::uint16_t bf16) {
  return float_from_bits(static_cast<std::uint32_t>(bf16) << 16);
}

/// Float to bfloat16. A NaN stays one, made quiet.
static inline std::uint16_t float_to_bf16(float value) {
  const std::uint32_t bits = float_bits(value);
  if ((bits & 0x7FFFFFFFu) > 0x7F800000u) return static_cast<std::uint16_t>(bits >> 16 | 64u);
  return static_cast<std::uint16_t>((bits + 0x7FFFu + (bits >> 16 & 1u)) >> 16);
}

}  // namespace quern::formats
