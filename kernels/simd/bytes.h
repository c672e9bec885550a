#pragma once
// Bytes for the weight types: vectors of 16 in the compiler's own notation, which needs no instruction set,
// and eight at a time in a 64-bit word.
#include <cstdint>

#include QUERN_ISA_HEADER

namespace quern::kernels::QUERN_ISA {

typedef std::uint8_t Bytes16 __attribute__((vector_size(16)));
typedef std::uint8_t Bytes32 __attribute__((vector_size(32)));
typedef std::uint16_t Words16 __attribute__((vector_size(32)));
typedef std::uint32_t Dwords8 __attribute__((vector_size(32)));

QUERN_INLINE Bytes16 load_16(const void* p) {
  Bytes16 b;
  __builtin_memcpy(&b, p, sizeof b);
  return b;
}
// Sixteen bytes of each.
QUERN_INLINE Bytes32 load_16_of_two(const void* a, const void* b) {
  return __builtin_shufflevector(load_16(a), load_16(b), 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
                                 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31);
}
// Signed bytes to 32 bits, and to words in memory.
QUERN_INLINE I32x16 widen(Bytes16 b) { return load_i8(reinterpret_cast<const std::int8_t*>(&b)); }
QUERN_INLINE void store_words(std::int16_t* p, Bytes16 b) {
  widen_to_words(reinterpret_cast<const std::int8_t*>(&b), p);
}
QUERN_INLINE void store_words(std::int16_t* p, const Words16& w) { __builtin_memcpy(p, &w, sizeof w); }
// Each of the first eight, or of the last, in two places.
QUERN_INLINE Words16 first_eight_twice(const Words16& w) {
  return __builtin_shufflevector(w, w, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7);
}
QUERN_INLINE Words16 last_eight_twice(const Words16& w) {
  return __builtin_shufflevector(w, w, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13, 14, 14, 15, 15);
}

// 16 / repeat binary16 numbers, given by their bits, each for `repeat` lanes.
template <std::size_t repeat, typename BitsOf>
QUERN_INLINE F32x16 halves_of(BitsOf bits) {
  typedef std::uint16_t Words8 __attribute__((vector_size(16)));
  Words16 h;
  if constexpr (repeat == 4) {
    const Words8 a = {bits(0), bits(1), bits(2), bits(3)};
    h = __builtin_shufflevector(a, a, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
  } else if constexpr (repeat == 2) {
    const Words8 a = {bits(0), bits(1), bits(2), bits(3), bits(4), bits(5), bits(6), bits(7)};
    h = __builtin_shufflevector(a, a, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7);
  } else {
    static_assert(repeat == 1);
    h = Words16{bits(0), bits(1), bits(2),  bits(3),  bits(4),  bits(5),  bits(6),  bits(7),
                bits(8), bits(9), bits(10), bits(11), bits(12), bits(13), bits(14), bits(15)};
  }
  return load_f16(&h);
}

// Each of eight floats for two lanes.
QUERN_INLINE F32x16 load_twice(const float* p) {
  typedef float Floats8 __attribute__((vector_size(32)));
  Floats8 v;
  __builtin_memcpy(&v, p, sizeof v);
  const Floats8 twice[2] = {__builtin_shufflevector(v, v, 0, 0, 1, 1, 2, 2, 3, 3),
                            __builtin_shufflevector(v, v, 4, 4, 5, 5, 6, 6, 7, 7)};
  return load(reinterpret_cast<const float*>(twice));
}

// Two words as a vector. Not through memory: a 16-byte load cannot be served from two 8-byte stores in
// flight.
QUERN_INLINE Bytes16 join(std::uint64_t low, std::uint64_t high) {
  typedef std::uint64_t Words2 __attribute__((vector_size(16)));
  return reinterpret_cast<Bytes16>(Words2{low, high});
}
QUERN_INLINE std::uint64_t low_half(Bytes16 b) {
  typedef std::uint64_t Words2 __attribute__((vector_size(16)));
  return reinterpret_cast<Words2>(b)[0];
}
// The low nibbles of eight bytes, each followed by the high one.
QUERN_INLINE Bytes16 nibble_pairs(std::uint64_t b) {
  const Bytes16 v = join(b, b >> 4) & 15;
  return __builtin_shufflevector(v, v, 0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15);
}

QUERN_INLINE std::uint16_t load_u16(const void* p) {
  std::uint16_t b;
  __builtin_memcpy(&b, p, sizeof b);
  return b;
}
QUERN_INLINE std::uint64_t load_u64(const void* p) {
  std::uint64_t b;
  __builtin_memcpy(&b, p, sizeof b);
  return b;
}
QUERN_INLINE std::uint32_t load_u32(const void* p) {
  std::uint32_t b;
  __builtin_memcpy(&b, p, sizeof b);
  return b;
}

QUERN_INLINE I8x64 join_quarters(Bytes16 a, Bytes16 b, Bytes16 c, Bytes16 d) {
  return load_quarters(&a, &b, &c, &d);
}
// Eight words.
QUERN_INLINE I8x64 load_words_8(const std::uint64_t (&w)[8]) {
  return join_quarters(join(w[0], w[1]), join(w[2], w[3]), join(w[4], w[5]), join(w[6], w[7]));
}

}  // namespace quern::kernels::QUERN_ISA
