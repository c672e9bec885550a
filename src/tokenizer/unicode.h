#pragma once
// Characters: UTF-8 as the vocabularies read it, and the properties of Unicode 15.1 that cutting text needs.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "formats/utf8.h"

namespace quern::detail {

// The classes of a code point, one bit each. A line end is white space too; an undefined code point has none.
enum CharClass : std::uint8_t {
  letter = 1,
  number = 2,
  mark = 4,
  punctuation = 8,
  symbol = 16,
  white = 32,
  control = 64,
  line_end = 128,  // CR and LF
};

std::uint8_t char_class(char32_t code);

// Simple lower case, one to one.
char32_t lower_case(char32_t code);

// The first code point of the full canonical decomposition: the letter under its accents, the first jamo of a
// Hangul syllable.
char32_t decomposed(char32_t code);

// One character of a text, and how many bytes it takes.
struct Char {
  char32_t code;
  std::uint32_t n_bytes;
};

inline constexpr char32_t replacement_character = 0xFFFD;

// The character at `at` (at < end). Overlong forms and surrogates are read as they are; a byte that begins
// nothing (or something above U+10FFFF) is one replacement character.
Char read_char(const char* at, const char* end);

using formats::append_utf8;

// The text with every character in its own shortest form, as reading it with read_char and writing it back
// gives: the very same view where nothing changes (all valid UTF-8), else a view of `buffer`.
std::string_view rewritten(std::string_view text, std::string& buffer);

// How many bytes a character of a vocabulary's texts takes by its first byte alone, whatever follows (at most
// `available`): the unit of merging.
inline std::size_t symbol_bytes(char first, std::size_t available) {
  const auto lead = static_cast<std::uint8_t>(first);
  const std::size_t wanted = lead < 0xC0 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  return wanted < available ? wanted : available;
}

}  // namespace quern::detail
