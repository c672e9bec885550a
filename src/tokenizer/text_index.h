#pragma once
// From text to number: an open-addressing table. Short texts, which are nearly all, lie in the table itself,
// so that a lookup touches one line of memory; for long ones it keeps the hash and asks its owner for the
// text of a number.
#include <cstdint>
#include <string_view>
#include <vector>

#include "src/base/heap_bytes.h"
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
    return slots_[slot_of(key_of(text), text, text_of)].number;
  }

  // The number that the text has; if it has none yet, `number`.
  template <typename TextOf>
  std::uint32_t insert(std::string_view text, std::uint32_t number, const TextOf& text_of) {
    if (2 * (n_used_ + 1) > slots_.size()) grow();
    const Key key = key_of(text);
    Slot& slot = slots_[slot_of(key, text, text_of)];
    if (slot.number == absent) {
      slot = {key.low, key.high, number};
      ++n_used_;
    }
    return slot.number;
  }

  // Asks the memory for what find(text) will want.
  void prefetch(std::string_view text) const { __builtin_prefetch(&slots_[home_of(key_of(text))]); }

  std::size_t memory_bytes() const { return heap_bytes(slots_); }

 private:
  // Up to 11 bytes: the bytes and their number. Longer: the hash.
  struct Key {
    std::uint64_t low;
    std::uint32_t high;
    bool is_text() const { return high != long_text; }
    bool operator==(const Key&) const = default;
  };
  static constexpr std::uint32_t long_text = 0xFFFFFFFF;
  struct Slot {
    std::uint64_t low = 0;
    std::uint32_t high = 0;
    std::uint32_t number = absent;
  };

  Key key_of(std::string_view text) const {
    const std::size_t n = text.size();
    if (n <= 8) return {load_bytes(text.data(), n), static_cast<std::uint32_t>(n) << 24};
    if (n > 11) return {hash_(text), long_text};
    return {load_bytes(text.data(), 8), static_cast<std::uint32_t>(n) << 24 |
                                            static_cast<std::uint32_t>(load_bytes(text.data() + 8, n - 8))};
  }
  std::size_t home_of(const Key& key) const {
    return (key.is_text() ? hash_(key.low, key.high) : key.low) & (slots_.size() - 1);
  }

  template <typename TextOf>
  std::size_t slot_of(const Key& key, std::string_view text, const TextOf& text_of) const {
    for (std::size_t i = home_of(key);; i = (i + 1) & (slots_.size() - 1)) {
      const Slot& slot = slots_[i];
      if (slot.number == absent) return i;
      if (Key{slot.low, slot.high} == key && (key.is_text() || text_of(slot.number) == text)) return i;
    }
  }

  void grow() {
    std::vector<Slot> old(2 * slots_.size());
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot.number == absent) continue;
      std::size_t i = home_of({slot.low, slot.high});
      while (slots_[i].number != absent) i = (i + 1) & (slots_.size() - 1);
      slots_[i] = slot;
    }
  }

  Hasher hash_;
  std::vector<Slot> slots_;
  std::size_t n_used_ = 0;
};

}  // namespace quern::detail
