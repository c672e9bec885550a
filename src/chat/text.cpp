#include "src/chat/text.h"

#include <algorithm>
#include <cstring>
#include <span>

#include "formats/utf8.h"
#include "src/chat/case_tables.h"
#include "src/tokenizer/unicode.h"

namespace quern::detail::jinja {
namespace {

bool continues(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

const SpecialCase* special_case(char32_t code) {
  const std::span cases(special_cases, n_special_cases);
  const auto found = std::ranges::lower_bound(cases, code, {}, &SpecialCase::code);
  return found != cases.end() && found->code == code ? &*found : nullptr;
}

char32_t simple_upper(char32_t code) {
  const auto c = static_cast<std::int32_t>(code);
  const std::span runs(upper_runs, n_upper_runs);
  const auto after = std::ranges::upper_bound(runs, c, {}, &UpperRun::first);
  if (after == runs.begin()) return code;
  const UpperRun& run = after[-1];
  return c > run.last || (c - run.first) % run.stride != 0 ? code : static_cast<char32_t>(c + run.delta);
}

}  // namespace

bool is_space(char32_t code) {
  return (code >= 0x09 && code <= 0x0d) || (code >= 0x1c && code <= 0x20) || code == 0x85 || code == 0xa0 ||
         code == 0x1680 || (code >= 0x2000 && code <= 0x200a) || code == 0x2028 || code == 0x2029 ||
         code == 0x202f || code == 0x205f || code == 0x3000;
}

bool is_printable(char32_t code) {
  if (code < 0x7f) return code >= 0x20;
  return (char_class(code) & (letter | number | mark | punctuation | symbol)) != 0;
}

std::size_t first_bytes(std::string_view text) {
  std::size_t n = 1;
  while (n < text.size() && continues(text[n])) ++n;
  return n;
}
std::size_t last_bytes(std::string_view text) {
  std::size_t n = 1;
  while (n < text.size() && continues(text[text.size() - n])) ++n;
  return n;
}
char32_t first_code(std::string_view text) { return read_char(text.data(), text.data() + text.size()).code; }

std::size_t count_codes(std::string_view text) {
  return text.size() - static_cast<std::size_t>(std::ranges::count_if(text, continues));
}

std::size_t byte_of_code(std::string_view text, std::size_t n) {
  std::size_t at = 0;
  for (; n > 0 && at < text.size(); --n) at += first_bytes(text.substr(at, 4));
  return at;
}

std::size_t leading_space(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size() && is_space(first_code(text.substr(at, 4)))) at += first_bytes(text.substr(at, 4));
  return at;
}
std::size_t trailing_space(std::string_view text) {
  std::size_t n = 0;
  while (n < text.size()) {
    const std::string_view rest = text.substr(0, text.size() - n);
    const std::size_t last = last_bytes(rest);
    if (!is_space(first_code(rest.substr(rest.size() - last)))) break;
    n += last;
  }
  return n;
}

void append_upper(std::string& out, char32_t code) {
  if (code < 0x80)
    out += static_cast<char>(code >= 'a' && code <= 'z' ? code - 0x20 : code);
  else if (const SpecialCase* const special = special_case(code))
    out += special->upper;
  else
    append_utf8(out, simple_upper(code));
}
void append_lower(std::string& out, char32_t code) {
  if (code < 0x80)
    out += static_cast<char>(code >= 'A' && code <= 'Z' ? code + 0x20 : code);
  else if (code == 0x130)
    out += "i\u0307";
  else
    append_utf8(out, lower_case(code));
}
void append_title(std::string& out, char32_t code) {
  if (const SpecialCase* const special = special_case(code))
    out += special->title;
  else
    append_utf8(out, simple_upper(code));
}

bool is_letter(char32_t code) { return (char_class(code) & letter) != 0; }
bool is_cased(char32_t code) {
  return lower_case(code) != code || simple_upper(code) != code || special_case(code) != nullptr;
}

bool is_plain_utf8(std::string_view text) { return text.find('\0') == text.npos && formats::is_utf8(text); }

}  // namespace quern::detail::jinja
