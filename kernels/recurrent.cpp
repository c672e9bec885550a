// Recurrences over the rows of one sequence: each row's result needs the state that the row before it left.
//
// Canonical order. Channels, heads and the rows of a head's state do not meet, so they may be split anywhere;
// along a row of a state, lane k % 16 takes element k as in every dot product, and rows of tokens follow each
// other:
//   convolution  y[c] = bias[c] (or +0), then one fused multiply-add a tap, the oldest input first
//   state space  s = fma(step * x[i], b, decay * s);   y[i] = fma(skip, x[i], s . c)
//   delta net    s = decay * s;   e = beta * (v[i] - s . k);   s = fma(e, k, s);   out[i] = scale * (s . q)
#include "kernels/exp_ln.h"
#include "kernels/functions.h"
#include "kernels/simd/math.h"

namespace quern::kernels::QUERN_ISA {
namespace {

// Rows of a state that go together, so that one's additions hide behind another's; each is the same as alone.
constexpr std::size_t rows_together = 4;

// m is 16 but for the end of a row.
QUERN_INLINE F32x16 read(const float* p, std::size_t m) { return m == 16 ? load(p) : load_n(p, m); }
QUERN_INLINE void write(float* p, F32x16 v, std::size_t m) {
  return m == 16 ? store(p, v) : store_n(p, v, m);
}
template <typename F>
QUERN_INLINE void for_vectors(std::size_t n, F f) {
  std::size_t k = 0;
  for (; k + 16 <= n; k += 16) f(k, std::size_t{16});
  if (k < n) f(k, n - k);
}

// Rows [i, i + R) of a head's state over all rows of tokens.
template <std::size_t R>
void run_state_space(const StateSpaceHead& h, std::size_t i) {
  const std::size_t n = h.state_dim;
  const float* from = h.before + i * n;
  float* state = h.after + i * n;
  for (std::size_t t = 0; t < h.n_rows; ++t) {
    const float *x = h.x + t * h.stride + i, *b = h.b + t * h.stride, *c = h.c + t * h.stride;
    const float step = h.step[t * h.gate_stride], decay = h.decay[t * h.gate_stride];
    F32x16 dot[R];
    for (std::size_t r = 0; r < R; ++r) dot[r] = zero();
    for_vectors(n, [&](std::size_t k, std::size_t m) {
      const F32x16 bk = read(b + k, m), ck = read(c + k, m);
      for (std::size_t r = 0; r < R; ++r) {
        const F32x16 kept = read(from + r * n + k, m) * splat(decay);
        const F32x16 s = fma(splat(step * x[r]), bk, kept);
        write(state + r * n + k, s, m);
        dot[r] = fma(s, ck, dot[r]);
      }
    });
    float* y = h.y + t * h.y_stride + i;
    for (std::size_t r = 0; r < R; ++r) y[r] = __builtin_fmaf(h.skip, x[r], tree_sum(dot[r]));
    from = state;
  }
}

template <std::size_t R>
void run_delta_net(const DeltaHead& h, std::size_t i) {
  const std::size_t n = h.k_dim;
  const float* from = h.before + i * n;
  float* state = h.after + i * n;
  for (std::size_t t = 0; t < h.n_rows; ++t) {
    const float *q = h.q + t * h.stride, *k = h.k + t * h.stride, *v = h.v + t * h.stride + i;
    const F32x16 decay = splat(h.decay[t * h.gate_stride]);
    const float beta = h.beta[t * h.gate_stride];
    F32x16 dot[R];
    for (std::size_t r = 0; r < R; ++r) dot[r] = zero();
    for_vectors(n, [&](std::size_t j, std::size_t m) {
      const F32x16 kj = read(k + j, m);
      for (std::size_t r = 0; r < R; ++r) {
        const F32x16 s = read(from + r * n + j, m) * decay;
        write(state + r * n + j, s, m);
        dot[r] = fma(s, kj, dot[r]);
      }
    });
    float error[R];
    for (std::size_t r = 0; r < R; ++r) {
      error[r] = beta * (v[r] - tree_sum(dot[r]));
      dot[r] = zero();
    }
    for_vectors(n, [&](std::size_t j, std::size_t m) {
      const F32x16 kj = read(k + j, m), qj = read(q + j, m);
      for (std::size_t r = 0; r < R; ++r) {
        const F32x16 s = fma(splat(error[r]), kj, read(state + r * n + j, m));
        write(state + r * n + j, s, m);
        dot[r] = fma(s, qj, dot[r]);
      }
    });
    float* out = h.out + t * h.out_stride + i;
    for (std::size_t r = 0; r < R; ++r) out[r] = h.scale * tree_sum(dot[r]);
    from = state;
  }
}

// ln(1 + e^x); above 20 it is x to within a float's rounding, below -20 it is e^x.
float softplus_of(float x) {
  if (!(x <= 20.0f)) return x;
  const double e = exp_bounded(x < -110.0f ? -110.0 : static_cast<double>(x));
  return static_cast<float>(x < -20.0f ? e : ln_normal(1.0 + e));
}

}  // namespace

void causal_conv(const CausalConv& conv) {
  const std::size_t past = conv.n_taps - 1;
  for_vectors(conv.n_channels, [&](std::size_t c, std::size_t m) {
    F32x16 taps[max_conv_taps];
    for (std::size_t j = 0; j < conv.n_taps; ++j) {
      float lanes[16] = {};
      for (std::size_t i = 0; i < m; ++i) lanes[i] = conv.taps[(c + i) * conv.n_taps + j];
      taps[j] = load(lanes);
    }
    const F32x16 bias = conv.bias ? read(conv.bias + c, m) : zero();
    for (std::size_t t = 0; t < conv.n_rows; ++t) {
      F32x16 sum = bias;
      for (std::size_t j = 0; j < conv.n_taps; ++j) {
        const float* input = t + j < past ? conv.history + (t + j) * conv.history_stride
                                          : conv.x + (t + j - past) * conv.x_stride;
        sum = fma(read(input + c, m), taps[j], sum);
      }
      write(conv.y + t * conv.y_stride + c, sum, m);
    }
  });
}

void state_space(const StateSpaceHead& head) {
  std::size_t i = 0;
  for (; i + rows_together <= head.head_dim; i += rows_together) run_state_space<rows_together>(head, i);
  for (; i < head.head_dim; ++i) run_state_space<1>(head, i);
}

void delta_net(const DeltaHead& head) {
  std::size_t i = 0;
  for (; i + rows_together <= head.v_dim; i += rows_together) run_delta_net<rows_together>(head, i);
  for (; i < head.v_dim; ++i) run_delta_net<1>(head, i);
}

void softplus(const float* x, std::size_t n, float* y) {
  for (std::size_t i = 0; i < n; ++i) y[i] = softplus_of(x[i]);
}

}  // namespace quern::kernels::QUERN_ISA
