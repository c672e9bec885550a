// What is done to activations between matrix products: norms, rotations, activations, softmax, on 64 rows of
// 4096 floats. The ceiling is that of reading them.
#include <memory>
#include <utility>
#include <vector>

#include "bench/kernel_bench.h"
#include "tests/kernels/inputs.h"

namespace {

using namespace quern;
using namespace quern::kernels;
using bench::KernelCase;
using kernels::testing::Random;

constexpr std::size_t n_rows = 64, n_cols = 4096;

constexpr std::size_t head_dim = 128;

struct Rows {
  Rows() {
    for (std::size_t i = 0; i < head_dim; i += 2) turns.insert(turns.end(), {0.6f, 0.8f});  // keeps lengths
  }
  std::vector<float> x = Random(5).bells(n_rows * n_cols), other = Random(6).bells(n_rows * n_cols),
                     y = Random(7).bells(n_rows * n_cols), weight = Random(8).bells(n_cols),
                     bias = Random(9).bells(n_cols), turns;
};

// kernel(table, rows, at) works on the row that begins at `at`; n_read of its inputs are as long as a row.
template <typename Kernel>
void add(const std::string& name, int n_read, Kernel kernel) {
  bench::add_benchmark(name, "64x4096", [=] {
    const auto rows = std::make_shared<Rows>();
    KernelCase out;
    out.work.bytes = static_cast<double>(n_read) * n_rows * n_cols * sizeof(float);
    out.run = [=](const KernelTable& table) {
      for (std::size_t at = 0; at < n_rows * n_cols; at += n_cols) kernel(table, *rows, at);
    };
    out.result = [rows] { return std::as_bytes(std::span(rows->y)); };
    return out;
  });
}

}  // namespace

int main(int argc, char** argv) {
  using One = void (*KernelTable::*)(const float*, std::size_t, float*);
  for (const auto& [name, kernel] : {std::pair<const char*, One>{"silu", &KernelTable::silu},
                                     {"gelu", &KernelTable::gelu},
                                     {"relu", &KernelTable::relu},
                                     {"sigmoid", &KernelTable::sigmoid},
                                     {"exp", &KernelTable::exp},
                                     {"softplus", &KernelTable::softplus},
                                     {"softmax", &KernelTable::softmax}})
    add(name, 1, [kernel = kernel](const KernelTable& table, Rows& r, std::size_t at) {
      (table.*kernel)(&r.x[at], n_cols, &r.y[at]);
    });
  using Two = void (*KernelTable::*)(const float*, const float*, std::size_t, float*);
  for (const auto& [name, kernel] : {std::pair<const char*, Two>{"add", &KernelTable::add},
                                     {"mul", &KernelTable::mul},
                                     {"silu_mul", &KernelTable::silu_mul},
                                     {"gelu_mul", &KernelTable::gelu_mul},
                                     {"swiglu_clamped", &KernelTable::swiglu_clamped}})
    add(name, 2, [kernel = kernel](const KernelTable& table, Rows& r, std::size_t at) {
      (table.*kernel)(&r.x[at], &r.other[at], n_cols, &r.y[at]);
    });
  add("rms_norm", 1, [](const KernelTable& table, Rows& r, std::size_t at) {
    table.rms_norm(&r.x[at], r.weight.data(), n_cols, 1e-5f, &r.y[at]);
  });
  add("layer_norm", 1, [](const KernelTable& table, Rows& r, std::size_t at) {
    table.layer_norm(&r.x[at], r.weight.data(), r.bias.data(), n_cols, 1e-5f, &r.y[at]);
  });
  add("l2_norm", 1, [](const KernelTable& table, Rows& r, std::size_t at) {
    table.l2_norm(&r.x[at], n_cols, 1e-5f, &r.y[at]);
  });
  add("scale", 1, [](const KernelTable& table, Rows& r, std::size_t at) {
    table.scale(&r.x[at], 0.5f, n_cols, &r.y[at]);
  });
  add("scale_add", 2, [](const KernelTable& table, Rows& r, std::size_t at) {
    table.scale_add(&r.x[at], 0.5f, &r.other[at], n_cols, &r.y[at]);
  });
  add("clamp", 1, [](const KernelTable& table, Rows& r, std::size_t at) {
    table.clamp(&r.x[at], -1, 1, n_cols, &r.y[at]);
  });
  add("soft_cap", 1, [](const KernelTable& table, Rows& r, std::size_t at) {
    table.soft_cap(&r.x[at], 30, n_cols, &r.y[at]);
  });
  for (const auto& [name, kind] :
       {std::pair{"rope/interleaved", RopeKind::interleaved}, {"rope/halves", RopeKind::halves}})
    add(name, 1, [kind = kind](const KernelTable& table, Rows& r, std::size_t at) {
      for (std::size_t head = 0; head < n_cols; head += head_dim)
        table.rope(&r.y[at + head], r.turns.data(), head_dim, kind);
    });
  return bench::run_benchmarks(argc, argv);
}
