#pragma once
// The one place that starts threads. A Team runs one function on all its threads at once (one region a
// forward pass); inside it, steps are split into fixed tiles that free threads claim, with a barrier after
// each step. Behind it stands OpenMP, or std::thread where QUERN_OPENMP is not defined.
#include <atomic>
#include <cstddef>
#include <type_traits>

namespace quern::detail {

/// What the threads of one region share.
class Region {
 public:
  explicit Region(int size) : size_(size) {}
  int size() const { return size_; }
  void wait();  ///< until all threads of the region are here; the last one resets the tile counter
  std::size_t claim() { return next_tile_.fetch_add(1, std::memory_order_relaxed); }

 private:
  const int size_;
  alignas(64) std::atomic<std::size_t> next_tile_{0};
  alignas(64) std::atomic<int> arrived_{0};
  alignas(64) std::atomic<unsigned> phase_{0};
};

/// One thread's place in a region. Every thread must make the same sequence of calls.
class Worker {
 public:
  Worker(Region& region, int index) : region_(region), index_(index) {}
  int index() const { return index_; }
  int size() const { return region_.size(); }

  /// Calls body(tile) once for each tile in [0, n), each on whichever thread is free; then waits for all of
  /// them.
  template <typename Body>
  void tiles(std::size_t n, Body&& body) {
    if (size() == 1) {
      for (std::size_t tile = 0; tile < n; ++tile) body(tile);
      return;
    }
    for (std::size_t tile; (tile = region_.claim()) < n;) body(tile);
    region_.wait();
  }
  /// Calls body on one thread while the others wait.
  template <typename Body>
  void alone(Body&& body) {
    tiles(1, [&](std::size_t) { body(); });
  }

 private:
  Region& region_;
  int index_;
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
