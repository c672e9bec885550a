#pragma once
// What the layers with a recurrence share: how their steps are cut, and the convolution that most of them
// begin with.
#include "src/runtime/steps.h"

namespace quern::detail {

inline std::size_t tail_floats(const ConvSpec& conv) {
  return std::size_t{conv.n_taps - 1} * conv.n_channels;
}

/// y = conv(x) of channels [begin, end) over a run's rows; the inputs that the next rows need are kept in the
/// state, which begins with [n_taps - 1, n_channels] of them. x and y: channel 0 of the pass's first row.
void convolve(const Pass& pass, const ConvSpec& conv, const Run& run, const KvCache::State& state,
              std::size_t begin, std::size_t end, const float* x, std::size_t x_stride, float* y,
              std::size_t y_stride);

/// Collective: body(run, begin, end) for every run and the channels [begin, end) of a tile, in one step.
template <typename Body>
void for_each_channel(Pass& pass, Worker& worker, std::size_t n_channels, Body&& body) {
  constexpr std::size_t per_tile = 256;
  const std::size_t n_tiles = (n_channels + per_tile - 1) / per_tile;
  worker.tiles(pass.runs.size() * n_tiles, [&](std::size_t tile) {
    const std::size_t begin = tile % n_tiles * per_tile;
    body(pass.runs[tile / n_tiles], begin, std::min(n_channels, begin + per_tile));
  });
}

/// Collective: body(run, head) for every run and head, in one step.
template <typename Body>
void for_each_head(Pass& pass, Worker& worker, std::size_t n_heads, Body&& body) {
  worker.tiles(pass.runs.size() * n_heads,
               [&](std::size_t tile) { body(pass.runs[tile / n_heads], tile % n_heads); });
}

/// Collective: conv_out = silu(conv(x)) for all rows and channels, x with `stride` floats from row to row.
void convolve_and_silu(Pass& pass, Worker& worker, const ConvSpec& conv, std::size_t layer, const float* x,
                       std::size_t stride);

/// x = softplus(x + bias), then decays = e^(x * a), for the n heads of a token; decays may be x.
void decays_of(const Pass& pass, float* x, const Vector& bias, const Vector& a, std::size_t n, float* decays);

}  // namespace quern::detail
