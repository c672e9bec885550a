#include "src/base/parallel.h"

#include <algorithm>
#include <fstream>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "src/base/float_environment.h"

#if defined(QUERN_OPENMP)
#include <omp.h>
#endif
#if defined(__linux__)
#include <sched.h>
#endif
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace quern::detail {
namespace {

void pause_briefly() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// -1 where the system does not tell.
int current_processor() {
#if defined(__linux__)
  return sched_getcpu();
#else
  return -1;
#endif
}

}  // namespace

std::uint32_t Region::claim(std::uint32_t step, std::uint32_t n, int thread) {
  std::uint64_t ticket = ticket_.load(std::memory_order_acquire);
  while (ticket >> 32 == step && static_cast<std::uint32_t>(ticket) < n) {
    if (!ticket_.compare_exchange_weak(ticket, ticket + 1, std::memory_order_acquire)) continue;
    if (thread < max_shown)
      shown_[static_cast<std::size_t>(thread)].processor.store(current_processor(),
                                                               std::memory_order_relaxed);
    return static_cast<std::uint32_t>(ticket);
  }
  return none;
}

void Region::finish(std::uint32_t step, std::uint32_t n) {
  if (finished_.fetch_add(1, std::memory_order_acq_rel) + 1 != n) return;
  finished_.store(0, std::memory_order_relaxed);
  ticket_.store((std::uint64_t{step} + 1) << 32, std::memory_order_release);
}

void Region::wait_for_end_of(std::uint32_t step, int thread) {
  // Longer than any step takes whose threads are all running.
  constexpr auto patience = std::chrono::milliseconds(1);
  if (wait_for_end_of(step, thread, std::chrono::steady_clock::now() + patience)) return;
  while (ticket_.load(std::memory_order_acquire) >> 32 == step) std::this_thread::yield();
}

bool Region::wait_for_end_of(std::uint32_t step, int thread, std::chrono::steady_clock::time_point end) {
  // Steps are microseconds apart, so threads spin: who gives the processor away beside a busy neighbour does
  // not get it back for milliseconds. But where the system has put threads onto one processor, it is the
  // other one that has to go on.
  constexpr int spins_per_look = 16;
  for (int spin = 1; ticket_.load(std::memory_order_acquire) >> 32 == step; ++spin) {
    if (spin % spins_per_look == 0) {
      if (std::chrono::steady_clock::now() >= end) return false;
      if (shares_processor(thread)) std::this_thread::yield();
    }
    pause_briefly();
  }
  return true;
}

bool Region::shares_processor(int thread) const {
  const int own = current_processor();
  if (own < 0) return false;
  for (int other = 0; other < max_shown; ++other) {
    const Shown& shown = shown_[static_cast<std::size_t>(other)];
    if (other != thread && shown.processor.load(std::memory_order_relaxed) == own) return true;
  }
  return false;
}

void Region::show(int thread, std::uint32_t step, std::uint32_t tile) {
  shown_[static_cast<std::size_t>(thread)].place.store(place(step, tile), std::memory_order_release);
}

std::uint32_t Region::shown(int thread, std::uint32_t step) const {
  const std::uint64_t at = shown_[static_cast<std::size_t>(thread)].place.load(std::memory_order_acquire);
  return at >> 32 == step ? static_cast<std::uint32_t>(at) : none;
}

bool Region::take(int thread, std::uint32_t step, std::uint32_t tile) {
  std::uint64_t at = place(step, tile);
  return shown_[static_cast<std::size_t>(thread)].place.compare_exchange_strong(at, place(step, none),
                                                                                std::memory_order_acq_rel);
}

void run_region(int n_threads, void (*body)(void*, Worker&), void* argument) {
  Region region;
  const auto work = [&](int index, int size) {
    const FloatEnvironment mode;
    Worker worker(region, index, size);
    body(argument, worker);
  };
  if (n_threads <= 1) return work(0, 1);
#if defined(QUERN_OPENMP)
    // The team may come out smaller than asked for (nested regions, thread limits).
#pragma omp parallel num_threads(n_threads)
  work(omp_get_thread_num(), omp_get_num_threads());
#else
  std::vector<std::jthread> helpers;
  try {
    for (int index = 1; index < n_threads; ++index) helpers.emplace_back(work, index, n_threads);
  } catch (...) {
    // The system gives no more threads, or no memory for them: go on with those that run.
  }
  work(0, n_threads);
#endif
}

namespace {

#if defined(__linux__)
// The first processor that shares its core with `cpu`, or `cpu` itself where that is not told.
int first_sibling(int cpu) {
  std::ifstream in("/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/thread_siblings_list");
  int first = cpu;
  return in >> first ? first : cpu;
}

// Processors' worth of time that the control group grants, at least 1; `otherwise` where there is no limit.
int group_quota(int otherwise) {
  std::ifstream in("/sys/fs/cgroup/cpu.max");
  double quota = 0, period = 0;
  if (!(in >> quota >> period) || period <= 0) return otherwise;  // "max 100000": no limit
  return std::max(1, static_cast<int>(quota / period + 0.5));
}
#endif

}  // namespace

int usable_threads() {
  int n = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
#if defined(__linux__)
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) == 0) {
    std::set<int> cores;
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (CPU_ISSET(cpu, &allowed)) cores.insert(first_sibling(cpu));
    }
    if (!cores.empty()) n = static_cast<int>(cores.size());
  }
  n = std::min(n, group_quota(n));
#endif
  return n;
}

}  // namespace quern::detail
