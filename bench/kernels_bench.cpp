// Matrix products: matmul/<type>/<instruction set>/<rows>x<columns>x<tokens>, one thread. Reported are the
// bytes of weights read and the multiply-adds (as two operations each) a second; ceiling/* shows what the
// machine has to give: copying memory, and summing it. Attention: attend/<cache type>/<instruction
// set>/<positions>. The answer is checked against the scalar table before anything is timed.
#include <benchmark/benchmark.h>

#include <cstring>
#include <string>

#include "tests/kernels/inputs.h"

namespace {

using namespace quern::kernels;
using quern::formats::TensorTypeInfo;

struct Aligned {
  explicit Aligned(std::size_t n) : p(static_cast<std::byte*>(::operator new (n, std::align_val_t{64}))) {}
  ~Aligned() { ::operator delete (p, std::align_val_t{64}); }
  Aligned(const Aligned&) = delete;
  Aligned& operator=(const Aligned&) = delete;
  std::byte* p;
};

void matmul(benchmark::State& state, const TensorTypeInfo& info, const KernelTable& table, std::size_t n_rows,
            std::size_t n_cols, std::size_t n_tokens) {
  quern::kernels::testing::Random random(1);
  // Rows repeat a few random ones, which is quicker to make; the memory is as large as it says.
  std::vector<std::byte> seed =
      random_weights(info, 32, n_cols, quern::kernels::testing::Bytes::any_finite, random);
  if (info.block_elements == 1)  // any float would often be a subnormal one, which costs a hundred cycles
    if (!encode_rows(info.type, random.bells(32 * n_cols), n_cols, "weights", seed))
      return state.SkipWithError("encode");
  std::vector<std::byte> bytes(seed.size() / 32 * n_rows);
  for (std::size_t at = 0; at < bytes.size(); at += seed.size())
    std::memcpy(bytes.data() + at, seed.data(), std::min(seed.size(), bytes.size() - at));
  const WeightView w{info.type, bytes.data(), n_rows, n_cols, bytes.size() / n_rows};
  const quern::kernels::testing::Packed x(activation_kind(info.type), random.bells(n_tokens * n_cols),
                                          n_tokens, n_cols);
  std::vector<float> y(n_tokens * n_rows), want(n_tokens * 32);
  const Aligned scratch(std::max(table.matmul_scratch_bytes(info.type, n_cols),
                                 find_table("scalar")->matmul_scratch_bytes(info.type, n_cols)) +
                        64);
  const auto run = [&] {
    table.matmul(w, 0, n_rows, x.acts, nullptr, n_tokens, y.data(), n_rows, scratch.p);
  };
  run();
  find_table("scalar")->matmul(w, 0, 32, x.acts, nullptr, n_tokens, want.data(), 32, scratch.p);
  for (std::size_t t = 0; t < n_tokens; ++t)
    if (std::memcmp(&y[t * n_rows], &want[t * 32], 32 * sizeof(float)) != 0)
      return state.SkipWithError("differs from the scalar table");
  for (auto _ : state) run();
  const double runs = static_cast<double>(state.iterations());
  state.counters["weights_GB/s"] =
      benchmark::Counter(runs * static_cast<double>(bytes.size()) * 1e-9, benchmark::Counter::kIsRate);
  state.counters["GOP/s"] = benchmark::Counter(2e-9 * runs * static_cast<double>(n_rows * n_cols * n_tokens),
                                               benchmark::Counter::kIsRate);
}

void attend(benchmark::State& state, KvType type, const KernelTable& table, std::size_t n_positions) {
  constexpr std::size_t dim = 128, n_queries = 8;
  quern::kernels::testing::Random random(2);
  const std::size_t row = kv_row_bytes(type, dim), n_blocks = n_positions / kv_block;
  std::vector<std::byte> keys(n_positions * row), values(n_positions * row);
  for (std::size_t p = 0; p < n_positions; ++p) {
    table.store_kv(type, random.bells(dim).data(), dim, keys.data() + p * row);
    table.store_kv(type, random.bells(dim).data(), dim, values.data() + p * row);
  }
  std::vector<const std::byte*> k(n_blocks), v(n_blocks);
  for (std::size_t b = 0; b < n_blocks; ++b) {
    k[b] = keys.data() + b * kv_block * row;
    v[b] = values.data() + b * kv_block * row;
  }
  const KvHead kv{.type = type,
                  .k_blocks = k.data(),
                  .v_blocks = v.data(),
                  .k_row_bytes = row,
                  .v_row_bytes = row,
                  .k_dim = dim,
                  .v_dim = dim,
                  .scale = 0.1f};
  const std::vector<float> q = random.bells(n_queries * dim);
  std::vector<float> out(n_queries * dim);
  std::vector<AttentionQuery> queries(n_queries);
  for (std::size_t i = 0; i < n_queries; ++i)
    queries[i] = {
        .q = q.data() + i * dim, .out = out.data() + i * dim, .end = static_cast<std::int64_t>(n_positions)};
  const Aligned scratch(table.attention_scratch_bytes(dim, dim));
  for (auto _ : state) table.attend(kv, queries.data(), n_queries, scratch.p);
  const double runs = static_cast<double>(state.iterations());
  state.counters["cache_GB/s"] = benchmark::Counter(
      runs * static_cast<double>(keys.size() + values.size()) * 1e-9, benchmark::Counter::kIsRate);
  state.counters["GOP/s"] = benchmark::Counter(
      4e-9 * runs * static_cast<double>(n_positions * dim * n_queries), benchmark::Counter::kIsRate);
}

void quantize(benchmark::State& state, ActivationKind kind, const KernelTable& table) {
  constexpr std::size_t n_cols = 4096;
  quern::kernels::testing::Random random(3);
  const std::vector<float> x = random.bells(n_cols);
  std::vector<std::int8_t> codes(n_cols);
  std::vector<float> scales(n_cols / 32);
  std::vector<std::int16_t> sums(n_cols / 16);
  for (auto _ : state)
    table.quantize(kind, x.data(), n_cols, 1, n_cols, codes.data(), scales.data(), sums.data());
  state.counters["Gvalues/s"] =
      benchmark::Counter(1e-9 * static_cast<double>(state.iterations()) * static_cast<double>(n_cols),
                         benchmark::Counter::kIsRate);
}

// What one core gets out of memory: copying, and reading (four sums, so that no chain of additions limits
// it).
void copy_memory(benchmark::State& state) {
  std::vector<std::byte> from(std::size_t{256} << 20, std::byte{1}), to(from.size());
  for (auto _ : state) {
    std::memcpy(to.data(), from.data(), from.size());
    benchmark::DoNotOptimize(to.data());
  }
  state.counters["read_GB/s"] =
      benchmark::Counter(1e-9 * static_cast<double>(state.iterations()) * static_cast<double>(from.size()),
                         benchmark::Counter::kIsRate);
}
void read_memory(benchmark::State& state) {
  std::vector<std::uint64_t> from(std::size_t{32} << 20, 1);
  for (auto _ : state) {
    std::uint64_t sum = 0;
    for (const std::uint64_t x : from) sum += x;
    benchmark::DoNotOptimize(sum);
  }
  state.counters["read_GB/s"] = benchmark::Counter(
      1e-9 * static_cast<double>(state.iterations()) * static_cast<double>(from.size() * 8),
      benchmark::Counter::kIsRate);
}

}  // namespace

int main(int argc, char** argv) {
  const KernelTables all = runnable_tables();
  benchmark::RegisterBenchmark("ceiling/copy", copy_memory)->Unit(benchmark::kMillisecond);
  benchmark::RegisterBenchmark("ceiling/read", read_memory)->Unit(benchmark::kMillisecond);
  for (const TensorTypeInfo* info : quern::kernels::testing::weight_types()) {
    for (std::size_t i = 0; i < all.size; ++i) {
      const KernelTable& table = *all.tables[i];
      const std::string name = "matmul/" + std::string(info->name) + "/" + table.isa;
      for (const std::size_t n_tokens : {1u, 64u}) {
        const std::size_t n_rows = n_tokens == 1 ? 16384 : 512, n_cols = 4096;
        const std::string shape =
            std::to_string(n_rows) + "x" + std::to_string(n_cols) + "x" + std::to_string(n_tokens);
        benchmark::RegisterBenchmark((name + "/" + shape).c_str(), matmul, std::cref(*info), std::cref(table),
                                     n_rows, n_cols, n_tokens)
            ->Unit(benchmark::kMillisecond);
      }
    }
  }
  for (std::size_t i = 0; i < all.size; ++i) {
    const KernelTable& table = *all.tables[i];
    for (const auto& [word, type] : {std::pair{"f32", KvType::f32}, std::pair{"f16", KvType::f16},
                                     std::pair{"bf16", KvType::bf16}, std::pair{"q8_0", KvType::q8_0}})
      benchmark::RegisterBenchmark((std::string("attend/") + word + "/" + table.isa + "/4096").c_str(),
                                   attend, type, std::cref(table), 4096);
    benchmark::RegisterBenchmark((std::string("quantize/32/") + table.isa + "/4096").c_str(), quantize,
                                 ActivationKind::q8_32, std::cref(table));
    benchmark::RegisterBenchmark((std::string("quantize/128/") + table.isa + "/4096").c_str(), quantize,
                                 ActivationKind::q8_128, std::cref(table));
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
