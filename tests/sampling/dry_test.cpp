// DRY's parts: common suffixes, breakers in tokens, breakers as text.
#include "src/sampling/dry.h"

#include <gtest/gtest.h>

#include "src/base/philox.h"
#include "src/sampling/breakers.h"

namespace quern::detail {
namespace {

TEST(Dry, CommonSuffixLengths) {
  for (std::uint32_t run = 0; run < 500; ++run) {
    std::vector<Token> window(run % 40);
    for (std::uint32_t i = 0; i < window.size(); ++i) {
      window[i] = static_cast<Token>(philox({i, run, 0, 0}, {})[0] % (1 + run % 4));
    }
    std::vector<std::size_t> lengths;
    common_suffix_lengths(window, lengths);
    ASSERT_EQ(lengths.size(), window.size());
    for (std::size_t i = 0; i < window.size(); ++i) {
      std::size_t want = 0;
      while (want <= i && window[i - want] == window[window.size() - 1 - want]) ++want;
      EXPECT_EQ(lengths[i], want) << "run " << run << " index " << i;
    }
  }
}

std::size_t reach(const DryBreakers& breakers, std::vector<Token> window) { return breakers.reach(window); }

TEST(Dry, BreakersLimitTheReach) {
  DryBreakers breakers;
  EXPECT_EQ(reach(breakers, {1, 2, 3}), 3u);
  breakers.add(std::vector<Token>{5, 6});
  breakers.add(std::vector<Token>{5, 6, 7});
  breakers.add(std::vector<Token>{9});
  EXPECT_EQ(reach(breakers, {5, 6, 1, 2}), 2u);
  EXPECT_EQ(reach(breakers, {5, 6, 7, 2}), 1u) << "the longest match counts";
  EXPECT_EQ(reach(breakers, {5, 1, 2}), 3u) << "incomplete";
  EXPECT_EQ(reach(breakers, {9, 1, 9, 1}), 1u) << "the nearest";
  EXPECT_TRUE(breakers.contains(9));
  EXPECT_FALSE(breakers.contains(5));
}

// A vocabulary whose texts are known, and an encoder that takes the longest piece.
const std::vector<std::string> pieces = {"a",   "b", "\n", "x\n", "\n\n",   "en",
                                         "end", "d", "e",  "n",   "the en", "bend!"};
const SamplerVocabulary vocabulary{
    .n_vocab = static_cast<int>(pieces.size()),
    .text = [](Token t) { return std::string_view(pieces[static_cast<std::size_t>(t)]); },
    .encode =
        [](std::string_view text) {
          std::vector<Token> tokens;
          while (!text.empty()) {
            Token best = -1;
            for (Token t = 0; t < static_cast<Token>(pieces.size()); ++t) {
              const std::string& p = pieces[static_cast<std::size_t>(t)];
              if (text.starts_with(p) &&
                  (best < 0 || p.size() > pieces[static_cast<std::size_t>(best)].size()))
                best = t;
            }
            if (best < 0) break;
            tokens.push_back(best);
            text.remove_prefix(pieces[static_cast<std::size_t>(best)].size());
          }
          return tokens;
        }};

TEST(Dry, TextBreakers) {
  const DryBreakers newline = find_breakers("\n", vocabulary);
  for (const Token t : {2, 3, 4}) EXPECT_TRUE(newline.contains(t));
  EXPECT_FALSE(newline.contains(0));

  const DryBreakers end = find_breakers("end", vocabulary);
  EXPECT_TRUE(end.contains(6));
  EXPECT_TRUE(end.contains(11)) << "its text contains the breaker";
  EXPECT_FALSE(end.contains(5));
  EXPECT_EQ(reach(end, {5, 7, 0}), 1u) << "'en' and 'd'";
  EXPECT_EQ(reach(end, {10, 7, 0}), 1u) << "'the en' and 'd'";
  EXPECT_EQ(reach(end, {8, 9, 7, 0}), 1u) << "'e', then 'n' and 'd'";
  EXPECT_EQ(reach(end, {5, 0, 0}), 3u);
}

TEST(Dry, TextBreakersAreCutAndCached) {
  const std::string long_text = std::string(40, 'a') + "zzz";
  SamplerVocabulary one{.n_vocab = 1, .text = [](Token) {
                          static const std::string a(40, 'a');
                          return std::string_view(a);
                        }};
  int n_scans = 0;
  auto text = one.text;
  one.text = [&n_scans, text](Token t) { return ++n_scans, text(t); };
  one.breaker_cache = new_breaker_cache();
  const SamplerOptions options{.dry_multiplier = 1, .dry_sequence_breakers = {long_text}};
  for (int i = 0; i < 3; ++i) {
    const auto breakers = breakers_of(options, one);
    ASSERT_TRUE(breakers.has_value());
    EXPECT_TRUE(breakers->contains(0)) << "only the first 40 bytes count";
  }
  EXPECT_EQ(n_scans, 1);
}

TEST(Dry, TextBreakersNeedText) {
  const auto none = breakers_of({.dry_multiplier = 1}, {.n_vocab = 3});
  ASSERT_FALSE(none.has_value());
  EXPECT_EQ(none.error().field, "dry_sequence_breakers");
  EXPECT_TRUE(breakers_of({.dry_multiplier = 0}, {.n_vocab = 3}).has_value()) << "DRY is off";
  const auto empty = breakers_of({.dry_multiplier = 1, .dry_sequence_breakers = {""}}, vocabulary);
  ASSERT_FALSE(empty.has_value());
  EXPECT_EQ(empty.error().field, "dry_sequence_breakers");
}

}  // namespace
}  // namespace quern::detail
