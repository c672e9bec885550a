#pragma once
// Cuts a text without words into parts that no merge can join, so that long texts are many short lists.
#include <cstdint>
#include <string_view>
#include <vector>

#include "src/base/heap_bytes.h"
#include "src/tokenizer/hash.h"
#include "src/tokenizer/unicode.h"

namespace quern::detail {

// The pairs of characters that stand next to each other inside the texts that merging can make. Between two
// characters that form no such pair no merge reaches across. Pairs are kept by their hash: a pair too many
// cuts less and changes nothing else.
class AdjacentCharacters {
 public:
  explicit AdjacentCharacters(const Hasher& hash) : hash_(hash), bits_(n_bits / 64) {}

  // All pairs inside a text that merging can make.
  void add(std::string_view text) {
    for_each_pair(text,
                  [&](std::size_t, std::uint64_t bit) { bits_[bit / 64] |= std::uint64_t{1} << bit % 64; });
  }

  // Calls take(part) for the parts of a text, in order.
  template <typename Take>
  void for_each_part(std::string_view text, const Take& take) const {
    std::size_t begin = 0;
    for_each_pair(text, [&](std::size_t between, std::uint64_t bit) {
      if ((bits_[bit / 64] >> bit % 64 & 1) != 0) return;
      take(text.substr(begin, between - begin));
      begin = between;
    });
    if (begin < text.size()) take(text.substr(begin));
  }

  std::size_t memory_bytes() const { return heap_bytes(bits_); }

 private:
  static constexpr std::uint64_t n_bits = std::uint64_t{1} << 20;

  template <typename Use>
  void for_each_pair(std::string_view text, const Use& use) const {
    std::uint32_t last = 0;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t n_bytes = symbol_bytes(text[at], text.size() - at);
      std::uint32_t character = 0;
      for (std::size_t i = 0; i < n_bytes; ++i)
        character = character << 8 | static_cast<std::uint8_t>(text[at + i]);
      if (at > 0) use(at, hash_(last, character) % n_bits);
      last = character;
      at += n_bytes;
    }
  }

  Hasher hash_;
  std::vector<std::uint64_t> bits_;
};

}  // namespace quern::detail
