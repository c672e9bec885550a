#include "src/runtime/recurrence.h"

#include <cstring>

namespace quern::detail {

void convolve(const Pass& pass, const ConvSpec& conv, const Run& run, const KvCache::State& state,
              std::size_t begin, std::size_t end, const float* x, std::size_t x_stride, float* y,
              std::size_t y_stride) {
  const std::size_t past = conv.n_taps - 1, channels = conv.n_channels, n = end - begin;
  const LoadedModel& model = pass.model;
  const float* rows = x + run.first_row * x_stride + begin;
  pass.kernels().causal_conv({.n_rows = run.n_rows,
                              .n_channels = n,
                              .n_taps = conv.n_taps,
                              .taps = model.values(conv.taps) + begin * conv.n_taps,
                              .bias = conv.bias ? model.values(conv.bias) + begin : nullptr,
                              .history = state.before + begin,
                              .history_stride = channels,
                              .x = rows,
                              .x_stride = x_stride,
                              .y = y + run.first_row * y_stride + begin,
                              .y_stride = y_stride});
  // The last `past` inputs, ascending: `after` may be `before`, whose older inputs move to the front.
  for (std::size_t i = 0; i < past; ++i) {
    const std::size_t input = run.n_rows + i;  // among those before the run and its rows
    const float* from =
        input < past ? state.before + input * channels + begin : rows + (input - past) * x_stride;
    std::memcpy(state.after + i * channels + begin, from, n * sizeof(float));
  }
}

void convolve_and_silu(Pass& pass, Worker& worker, const ConvSpec& conv, std::size_t layer, const float* x,
                       std::size_t stride) {
  float* y = pass.scratch.conv_out;
  for_each_channel(pass, worker, conv.n_channels, [&](const Run& run, std::size_t begin, std::size_t end) {
    const KvCache::State state = run.cache->state(layer, run.first_position);
    convolve(pass, conv, run, state, begin, end, x, stride, y, conv.n_channels);
    for (std::size_t t = run.first_row; t < run.first_row + run.n_rows; ++t) {
      float* row = y + t * conv.n_channels + begin;
      pass.kernels().silu(row, end - begin, row);
    }
  });
}

void decays_of(const Pass& pass, float* x, const Vector& bias, const Vector& a, std::size_t n,
               float* decays) {
  const kernels::KernelTable& k = pass.kernels();
  if (bias) k.add(x, pass.model.values(bias), n, x);
  k.softplus(x, n, x);
  k.mul(x, pass.model.values(a), n, decays);
  k.exp(decays, n, decays);
}

}  // namespace quern::detail
