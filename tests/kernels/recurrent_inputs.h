#pragma once
// Inputs of the recurrences, from a seed, and a walk through their rows in as many calls as one likes. The
// state is in memory of its own for the first call and in place from then on, as in a forward pass.
#include "tests/kernels/inputs.h"

namespace quern::kernels::testing {

struct Sizes {
  std::size_t n_rows = 0, head_dim = 0, state_dim = 0;
};

struct Recurred {
  std::vector<float> out, state;
};

// Calls step(first_row, n, before, after) for the rows, `cut` at a time.
template <typename Step>
std::vector<float> walk(std::size_t n_rows, std::size_t cut, const std::vector<float>& begin, Step&& step) {
  std::vector<float> state(begin.size(), -77.0f);
  for (std::size_t t = 0; t < n_rows; t += cut)
    step(t, std::min(cut, n_rows - t), t == 0 ? begin.data() : state.data(), state.data());
  return state;
}

struct StateSpaceInputs {
  explicit StateSpaceInputs(const Sizes& s) : size(s) {
    Random random(5000 + s.n_rows);
    rows = random.bells(s.n_rows * stride());
    state = random.bells(s.head_dim * s.state_dim);
    for (std::size_t t = 0; t < s.n_rows; ++t) {
      gates.push_back(0.1f + std::abs(random.uniform()));         // step
      gates.push_back(0.3f + 0.7f * std::abs(random.uniform()));  // decay
    }
  }
  std::size_t stride() const { return size.head_dim + 2 * size.state_dim; }

  Recurred run(const KernelTable& table, std::size_t cut) const {
    std::vector<float> out(size.n_rows * size.head_dim);
    auto end =
        walk(size.n_rows, cut, state, [&](std::size_t t, std::size_t n, const float* before, float* after) {
          const float* row = rows.data() + t * stride();
          table.state_space({.n_rows = n,
                             .head_dim = size.head_dim,
                             .state_dim = size.state_dim,
                             .before = before,
                             .after = after,
                             .x = row,
                             .b = row + size.head_dim,
                             .c = row + size.head_dim + size.state_dim,
                             .stride = stride(),
                             .step = gates.data() + 2 * t,
                             .decay = gates.data() + 2 * t + 1,
                             .gate_stride = 2,
                             .skip = skip,
                             .y = out.data() + t * size.head_dim,
                             .y_stride = size.head_dim});
        });
    return {std::move(out), std::move(end)};
  }

  Sizes size;
  std::vector<float> rows, gates, state;  // a row: x, b, c
  float skip = 0.7f;
};

struct DeltaInputs {
  explicit DeltaInputs(const Sizes& s) : size(s) {
    Random random(6000 + s.n_rows);
    rows = random.bells(s.n_rows * stride());
    state = random.bells(s.head_dim * s.state_dim);
    for (std::size_t t = 0; t < s.n_rows; ++t) {
      for (const std::size_t at : {std::size_t{0}, s.state_dim}) {  // q and k have length 1
        float* v = rows.data() + t * stride() + at;
        find_table("scalar")->l2_norm(v, s.state_dim, 1e-6f, v);
      }
      gates.push_back(std::abs(random.uniform()));                // beta
      gates.push_back(0.3f + 0.7f * std::abs(random.uniform()));  // decay
    }
  }
  std::size_t stride() const { return size.head_dim + 2 * size.state_dim; }

  Recurred run(const KernelTable& table, std::size_t cut) const {
    std::vector<float> out(size.n_rows * size.head_dim);
    auto end =
        walk(size.n_rows, cut, state, [&](std::size_t t, std::size_t n, const float* before, float* after) {
          const float* row = rows.data() + t * stride();
          table.delta_net({.n_rows = n,
                           .k_dim = size.state_dim,
                           .v_dim = size.head_dim,
                           .before = before,
                           .after = after,
                           .q = row,
                           .k = row + size.state_dim,
                           .v = row + 2 * size.state_dim,
                           .stride = stride(),
                           .beta = gates.data() + 2 * t,
                           .decay = gates.data() + 2 * t + 1,
                           .gate_stride = 2,
                           .scale = scale,
                           .out = out.data() + t * size.head_dim,
                           .out_stride = size.head_dim});
        });
    return {std::move(out), std::move(end)};
  }

  Sizes size;
  std::vector<float> rows, gates, state;  // a row: q, k, v
  float scale = 0.25f;
};

// head_dim taps at most, state_dim channels. The caller keeps the inputs that the next rows need.
struct ConvInputs {
  explicit ConvInputs(const Sizes& s) : size(s) {
    Random random(7000 + s.n_rows);
    rows = random.bells(s.n_rows * n_channels());
    taps = random.bells(n_taps() * n_channels());
    bias = random.bells(n_channels());
    state = random.bells((n_taps() - 1) * n_channels());
  }
  std::size_t n_taps() const { return std::min(size.head_dim, max_conv_taps); }
  std::size_t n_channels() const { return size.state_dim; }

  Recurred run(const KernelTable& table, std::size_t cut) const {
    std::vector<float> out(size.n_rows * n_channels()), inputs = state;
    inputs.insert(inputs.end(), rows.begin(), rows.end());
    for (std::size_t t = 0; t < size.n_rows; t += cut) {
      table.causal_conv({.n_rows = std::min(cut, size.n_rows - t),
                         .n_channels = n_channels(),
                         .n_taps = n_taps(),
                         .taps = taps.data(),
                         .bias = bias.data(),
                         .history = inputs.data() + t * n_channels(),
                         .history_stride = n_channels(),
                         .x = rows.data() + t * n_channels(),
                         .x_stride = n_channels(),
                         .y = out.data() + t * n_channels(),
                         .y_stride = n_channels()});
    }
    return {std::move(out), {}};
  }

  Sizes size;
  std::vector<float> rows, taps, bias, state;
};

}  // namespace quern::kernels::testing
