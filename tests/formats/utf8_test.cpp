// UTF-8 against the definition: every code point, and bytes that are none.
#include "formats/utf8.h"

#include <gtest/gtest.h>

#include <set>

namespace quern::formats {
namespace {

bool is_character(char32_t code) { return code <= 0x10FFFF && (code < 0xD800 || code > 0xDFFF); }

TEST(Utf8, EveryCharacterIsWrittenAndReadBack) {
  for (std::uint32_t code = 0; code <= 0x110000; ++code) {
    std::string text;
    append_utf8(text, code);
    ASSERT_EQ(text.size(), code < 0x80 ? 1u : code < 0x800 ? 2u : code < 0x10000 ? 3u : 4u) << code;
    ASSERT_EQ(utf8_length(text), is_character(code) ? text.size() : 0u) << code;
    ASSERT_EQ(utf8_length(text + "\x80"), is_character(code) ? text.size() : 0u) << code;
    const auto byte = [&](std::size_t i) { return std::uint32_t{static_cast<unsigned char>(text[i])}; };
    std::uint32_t read = text.size() == 1 ? byte(0) : byte(0) & (0x7Fu >> text.size());
    for (std::size_t i = 1; i < text.size(); ++i) read = read << 6 | (byte(i) & 0x3F);
    ASSERT_EQ(read, code);
  }
}

TEST(Utf8, NothingElseIsACharacter) {
  // All characters of up to three bytes; a byte more is not needed for what four bytes may begin with.
  std::set<std::string> characters, beginnings;
  for (char32_t code = 0; code <= 0x10FFFF; ++code) {
    if (!is_character(code)) continue;
    std::string text;
    append_utf8(text, code);
    for (std::size_t n = 1; n < text.size(); ++n) beginnings.insert(text.substr(0, n));
    if (text.size() <= 3) characters.insert(text);
  }
  for (int first = 0; first < 256; ++first)
    for (int second = 0; second < 256; ++second)
      for (const int third : {0x00, 0x7F, 0x80, 0x9F, 0xA0, 0xBF, 0xC0, 0xFF}) {
        const std::string text = {static_cast<char>(first), static_cast<char>(second),
                                  static_cast<char>(third)};
        std::size_t expected = 0;
        for (std::size_t n = 1; n <= 3 && expected == 0; ++n)
          if (characters.contains(text.substr(0, n))) expected = n;
        const Utf8Sequence found = first_utf8(text);
        if (expected != 0) {
          ASSERT_EQ(found.kind, Utf8Sequence::character);
          ASSERT_EQ(found.n_bytes, expected);
        } else if (beginnings.contains(text)) {
          ASSERT_EQ(found.kind, Utf8Sequence::unfinished);
          ASSERT_EQ(found.n_bytes, 3u);
        } else {
          // The longest beginning of a character that goes no further, at least one byte.
          std::size_t n = 2;
          while (n > 1 && !beginnings.contains(text.substr(0, n))) --n;
          ASSERT_EQ(found.kind, Utf8Sequence::invalid);
          ASSERT_EQ(found.n_bytes, n) << first << ' ' << second << ' ' << third;
        }
      }
}

TEST(Utf8, WholeTexts) {
  EXPECT_TRUE(is_utf8(""));
  EXPECT_TRUE(is_utf8("flour \u00E9 \u20AC \U0001F33E"));
  EXPECT_FALSE(is_utf8("flour \xE2\x82"));
  EXPECT_FALSE(is_utf8("\xE2\x82 flour"));
}

}  // namespace
}  // namespace quern::formats
