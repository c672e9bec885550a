#include "src/chat/arena.h"

#include <algorithm>

#include "formats/try.h"

namespace quern::detail::jinja {
namespace {

constexpr std::size_t first_block = 16 << 10, largest_block = 256 << 10;

}  // namespace

void* Arena::from_new_block(std::size_t n) {
  const std::size_t usual = std::min(first_block << std::min<std::size_t>(blocks_.size(), 8), largest_block);
  const std::size_t size = std::max(n, usual);
  charge(size);
  blocks_.push_back(std::make_unique_for_overwrite<std::byte[]>(size));
  std::byte* const block = blocks_.back().get();
  // A large piece gets a block of its own, and the current one stays in use.
  if (n > usual / 2) return block;
  at_ = block + n;
  end_ = block + size;
  return block;
}

void Arena::over() const {
  throw Failure{FailureKind::limit_memory,
                formats::cat("needs more than the ", limit_, " bytes that it may use")};
}

}  // namespace quern::detail::jinja
