// Norms and softmax of one row, and the rotary embedding of one head.
#include "kernels/functions.h"
#include "kernels/simd/math.h"

namespace quern::kernels::QUERN_ISA {
namespace {

// acc = f(acc, 16 elements), from the first to the last, then the tree; beyond the end stands `fill`.
template <typename F>
QUERN_INLINE float lane_sum(const float* x, std::size_t n, float fill, F f) {
  F32x16 acc = zero();
  std::size_t i = 0;
  for (; i + 16 <= n; i += 16) acc = f(acc, load(x + i));
  if (i < n) acc = f(acc, load_filled(x + i, n - i, fill));
  return tree_sum(acc);
}

}  // namespace

// w * (x / sqrt(mean(x^2) + eps)) (Zhang & Sennrich, arXiv 1910.07467).
void rms_norm(const float* x, const float* weight, std::size_t n, float eps, float* y) {
  const float squares = lane_sum(x, n, 0.0f, [](F32x16 acc, F32x16 v) { return fma(v, v, acc); });
  const F32x16 factor = splat(1.0f / __builtin_sqrtf(squares / static_cast<float>(n) + eps));
  std::size_t i = 0;
  for (; i + 16 <= n; i += 16) {
    const F32x16 v = load(x + i) * factor;
    store(y + i, weight ? v * load(weight + i) : v);
  }
  if (i < n) {
    const F32x16 v = load_n(x + i, n - i) * factor;
    store_n(y + i, weight ? v * load_n(weight + i, n - i) : v, n - i);
  }
}

void l2_norm(const float* x, std::size_t n, float eps, float* y) {
  const float squares = lane_sum(x, n, 0.0f, [](F32x16 acc, F32x16 v) { return fma(v, v, acc); });
  const float length = __builtin_sqrtf(squares);
  const F32x16 factor = splat(1.0f / (length <= eps ? eps : length));
  for (std::size_t i = 0; i < n; i += 16) {
    const std::size_t m = n - i < 16 ? n - i : 16;
    store_n(y + i, load_n(x + i, m) * factor, m);
  }
}

// w * (x - mean) / sqrt(variance + eps) + b (Ba et al., arXiv 1607.06450), in two passes. w and b may be
// null.
void layer_norm(const float* x, const float* weight, const float* bias, std::size_t n, float eps, float* y) {
  const float count = static_cast<float>(n);
  const float mean = lane_sum(x, n, 0.0f, [](F32x16 acc, F32x16 v) { return acc + v; }) / count;
  const float squares = lane_sum(x, n, mean, [=](F32x16 acc, F32x16 v) {
    const F32x16 d = v - splat(mean);
    return fma(d, d, acc);
  });
  const F32x16 factor = splat(1.0f / __builtin_sqrtf(squares / count + eps));
  for (std::size_t i = 0; i < n; i += 16) {
    const std::size_t m = n - i < 16 ? n - i : 16;
    F32x16 v = (load_n(x + i, m) - splat(mean)) * factor;
    if (weight) v = v * load_n(weight + i, m);
    if (bias) v = v + load_n(bias + i, m);
    store_n(y + i, v, m);
  }
}

void softmax(const float* x, std::size_t n, float* y) {
  F32x16 most = splat(-__builtin_inff());
  for (std::size_t i = 0; i < n; i += 16) {
    const std::size_t m = n - i < 16 ? n - i : 16;
    most = max(most, m == 16 ? load(x + i) : load_filled(x + i, m, -__builtin_inff()));
  }
  const F32x16 shift = splat(tree_max(most));
  F32x16 acc = zero();
  for (std::size_t i = 0; i < n; i += 16) {
    const std::size_t m = n - i < 16 ? n - i : 16;
    store_n(y + i, exp(load_n(x + i, m) - shift), m);
    acc = acc + load_n(y + i, m);
  }
  const F32x16 total = splat(tree_sum(acc));
  for (std::size_t i = 0; i < n; i += 16) {
    const std::size_t m = n - i < 16 ? n - i : 16;
    store_n(y + i, load_n(y + i, m) / total, m);
  }
}

}  // namespace quern::kernels::QUERN_ISA
