#include "src/tokenizer/prefix_index.h"

#include <algorithm>

namespace quern::detail {

PrefixIndex::PrefixIndex(std::span<const std::string_view> texts, std::vector<Token> ids, Keep keep)
    : texts_(texts), sorted_(std::move(ids)), first_(257) {
  std::erase_if(sorted_, [&](Token id) { return text_of(id).empty(); });
  std::sort(sorted_.begin(), sorted_.end(), [&](Token a, Token b) {
    const int order = text_of(a).compare(text_of(b));
    return order != 0 ? order < 0 : keep == Keep::lowest_id ? a < b : a > b;
  });
  sorted_.erase(
      std::unique(sorted_.begin(), sorted_.end(), [&](Token a, Token b) { return text_of(a) == text_of(b); }),
      sorted_.end());

  shorter_.resize(sorted_.size(), none);
  for (std::uint32_t entry = 0; entry < sorted_.size(); ++entry) {
    max_bytes_ = std::max(max_bytes_, text(entry).size());
    // Whatever is a beginning of this text stands before it, and is the entry before or a beginning of that
    // one.
    std::uint32_t candidate = entry == 0 ? none : entry - 1;
    while (candidate != none && !text(entry).starts_with(text(candidate))) candidate = shorter_[candidate];
    shorter_[entry] = candidate;
    ++first_[static_cast<std::uint8_t>(text(entry)[0]) + 1u];
  }
  for (std::size_t byte = 0; byte < 256; ++byte) first_[byte + 1] += first_[byte];
}

std::uint32_t PrefixIndex::longest(std::string_view text) const {
  if (text.empty()) return none;
  text = text.substr(0, max_bytes_);
  const auto byte = static_cast<std::uint8_t>(text[0]);
  const auto begin = sorted_.begin() + first_[byte], end = sorted_.begin() + first_[byte + 1u];
  const auto after =
      std::upper_bound(begin, end, text, [this](std::string_view t, Token id) { return t < text_of(id); });
  if (after == begin) return none;
  // The last text that is not greater: it or one of its beginnings is the answer.
  std::uint32_t entry = static_cast<std::uint32_t>(after - sorted_.begin()) - 1;
  while (entry != none && !text.starts_with(this->text(entry))) entry = shorter_[entry];
  return entry;
}

}  // namespace quern::detail
