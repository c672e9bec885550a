#include "src/tokenizer/stream_decoder.h"

#include <gtest/gtest.h>

#include "tests/tokenizer/made_up.h"

namespace quern::detail {
namespace {

using Invalid = Utf8Stream::Invalid;

// All bytes at once, and every way of cutting them in two, give the same.
std::string streamed(std::string_view bytes, Invalid invalid) {
  Utf8Stream whole(invalid);
  std::string expected = whole.push(bytes);
  expected += whole.finish();
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    Utf8Stream stream(invalid);
    std::string text = stream.push(bytes.substr(0, cut));
    text += stream.push(bytes.substr(cut));
    text += stream.finish();
    EXPECT_EQ(text, expected) << "cut at " << cut;
  }
  return expected;
}

TEST(Utf8Stream, ReplacesWhatIsNoCharacter) {
  const struct {
    std::string_view bytes, text;
  } cases[] = {
      {"aé日\U0001F600", "aé日\U0001F600"},
      {"\x80", "\uFFFD"},
      {"\xC0\x80", "\uFFFD\uFFFD"},                      // overlong
      {"\xE0\x80\x80", "\uFFFD\uFFFD\uFFFD"},            // overlong
      {"\xED\xA0\x80", "\uFFFD\uFFFD\uFFFD"},            // a surrogate
      {"\xF4\x90\x80\x80", "\uFFFD\uFFFD\uFFFD\uFFFD"},  // above U+10FFFF
      {"\xF5", "\uFFFD"},
      {"\xE2\x82", "\uFFFD"},    // cut short at the end: one for the beginning of a character
      {"\xE2\x82z", "\uFFFDz"},  // and in the middle
      {"\xF0\x9F\x98", "\uFFFD"},
      {"\xF0\x9F\x98\xF0\x9F\x98\x80", "\uFFFD\U0001F600"},
      {"\xC3\xC3\xA9", "\uFFFDé"},
  };
  for (const auto& [bytes, text] : cases) {
    EXPECT_EQ(streamed(bytes, Invalid::replace), text);
    EXPECT_EQ(streamed(bytes, Invalid::keep), bytes);
  }
}

TEST(Utf8Stream, HoldsBackOnlyUnfinishedCharacters) {
  Utf8Stream stream(Invalid::replace);
  EXPECT_EQ(stream.push("a\xF0"), "a");
  EXPECT_EQ(stream.push("\x9F"), "");
  EXPECT_EQ(stream.push("\x98"), "");
  EXPECT_EQ(stream.push("\x80!"), "\U0001F600!");
  EXPECT_EQ(stream.push("\xE3\x81"), "");
  EXPECT_EQ(stream.push("x"), "\uFFFDx");
  EXPECT_EQ(stream.finish(), "");
}

TEST(StreamDecoder, WritesTokensAsTheyCome) {
  test::MadeUp vocab = test::made_up_spm();
  const Token hello = vocab.add("▁Hello");
  const auto tokenizer = vocab.load().value();
  const auto byte = [](int value) { return static_cast<Token>(3 + value); };
  const std::vector<Token> ids{1, hello, byte(0xC3), byte(0xA9), hello, byte(0xE2)};
  const auto text_of = [&](const StreamDecoder::Options& options) {
    StreamDecoder stream(tokenizer, options);
    std::string text;
    for (const Token id : ids) text += stream.push(id).value();
    return text + '|' + stream.finish();
  };
  EXPECT_EQ(text_of({}), " Helloé Hello|\uFFFD");
  EXPECT_EQ(text_of({.special = true}), "<s> Helloé Hello|\uFFFD");
  EXPECT_EQ(text_of({.invalid = Invalid::keep}), " Helloé Hello|\xE2");

  StreamDecoder start(tokenizer, {.at_start = true});
  EXPECT_EQ(start.push(hello).value(), "Hello");
  EXPECT_EQ(start.push(hello).value(), " Hello");

  const auto outside = start.push(static_cast<Token>(tokenizer->size()));
  ASSERT_FALSE(outside);
  EXPECT_EQ(outside.error().code, ErrorCode::invalid_argument);
}

}  // namespace
}  // namespace quern::detail
