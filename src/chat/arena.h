#pragma once
// Memory of one rendering: taken in pieces, given back all at once, and counted.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "src/chat/failure.h"

namespace quern::detail::jinja {

/// Not thread-safe: one rendering is its only user. What is made here is never destroyed, so only trivial
/// types may live in it.
class Arena {
 public:
  explicit Arena(std::size_t limit) : limit_(limit) {}
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  template <typename T>
  T* make(const T& value) {
    static_assert(std::is_trivially_destructible_v<T>);
    return new (bytes(sizeof(T))) T(value);
  }
  /// Uninitialised. Failure limit_memory.
  template <typename T>
  T* array(std::size_t n) {
    static_assert(std::is_trivially_destructible_v<T> && alignof(T) <= 16);
    if (n > limit_ / sizeof(T)) over();
    return static_cast<T*>(bytes(n * sizeof(T)));
  }
  /// 16-byte aligned.
  void* bytes(std::size_t n) {
    n = (n + 15) & ~std::size_t{15};
    if (n > static_cast<std::size_t>(end_ - at_)) return from_new_block(n);
    std::byte* const found = at_;
    at_ += n;
    return found;
  }

  /// Counts memory that is not the arena's own (the output, say) against the limit as well.
  void charge(std::size_t n) {
    if (n > limit_ - used_) over();
    used_ += n;
  }
  void discharge(std::size_t n) { used_ -= n; }
  std::size_t used() const { return used_; }

 private:
  void* from_new_block(std::size_t n);
  [[noreturn]] void over() const;

  const std::size_t limit_;
  std::size_t used_ = 0;
  std::byte* at_ = nullptr;
  std::byte* end_ = nullptr;
  std::vector<std::unique_ptr<std::byte[]>> blocks_;
};

/// The allocator of containers that hold something for a while: their memory is counted as the arena's is.
template <typename T>
class Counted {
 public:
  using value_type = T;
  explicit Counted(Arena& arena) : arena_(&arena) {}
  template <typename U>
  Counted(const Counted<U>& other) : arena_(other.arena_) {}

  T* allocate(std::size_t n) {
    arena_->charge(n * sizeof(T));
    return std::allocator<T>().allocate(n);
  }
  void deallocate(T* items, std::size_t n) {
    arena_->discharge(n * sizeof(T));
    std::allocator<T>().deallocate(items, n);
  }
  friend bool operator==(const Counted& a, const Counted& b) { return a.arena_ == b.arena_; }

 private:
  template <typename U>
  friend class Counted;
  Arena* arena_;
};
using CountedText = std::basic_string<char, std::char_traits<char>, Counted<char>>;

}  // namespace quern::detail::jinja
