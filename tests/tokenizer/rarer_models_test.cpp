// The rarer values of tokenizer.ggml.model: rwkv, plamo2, whitespace, hybriddna, none.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "src/tokenizer/unicode.h"
#include "tests/tokenizer/made_up.h"

namespace quern::detail {
namespace {

using test::made_up_bpe;
using test::MadeUp;
using test::random_text;
using namespace std::string_literals;

MadeUp made_up_rwkv() {
  MadeUp vocab;
  vocab.model = "rwkv";
  vocab.add("<s>", test::control_type);
  return vocab;
}

TEST(Rwkv, TakesTheLongestTokenAndOfEqualOnesTheLast) {
  std::mt19937 random(31);
  for (int round = 0; round < 60; ++round) {
    MadeUp vocab = made_up_rwkv();
    for (int i = 0; i < 40; ++i) vocab.add(random_text(random, "abc", 5));
    for (const char* letter : {"a", "b", "c"}) vocab.add(letter);
    const auto tokenizer = vocab.load().value();
    for (int i = 0; i < 40; ++i) {
      const std::string text = random_text(random, "abc", 200);
      std::vector<Token> expected;
      for (std::size_t at = 0; at < text.size();) {
        std::size_t best = 0;
        for (std::size_t id = 1; id < vocab.tokens->size(); ++id) {
          const std::string& token = (*vocab.tokens)[id];
          if (text.compare(at, token.size(), token) != 0 || token.empty()) continue;
          if (best == 0 || token.size() >= (*vocab.tokens)[best].size()) best = id;
        }
        expected.push_back(static_cast<Token>(best));
        at += (*vocab.tokens)[best].size();
      }
      ASSERT_EQ(tokenizer->encode(text, true, false).value(), expected) << text;
      ASSERT_EQ(tokenizer->decode(expected, false, false).value(), text);
    }
  }
}

TEST(Rwkv, ResolvesBackslashes) {
  MadeUp vocab = made_up_rwkv();
  const Token tab = vocab.add("\\t"), line = vocab.add("\\r\\n"), byte = vocab.add("\\xff\\x0A"),
              quote = vocab.add("\\'"), slash = vocab.add("\\\\");
  const auto tokenizer = vocab.load().value();
  EXPECT_EQ(tokenizer->encode("\t\r\n\xFF\n'\\", false, false).value(),
            (std::vector<Token>{tab, line, byte, quote, slash}));
  EXPECT_EQ(tokenizer->text(byte), "\xFF\n");
  EXPECT_EQ(tokenizer->decode(std::vector<Token>{slash, byte}, false, false).value(), "\\\xFF\n");
}

TEST(Rwkv, EscapesCutShortAreRefused) {
  for (const char* text : {"a\\", "\\x", "\\x1", "\\xg0", "\\x0g"}) {
    MadeUp vocab = made_up_rwkv();
    vocab.add(text);
    const auto loaded = vocab.load();
    ASSERT_FALSE(loaded) << text;
    EXPECT_EQ(loaded.error().field, "tokenizer.ggml.tokens");
    EXPECT_NE(loaded.error().message.find("tokens[1] is '"), std::string::npos) << loaded.error().message;
  }
}

TEST(Rwkv, ABytesWithoutATokenIsTheUnknownOneOrAnError) {
  MadeUp vocab = made_up_rwkv();
  const Token ab = vocab.add("ab");
  const auto ids = vocab.load().value()->encode("aba", false, false);
  ASSERT_FALSE(ids);
  EXPECT_EQ(ids.error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(ids.error().message, "rwkv: byte 0x61 at offset 2 has no token");
  vocab.more = [](test::GgufBytes& file) { file.kv("tokenizer.ggml.unknown_token_id", 0u); };
  EXPECT_EQ(vocab.load().value()->encode("abaab", false, false).value(), (std::vector<Token>{ab, 0, ab}));
}

MadeUp made_up_plamo2() {
  MadeUp vocab = test::made_up_spm();
  vocab.model = "plamo2";
  return vocab;
}

TEST(Plamo2, TakesTheCheapestPath) {
  std::mt19937 random(32);
  const auto cost_of = [](float score) {
    return -static_cast<std::int64_t>(std::round(double{score} * 10000));
  };
  for (int round = 0; round < 20; ++round) {
    MadeUp vocab = made_up_plamo2();
    for (int i = 0; i < 30; ++i) {
      const std::string text = (random() % 4 == 0 ? "é" : "a") + random_text(random, "abc", 3);
      const float scores[] = {-2001, 0.5f, -1, -1.25f, -3, -1500, -0.00005f};
      vocab.add(text, random() % 5 == 0 ? test::control_type : test::normal_type, scores[random() % 7]);
    }
    const auto tokenizer = vocab.load().value();
    for (int i = 0; i < 40; ++i) {
      std::string text;
      for (std::size_t n = random() % 60; n > 0; --n)
        text += std::vector<std::string>{"a", "b", "c", "é", "日"}[random() % 5];
      std::vector<std::int64_t> cost(text.size() + 1);
      std::vector<Token> chosen(text.size() + 1, no_token);
      for (std::size_t at = text.size(); at-- > 0;) {
        if ((static_cast<std::uint8_t>(text[at]) & 0xC0) == 0x80) continue;
        bool any = false;
        for (std::size_t length = text.size() - at; length > 0; --length)
          for (std::size_t id = 0; id < vocab.tokens->size(); ++id) {
            if ((*vocab.types)[id] == test::byte_type || (*vocab.scores)[id] <= -2000) continue;
            if ((*vocab.tokens)[id] != text.substr(at, length)) continue;
            const std::int64_t total = cost[at + length] + cost_of((*vocab.scores)[id]);
            if (!any || total < cost[at]) cost[at] = total, chosen[at] = static_cast<Token>(id), any = true;
            break;
          }
        const std::int64_t without = cost[at + symbol_bytes(text[at], 4)] + 10'000'000;
        if (!any || without < cost[at]) cost[at] = without, chosen[at] = no_token;
      }
      std::vector<Token> expected;
      for (std::size_t at = 0; at < text.size();) {
        const std::size_t n = symbol_bytes(text[at], 4);
        if (chosen[at] != no_token) {
          expected.push_back(chosen[at]);
          at += (*vocab.tokens)[static_cast<std::size_t>(chosen[at])].size();
        } else {
          for (const char c : text.substr(at, n)) expected.push_back(3 + static_cast<std::uint8_t>(c));
          at += n;
        }
      }
      ASSERT_EQ(tokenizer->encode(text, true, false).value(), expected) << text;
    }
  }
}

TEST(Plamo2, DropsAByteOrderMarkAndReadsBadBytesAsReplacements) {
  MadeUp vocab = made_up_plamo2();
  const Token mark = vocab.add("\xEF\xBF\xBD", test::normal_type, -1),
              a = vocab.add("a", test::normal_type, -1);
  const auto tokenizer = vocab.load().value();
  EXPECT_EQ(tokenizer->encode("\xEF\xBB\xBF"s + "a\xFF", false, false).value(),
            (std::vector<Token>{a, mark}));
  EXPECT_EQ(tokenizer->decode(std::vector<Token>{3 + 0xC3, 3 + 0xA9, a}, false, false).value(), "éa");
}

TEST(Plamo2, NeedsEveryByte) {
  MadeUp vocab = made_up_plamo2();
  (*vocab.types)[3 + 0x41] = test::normal_type;
  const auto loaded = vocab.load();
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().field, "tokenizer.ggml.tokens");
  EXPECT_NE(loaded.error().message.find("<0x41>"), std::string::npos) << loaded.error().message;
}

TEST(WhiteSpaceBpe, LosesWhiteSpaceAndCase) {
  MadeUp vocab = made_up_bpe();
  vocab.model = "whitespace";
  vocab.pre = "gpt-2";
  const Token ab = vocab.add("ab");
  vocab.merges = {{"a b"}};
  EXPECT_EQ(vocab.load().value()->encode("  Ab\u3000\tAB c", false, false).value(),
            (std::vector<Token>{ab, ab, 'c' - '!'}));
  vocab.more = [](test::GgufBytes& file) { file.kv("tokenizer.ggml.normalizer.lowercase", false); };
  EXPECT_EQ(vocab.load().value()->encode("ab Ab", false, false).value(),
            (std::vector<Token>{ab, 'A' - '!', 'b' - '!'}));
}

TEST(DnaBpe, ReadsGroupsOfSixLettersInsideItsTags) {
  MadeUp vocab = made_up_bpe();
  vocab.model = "hybriddna";
  const Token a = 'A' - '!', c = 'C' - '!';
  EXPECT_EQ(vocab.load().value()->encode("<dna>A", false, false).value().size(), 6u)
      << "without its tokens it is gpt2";
  const Token open = vocab.add("<dna>"), close = vocab.add("</dna>"), unknown = vocab.add("<oov>"),
              group = vocab.add("ACGTAC\uE000"), padded = vocab.add("GGAAAA\uE000");
  const auto tokenizer = vocab.load().value();
  EXPECT_EQ(tokenizer->encode("A<dna>acgtacGG</dna>C<dna>TTTTTT", false, false).value(),
            (std::vector<Token>{a, open, group, padded, close, c, open, unknown}));
  EXPECT_EQ(tokenizer->encode("<dna></dna>", false, false).value(), (std::vector<Token>{open, close}));
  EXPECT_EQ(tokenizer->decode(std::vector<Token>{group, padded}, false, false).value(), "ACGTACGGAAAA");
}

TEST(NoTokenizer, LoadsAndSaysSo) {
  for (const char* model : {"none", "no_vocab"}) {
    MadeUp vocab;
    vocab.model = model;
    vocab.pre = "";
    const auto loaded = vocab.load();
    ASSERT_TRUE(loaded) << loaded.error().message;
    EXPECT_EQ((*loaded)->size(), 0u);
    const auto ids = (*loaded)->encode("hello", true, true);
    const auto text = (*loaded)->decode(std::vector<Token>{1}, false, false);
    ASSERT_FALSE(ids);
    ASSERT_FALSE(text);
    for (const Error& error : {ids.error(), text.error()}) {
      EXPECT_EQ(error.code, ErrorCode::unsupported);
      EXPECT_EQ(error.field, "tokenizer.ggml.model");
      EXPECT_NE(error.message.find(model), std::string::npos) << error.message;
    }
    EXPECT_GE((*loaded)->memory_bytes(), 0u);
  }
}

// In quadratic time this test would take hours.
TEST(Speed, LongWordsOfTheRarerModels) {
  MadeUp rwkv = made_up_rwkv(), plamo = made_up_plamo2();
  for (std::size_t n = 1; n <= 64; ++n) {
    rwkv.add(std::string(n, 'a'));
    plamo.add(std::string(n, 'a'), test::normal_type, -static_cast<float>(n));
  }
  for (const MadeUp& vocab : {rwkv, plamo}) {
    const auto tokenizer = vocab.load().value();
    EXPECT_FALSE(tokenizer->encode(std::string(std::size_t{1} << 21, 'a'), false, false).value().empty());
  }
}

}  // namespace
}  // namespace quern::detail
