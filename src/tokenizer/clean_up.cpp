#include "src/tokenizer/clean_up.h"

#include <string_view>

namespace quern::detail {

namespace {

// Leaves out each space for which goes(what follows it) is true.
template <typename Goes>
void drop_spaces(std::string& text, const Goes& goes) {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < text.size(); ++i)
    if (text[i] != ' ' || !goes(std::string_view(text).substr(i + 1))) text[kept++] = text[i];
  text.resize(kept);
}

}  // namespace

void clean_up_spaces(std::string& text) {
  drop_spaces(text, [](std::string_view next) {
    return !next.empty() && std::string_view("?!.,").find(next[0]) != std::string_view::npos;
  });
  // The second space of a match is gone, so it does not begin another.
  std::string joined;
  std::string_view rest = text;
  for (std::size_t found; (found = rest.find(" ' ")) != rest.npos; rest.remove_prefix(found + 3)) {
    joined += rest.substr(0, found);
    joined += '\'';
  }
  joined += rest;
  text = std::move(joined);
  drop_spaces(text, [](std::string_view next) {
    for (const std::string_view ending : {"'s", "'m", "'re", "'ve"})
      if (next.starts_with(ending)) return true;
    return false;
  });
}

}  // namespace quern::detail
