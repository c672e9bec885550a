#include "src/tokenizer/unicode.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "src/tokenizer/unicode_tables.h"

namespace quern::detail {

namespace {

constexpr char32_t max_code = 0x10FFFF;

constexpr std::uint8_t bits_of_letter(char name) {
  switch (name) {
    case 'L': return letter;
    case 'N': return number;
    case 'M': return mark;
    case 'P': return punctuation;
    case 'S': return symbol;
    case 'Z': return white;
    case 'R': return white | line_end;
    case 'C': return control;
    default: return 0;
  }
}

constexpr auto bits_of_letters = [] {
  std::array<std::uint8_t, 128> bits{};
  for (std::size_t i = 0; i < bits.size(); ++i) bits[i] = bits_of_letter(static_cast<char>(i));
  return bits;
}();

// The run of an ascending list that holds `code`, or null.
template <typename Run>
const Run* find_run(const Run* runs, std::size_t n, char32_t code) {
  const auto at = std::upper_bound(
      runs, runs + n, code, [](char32_t c, const Run& run) { return c < static_cast<char32_t>(run.first); });
  if (at == runs || static_cast<char32_t>(at[-1].last) < code) return nullptr;
  return at - 1;
}

}  // namespace

std::uint8_t char_class(char32_t code) {
  if (code > max_code) return 0;
  const char name = unicode_classes[unicode_block[code / 128]][code % 128];
  return bits_of_letters[static_cast<std::uint8_t>(name)];
}

char32_t lower_case(char32_t code) {
  const LowerRun* run = find_run(lower_runs, n_lower_runs, code);
  if (!run || (static_cast<std::int32_t>(code) - run->first) % run->stride != 0) return code;
  return static_cast<char32_t>(static_cast<std::int32_t>(code) + run->delta);
}

char32_t decomposed(char32_t code) {
  // Hangul syllables by arithmetic (The Unicode Standard, 3.12): 588 of them share each first jamo.
  if (code >= 0xAC00 && code <= 0xD7A3) return 0x1100 + (code - 0xAC00) / 588;
  const DecompositionRun* run = find_run(decomposition_runs, n_decomposition_runs, code);
  return run ? run->base : code;
}

Char read_char(const char* at, const char* end) {
  const auto lead = static_cast<std::uint8_t>(*at);
  if (lead < 0x80) return {lead, 1};
  const std::uint32_t n_bytes = lead < 0xC0 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF8 ? 4 : 0;
  if (n_bytes == 0 || end - at < static_cast<std::ptrdiff_t>(n_bytes)) return {replacement_character, 1};
  char32_t code = lead & (0x7Fu >> n_bytes);
  for (std::uint32_t i = 1; i < n_bytes; ++i) {
    const auto byte = static_cast<std::uint8_t>(at[i]);
    if ((byte & 0xC0) != 0x80) return {replacement_character, 1};
    code = code << 6 | (byte & 0x3F);
  }
  if (code > max_code) return {replacement_character, 1};
  return {code, n_bytes};
}

namespace {

// True if writing the character back gives the bytes it was read from.
bool is_own_form(Char c) {
  return c.n_bytes == (c.code < 0x80 ? 1u : c.code < 0x800 ? 2u : c.code < 0x10000 ? 3u : 4u);
}

// The first byte at or after `at` of a character that would be written differently, or end.
const char* first_rewrite(const char* at, const char* end) {
  while (at < end) {
    std::uint64_t eight;
    while (end - at >= 8 && (std::memcpy(&eight, at, 8), (eight & 0x8080808080808080u) == 0)) at += 8;
    if (at == end) break;
    const Char c = read_char(at, end);
    if (!is_own_form(c)) return at;
    at += c.n_bytes;
  }
  return end;
}

}  // namespace

std::string_view rewritten(std::string_view text, std::string& buffer) {
  const char* const end = text.data() + text.size();
  const char* at = first_rewrite(text.data(), end);
  if (at == end) return text;
  buffer.assign(text.data(), at);
  while (at < end) {
    const Char c = read_char(at, end);
    append_utf8(buffer, c.code);
    at += c.n_bytes;
  }
  return buffer;
}

}  // namespace quern::detail
