#pragma once
// Which of a set of texts does a text begin with? A sorted array instead of a trie: four bytes per text, and
// a text of a hostile file costs no more memory than an honest one.
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "quern/token.h"
#include "src/base/heap_bytes.h"

namespace quern::detail {

class PrefixIndex {
 public:
  static constexpr std::uint32_t none = 0xFFFFFFFF;

  // Which of several tokens with the same text.
  enum class Keep { lowest_id, highest_id };

  // Of these tokens, whose texts are texts[id]; empty texts are left out. The texts outlive the index.
  PrefixIndex(std::span<const std::string_view> texts, std::vector<Token> ids, Keep keep = Keep::lowest_id);

  bool empty() const { return sorted_.empty(); }
  std::uint32_t size() const { return static_cast<std::uint32_t>(sorted_.size()); }
  // The entry of the longest text that `text` begins with, or none.
  std::uint32_t longest(std::string_view text) const;
  // The entry of the longest text that the entry's text begins with, other than itself, or none.
  std::uint32_t shorter(std::uint32_t entry) const { return shorter_[entry]; }
  Token id(std::uint32_t entry) const { return sorted_[entry]; }
  std::string_view text(std::uint32_t entry) const { return text_of(sorted_[entry]); }

  std::size_t memory_bytes() const { return heap_bytes(sorted_) + heap_bytes(shorter_) + heap_bytes(first_); }

 private:
  std::string_view text_of(Token id) const { return texts_[static_cast<std::size_t>(id)]; }

  std::span<const std::string_view> texts_;
  std::vector<Token> sorted_;           // ids, by text
  std::vector<std::uint32_t> shorter_;  // of each entry
  std::size_t max_bytes_ = 0;
  std::vector<std::uint32_t> first_;  // 257: where the texts with each first byte begin
};

}  // namespace quern::detail
