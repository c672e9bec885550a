#pragma once
// Vocabularies that write a space as U+2581 (a lower one eighth block) inside their tokens.
#include <algorithm>
#include <string>
#include <string_view>

namespace quern::detail {

inline constexpr std::string_view escaped_space = "\xE2\x96\x81";

// The text with each space escaped; with `prefix` after one more space.
inline std::string escape_spaces(std::string_view text, bool prefix) {
  std::string out;
  out.reserve(text.size() + text.size() / 2 + escaped_space.size());
  if (prefix) out += escaped_space;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t space = std::min(text.find(' ', at), text.size());
    out.append(text, at, space - at);
    if (space < text.size()) out += escaped_space;
    at = space + 1;
  }
  return out;
}

// The other way.
inline void append_unescaped(std::string& out, std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t found = std::min(text.find(escaped_space, at), text.size());
    out.append(text, at, found - at);
    if (found < text.size()) out += ' ';
    at = found + escaped_space.size();
  }
}

}  // namespace quern::detail
