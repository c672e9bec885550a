#pragma once
// What one register holds of a vector: part p is lanes 16 / float_parts * p and on.
#include QUERN_ISA_HEADER

namespace quern::kernels::QUERN_ISA {

#if defined(__AVX2__) && !defined(__AVX512F__)

inline constexpr int float_parts = 2;
using F32Part = __m256;

template <int p>
QUERN_INLINE F32Part load_part(const float* v) {
  return _mm256_loadu_ps(v + 8 * p);
}
template <int p>
QUERN_INLINE void store_part(float* v, F32Part a) {
  _mm256_storeu_ps(v + 8 * p, a);
}
QUERN_INLINE F32Part fma(F32Part a, F32Part b, F32Part c) { return _mm256_fmadd_ps(a, b, c); }

#else

// One register holds all of it, or no product is quicker by parts.
inline constexpr int float_parts = 1;
using F32Part = F32x16;

template <int>
QUERN_INLINE F32Part load_part(const float* v) {
  return load(v);
}
template <int>
QUERN_INLINE void store_part(float* v, const F32Part& a) {
  store(v, a);
}

#endif

}  // namespace quern::kernels::QUERN_ISA
