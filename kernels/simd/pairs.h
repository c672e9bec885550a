#pragma once
// Byte products of 16 rows with two tokens at once, for instruction sets that multiply 2 x 8 by 8 x 2 bytes.
#include QUERN_ISA_HEADER

namespace quern::kernels::QUERN_ISA {

#ifdef __ARM_FEATURE_MATMUL_INT8

// Loops are unrolled by name: at -O2 GCC 12 keeps those of eight, and their vectors in memory.

inline constexpr bool multiplies_pairs = true;

// The sums of both tokens: of rows 2j and 2j + 1 in block j, as [row][token].
struct PairSums {
  int32x4_t v[8];
};
// Eight columns of 16 rows, two rows a block.
struct RowPairs {
  int8x16_t v[8];
};

// 64 bytes each: columns 4k to 4k + 3 and 4k + 4 to 4k + 7, as a panel has them.
QUERN_INLINE RowPairs pair_rows(const std::int8_t* low, const std::int8_t* high) {
  RowPairs r;
#pragma GCC unroll 8
  for (int i = 0; i < 4; ++i) {
    const int32x4_t a = vreinterpretq_s32_s8(vld1q_s8(low + 16 * i));
    const int32x4_t b = vreinterpretq_s32_s8(vld1q_s8(high + 16 * i));
    r.v[2 * i] = vreinterpretq_s8_s32(vzip1q_s32(a, b));
    r.v[2 * i + 1] = vreinterpretq_s8_s32(vzip2q_s32(a, b));
  }
  return r;
}
QUERN_INLINE PairSums pair_sums(const I32x16& a, const I32x16& b) {
  PairSums r;
#pragma GCC unroll 8
  for (int i = 0; i < 4; ++i) {
    r.v[2 * i] = vzip1q_s32(a.v[i], b.v[i]);
    r.v[2 * i + 1] = vzip2q_s32(a.v[i], b.v[i]);
  }
  return r;
}
// Adds the products with eight codes of each token.
QUERN_INLINE PairSums dot8(const PairSums& acc, const RowPairs& w, const std::int8_t* a,
                           const std::int8_t* b) {
  const int8x16_t both = vcombine_s8(vld1_s8(a), vld1_s8(b));
  PairSums r;
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) r.v[i] = vmmlaq_s32(acc.v[i], w.v[i], both);
  return r;
}
QUERN_INLINE void split(const PairSums& sums, I32x16& a, I32x16& b) {
#pragma GCC unroll 8
  for (int i = 0; i < 4; ++i) {
    a.v[i] = vuzp1q_s32(sums.v[2 * i], sums.v[2 * i + 1]);
    b.v[i] = vuzp2q_s32(sums.v[2 * i], sums.v[2 * i + 1]);
  }
}

#else

inline constexpr bool multiplies_pairs = false;

// Never called.
struct PairSums {};
struct RowPairs {};
RowPairs pair_rows(const std::int8_t* low, const std::int8_t* high);
PairSums pair_sums(const I32x16& a, const I32x16& b);
PairSums dot8(const PairSums& acc, const RowPairs& w, const std::int8_t* a, const std::int8_t* b);
void split(const PairSums& sums, I32x16& a, I32x16& b);

#endif

}  // namespace quern::kernels::QUERN_ISA
