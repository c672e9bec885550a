#pragma once
// The one place that starts threads. A Team runs one function on all its threads at once (one region a
// forward pass); inside it, steps are split into fixed tiles that free threads claim. A step ends when its
// tiles are done, not when every thread has come by: a thread that the system left waiting finds finished
// steps and passes over them. Behind it stands OpenMP, or std::thread where QUERN_OPENMP is not defined.
#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace quern::detail {

/// What the threads of one region share: the step at hand and how far it is.
class Region {
 public:
  static constexpr std::uint32_t none = UINT32_MAX;
  /// Claims the next tile of step `step`, which has n of them; `none` where all are claimed or the step is
  /// over.
  std::uint32_t claim(std::uint32_t step, std::uint32_t n);
  /// One claimed tile is done; the last one of a step ends it.
  void finish(std::uint32_t step, std::uint32_t n);
  void wait_for_end_of(std::uint32_t step);

 private:
  // The step's number in the high half, its next tile in the low one: a late thread cannot take a tile of a
  // step that it is not in.
  alignas(64) std::atomic<std::uint64_t> ticket_{0};
  alignas(64) std::atomic<std::uint32_t> finished_{0};
};

/// One thread's place in a region. Every thread must make the same sequence of calls. What threads share they
/// write inside tiles only: between steps a late thread may still be reading, or have skipped ahead.
class Worker {
 public:
  Worker(Region& region, int index, int size) : region_(region), index_(index), size_(size) {}
  int index() const { return index_; }
  int size() const { return size_; }

  /// Calls body(tile) once for each tile in [0, n), each on whichever thread is free; then waits for all of
  /// them. n < 2^32 - 1.
  template <typename Body>
  void tiles(std::size_t n, Body&& body) {
    if (size_ == 1) {
      for (std::size_t tile = 0; tile < n; ++tile) body(tile);
      return;
    }
    // A step without tiles would never end, so it has one, which does nothing.
    const std::uint32_t step = step_++, count = std::max<std::uint32_t>(1, static_cast<std::uint32_t>(n));
    for (std::uint32_t tile; (tile = region_.claim(step, count)) != Region::none;) {
      if (n != 0) body(std::size_t{tile});
      region_.finish(step, count);
    }
    region_.wait_for_end_of(step);
  }
  /// Calls body on one thread while the others wait.
  template <typename Body>
  void alone(Body&& body) {
    tiles(1, [&](std::size_t) { body(); });
  }

 private:
  Region& region_;
  const int index_, size_;
  std::uint32_t step_ = 0;
};

void run_region(int n_threads, void (*body)(void*, Worker&), void* argument);

/// Calls body(worker) on up to n_threads threads at once, in the floating-point mode of FloatEnvironment, and
/// returns when all are done. Fewer threads run where the system gives no more. The body must not throw.
template <typename Body>
void run_in_parallel(int n_threads, Body&& body) {
  static_assert(std::is_nothrow_invocable_v<Body&, Worker&>, "an exception must not leave a parallel region");
  using Function = std::remove_reference_t<Body>;
  run_region(
      n_threads, [](void* f, Worker& worker) { (*static_cast<Function*>(f))(worker); }, &body);
}

/// The threads this process may really use: processors it is bound to, one for each physical core, within the
/// quota of its control group.
int usable_threads();

}  // namespace quern::detail
