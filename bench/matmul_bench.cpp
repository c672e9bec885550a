// Matrix products, of every type of weights: one token, which reads the weights, and 64, which compute; and
// the packing of activations.
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "bench/kernel_bench.h"
#include "tests/kernels/inputs.h"

namespace {

using namespace quern;
using namespace quern::kernels;
using bench::KernelCase;
using formats::TensorTypeInfo;
using kernels::testing::Packed;
using kernels::testing::Random;

// Numbers as models have them: scales among random bytes are often subnormal, which costs a hundred cycles
// each. Rows repeat a few, which is quicker to make; the memory is as large as it says.
std::vector<std::byte> weights(const TensorTypeInfo& info, std::size_t n_rows, std::size_t n_cols,
                               Random& random) {
  constexpr std::size_t n_seed = 32;
  std::vector<std::byte> seed(n_seed * n_cols / info.block_elements * info.block_bytes);
  if (!encode_rows(info.type, random.bells(n_seed * n_cols), n_cols, "weights", seed)) std::abort();
  std::vector<std::byte> bytes(seed.size() / n_seed * n_rows);
  for (std::size_t at = 0; at < bytes.size(); at += seed.size())
    std::memcpy(bytes.data() + at, seed.data(), std::min(seed.size(), bytes.size() - at));
  return bytes;
}

KernelCase matmul(const TensorTypeInfo& info, std::size_t n_rows, std::size_t n_cols, std::size_t n_tokens) {
  struct State {
    Random random{1};
    std::vector<std::byte> bytes;
    std::unique_ptr<Packed> x;
    std::vector<float> y;
    std::shared_ptr<std::byte> scratch;
  };
  const auto state = std::make_shared<State>();
  state->bytes = weights(info, n_rows, n_cols, state->random);
  state->x = std::make_unique<Packed>(activation_kind(info.type), state->random.bells(n_tokens * n_cols),
                                      n_tokens, n_cols);
  state->y.resize(n_tokens * n_rows);
  std::size_t scratch_bytes = 64;
  for (const KernelTable* table : kernels::testing::tables())
    scratch_bytes = std::max(scratch_bytes, table->matmul_scratch_bytes(info.type, n_cols));
  state->scratch = bench::aligned_bytes(scratch_bytes);
  const WeightView w{info.type, state->bytes.data(), n_rows, n_cols, state->bytes.size() / n_rows};

  KernelCase out;
  const auto operations = 2.0 * static_cast<double>(n_rows * n_cols * n_tokens);
  (activation_kind(info.type) == ActivationKind::f32 ? out.work.fp32_ops : out.work.int8_ops) = operations;
  out.work.bytes = static_cast<double>(state->bytes.size());
  out.run = [state, w, n_rows, n_tokens](const KernelTable& table) {
    table.matmul(w, 0, n_rows, state->x->acts, nullptr, n_tokens, state->y.data(), n_rows,
                 state->scratch.get());
  };
  out.result = [state] { return std::as_bytes(std::span(state->y)); };
  return out;
}

KernelCase quantize(ActivationKind kind, std::size_t n_tokens, std::size_t n_cols) {
  struct State {
    std::vector<float> x, scales;
    std::vector<std::int8_t> codes;
    std::vector<std::int16_t> sums;
  };
  const auto state = std::make_shared<State>();
  state->x = Random(3).bells(n_tokens * n_cols);
  state->codes.resize(n_tokens * n_cols);
  state->scales.resize(n_tokens * n_cols / activation_group(kind));
  state->sums.resize(n_tokens * n_cols / 16);
  KernelCase out;
  out.work.bytes = static_cast<double>(state->x.size() * sizeof(float));
  out.run = [state, kind, n_tokens, n_cols](const KernelTable& table) {
    table.quantize(kind, state->x.data(), n_cols, n_tokens, n_cols, state->codes.data(), state->scales.data(),
                   state->sums.data());
  };
  out.result = [state] { return std::as_bytes(std::span(state->codes)); };
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  constexpr std::size_t n_cols = 4096;
  for (const TensorTypeInfo* info : kernels::testing::weight_types()) {
    for (const auto& [n_rows, n_tokens] : {std::pair{16384, 1}, {512, 64}}) {
      const std::string size =
          std::to_string(n_rows) + "x" + std::to_string(n_cols) + "x" + std::to_string(n_tokens);
      bench::add_benchmark("matmul/" + std::string(info->name), size,
                           [=, n_rows = n_rows, n_tokens = n_tokens] {
                             return matmul(*info, static_cast<std::size_t>(n_rows), n_cols,
                                           static_cast<std::size_t>(n_tokens));
                           });
    }
  }
  for (const auto& [name, kind] :
       {std::pair{"quantize/32", ActivationKind::q8_32}, {"quantize/128", ActivationKind::q8_128}})
    bench::add_benchmark(name, "64x4096", [kind = kind] { return quantize(kind, 64, n_cols); });
  return bench::run_benchmarks(argc, argv);
}
