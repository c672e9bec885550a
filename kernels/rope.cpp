// Rotary embedding of one head (Su et al., arXiv 2104.09864, 3.4.2). Plain loops: every product is fused by
// name, so a compiler may vectorise them as it likes.
#include "kernels/functions.h"

namespace quern::kernels::QUERN_ISA {
namespace {

// (a, b) -> (a cos - b sin, a sin + b cos); the product with sin, or cos in the second, is rounded first.
inline __attribute__((always_inline)) void rotate(float& a, float& b, const float* cos_sin) {
  const float c = cos_sin[0], s = cos_sin[1], a0 = a, b0 = b;
  a = __builtin_fmaf(a0, c, -(b0 * s));
  b = __builtin_fmaf(a0, s, b0 * c);
}

}  // namespace

void rope(float* head, const float* cos_sin, std::size_t n_rot, RopeKind kind) {
  const std::size_t half = n_rot / 2;
  if (kind == RopeKind::interleaved) {
    for (std::size_t i = 0; i < half; ++i) rotate(head[2 * i], head[2 * i + 1], cos_sin + 2 * i);
  } else {
    for (std::size_t i = 0; i < half; ++i) rotate(head[i], head[i + half], cos_sin + 2 * i);
  }
}

}  // namespace quern::kernels::QUERN_ISA
