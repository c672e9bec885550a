#pragma once
// One block of memory on a cache line boundary, not initialised: pages that are never touched cost nothing.
// Pages of a block of 4 MiB or more are large ones (2 MiB) where the system has them.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>

namespace quern::detail {

inline constexpr std::size_t cache_line = 64;

struct AlignedDelete {
  void operator()(std::byte* memory) const { ::operator delete (memory, std::align_val_t{cache_line}); }
};
using AlignedMemory = std::unique_ptr<std::byte, AlignedDelete>;

/// Null where the memory cannot be had.
AlignedMemory allocate_aligned(std::uint64_t n_bytes);

/// Hands out places in one block, each on a cache line. Run once with base null to learn the size, then again
/// with the memory: both runs make the same calls.
class Places {
 public:
  explicit Places(std::byte* base) : base_(base) {}
  template <typename T>
  T* take(std::uint64_t n) {
    const std::uint64_t at = used_;
    used_ += (n * sizeof(T) + cache_line - 1) / cache_line * cache_line;
    return base_ ? reinterpret_cast<T*>(base_ + at) : nullptr;
  }
  /// Layouts of what is never alive together: each begins where the first one does.
  template <typename... Layouts>
  void share(Layouts&&... layouts) {
    const std::uint64_t begin = used_;
    std::uint64_t end = begin;
    ((used_ = begin, layouts(), end = std::max(end, used_)), ...);
    used_ = end;
  }
  std::uint64_t used() const { return used_; }

 private:
  std::byte* base_;
  std::uint64_t used_ = 0;
};

}  // namespace quern::detail
