// Every rule set against its regular expressions, run by a slow matcher, and against one text cut by hand.
#include "src/tokenizer/pre_tokenizer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <random>
#include <set>

#include "src/tokenizer/rule_sets.h"
#include "tests/tokenizer/backtracking.h"
#include "tests/tokenizer/pre_tokenizer_cases.h"

namespace quern::detail {
namespace {

const std::map<std::string_view, const std::span<const Step>*> rule_set_by_name = {
    {"default", &rule_sets::default_},
    {"gpt2", &rule_sets::gpt2},
    {"starcoder", &rule_sets::starcoder},
    {"falcon", &rule_sets::falcon},
    {"llama3", &rule_sets::llama3},
    {"qwen2", &rule_sets::qwen2},
    {"qwen35", &rule_sets::qwen35},
    {"seed", &rule_sets::seed},
    {"jais2", &rule_sets::jais2},
    {"minicpm5", &rule_sets::minicpm5},
    {"laguna", &rule_sets::laguna},
    {"exaone-moe", &rule_sets::exaone_moe},
    {"gpt-4o", &rule_sets::gpt_4o},
    {"tekken", &rule_sets::tekken},
    {"granite-97m", &rule_sets::granite_97m},
    {"tiny_aya", &rule_sets::tiny_aya},
    {"youtu", &rule_sets::youtu},
    {"kimi-k2", &rule_sets::kimi_k2},
    {"deepseek-v3", &rule_sets::deepseek_v3},
    {"afmoe", &rule_sets::afmoe},
    {"deepseek-coder", &rule_sets::deepseek_coder},
    {"deepseek-llm", &rule_sets::deepseek_llm},
    {"bloom", &rule_sets::bloom},
    {"viking", &rule_sets::viking},
    {"superbpe", &rule_sets::superbpe},
    {"chameleon", &rule_sets::chameleon},
    {"newlines", &rule_sets::newlines},
    {"whitespace", &rule_sets::whitespace},
};

std::vector<std::string> words(std::span<const Step> steps, std::string_view text) {
  std::vector<std::string> out;
  cut_words(steps, text, [&](std::string_view piece) { out.emplace_back(piece); });
  return out;
}

std::string replaced(std::string text, std::string_view what, std::string_view by) {
  for (std::size_t at = 0; (at = text.find(what, at)) != text.npos; at += by.size())
    text.replace(at, what.size(), by);
  return text;
}

std::string joined(const std::vector<std::string>& pieces) {
  std::string out;
  for (const std::string& piece : pieces) out += (out.empty() ? "" : "|") + piece;
  return out;
}

std::string visible(std::string text) {
  for (const auto& [what, by] : {std::pair{" ", "·"}, {"\n", "⏎"}, {"\t", "⇥"}, {"u\u0308", "u\\u0308"}})
    text = replaced(text, what, by);
  return replaced(text, "|\u0308", "|\\u0308");
}

TEST(PreTokenizer, OneTextByEveryRuleSet) {
  const std::string text =
      "He'LL don't  1234567 x=y/z!!\n\n \tok HELLOworldIs ÀBCd u\u0308 Straße 日本テ한，３１４１ “q”…  7";
  ASSERT_EQ(test::splits.size(), rule_set_by_name.size());
  for (const auto& [rule_set, pieces] : test::splits) {
    ASSERT_TRUE(rule_set_by_name.contains(rule_set)) << rule_set;
    EXPECT_EQ(visible(joined(words(*rule_set_by_name.at(rule_set), text))), pieces) << rule_set;
  }
}

// A step as its definition says: matches from left to right, and the text between them.
using Pieces = std::vector<std::u32string>;

Pieces cut_by_expression(const test::Backtracking& expression, const std::u32string& text) {
  const std::vector<test::Seen> characters = test::seen(text);
  Pieces pieces;
  std::size_t gap = 0;
  for (std::size_t at = 0; at <= text.size(); ++at) {
    const std::size_t end = expression.match(characters, at);
    if (end == test::Backtracking::npos) continue;
    if (gap < at) pieces.push_back(text.substr(gap, at - gap));
    if (at < end) pieces.push_back(text.substr(at, end - at));
    gap = std::max(at, end);
    if (at < end) at = end - 1;
  }
  if (gap < text.size()) pieces.push_back(text.substr(gap));
  return pieces;
}

// Runs of numbers in threes from their right end; the first group takes the text before it along.
Pieces cut_in_threes(const std::u32string& text) {
  const auto is_number = [](char32_t c) { return (char_class(c) & number) != 0; };
  std::vector<std::size_t> cuts;
  for (std::size_t i = 1; i <= text.size(); ++i) {
    if (!is_number(text[i - 1])) continue;
    std::size_t digits_after = 0;
    while (i + digits_after < text.size() && is_number(text[i + digits_after])) ++digits_after;
    if (digits_after % 3 == 0) cuts.push_back(i);
  }
  cuts.push_back(text.size());
  Pieces pieces;
  std::size_t begin = 0;
  for (const std::size_t cut : cuts) {
    if (cut > begin) pieces.push_back(text.substr(begin, cut - begin));
    begin = cut;
  }
  return pieces;
}

std::string expanded(std::string_view expression) {
  // An abbreviation stands where no letter or backslash touches it.
  std::string out(expression);
  for (int round = 0; round < 3; ++round)
    for (const auto& [name, meaning] : test::abbreviations) {
      const auto is_part = [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) || c == '\\' || c == '_';
      };
      for (std::size_t at = 0; (at = out.find(name, at)) != out.npos;) {
        const std::size_t after = at + name.size();
        const bool in_word = (at > 0 && is_part(out[at - 1])) || (after < out.size() && is_part(out[after]));
        const bool in_set = at > 0 && (out[at - 1] == '[' || out[at - 1] == '-' || out[at - 1] == '{');
        const bool range = after < out.size() && out[after] == '-';
        // U*D+ and V+E*C?: one letter directly after a quantifier is a name too.
        if (in_word || in_set || range) {
          ++at;
          continue;
        }
        const bool alternatives =
            meaning.find('|') != meaning.npos && meaning.front() != '(' && meaning.front() != '[';
        const std::string by = alternatives && !(at == 0 || out[at - 1] == '|')
                                   ? "(?:" + std::string(meaning) + ")"
                                   : std::string(meaning);
        out.replace(at, name.size(), by);
        at += by.size();
      }
    }
  return out;
}

class RandomText {
 public:
  explicit RandomText(unsigned seed) : random_(seed) {}
  std::u32string operator()() {
    static const std::vector<std::u32string> parts = {U"a",
                                                      U"b",
                                                      U"s",
                                                      U"t",
                                                      U"re",
                                                      U"ve",
                                                      U"ll",
                                                      U"m",
                                                      U"d",
                                                      U"A",
                                                      U"B",
                                                      U"S",
                                                      U"LL",
                                                      U"Re",
                                                      U"é",
                                                      U"É",
                                                      U"ß",
                                                      U"ſ",
                                                      U"ж",
                                                      U"Ж",
                                                      U"ª",
                                                      U"ʰ",
                                                      U"ñ",
                                                      U"'",
                                                      U"'",
                                                      U"'s",
                                                      U"'T",
                                                      U"’",
                                                      U"0",
                                                      U"1",
                                                      U"7",
                                                      U"12",
                                                      U"123456",
                                                      U"²",
                                                      U"Ⅷ",
                                                      U"१",
                                                      U"３",
                                                      U"٣",
                                                      U" ",
                                                      U" ",
                                                      U" ",
                                                      U"  ",
                                                      U"\t",
                                                      U"\n",
                                                      U"\n",
                                                      U"\r",
                                                      U"\r\n",
                                                      U"\v",
                                                      U"\u0085",
                                                      U"\u00A0",
                                                      U"\u3000",
                                                      U"\u2028",
                                                      U"\u200B",
                                                      U"\u001C",
                                                      std::u32string(1, U'\0'),
                                                      U"!",
                                                      U".",
                                                      U",",
                                                      U"?",
                                                      U"(",
                                                      U"/",
                                                      U"-",
                                                      U"_",
                                                      U"$",
                                                      U"+",
                                                      U"=",
                                                      U"~",
                                                      U"^",
                                                      U"`",
                                                      U"|",
                                                      U"<",
                                                      U">",
                                                      U"€",
                                                      U"…",
                                                      U"。",
                                                      U"，",
                                                      U"、",
                                                      U"：",
                                                      U"！",
                                                      U"「",
                                                      U"—",
                                                      U"“",
                                                      U"．",
                                                      U"＜",
                                                      U"中",
                                                      U"文",
                                                      U"々",
                                                      U"〇",
                                                      U"\U00020000",
                                                      U"豈",
                                                      U"あ",
                                                      U"ア",
                                                      U"ー",
                                                      U"한",
                                                      U"ㄱ",
                                                      U"ㄅ",
                                                      U"ไ",
                                                      U"မ",
                                                      U"ក",
                                                      U"ﾊ",
                                                      U"ꀀ",
                                                      U"\u0301",
                                                      U"\u0308",
                                                      U"\u0903",
                                                      U"\u20DD",
                                                      U"\uFE0F",
                                                      U"\U0001F600",
                                                      U"\u0378",
                                                      U"\uFFFD",
                                                      U"\uE000",
                                                      U"\u00AD",
                                                      U"\uFEFF",
                                                      U"।",
                                                      U"۔",
                                                      U"،",
                                                      U"<sentinel:12>",
                                                      U"<sentinel:x>",
                                                      U"IMGIMGABZ",
                                                      U"IMGIMGABCDEZ",
                                                      U"Z",
                                                      U"Straße",
                                                      U"HELLOworld",
                                                      U"        ",
                                                      U"𝒜",
                                                      U"ǅ"};
    std::u32string text;
    for (std::size_t n = random_() % 24; n > 0; --n) {
      if (random_() % 40 == 0)
        text += static_cast<char32_t>(random_() % 0x110000);
      else
        text += parts[random_() % parts.size()];
    }
    return text;
  }

 private:
  std::mt19937 random_;
};

std::string utf8(const std::u32string& text) {
  std::string out;
  for (const char32_t code : text) append_utf8(out, code);
  return out;
}

class RuleSet : public testing::TestWithParam<std::size_t> {};

TEST_P(RuleSet, CutsAsItsExpressions) {
  const test::Expressions& set = test::expressions[GetParam()];
  std::vector<std::function<Pieces(const std::u32string&)>> steps;
  for (const std::string_view step : set.steps) {
    if (step == "THREES") {
      steps.push_back(cut_in_threes);
    } else {
      steps.push_back([expression = test::Backtracking(expanded(step))](const std::u32string& text) {
        return cut_by_expression(expression, text);
      });
    }
  }
  const std::span<const Step> scanners = *rule_set_by_name.at(set.rule_set);
  RandomText random(static_cast<unsigned>(GetParam()) + 1);
  for (int i = 0; i < 1500; ++i) {
    const std::u32string text = random();
    Pieces pieces{text};
    for (const auto& step : steps) {
      Pieces finer;
      for (const std::u32string& piece : pieces)
        for (std::u32string& part : step(piece)) finer.push_back(std::move(part));
      pieces = std::move(finer);
    }
    std::vector<std::string> expected;
    for (const std::u32string& piece : pieces)
      if (!piece.empty()) expected.push_back(utf8(piece));
    ASSERT_EQ(visible(joined(words(scanners, utf8(text)))), visible(joined(expected)))
        << set.rule_set << ' ' << i;
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, RuleSet, testing::Range(std::size_t{0}, test::expressions.size()), [](const auto& which) {
      return replaced(replaced(std::string(test::expressions[which.param].rule_set), "-", "_"), ".", "_");
    });

// The scanners must not look at a run again for each of its pieces.
TEST(PreTokenizer, LongRunsTakeLinearTime) {
  for (const auto& [name, steps] : rule_set_by_name)
    for (const std::string unit :
         {" ", "\n", "\r\n ", "\u3000", "a", "A", "é", "1", "!", "'", " a", "\u0308", "日", "<"}) {
      std::string text;
      while (text.size() < 300'000) text += unit;
      std::size_t n_bytes = 0;
      cut_words(*steps, text, [&](std::string_view piece) { n_bytes += piece.size(); });
      EXPECT_EQ(n_bytes, text.size()) << name;
    }
}

TEST(PreTokenizer, KnowsEveryName) {
  std::set<std::string_view> names;
  for (const PreTokenizer& pre : pre_tokenizers()) {
    EXPECT_TRUE(names.insert(pre.name).second) << pre.name;
    EXPECT_EQ(find_pre_tokenizer(pre.name), &pre);
  }
  EXPECT_EQ(names.size(), 87u);
  EXPECT_EQ(find_pre_tokenizer("gpt-3"), nullptr);
  EXPECT_EQ(find_pre_tokenizer(""), nullptr);
}

}  // namespace
}  // namespace quern::detail
