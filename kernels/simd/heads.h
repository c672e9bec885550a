#pragma once
// The scales at the beginning of blocks that follow each other.
#include QUERN_ISA_HEADER

namespace quern::kernels::QUERN_ISA {

#if defined(__AVX2__) && !defined(__AVX512F__)

inline constexpr bool loads_heads = true;

// Eight blocks: each load has its block's head where it belongs.
template <std::size_t block_bytes>
QUERN_INLINE __m256i load_eight_heads(const char* blocks) {
  static_assert(block_bytes >= 4, "the last load ends inside the last block");
  constexpr std::size_t step = block_bytes - 4;
  __m256i v = load_256(blocks);
  v = _mm256_blend_epi32(v, load_256(blocks + step), 1 << 1);
  v = _mm256_blend_epi32(v, load_256(blocks + 2 * step), 1 << 2);
  v = _mm256_blend_epi32(v, load_256(blocks + 3 * step), 1 << 3);
  v = _mm256_blend_epi32(v, load_256(blocks + 4 * step), 1 << 4);
  v = _mm256_blend_epi32(v, load_256(blocks + 5 * step), 1 << 5);
  v = _mm256_blend_epi32(v, load_256(blocks + 6 * step), 1 << 6);
  return _mm256_blend_epi32(v, load_256(blocks + 7 * step), 1 << 7);
}
// The first four bytes of 16 blocks, of which nothing is read before them or beyond.
template <std::size_t block_bytes>
QUERN_INLINE I32x16 load_heads(const void* blocks) {
  const auto* p = static_cast<const char*>(blocks);
  return {load_eight_heads<block_bytes>(p), load_eight_heads<block_bytes>(p + 8 * block_bytes)};
}
// The first four bytes of eight blocks, and the four from byte `second` on.
template <std::size_t block_bytes, std::size_t second>
QUERN_INLINE void load_eight_heads_of_two(const char* blocks, __m256i& firsts, __m256i& seconds) {
  static_assert(block_bytes >= 8 && second <= 4, "eight bytes hold both, and the last load ends with them");
  const auto four = [](const char* p) {  // two blocks and, further on, two more
    __m256i v = load_256(p);
    v = _mm256_blend_epi32(v, load_256(p + block_bytes - 8), 3 << 2);
    v = _mm256_blend_epi32(v, load_256(p + 4 * block_bytes - 16), 3 << 4);
    return _mm256_blend_epi32(v, load_256(p + 5 * block_bytes - 24), 3 << 6);
  };
  const auto pick = [](__m256i a, __m256i b) {
    return _mm256_castps_si256(_mm256_shuffle_ps(_mm256_castsi256_ps(a), _mm256_castsi256_ps(b), 0x88));
  };
  const __m256i a = four(blocks), b = four(blocks + 2 * block_bytes);
  firsts = pick(a, b);
  seconds = pick(_mm256_srli_epi64(a, 8 * second), _mm256_srli_epi64(b, 8 * second));
}
// Of 16 blocks, of which nothing is read before them or beyond.
template <std::size_t block_bytes, std::size_t second>
QUERN_INLINE void load_two_heads(const void* blocks, I32x16& firsts, I32x16& seconds) {
  const auto* p = static_cast<const char*>(blocks);
  load_eight_heads_of_two<block_bytes, second>(p, firsts.lo, seconds.lo);
  load_eight_heads_of_two<block_bytes, second>(p + 8 * block_bytes, firsts.hi, seconds.hi);
}
// The first four bytes of eight blocks, each for two lanes.
template <std::size_t block_bytes>
QUERN_INLINE I32x16 load_heads_twice(const void* blocks) {
  const __m256i heads =
      _mm256_permute4x64_epi64(load_eight_heads<block_bytes>(static_cast<const char*>(blocks)), 0xd8);
  return {_mm256_unpacklo_epi32(heads, heads), _mm256_unpackhi_epi32(heads, heads)};
}
// Binary16 numbers of 0 to 0xffff each.
QUERN_INLINE F32x16 halves_in(I32x16 bits) {
  const __m256i words =
      _mm256_permute4x64_epi64(_mm256_packus_epi32(bits.lo, bits.hi), 0xd8);  // it packs each 128 bits
  return {_mm256_cvtph_ps(_mm256_castsi256_si128(words)),
          _mm256_cvtph_ps(_mm256_extracti128_si256(words, 1))};
}
QUERN_INLINE I32x16 upper_words(I32x16 a) {
  return {_mm256_srli_epi32(a.lo, 16), _mm256_srli_epi32(a.hi, 16)};
}

#else

inline constexpr bool loads_heads = false;

// Never called.
template <std::size_t block_bytes>
I32x16 load_heads(const void* blocks);
template <std::size_t block_bytes>
I32x16 load_heads_twice(const void* blocks);
template <std::size_t block_bytes, std::size_t second>
void load_two_heads(const void* blocks, I32x16& firsts, I32x16& seconds);
F32x16 halves_in(I32x16 bits);
I32x16 upper_words(I32x16 a);

#endif

}  // namespace quern::kernels::QUERN_ISA
