#pragma once
// The merges of a byte-pair vocabulary as numbers: every text that takes part has one (a token's is its id),
// and a pair of numbers has its rank and the number of what it becomes.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "formats/metadata.h"
#include "src/tokenizer/merge.h"
#include "src/tokenizer/vocabulary.h"

namespace quern::detail {

class MergeTable {
 public:
  // The vocabulary outlives the table. An absent list is an error unless it is optional.
  static Result<MergeTable> load(const Vocabulary& vocabulary, const formats::Metadata& metadata,
                                 bool optional);

  // The number of a text, or no_symbol if it is neither a token nor part of a merge.
  std::uint32_t number_of(std::string_view text) const;

  // What two neighbours become; the rank is the priority.
  MergedPair find(std::uint32_t left, std::uint32_t right) const {
    if (left == no_symbol || right == no_symbol) return {};
    const Slot& slot = slots_[slot_of(left, right)];
    return {slot.rank, slot.result};
  }

  // Calls use(left, right) with the halves of each merge.
  template <typename Use>
  void for_each_merge(const Use& use) const {
    for (const std::string_view merge : merges_) {
      const std::size_t space = merge.find(' ', 1);
      use(merge.substr(0, space), merge.substr(space + 1));
    }
  }

  std::size_t memory_bytes() const {
    return heap_bytes(slots_) + others_.memory_bytes() + heap_bytes(other_texts_) + heap_bytes(other_ends_);
  }

 private:
  struct Slot {
    std::uint32_t left = no_symbol, right = no_symbol;  // no_symbol: free
    std::uint32_t rank = never_merges, result = no_symbol;
  };

  struct Merge {
    std::uint32_t left, right, result;
  };

  explicit MergeTable(const Vocabulary& vocabulary)
      : vocabulary_(&vocabulary), others_(vocabulary.hasher()) {}
  // All merges in numbers. Texts that have none get one.
  Result<std::vector<Merge>> numbered();
  std::size_t home_of(std::uint32_t left, std::uint32_t right) const {
    return vocabulary_->hasher()(left, right) & (slots_.size() - 1);
  }
  std::size_t slot_of(std::uint32_t left, std::uint32_t right) const {
    const std::size_t mask = slots_.size() - 1;
    std::size_t i = home_of(left, right);
    while (slots_[i].left != no_symbol && (slots_[i].left != left || slots_[i].right != right))
      i = (i + 1) & mask;
    return i;
  }
  std::string_view other_text(std::uint32_t number) const;
  std::uint32_t add_text(std::string_view text);

  const Vocabulary* vocabulary_;
  std::span<const std::string_view> merges_;
  std::vector<Slot> slots_;
  // Texts that are no tokens: numbers from the size of the vocabulary on, one after the other in
  // other_texts_.
  TextIndex others_;
  std::string other_texts_;
  std::vector<std::size_t> other_ends_;
};

}  // namespace quern::detail
