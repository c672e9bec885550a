#pragma once
// Benchmarks of single kernels, on one thread: <kernel>/<type>/<instruction set>/<size>. Before anything is
// timed the result is compared with the scalar table's, bit by bit. Reported are the rates of work and their
// share of what this machine was measured to give for that instruction set, "ceiling": 1 is a perfect kernel.
#include <cstddef>
#include <functional>
#include <memory>
#include <new>
#include <span>
#include <string>

#include "bench/ceilings.h"
#include "kernels/kernel_table.h"

namespace quern::bench {

/// A kernel with its inputs. Everything that `run` uses, it owns.
struct KernelCase {
  Work work;  ///< of one run
  std::function<void(const kernels::KernelTable&)> run;
  std::function<std::span<const std::byte>()> result;
};

/// Registers <kernel>/<instruction set>/<size> for each instruction set of this CPU. `make` is called when
/// the benchmark runs, and gives the same inputs each time.
void add_benchmark(const std::string& kernel, const std::string& size,
                   const std::function<KernelCase()>& make);

/// Runs what was registered; the result of main().
int run_benchmarks(int argc, char** argv);

/// Scratch memory of kernels, aligned to 64 bytes.
struct FreeAligned {
  void operator()(std::byte* p) const { ::operator delete (p, std::align_val_t{64}); }
};
inline std::shared_ptr<std::byte> aligned_bytes(std::size_t n) {
  return {static_cast<std::byte*>(::operator new (n, std::align_val_t{64})), FreeAligned{}};
}

}  // namespace quern::bench
