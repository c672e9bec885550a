#include "src/chat/call_values.h"

namespace quern::detail {
namespace {

constexpr int max_brackets = 200;
constexpr std::string_view gemma_mark = "<|\"|>";

bool may_stand_in_json(char c) {
  return is_space(c) || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         std::string_view("{}[]:,+-.\"").find(c) != std::string_view::npos;
}

}  // namespace

ValueEnd::State ValueEnd::feed(char c) {
  if (style_ == Style::gemma && (in_string() || n_quote_ > 0 || c == gemma_mark.front()))
    return gemma_quote(c);
  if (in_string()) {
    if (escaped_) {
      escaped_ = false;
    } else if (c == '\\') {
      escaped_ = true;
    } else if (c == quote_) {
      quote_ = 0;
    }
    return State::open;
  }
  switch (c) {
    case '"':
    case '\'':
      if (style_ == Style::json && c == '\'') return State::broken;
      if (style_ != Style::gemma) quote_ = c;
      return State::open;
    case '{':
    case '[':
    case '(':
      mark_ = c;
      return ++depth_ > max_brackets || (c == '(' && style_ == Style::json) ? State::broken : State::open;
    case '}':
    case ']':
    case ')':
      mark_ = c;
      if (depth_ == 0 || (c == ')' && style_ == Style::json)) return State::broken;
      return --depth_ == 0 ? State::done : State::open;
    default: break;
  }
  if (c == ',' || c == ':' || c == '=') mark_ = c;
  if (style_ == Style::json) return depth_ > 0 && may_stand_in_json(c) ? State::open : State::broken;
  return c == '<' ? State::broken : State::open;  // no operator there, but the end marker
}

// The quote is five bytes long; a byte that does not go on with it may begin another.
ValueEnd::State ValueEnd::gemma_quote(char c) {
  if (c == gemma_mark[n_quote_]) {
    if (++n_quote_ == gemma_mark.size()) {
      n_quote_ = 0;
      quote_ = in_string() ? 0 : '"';
    }
    return State::open;
  }
  if (!in_string()) return State::broken;
  n_quote_ = c == gemma_mark.front() ? 1 : 0;
  return State::open;
}

}  // namespace quern::detail
