#pragma once
// The one place that starts threads. A Team runs one function on all its threads at once (one region a
// forward pass); inside it, steps are split into fixed tiles that free threads claim. A step ends when its
// tiles are done, not when every thread has come by: a thread that the system left waiting finds finished
// steps and passes over them, and a tile that it was at another thread can do again. Behind it stands OpenMP,
// or std::thread where QUERN_OPENMP is not defined.
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace quern::detail {

/// What the threads of one region share: the step at hand and how far it is.
class Region {
 public:
  static constexpr std::uint32_t none = UINT32_MAX;
  /// Claims the next tile of step `step`, which has n of them, for a thread; `none` where all are claimed or
  /// the step is over.
  std::uint32_t claim(std::uint32_t step, std::uint32_t n, int thread);
  /// One claimed tile is done; the last one of a step ends it.
  void finish(std::uint32_t step, std::uint32_t n);
  void wait_for_end_of(std::uint32_t step, int thread);
  /// Waits until `end` at the longest, and until then gives the processor to nobody but other threads of the
  /// region. Returns whether the step is over.
  bool wait_for_end_of(std::uint32_t step, int thread, std::chrono::steady_clock::time_point end);

  /// Threads from this one on keep their tiles and processors to themselves.
  static constexpr int max_shown = 64;
  /// Thread `thread` is at a tile, which others may do again.
  void show(int thread, std::uint32_t step, std::uint32_t tile);
  /// The tile of the step that a thread is at and shows, or `none`.
  std::uint32_t shown(int thread, std::uint32_t step) const;
  /// The tile that a thread shows is done. False where another thread was first.
  bool take(int thread, std::uint32_t step, std::uint32_t tile);

 private:
  static std::uint64_t place(std::uint32_t step, std::uint32_t tile) {
    return std::uint64_t{step} << 32 | tile;
  }
  // The step's number in the high half, its next tile in the low one: a late thread cannot take a tile of a
  // step that it is not in.
  alignas(64) std::atomic<std::uint64_t> ticket_{0};
  alignas(64) std::atomic<std::uint32_t> finished_{0};
  // Whether another thread was on the caller's processor when it claimed its last tile.
  bool shares_processor(int thread) const;
  // The place that each thread shows, with tile `none` where it shows none, and its processor.
  struct alignas(64) Shown {
    std::atomic<std::uint64_t> place{UINT64_MAX};
    std::atomic<int> processor{-1};
  };
  std::array<Shown, max_shown> shown_{};
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
    for (std::uint32_t tile; (tile = region_.claim(step, count, index_)) != Region::none;) {
      if (n != 0) body(std::size_t{tile});
      region_.finish(step, count);
    }
    region_.wait_for_end_of(step, index_);
  }
  /// The same for long tiles. Where the system takes the processor away from a thread in the middle of one,
  /// another thread does that tile again instead of waiting for milliseconds, and the first to be done keeps
  /// its result:
  ///   begin()        once a thread, before its first tile: copies what the tiles read and later steps write
  ///   compute(tile)  reads those copies and what never changes, writes what is the thread's own
  ///   keep(tile)     puts the result of the thread's last compute in its place; called once a tile
  template <typename Begin, typename Compute, typename Keep>
  void tiles_done_again(std::size_t n, Begin&& begin, Compute&& compute, Keep&& keep) {
    using Clock = std::chrono::steady_clock;
    if (size_ == 1 || n == 0) {
      if (n != 0) begin();
      return tiles(n, [&](std::size_t tile) {
        compute(tile);
        keep(tile);
      });
    }
    const std::uint32_t step = step_++, count = static_cast<std::uint32_t>(n);
    const auto finish = [&](int thread, std::uint32_t tile) {
      if (thread < Region::max_shown && !region_.take(thread, step, tile)) return;
      keep(tile);
      region_.finish(step, count);
    };
    bool has_begun = false;
    Clock::duration took = std::chrono::milliseconds(1);  // the shortest tile, which was hardly interrupted
    for (std::uint32_t tile; (tile = region_.claim(step, count, index_)) != Region::none;) {
      if (!has_begun) begin();  // nothing changes meanwhile: the step cannot end before this tile
      has_begun = true;
      const Clock::time_point start = Clock::now();
      if (index_ < Region::max_shown) region_.show(index_, step, tile);
      compute(tile);
      finish(index_, tile);
      took = std::min(took, Clock::now() - start);
    }
    // The others' last tiles take about as long as this thread's did, unless they have lost their processors.
    const auto patience = std::chrono::microseconds(20) + 2 * took;
    if (has_begun && !region_.wait_for_end_of(step, index_, Clock::now() + patience)) {
      for (int thread = 0; thread < std::min(size_, Region::max_shown); ++thread) {
        const std::uint32_t tile = region_.shown(thread, step);
        if (tile == Region::none) continue;
        compute(tile);
        finish(thread, tile);
      }
    }
    region_.wait_for_end_of(step, index_);
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
