#include "src/api/stop_strings.h"

#include <gtest/gtest.h>

#include <random>

namespace quern::detail {
namespace {

struct Outcome {
  std::string text, stop;
  bool operator==(const Outcome&) const = default;
};

Outcome run(const std::vector<std::string>& stops, const std::vector<std::string>& pieces) {
  auto finder = StopStrings::create(stops).value();
  Outcome outcome;
  for (const std::string& piece : pieces) {
    outcome.text += finder.push(piece);
    if (finder.found()) break;
  }
  outcome.text += finder.finish();
  outcome.stop = finder.found().value_or("");
  return outcome;
}

TEST(StopStrings, Table) {
  const struct {
    const char* what;
    std::vector<std::string> stops, pieces;
    Outcome expected;
  } cases[] = {
      {"none", {}, {"ab", "c"}, {"abc", ""}},
      {"inside one piece", {"lo"}, {"hello world"}, {"hel", "lo"}},
      {"across three pieces", {"</s>"}, {"a<", "/", "s>b"}, {"a", "</s>"}},
      {"a beginning that comes to nothing", {"</s>"}, {"a<", "/", "t>"}, {"a</t>", ""}},
      {"held to the end", {"</s>"}, {"a</s"}, {"a</s", ""}},
      {"the first complete one wins", {"abcd", "bc"}, {"xabcd"}, {"xa", "bc"}},
      {"of two that end together the longer", {"b", "ab"}, {"xab"}, {"x", "ab"}},
      {"a beginning inside a beginning", {"aab"}, {"a", "a", "a", "b"}, {"a", "aab"}},
      {"characters of several bytes", {"é!"}, {"caf", "é", "!"}, {"caf", "é!"}},
      {"at the very beginning", {"x"}, {"xyz"}, {"", "x"}},
  };
  for (const auto& c : cases) {
    const Outcome got = run(c.stops, c.pieces);
    EXPECT_EQ(got.text, c.expected.text) << c.what;
    EXPECT_EQ(got.stop, c.expected.stop) << c.what;
  }
}

TEST(StopStrings, HoldsBackNoMoreThanMayBecomeAStop) {
  auto finder = StopStrings::create({"abc", "bd"}).value();
  EXPECT_EQ(finder.push("xxab"), "xx");  // "ab" may become "abc"
  EXPECT_EQ(finder.push("x"), "abx");
  EXPECT_EQ(finder.push("xb"), "x");  // "b" may become "bd"
  EXPECT_EQ(finder.push("d!"), "");
  EXPECT_EQ(finder.found(), "bd");
  EXPECT_EQ(finder.finish(), "");
}

// However the text is cut, the outcome is that of the whole text at once.
TEST(StopStrings, DoesNotDependOnHowTheTextIsCut) {
  std::mt19937 random(7);
  const auto word = [&](std::size_t n) {
    std::string s;
    for (std::size_t i = 0; i < n; ++i) s += static_cast<char>('a' + random() % 3);
    return s;
  };
  for (int round = 0; round < 2000; ++round) {
    std::vector<std::string> stops;
    for (std::size_t i = random() % 3 + 1; i > 0; --i) stops.push_back(word(random() % 4 + 2));
    const std::string text = word(24);
    std::vector<std::string> pieces;
    for (std::size_t at = 0; at < text.size(); at += pieces.back().size())
      pieces.push_back(text.substr(at, random() % 5 + 1));
    ASSERT_EQ(run(stops, {text}), run(stops, pieces)) << "seed 7, round " << round << ", text " << text;
  }
}

TEST(StopStrings, RefusesWhatCouldSplitACharacter) {
  for (const std::string bad :
       {"", "\xC3", "\xA9", "\xC0\x80", "\xED\xA0\x80", "\xF5\x80\x80\x80", "a\xE2\x82"}) {
    auto result = StopStrings::create({"ok", bad});
    ASSERT_FALSE(result) << bad.size();
    EXPECT_EQ(result.error().code, ErrorCode::invalid_argument);
    EXPECT_EQ(result.error().field, "stop_at");
    EXPECT_NE(result.error().message.find("stop_at[1]"), std::string::npos);
  }
  EXPECT_TRUE(StopStrings::create({"é", "€", "😀"}));
}

}  // namespace
}  // namespace quern::detail
