// The recurrences of layers that remember by a state, one head or all channels over 512 rows of a sequence.
#include <memory>
#include <vector>

#include "bench/kernel_bench.h"
#include "tests/kernels/inputs.h"

namespace {

using namespace quern;
using namespace quern::kernels;
using bench::KernelCase;
using kernels::testing::Random;

constexpr std::size_t n_rows = 512, dim = 128;

struct Arrays {
  std::vector<float> a, b, c, gates, before, after, y;
};

// What `run` does with the arrays; results are y.
KernelCase make_case(const std::shared_ptr<Arrays>& arrays, double fp32_ops, double bytes,
                     const std::function<void(const KernelTable&)>& run) {
  KernelCase out;
  out.work.fp32_ops = fp32_ops;
  out.work.bytes = bytes;
  out.run = run;
  out.result = [arrays] { return std::as_bytes(std::span(arrays->y)); };
  return out;
}

// Values near zero and decays below one, so that states stay finite however often they are applied.
std::shared_ptr<Arrays> make_arrays(std::size_t n_cols) {
  Random random(11);
  const auto arrays = std::make_shared<Arrays>();
  for (std::vector<float>* v : {&arrays->a, &arrays->b, &arrays->c})
    *v = random.bells(n_rows * n_cols, 0.05f);
  arrays->gates.assign(n_rows, 0.9f);
  arrays->before = random.bells(dim * dim, 0.1f);
  arrays->after.resize(dim * dim);
  arrays->y.resize(n_rows * n_cols);
  return arrays;
}

// A state of dim * dim lies in the cache; the rows are read once.
constexpr double head_bytes = 3.0 * n_rows * dim * sizeof(float);

KernelCase state_space() {
  const auto arrays = make_arrays(dim);
  constexpr double per_row =
      3.0 * dim * dim + 2.0 * dim * dim;  // the state's update, then its product with c
  return make_case(arrays, n_rows * per_row, head_bytes, [arrays](const KernelTable& table) {
    StateSpaceHead head;
    head.n_rows = n_rows, head.head_dim = dim, head.state_dim = dim;
    head.before = arrays->before.data(), head.after = arrays->after.data();
    head.x = arrays->a.data(), head.b = arrays->b.data(), head.c = arrays->c.data(), head.stride = dim;
    head.step = arrays->gates.data(), head.decay = arrays->gates.data(), head.gate_stride = 1;
    head.y = arrays->y.data(), head.y_stride = dim;
    table.state_space(head);
  });
}

KernelCase delta_net() {
  const auto arrays = make_arrays(dim);
  constexpr double per_row = 7.0 * dim * dim;  // decay, S k, the update, S q
  return make_case(arrays, n_rows * per_row, head_bytes, [arrays](const KernelTable& table) {
    DeltaHead head;
    head.n_rows = n_rows, head.k_dim = dim, head.v_dim = dim;
    head.before = arrays->before.data(), head.after = arrays->after.data();
    head.q = arrays->a.data(), head.k = arrays->b.data(), head.v = arrays->c.data(), head.stride = dim;
    head.beta = arrays->gates.data(), head.decay = arrays->gates.data(), head.gate_stride = 1;
    head.out = arrays->y.data(), head.out_stride = dim;
    table.delta_net(head);
  });
}

KernelCase causal_conv(std::size_t n_channels, std::size_t n_taps) {
  const auto arrays = make_arrays(n_channels);
  const auto values = static_cast<double>(n_rows * n_channels);
  return make_case(arrays, 2 * values * static_cast<double>(n_taps), values * sizeof(float),
                   [=](const KernelTable& table) {
                     CausalConv conv;
                     conv.n_rows = n_rows, conv.n_channels = n_channels, conv.n_taps = n_taps;
                     conv.taps = arrays->b.data(), conv.history = arrays->c.data();
                     conv.history_stride = n_channels;
                     conv.x = arrays->a.data(), conv.x_stride = n_channels;
                     conv.y = arrays->y.data(), conv.y_stride = n_channels;
                     table.causal_conv(conv);
                   });
}

}  // namespace

int main(int argc, char** argv) {
  bench::add_benchmark("state_space", "512x128x128", state_space);
  bench::add_benchmark("delta_net", "512x128x128", delta_net);
  bench::add_benchmark("causal_conv", "512x4096x4", [] { return causal_conv(4096, 4); });
  return bench::run_benchmarks(argc, argv);
}
