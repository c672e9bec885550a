#include "bench/kernel_bench.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <vector>

namespace quern::bench {
namespace {

using kernels::KernelTable;

// Arithmetic is measured once for each instruction set, reading again for each number of bytes.
Ceilings ceilings_for(const KernelTable& table, std::uint64_t read_bytes) {
  static std::map<std::string, Ceilings> known;
  const auto [found, added] = known.try_emplace(table.isa);
  if (added) {
    found->second = measure_ceilings(1, read_bytes, table.isa);
  } else {
    measure_reading(found->second, read_bytes, table.isa);
  }
  return found->second;
}

void time_kernel(benchmark::State& state, const KernelTable& table, const std::function<KernelCase()>& make) {
  const KernelCase kernel = make(), plain = make();
  kernel.run(table);
  plain.run(*kernels::find_table("scalar"));
  if (!std::ranges::equal(kernel.result(), plain.result()))
    return state.SkipWithError("differs from the scalar table");
  const Ceilings ceilings = ceilings_for(table, static_cast<std::uint64_t>(kernel.work.bytes));
  using Clock = std::chrono::steady_clock;
  const Clock::time_point start = Clock::now();
  for (auto _ : state) kernel.run(table);
  const double seconds =
      std::chrono::duration<double>(Clock::now() - start).count() / static_cast<double>(state.iterations());
  if (kernel.work.operations() > 0) state.counters["GOP/s"] = 1e-9 * kernel.work.operations() / seconds;
  state.counters["GB/s"] = 1e-9 * kernel.work.bytes / seconds;
  state.counters["ceiling"] = kernel.work.least_seconds(ceilings) / seconds;
}

}  // namespace

void add_benchmark(const std::string& kernel, const std::string& size,
                   const std::function<KernelCase()>& make) {
  const kernels::KernelTables all = kernels::runnable_tables();
  for (std::size_t i = 0; i < all.size; ++i) {
    const KernelTable& table = *all.tables[i];
    const std::string name = kernel + "/" + table.isa + "/" + size;
    benchmark::RegisterBenchmark(name.c_str(), [&table, make](benchmark::State& state) {
      time_kernel(state, table, make);
    })->Unit(benchmark::kMicrosecond);
  }
}

int run_benchmarks(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}

}  // namespace quern::bench
