#pragma once
// Special tokens in a text: cuts it into the ids of special tokens and the raw text between them.
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "quern/tokenizer.h"
#include "src/tokenizer/prefix_index.h"
#include "src/tokenizer/vocabulary.h"

namespace quern::detail {

// A special token (id != no_token) or a piece of raw text, never empty.
struct Fragment {
  Token id;
  std::string_view text;
};

// Finds a set of tokens in texts. Longer tokens come first, wherever they stand; of equal lengths the lower
// id; then the leftmost. Immutable; safe from any number of threads.
class SpecialTokens {
 public:
  SpecialTokens(const Vocabulary& vocabulary, std::vector<Token> ids);

  // Control and unknown tokens are not found where they touch one of the `plain` parts, which are in order.
  std::vector<Fragment> cut(std::string_view text, std::span<const TextSpan> plain = {}) const;

  std::size_t memory_bytes() const {
    return index_.memory_bytes() + heap_bytes(entries_) + heap_bytes(order_) + heap_bytes(begins_);
  }

 private:
  const Vocabulary& vocabulary_;
  PrefixIndex index_;
  std::vector<std::uint32_t> entries_;  // of index_, in the order in which they are looked for
  std::vector<std::uint32_t> order_;    // of each entry: its place in entries_
  std::vector<bool> begins_;            // which two bytes a token begins with: 65536
};

}  // namespace quern::detail
