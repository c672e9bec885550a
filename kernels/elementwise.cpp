// What is done element by element: sums, products, activations (reference: Hendrycks & Gimpel, arXiv
// 1606.08415, for gelu; Elfwing et al., arXiv 1702.03118, for silu).
#include "kernels/functions.h"
#include "kernels/simd/math.h"

namespace quern::kernels::QUERN_ISA {
namespace {

// y[i] = f(x[i]), 16 at a time; the last, partial vector is filled up with +0.
template <typename F>
QUERN_INLINE void map(const float* x, std::size_t n, float* y, F f) {
  std::size_t i = 0;
  for (; i + 16 <= n; i += 16) store(y + i, f(load(x + i)));
  if (i < n) store_n(y + i, f(load_n(x + i, n - i)), n - i);
}
template <typename F>
QUERN_INLINE void map(const float* a, const float* b, std::size_t n, float* y, F f) {
  std::size_t i = 0;
  for (; i + 16 <= n; i += 16) store(y + i, f(load(a + i), load(b + i)));
  if (i < n) store_n(y + i, f(load_n(a + i, n - i), load_n(b + i, n - i)), n - i);
}

}  // namespace

void add(const float* a, const float* b, std::size_t n, float* y) {
  map(a, b, n, y, [](F32x16 u, F32x16 v) { return u + v; });
}
void mul(const float* a, const float* b, std::size_t n, float* y) {
  map(a, b, n, y, [](F32x16 u, F32x16 v) { return u * v; });
}
void scale(const float* x, float factor, std::size_t n, float* y) {
  map(x, n, y, [=](F32x16 u) { return u * splat(factor); });
}
void scale_add(const float* x, float factor, const float* b, std::size_t n, float* y) {
  map(x, b, n, y, [=](F32x16 u, F32x16 v) { return fma(u, splat(factor), v); });
}
void clamp(const float* x, float low, float high, std::size_t n, float* y) {
  map(x, n, y, [=](F32x16 u) { return max(splat(low), min(splat(high), u)); });
}
void soft_cap(const float* x, float cap, std::size_t n, float* y) {
  map(x, n, y, [=](F32x16 u) { return soft_cap(u, splat(cap)); });
}
void silu(const float* x, std::size_t n, float* y) {
  map(x, n, y, [](F32x16 u) { return silu(u); });
}
void gelu(const float* x, std::size_t n, float* y) {
  map(x, n, y, [](F32x16 u) { return gelu(u); });
}
void relu(const float* x, std::size_t n, float* y) {
  map(x, n, y, [](F32x16 u) { return max(zero(), u); });
}
void sigmoid(const float* x, std::size_t n, float* y) {
  map(x, n, y, [](F32x16 u) { return sigmoid(u); });
}
void exp(const float* x, std::size_t n, float* y) {
  map(x, n, y, [](F32x16 u) { return exp(u); });
}
void silu_mul(const float* gate, const float* up, std::size_t n, float* y) {
  map(gate, up, n, y, [](F32x16 u, F32x16 v) { return silu(u) * v; });
}
void gelu_mul(const float* gate, const float* up, std::size_t n, float* y) {
  map(gate, up, n, y, [](F32x16 u, F32x16 v) { return gelu(u) * v; });
}
// g = min(gate, 7), u = clamp(up, -7, 7): g sigmoid(1.702 g) (u + 1).
void swiglu_clamped(const float* gate, const float* up, std::size_t n, float* y) {
  map(gate, up, n, y, [](F32x16 g, F32x16 u) {
    g = max(splat(-200.0f), min(splat(7.0f), g));
    u = max(splat(-7.0f), min(splat(7.0f), u));
    return g / (splat(1.0f) + exp(g * splat(-1.702f))) * (u + splat(1.0f));
  });
}

}  // namespace quern::kernels::QUERN_ISA
