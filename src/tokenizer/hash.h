#pragma once
// Hashing of texts and pairs for open-addressing tables whose keys come from files: keyed by numbers that a
// file's author cannot know, so that chosen texts cannot make lookups slow. Nothing that Quern returns
// depends on a hash.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace quern::detail {

// The first n <= 8 bytes as a number, the same for the same bytes.
inline std::uint64_t load_bytes(const char* at, std::size_t n) {
  const auto load = [at](auto word, std::size_t offset) -> std::uint64_t {
    std::memcpy(&word, at + offset, sizeof word);
    return word;
  };
  if (n == 8) return load(std::uint64_t{}, 0);
  if (n >= 4) return load(std::uint32_t{}, 0) | load(std::uint32_t{}, n - 4) << 32;  // they may overlap
  if (n == 0) return 0;
  const auto byte = [&](std::size_t i) { return load(std::uint8_t{}, i); };
  return byte(0) | byte(n / 2) << 8 | byte(n - 1) << 16;
}

class Hasher {
 public:
  // Keys from the clock and from where the loader put this program.
  Hasher();

  std::uint64_t operator()(std::string_view text) const {
    const char* at = text.data();
    std::size_t left = text.size();
    std::uint64_t hash = seed_ ^ left;
    for (; left > 8; at += 8, left -= 8) hash = mix(hash ^ load_bytes(at, 8));
    return mix(mix(hash ^ load_bytes(at, left)));
  }
  std::uint64_t operator()(std::uint64_t a, std::uint32_t b) const { return mix(mix(seed_ ^ a) ^ b); }

 private:
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
