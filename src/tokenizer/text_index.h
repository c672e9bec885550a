#pragma once
// From text to number: an open-addressing table that keeps numbers and part of the hash, and asks its owner
// for the text of a number. So texts stay where they are, and a lookup that misses rarely touches one.
#include <cstdint>
#include <string_view>
#include <vector>

#include "src/tokenizer/hash.h"

namespace quern::detail {

class TextIndex {
 public:
  static constexpr std::uint32_t absent = 0xFFFFFFFF;

  explicit TextIndex(const Hasher& hash, std::size_t expected = 0)
      : hash_(hash), slots_(table_size(expected)) {}

  // text_of(number) is the text of a number that was inserted.
  template <typename TextOf>
  std::uint32_t find(std::string_view text, const TextOf& text_of) const {
    return slots_[slot_of(hash_(text), text, text_of)].number;
  }

  // The number that the text has; if it has none yet, `number`.
  template <typename TextOf>
  std::uint32_t insert(std::string_view text, std::uint32_t number, const TextOf& text_of) {
    if (2 * (n_used_ + 1) > slots_.size()) grow(text_of);
    const std::uint64_t hash = hash_(text);
    Slot& slot = slots_[slot_of(hash, text, text_of)];
    if (slot.number == absent) {
      slot = {tag(hash), number};
      ++n_used_;
    }
    return slot.number;
  }

 private:
  struct Slot {
    std::uint32_t tag = 0;
    std::uint32_t number = absent;
  };
  static std::uint32_t tag(std::uint64_t hash) { return static_cast<std::uint32_t>(hash >> 32); }

  template <typename TextOf>
  std::size_t slot_of(std::uint64_t hash, std::string_view text, const TextOf& text_of) const {
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t i = hash & mask;; i = (i + 1) & mask) {
      const Slot& slot = slots_[i];
      if (slot.number == absent || (slot.tag == tag(hash) && text_of(slot.number) == text)) return i;
    }
  }

  template <typename TextOf>
  void grow(const TextOf& text_of) {
    std::vector<Slot> old(2 * slots_.size());
    old.swap(slots_);
    for (const Slot& slot : old)
      if (slot.number != absent) {
        const std::string_view text = text_of(slot.number);
        slots_[slot_of(hash_(text), text, text_of)] = slot;
      }
  }

  Hasher hash_;
  std::vector<Slot> slots_;
  std::size_t n_used_ = 0;
};

}  // namespace quern::detail
