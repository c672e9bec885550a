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

// 255 in byte j where bit first + j of `bits` is set, else 0. For vectors: a 64-bit product would cost AVX2
// dearly.
template <int first>
QUERN_INLINE Bytes16 spread_16_bits(std::uint32_t bits) {
  typedef std::uint32_t Words4 __attribute__((vector_size(16)));
  constexpr int low = first / 8, high = low + 1;
  const Bytes16 all = reinterpret_cast<Bytes16>(Words4{bits, bits, bits, bits});
  const Bytes16 each = __builtin_shufflevector(all, all, low, low, low, low, low, low, low, low, high, high,
                                               high, high, high, high, high, high);
  const Bytes16 bit = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
  return reinterpret_cast<Bytes16>((each & bit) == bit);
}

inline constexpr std::uint64_t every_byte = 0x0101010101010101u;

// Two words as a vector. Not through memory: a 16-byte load cannot be served from two 8-byte stores in
// flight.
QUERN_INLINE Bytes16 join(std::uint64_t low, std::uint64_t high) {
  typedef std::uint64_t Words2 __attribute__((vector_size(16)));
  return reinterpret_cast<Bytes16>(Words2{low, high});
}
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
  return (magnitudes ^ ((minus << 8) - minus)) + minus;
}

}  // namespace quern::kernels::QUERN_ISA
