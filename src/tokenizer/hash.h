#pragma once
// Hashing of texts and pairs for open-addressing tables whose keys come from files: keyed by numbers that a
// file's author cannot know, so that chosen texts cannot make lookups slow. Nothing that Quern returns
// depends on a hash.
#include <cstdint>
#include <cstring>
#include <string_view>

namespace quern::detail {

class Hasher {
 public:
  // Keys from the clock and from where the loader put this program.
  Hasher();

  std::uint64_t operator()(std::string_view text) const {
    const char* at = text.data();
    std::size_t left = text.size();
    std::uint64_t hash = seed_ ^ left;
    for (; left >= 8; at += 8, left -= 8) hash = mix(hash ^ load(at, 8));
    if (left > 0) hash = mix(hash ^ load(at, left));
    return mix(hash);
  }
  std::uint64_t operator()(std::uint32_t a, std::uint32_t b) const {
    return mix(seed_ ^ (static_cast<std::uint64_t>(a) << 32 | b));
  }

 private:
  static std::uint64_t load(const char* at, std::size_t n_bytes) {
    std::uint64_t word = 0;
    std::memcpy(&word, at, n_bytes);
    return word;
  }
  // Both halves of the product with a secret odd number.
  std::uint64_t mix(std::uint64_t value) const {
    __extension__ using Wide = unsigned __int128;
    const Wide product = static_cast<Wide>(value) * multiplier_;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
  }

  std::uint64_t seed_, multiplier_;
};

// Slots of a table for n keys: a power of two, at most half full.
inline std::size_t table_size(std::size_t n) {
  std::size_t size = 16;
  while (size < 2 * n) size *= 2;
  return size;
}

}  // namespace quern::detail
