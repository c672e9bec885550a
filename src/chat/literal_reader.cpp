#include "src/chat/literal_reader.h"

#include <algorithm>
#include <charconv>

#include "src/base/json.h"
#include "src/chat/call_values.h"
#include "src/tokenizer/unicode.h"

namespace quern::detail {
namespace {

constexpr std::string_view gemma_quote = "<|\"|>";

bool is_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

bool is_surrogate(char32_t code, char32_t first) { return code >= first && code < first + 0x400; }

}  // namespace

void LiteralReader::skip_space() {
  while (at_ < text_.size() && is_space(text_[at_])) ++at_;
}

bool LiteralReader::take(char c) {
  skip_space();
  if (at_ == text_.size() || text_[at_] != c) return false;
  ++at_;
  return true;
}

bool LiteralReader::at_end() {
  skip_space();
  return at_ == text_.size();
}

std::string_view LiteralReader::name() {
  skip_space();
  const std::size_t begin = at_;
  while (at_ < text_.size() && (is_name(text_[at_]) || text_[at_] == '.' || text_[at_] == '-')) ++at_;
  return text_.substr(begin, at_ - begin);
}

std::optional<std::string> LiteralReader::value(int depth) {
  if (depth == max_arguments_depth || at_end()) return std::nullopt;
  if (take('[')) return items(']', depth);
  if (style_ == Style::python && take('(')) return items(')', depth);
  if (take('{')) return members(depth);
  auto text = text_value();
  return text ? json_string(*text) : word();
}

std::optional<std::string> LiteralReader::items(char close, int depth) {
  std::string out = "[";
  while (!take(close)) {
    if (out.size() > 1) out += ", ";
    const auto item = value(depth + 1);
    if (!item) return std::nullopt;
    out += *item;
    if (take(',')) continue;
    if (!take(close)) return std::nullopt;
    break;
  }
  return out + ']';
}

std::optional<std::string> LiteralReader::members(int depth) {
  ArgumentsBuilder object;
  while (!take('}')) {
    skip_space();
    auto key = text_value();
    if (!key && style_ == Style::gemma) {
      const std::size_t end = text_.find(':', at_);
      if (end == std::string_view::npos) return std::nullopt;
      key = trimmed(text_.substr(at_, end - at_));
      at_ = end;
    }
    if (!key || !take(':')) return std::nullopt;
    const auto item = value(depth + 1);
    if (!item) return std::nullopt;
    object.add(*key, *item);
    if (take(',')) continue;
    if (!take('}')) return std::nullopt;
    break;
  }
  return object.take();
}

std::optional<std::string> LiteralReader::keywords() {
  ArgumentsBuilder object;
  while (!take(')')) {
    const std::string_view key = name();
    if (key.empty() || !take('=')) return std::nullopt;
    const auto item = value();
    if (!item) return std::nullopt;
    object.add(key, *item);
    if (take(',')) continue;
    if (!take(')')) return std::nullopt;
    break;
  }
  return object.take();
}

// Text in quotes, or nothing if no quote comes next or none ends it.
std::optional<std::string> LiteralReader::text_value() {
  const std::string_view rest = text_.substr(at_);
  if (style_ == Style::python) {
    if (rest.empty() || (rest.front() != '\'' && rest.front() != '"')) return std::nullopt;
    ++at_;
    return python_string(rest.front());
  }
  if (!rest.starts_with(gemma_quote)) return std::nullopt;
  const std::size_t end = rest.find(gemma_quote, gemma_quote.size());
  if (end == std::string_view::npos) return std::nullopt;
  at_ += end + gemma_quote.size();
  return std::string(rest.substr(gemma_quote.size(), end - gemma_quote.size()));
}

std::optional<std::string> LiteralReader::python_string(char quote) {
  std::string out;
  while (at_ < text_.size()) {
    const char c = text_[at_++];
    if (c == quote) return out;
    if (c != '\\')
      out += c;
    else if (!escape(out))
      return std::nullopt;
  }
  return std::nullopt;
}

// What stands behind a backslash.
bool LiteralReader::escape(std::string& out) {
  if (at_ == text_.size()) return false;
  const auto number = [&](std::size_t max_digits, int base, std::size_t min_digits, char32_t& value) {
    std::uint32_t code = 0;
    const char* begin = text_.data() + at_;
    const char* end = begin + std::min(max_digits, text_.size() - at_);
    const auto read = std::from_chars(begin, end, code, base);
    const auto n = static_cast<std::size_t>(read.ptr - begin);
    if (read.ec != std::errc() || n < min_digits) return false;
    at_ += n;
    value = code;
    return true;
  };
  const char c = text_[at_++];
  char32_t code = 0;
  switch (c) {
    case '\n': return true;
    case '\\':
    case '\'':
    case '"': out += c; return true;
    case 'a': out += '\a'; return true;
    case 'b': out += '\b'; return true;
    case 'f': out += '\f'; return true;
    case 'n': out += '\n'; return true;
    case 'r': out += '\r'; return true;
    case 't': out += '\t'; return true;
    case 'v': out += '\v'; return true;
    case 'x':
      if (!number(2, 16, 2, code)) return false;
      break;
    case 'u': {
      if (!number(4, 16, 4, code)) return false;
      char32_t low = 0;
      const std::size_t behind = at_;
      if (is_surrogate(code, 0xd800) && text_.substr(at_).starts_with("\\u")) {
        at_ += 2;
        if (number(4, 16, 4, low) && is_surrogate(low, 0xdc00))
          code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        else
          at_ = behind;
      }
      break;
    }
    case 'U':
      if (!number(8, 16, 8, code)) return false;
      break;
    default:
      if (c < '0' || c > '7') {
        out.append("\\").append(1, c);  // an escape that Python does not know stays as it is
        return true;
      }
      --at_;
      if (!number(3, 8, 1, code)) return false;
  }
  const bool is_character = code < 0x110000 && (code < 0xd800 || code > 0xdfff);
  append_utf8(out, is_character ? code : 0xfffd);
  return true;
}

std::optional<std::string> LiteralReader::word() {
  const std::size_t begin = at_;
  while (at_ < text_.size() &&
         (is_name(text_[at_]) || text_[at_] == '.' || text_[at_] == '-' || text_[at_] == '+'))
    ++at_;
  std::string_view word = text_.substr(begin, at_ - begin);
  if (word == "True" || word == "true") return "true";
  if (word == "False" || word == "false") return "false";
  if (word == "None" || word == "null") return "null";
  if (word.starts_with('+')) word.remove_prefix(1);
  const auto number = parse_json(word);
  if (!number) return std::nullopt;
  return std::string(word);
}

}  // namespace quern::detail
