// The generated tables against Unicode's own files, where Debian's package unicode-data is installed, and
// UTF-8 as the vocabularies read it.
#include "src/tokenizer/unicode.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <vector>

namespace quern::detail {
namespace {

constexpr char32_t n_codes = 0x110000;
const std::filesystem::path folder = "/usr/share/unicode";

std::vector<std::string> fields(const std::string& line) {
  std::vector<std::string> out;
  std::istringstream in(line);
  for (std::string field; std::getline(in, field, ';');) out.push_back(field);
  out.resize(std::max<std::size_t>(out.size(), 15));
  return out;
}

char32_t code(const std::string& hex) { return static_cast<char32_t>(std::stoul(hex, nullptr, 16)); }

TEST(Unicode, TablesAreThoseOfTheStandard) {
  std::ifstream data(folder / "UnicodeData.txt"), properties(folder / "PropList.txt");
  if (!data || !properties) GTEST_SKIP() << folder << " is not there";

  const std::map<char, unsigned> bit_of = {{'L', letter}, {'N', number}, {'M', mark},   {'P', punctuation},
                                           {'S', symbol}, {'Z', 0},      {'C', control}};
  std::vector<unsigned> bits(n_codes);
  std::map<char32_t, char32_t> lower, decomposition;
  char32_t first = 0;
  for (std::string line; std::getline(data, line);) {
    const auto field = fields(line);
    const char32_t last = code(field[0]);
    if (field[1].ends_with("First>")) {
      first = last;
      continue;
    }
    if (!field[1].ends_with("Last>")) first = last;
    for (char32_t c = first; c <= last; ++c) bits[c] = bit_of.at(field[2][0]);
    if (!field[13].empty()) lower[last] = code(field[13]);
    if (!field[5].empty() && field[5][0] != '<')
      decomposition[last] = code(field[5].substr(0, field[5].find(' ')));
  }
  // What 15.1 added to 15.0, as far as classes go. Later versions are not followed.
  for (char32_t c = 0x2FFC; c <= 0x2FFF; ++c) bits[c] = symbol;
  bits[0x31EF] = symbol;
  for (char32_t c = 0x2EBF0; c <= 0x2EE5D; ++c) bits[c] = letter;
  std::size_t n_white = 0;
  for (std::string line; std::getline(properties, line);) {
    const auto field = fields(line.substr(0, line.find('#')));
    if (field[1].find(" White_Space") != 0) continue;
    const std::size_t dots = field[0].find("..");
    const char32_t begin = code(field[0]),
                   end = dots == std::string::npos ? begin : code(field[0].substr(dots + 2));
    for (char32_t c = begin; c <= end; ++c, ++n_white) bits[c] = white;
  }
  EXPECT_EQ(n_white, 25u);
  bits['\r'] = bits['\n'] = white | line_end;

  for (char32_t c = 0; c < n_codes; ++c) {
    ASSERT_EQ(char_class(c), bits[c]) << std::hex << static_cast<std::uint32_t>(c);
    ASSERT_EQ(lower_case(c), lower.contains(c) ? lower[c] : c) << std::hex << static_cast<std::uint32_t>(c);
    char32_t base = c >= 0xAC00 && c <= 0xD7A3 ? 0x1100 + (c - 0xAC00) / (21 * 28) : c;
    while (decomposition.contains(base)) base = decomposition[base];
    ASSERT_EQ(decomposed(c), base) << std::hex << static_cast<std::uint32_t>(c);
  }
}

TEST(Unicode, ClassesOfAFewCharacters) {
  EXPECT_EQ(char_class(U'a'), letter);
  EXPECT_EQ(char_class(U'²'), number);
  EXPECT_EQ(char_class(0x0308), mark);
  EXPECT_EQ(char_class(U'€'), symbol);
  EXPECT_EQ(char_class(0x3000), white);
  EXPECT_EQ(char_class(0x200B), control);
  EXPECT_EQ(char_class(0x0378), 0);
  EXPECT_EQ(char_class(0x2EBF0), letter);  // new in 15.1
  EXPECT_EQ(char_class(0x110000), 0);
  EXPECT_EQ(lower_case(0x0130), U'i');
  EXPECT_EQ(lower_case(U'ß'), U'ß');
  EXPECT_EQ(decomposed(U'Å'), U'A');
  EXPECT_EQ(decomposed(U'한'), 0x1112u);
}

TEST(Unicode, Utf8IsReadLeniently) {
  const struct {
    std::string_view bytes, rewritten;
  } cases[] = {
      {"", ""},
      {"plain and é, 日本, \U0001F600", "plain and é, 日本, \U0001F600"},
      {std::string_view("a\0b", 3), std::string_view("a\0b", 3)},
      {"\xC0\x80", std::string_view("\0", 1)},  // overlong
      {"\xE0\x81\x81", "A"},                    // overlong
      {"\xED\xA0\x80", "\xED\xA0\x80"},         // a surrogate
      {"\x80", "\uFFFD"},                       // a following byte alone
      {"\xE2\x82", "\uFFFD\uFFFD"},             // cut short: each byte by itself
      {"\xE2\x82z", "\uFFFD\uFFFDz"},
      {"\xF8\x88\x80\x80\x80", "\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD"},
      {"\xF4\x90\x80\x80", "\uFFFD\uFFFD\uFFFD\uFFFD"},  // above U+10FFFF
      {"12345678\xFF"
       "abcdefgh",
       "12345678\uFFFD"
       "abcdefgh"},
  };
  for (const auto& [bytes, expected] : cases) {
    std::string buffer;
    const std::string_view got = rewritten(bytes, buffer);
    EXPECT_EQ(got, expected);
    EXPECT_EQ(got.data() == bytes.data(), got == bytes) << "copied for nothing";
  }
}

}  // namespace
}  // namespace quern::detail
