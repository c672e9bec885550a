#include "src/runtime/aligned_memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

namespace quern::detail {
namespace {

// A wish: a system without large pages refuses, and nothing changes.
void prefer_large_pages([[maybe_unused]] std::byte* memory, [[maybe_unused]] std::size_t n_bytes) {
#ifdef MADV_HUGEPAGE
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto begin = reinterpret_cast<std::uintptr_t>(memory);
  const std::uintptr_t first = (begin + page - 1) / page * page, last = (begin + n_bytes) / page * page;
  const int caller_errno = errno;
  ::madvise(reinterpret_cast<void*>(first), last - first, MADV_HUGEPAGE);
  errno = caller_errno;
#endif
}

}  // namespace

AlignedMemory allocate_aligned(std::uint64_t n_bytes) {
  constexpr std::size_t worth_large_pages = std::size_t{4} << 20;
  if (n_bytes > PTRDIFF_MAX) return nullptr;
  const auto n = static_cast<std::size_t>(n_bytes);
  AlignedMemory memory(
      static_cast<std::byte*>(::operator new (n, std::align_val_t{cache_line}, std::nothrow)));
  if (memory && n >= worth_large_pages) prefer_large_pages(memory.get(), n);
  return memory;
}

}  // namespace quern::detail
