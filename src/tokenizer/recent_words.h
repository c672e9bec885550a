#pragma once
// Words of a text that were encoded a moment ago, with their ids. Ordinary text repeats itself, so most words
// need no merging.
#include <algorithm>
#include <cstdint>
#include <string_view>
#include <vector>

#include "quern/token.h"
#include "src/tokenizer/hash.h"

namespace quern::detail {

// Bounded; a newer word takes the place of an older one with the same hash. Keeps neither words nor ids: it
// points into the text that is being encoded and into the ids that it has given so far, which must both stay.
class RecentWords {
 public:
  RecentWords(const Hasher& hash, std::size_t text_bytes)
      : hash_(hash), entries_(table_size(std::min(text_bytes / 64, max_words / 2))) {}

  // Appends the ids of the word: by encode(), or those that it gave before.
  template <typename Encode>
  void append(std::string_view word, std::vector<Token>& ids, const Encode& encode) {
    Entry& entry = entries_[hash_(word) & (entries_.size() - 1)];
    const std::size_t n = ids.size();
    if (entry.word == word && !word.empty()) {
      ids.resize(n + entry.n_ids);
      std::copy_n(ids.begin() + static_cast<std::ptrdiff_t>(entry.first_id), entry.n_ids,
                  ids.begin() + static_cast<std::ptrdiff_t>(n));
      return;
    }
    encode();
    entry = {word, n, static_cast<std::uint32_t>(ids.size() - n)};
  }

 private:
  static constexpr std::size_t max_words = 1 << 14;
  struct Entry {
    std::string_view word;
    std::size_t first_id = 0;
    std::uint32_t n_ids = 0;
  };
  Hasher hash_;
  std::vector<Entry> entries_;
};

}  // namespace quern::detail
