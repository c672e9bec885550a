#include "src/tokenizer/special_tokens.h"

#include <algorithm>
#include <functional>
#include <queue>

namespace quern::detail {

namespace {

std::size_t byte_pair(char first, char second) {
  return static_cast<std::size_t>(static_cast<std::uint8_t>(first)) << 8 | static_cast<std::uint8_t>(second);
}

// The white space that stripping takes.
bool is_stripped(char c) { return c == ' ' || (c >= 0x09 && c <= 0x0D); }

}  // namespace

SpecialTokens::SpecialTokens(const Vocabulary& vocabulary, std::vector<Token> ids)
    : vocabulary_(vocabulary), index_(vocabulary.texts(), std::move(ids)), begins_(65536) {
  std::uint32_t n = 0;
  while (n < index_.size()) entries_.push_back(n++);
  std::sort(entries_.begin(), entries_.end(), [this](std::uint32_t a, std::uint32_t b) {
    const std::size_t a_bytes = index_.text(a).size(), b_bytes = index_.text(b).size();
    return a_bytes != b_bytes ? a_bytes > b_bytes : index_.id(a) < index_.id(b);
  });
  order_.resize(n);
  for (std::uint32_t place = 0; place < n; ++place) order_[entries_[place]] = place;
  for (const std::uint32_t entry : entries_) {
    const std::string_view text = index_.text(entry);
    if (text.size() > 1)
      begins_[byte_pair(text[0], text[1])] = true;
    else
      std::fill_n(begins_.begin() + static_cast<std::ptrdiff_t>(byte_pair(text[0], 0)), 256, true);
  }
}

std::vector<Fragment> SpecialTokens::cut(std::string_view text, std::span<const TextSpan> plain) const {
  if (text.empty()) return {};
  if (index_.empty()) return {{no_token, text}};

  // A match waits as (place in the order, position), so that the least is the next to take.
  std::priority_queue<std::uint64_t, std::vector<std::uint64_t>, std::greater<>> waiting;
  const auto wait = [&](std::uint32_t entry, std::size_t position) {
    if (entry != PrefixIndex::none) waiting.push(static_cast<std::uint64_t>(order_[entry]) << 32 | position);
  };
  for (std::size_t i = 0; i < text.size(); ++i)
    if (begins_[byte_pair(text[i], i + 1 < text.size() ? text[i + 1] : '\0')])
      wait(index_.longest(text.substr(i)), i);
  if (waiting.empty()) return {{no_token, text}};

  const auto touches_plain = [&](std::size_t begin, std::size_t end) {
    const auto after = std::ranges::lower_bound(plain, begin, std::less_equal<>(), &TextSpan::end);
    return after != plain.end() && after->begin < end;
  };

  struct Occurrence {
    std::size_t begin, end;  // with the white space that it strips
    Token id;
  };
  std::vector<Occurrence> matches;
  std::vector<bool> taken(text.size());
  while (!waiting.empty()) {
    const std::size_t begin = waiting.top() & 0xFFFFFFFF;
    const std::uint32_t entry = entries_[waiting.top() >> 32];
    waiting.pop();
    const std::size_t end = begin + index_.text(entry).size();
    if (taken[begin]) continue;
    if (vocabulary_.has(index_.id(entry), attr_control | attr_unknown) && touches_plain(begin, end)) {
      wait(index_.shorter(entry), begin);
      continue;
    }
    // What is taken already is no shorter than this match, so it overlaps only if it covers an end.
    if (taken[end - 1]) {
      wait(index_.shorter(entry), begin);
      continue;
    }
    Occurrence match{begin, end, index_.id(entry)};
    if (vocabulary_.has(match.id, attr_lstrip))
      while (match.begin > 0 && !taken[match.begin - 1] && is_stripped(text[match.begin - 1])) --match.begin;
    if (vocabulary_.has(match.id, attr_rstrip))
      while (match.end < text.size() && !taken[match.end] && is_stripped(text[match.end])) ++match.end;
    for (std::size_t i = match.begin; i < match.end; ++i) taken[i] = true;
    matches.push_back(match);
  }

  std::sort(matches.begin(), matches.end(),
            [](const Occurrence& a, const Occurrence& b) { return a.begin < b.begin; });
  std::vector<Fragment> fragments;
  std::size_t raw = 0;
  for (const Occurrence& match : matches) {
    if (raw < match.begin) fragments.push_back({no_token, text.substr(raw, match.begin - raw)});
    fragments.push_back({match.id, text.substr(match.begin, match.end - match.begin)});
    raw = match.end;
  }
  if (raw < text.size()) fragments.push_back({no_token, text.substr(raw)});
  return fragments;
}

}  // namespace quern::detail
