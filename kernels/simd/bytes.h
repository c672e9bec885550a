#pragma once
// Bytes for the unpack functions: vectors of 16 in the compiler's own notation, which needs no instruction
// set, and eight at a time in a 64-bit word.
#include <cstdint>

#include QUERN_ISA_HEADER

namespace quern::kernels::QUERN_ISA {

typedef std::uint8_t Bytes16 __attribute__((vector_size(16)));

QUERN_INLINE Bytes16 load_16(const void* p) {
  Bytes16 b;
  __builtin_memcpy(&b, p, sizeof b);
  return b;
}
QUERN_INLINE void store_16(void* p, Bytes16 b) { __builtin_memcpy(p, &b, sizeof b); }
// values[code], code < 16, in each place.
QUERN_INLINE void store_values(void* p, const std::int8_t* values, Bytes16 codes) {
  look_up_16(values, reinterpret_cast<const std::uint8_t*>(&codes), static_cast<std::int8_t*>(p));
}

inline constexpr std::uint64_t every_byte = 0x0101010101010101u;

QUERN_INLINE void store_8(void* p, std::uint64_t b) { __builtin_memcpy(p, &b, sizeof b); }
// 1 in byte j where bit j of `bits` (0 to 255) is set, else 0.
QUERN_INLINE std::uint64_t spread_bits(std::uint64_t bits) {
  const std::uint64_t each_bit = bits * every_byte & 0x8040201008040201u;  // byte j: 0 or 1 << j
  return (each_bit + 0x7f * every_byte) >> 7 & every_byte;
}
// Byte by byte, without carries between them.
QUERN_INLINE std::uint64_t add_bytes(std::uint64_t a, std::uint64_t b) {
  constexpr std::uint64_t top = 0x80 * every_byte;
  return ((a & ~top) + (b & ~top)) ^ ((a ^ b) & top);
}
// The bytes of `magnitudes`, none of them 0, negated where the bit of `signs` is set.
QUERN_INLINE std::uint64_t with_signs(std::uint64_t magnitudes, unsigned signs) {
  const std::uint64_t minus = spread_bits(signs);
  return (magnitudes ^ minus * 255) + minus;
}

}  // namespace quern::kernels::QUERN_ISA
