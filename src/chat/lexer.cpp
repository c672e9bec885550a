#include "src/chat/lexer.h"

#include <algorithm>

#include "formats/try.h"
#include "src/chat/failure.h"
#include "src/chat/text.h"

namespace quern::detail::jinja {
namespace {

using formats::cat;

[[noreturn]] void fail(std::string message, std::size_t at) {
  throw Failure{FailureKind::syntax, std::move(message), static_cast<std::uint32_t>(at)};
}

bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool is_tag_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool begins_name(std::string_view text) {
  const char c = text.front();
  if (static_cast<unsigned char>(c) >= 0x80) return is_letter(first_code(text));
  return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

}  // namespace

Lexeme Lexer::next() { return mode_ == Mode::text ? next_text() : next_inside(); }

/// Where the text after a tag begins that ends at `at`; `control` is the sign before its end. A newline goes
/// that follows directly.
std::size_t Lexer::after_tag_end(std::size_t at, char control) const {
  return control == '\0' && this->at(at) == '\n' ? at + 1 : at;
}

/// The text from `begin` up to the tag, without the white space that the tag takes from it.
std::string_view Lexer::stripped_before_tag(std::size_t begin, std::size_t tag) const {
  const std::string_view text = source_.substr(begin, tag - begin);
  const char control = at(tag + 2);
  if (control == '-') return text.substr(0, text.size() - trailing_space(text));
  if (control == '+' || at(tag + 1) == '{') return text;
  // White space since the start of the line goes; the line may begin with a newline that a tag before has
  // eaten.
  const std::size_t newline = text.rfind('\n');
  const std::size_t line = newline == std::string_view::npos ? 0 : newline + 1;
  const bool from_start = line > 0 || begin == 0 || source_[begin - 1] == '\n';
  const std::string_view rest = text.substr(line);
  return from_start && trailing_space(rest) == rest.size() ? text.substr(0, line) : text;
}

std::size_t Lexer::find_tag() const {
  for (std::size_t i = at_;; ++i) {
    i = source_.find('{', i);
    if (i == std::string_view::npos) return source_.size();
    if (at(i + 1) == '{' || at(i + 1) == '%' || at(i + 1) == '#') return i;
  }
}

Lexeme Lexer::next_text() {
  for (;;) {
    if (strip_next_) at_ += leading_space(source_.substr(at_));
    strip_next_ = false;
    const std::size_t tag = find_tag();
    const std::string_view text = tag < source_.size() ? stripped_before_tag(at_, tag) : source_.substr(at_);
    const auto begin = static_cast<std::uint32_t>(at_);
    at_ = tag;
    if (!text.empty()) return {TokenKind::text, text, begin};
    if (tag == source_.size()) return {TokenKind::end, {}, begin};
    if (at(tag + 1) == '#') {
      skip_comment(tag);
      continue;
    }
    if (const std::size_t content = raw_content(tag); content != 0) {
      const Lexeme raw = raw_text(content);
      if (raw.text.empty()) continue;
      return raw;
    }
    const bool block = at(tag + 1) == '%';
    tag_ = tag;
    mode_ = block ? Mode::block : Mode::output;
    at_ = tag + 2;
    if (at(at_) == '-' || at(at_) == '+') ++at_;
    return token(block ? TokenKind::block_begin : TokenKind::output_begin, tag, tag + 2);
  }
}

void Lexer::skip_comment(std::size_t begin) {
  const std::size_t end = source_.find("#}", begin + 2);
  if (end == std::string_view::npos) fail("found the end of the template, expected '#}'", begin);
  const char before = end > begin + 2 ? source_[end - 1] : '\0';
  const char control = before == '-' || before == '+' ? before : '\0';
  strip_next_ = control == '-';
  at_ = after_tag_end(end + 2, control);
}

/// Where the content of a {% raw %} begins; 0 if the tag is another.
std::size_t Lexer::raw_content(std::size_t tag) const {
  if (at(tag + 1) != '%') return 0;
  std::size_t i = tag + 2;
  if (at(i) == '-' || at(i) == '+') ++i;
  while (is_tag_space(at(i))) ++i;
  if (source_.substr(i, 3) != "raw") return 0;
  i += 3;
  while (is_tag_space(at(i))) ++i;
  const bool strips = at(i) == '-';
  if (strips) ++i;
  if (at(i) != '%' || at(i + 1) != '}') return 0;
  i += 2;
  return strips ? i + leading_space(source_.substr(i)) : i;
}

Lexeme Lexer::raw_text(std::size_t content) {
  for (std::size_t tag = content;; ++tag) {
    tag = source_.find("{%", tag);
    if (tag == std::string_view::npos) fail("found the end of the template, expected '{% endraw %}'", at_);
    std::size_t i = tag + 2;
    if (at(i) == '-' || at(i) == '+') ++i;
    while (is_tag_space(at(i))) ++i;
    if (source_.substr(i, 6) != "endraw") continue;
    i += 6;
    while (is_tag_space(at(i))) ++i;
    const char control = at(i) == '-' || at(i) == '+' ? at(i) : '\0';
    if (control != '\0') ++i;
    if (at(i) != '%' || at(i + 1) != '}') continue;
    strip_next_ = control == '-';
    at_ = after_tag_end(i + 2, control);
    return {TokenKind::text, stripped_before_tag(content, tag), static_cast<std::uint32_t>(content)};
  }
}

bool Lexer::ends_tag(Lexeme& lexeme) {
  const char first = mode_ == Mode::block ? '%' : '}';
  const char control = at(at_);
  const bool has_control = control == '-' || (control == '+' && mode_ == Mode::block);
  const std::size_t end = at_ + (has_control ? 1 : 0);
  if (at(end) != first || at(end + 1) != '}' || !brackets_.empty()) return false;
  lexeme = token(mode_ == Mode::block ? TokenKind::block_end : TokenKind::output_end, at_, end + 2);
  strip_next_ = has_control && control == '-';
  at_ = mode_ == Mode::block ? after_tag_end(end + 2, has_control ? control : '\0') : end + 2;
  mode_ = Mode::text;
  return true;
}

Lexeme Lexer::next_inside() {
  at_ += leading_space(source_.substr(at_));
  if (at_ >= source_.size())
    fail(cat("found the end of the template, expected '", mode_ == Mode::block ? "%}" : "}}", "'"), tag_);
  Lexeme lexeme;
  if (ends_tag(lexeme)) return lexeme;
  const std::string_view rest = source_.substr(at_);
  const char c = rest.front();
  if (begins_name(rest)) {
    std::size_t n = first_bytes(rest);
    while (n < rest.size() && (begins_name(rest.substr(n)) || is_digit(rest[n])))
      n += first_bytes(rest.substr(n));
    at_ += n;
    return token(TokenKind::name, at_ - n, at_);
  }
  if (is_digit(c)) return number();
  if (c == '\'' || c == '"') return string();
  for (const std::string_view symbol : {"**", "//", "==", "!=", "<=", ">="}) {
    if (!rest.starts_with(symbol)) continue;
    at_ += 2;
    return token(TokenKind::symbol, at_ - 2, at_);
  }
  if (std::string_view("+-*/%~<>=.,:|()[]{}").find(c) == std::string_view::npos)
    fail(cat("found '", rest.substr(0, first_bytes(rest)), "', expected a name, value or operator"), at_);
  if (c == '(') brackets_ += ')';
  if (c == '[') brackets_ += ']';
  if (c == '{') brackets_ += '}';
  if (c == ')' || c == ']' || c == '}') {
    if (brackets_.empty()) fail(cat("found '", c, "', which closes nothing"), at_);
    if (brackets_.back() != c) fail(cat("found '", c, "', expected '", brackets_.back(), "'"), at_);
    brackets_.pop_back();
  }
  ++at_;
  return token(TokenKind::symbol, at_ - 1, at_);
}

/// 1, 1_000, 0x1F, 0b11, 0o17, 1.5, 1e3, 1.5e-3. After a point only digits, so that a.0.1 is two items.
Lexeme Lexer::number() {
  const std::size_t begin = at_;
  std::size_t i = at_;
  const auto digits = [&](auto is_one) {
    if (!is_one(at(i))) return false;
    while (is_one(at(i)) || (at(i) == '_' && is_one(at(i + 1)))) ++i;
    return true;
  };
  TokenKind kind = TokenKind::integer;
  const char base = at(i) == '0' ? static_cast<char>(at(i + 1) | 0x20) : '\0';
  const std::size_t after_base = i + 2 + (at(i + 2) == '_' ? 1 : 0);
  if (base == 'x' && is_hex(at(after_base))) {
    i = after_base;
    digits(is_hex);
  } else if (base == 'b' && (at(after_base) == '0' || at(after_base) == '1')) {
    i = after_base;
    digits([](char c) { return c == '0' || c == '1'; });
  } else if (base == 'o' && at(after_base) >= '0' && at(after_base) <= '7') {
    i = after_base;
    digits([](char c) { return c >= '0' && c <= '7'; });
  } else {
    digits(is_digit);
    if (begin == 0 || source_[begin - 1] != '.') {
      if (at(i) == '.' && is_digit(at(i + 1))) {
        ++i;
        digits(is_digit);
        kind = TokenKind::floating;
      }
      const std::size_t sign = at(i + 1) == '+' || at(i + 1) == '-' ? 1 : 0;
      if ((at(i) == 'e' || at(i) == 'E') && is_digit(at(i + 1 + sign))) {
        i += 1 + sign;
        digits(is_digit);
        kind = TokenKind::floating;
      }
    }
    if (kind == TokenKind::integer && at(begin) == '0' &&
        source_.substr(begin, i - begin).find_first_not_of("0_") != std::string_view::npos)
      fail("found a whole number that begins with 0", begin);
  }
  at_ = i;
  return token(kind, begin, i);
}

Lexeme Lexer::string() {
  const std::size_t begin = at_;
  const char quote = source_[begin];
  std::size_t i = begin + 1;
  for (; i < source_.size() && source_[i] != quote; ++i)
    if (source_[i] == '\\') ++i;
  if (i >= source_.size()) fail(cat("found the end of the template, expected ", quote), begin);
  at_ = i + 1;
  return token(TokenKind::string, begin, i + 1);
}

}  // namespace quern::detail::jinja
