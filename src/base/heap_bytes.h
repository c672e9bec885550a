#pragma once
// What containers have taken from the heap, for plans of memory that are exact.
#include <cstddef>
#include <string>
#include <vector>

namespace quern::detail {

template <typename T>
std::size_t heap_bytes(const std::vector<T>& items) {
  return items.capacity() * sizeof(T);
}
inline std::size_t heap_bytes(const std::vector<bool>& bits) { return bits.capacity() / 8; }
inline std::size_t heap_bytes(const std::string& text) { return text.capacity(); }

}  // namespace quern::detail
