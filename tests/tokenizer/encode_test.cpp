// Encoding and decoding with made-up vocabularies, against slow and plain versions of the same rules.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <thread>

#include "src/tokenizer/clean_up.h"
#include "tests/tokenizer/made_up.h"

namespace quern::detail {
namespace {

using test::made_up_bpe;
using test::made_up_spm;
using test::MadeUp;
using test::random_text;
using namespace std::string_literals;

// The parts of a word, merged by looking at all pairs again and again: the least priority first, then the
// leftmost.
template <typename Priority>
std::vector<std::string> merged_slowly(std::vector<std::string> parts, const Priority& priority) {
  for (;;) {
    std::size_t best = parts.size();
    double least = 1e300;
    for (std::size_t i = 0; i + 1 < parts.size(); ++i)
      if (const double p = priority(parts[i], parts[i + 1]); p < least) least = p, best = i;
    if (best == parts.size()) return parts;
    parts[best] += parts[best + 1];
    parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(best) + 1);
  }
}

std::vector<std::string> letters_of(std::string_view text) {
  std::vector<std::string> out;
  for (const char c : text) out.emplace_back(1, c);
  return out;
}

// Random merges over three letters, whether their parts and results are tokens or not, in any order of ranks.
TEST(Bpe, MergesAsTheListSays) {
  std::mt19937 random(5);
  for (int round = 0; round < 60; ++round) {
    MadeUp vocab = made_up_bpe();
    std::map<std::pair<std::string, std::string>, int> ranks;
    for (int i = 0; i < 25; ++i) {
      const std::string left = "abc"s.substr(random() % 3, 1) + random_text(random, "abc", 3);
      const std::string right = "abc"s.substr(random() % 3, 1) + random_text(random, "abc", 3);
      ranks.emplace(std::pair(left, right), i);
      vocab.merges->push_back(left + ' ' + right);
      if (random() % 4 != 0) vocab.add(left + right);
    }
    for (const auto& [pair, rank] : ranks)
      if (random() % 2 == 0) vocab.add(pair.first), vocab.add(pair.second);
    const auto tokenizer = vocab.load().value();
    for (int i = 0; i < 40; ++i) {
      const std::string text = random_text(random, "abc", i % 2 == 0 ? 12 : 300);
      std::vector<Token> expected;
      for (const std::string& part : merged_slowly(letters_of(text), [&](const auto&left, const auto&right) {
             const auto found = ranks.find({left, right});
             return found == ranks.end() ? 1e300 : found->second;
           })) {
        const auto at = std::find(vocab.tokens->begin(), vocab.tokens->end(), part);
        if (at != vocab.tokens->end())
          expected.push_back(static_cast<Token>(at - vocab.tokens->begin()));
        else
          for (const char c : part) expected.push_back(c - '!');  // byte by byte
      }
      ASSERT_EQ(tokenizer->encode(text, false, false).value(), expected) << round << ' ' << text;
    }
  }
}

// Scores of few values, so that they often tie; control tokens that two tokens spell do not count.
TEST(Spm, MergesByScore) {
  std::mt19937 random(6);
  for (int round = 0; round < 60; ++round) {
    MadeUp vocab = made_up_spm();
    for (int i = 0; i < 30; ++i) {
      const std::string text = (random() % 4 == 0 ? "▁" : "a") + random_text(random, "abc", 4);
      const float score = static_cast<float>(static_cast<int>(random() % 5)) - 2.0f;
      vocab.add(text,
                random() % 8 == 0   ? test::control_type
                : random() % 8 == 0 ? test::unused_type
                                    : test::normal_type,
                score);
    }
    for (const char* text : {"▁", "a", "b"}) vocab.add(text);
    const auto id_of = [&](const std::string& text) {
      const auto at = std::find(vocab.tokens->begin(), vocab.tokens->end(), text);
      return at == vocab.tokens->end() ? no_token : static_cast<Token>(at - vocab.tokens->begin());
    };
    const auto takes_part = [&](Token id) {
      if (id == no_token) return false;
      const int type = (*vocab.types)[static_cast<std::size_t>(id)];
      return type == test::normal_type || type == test::unused_type;
    };
    const auto tokenizer = vocab.load().value();
    for (int i = 0; i < 40; ++i) {
      const std::string text = random_text(random, "abc ", i % 2 == 0 ? 12 : 300);
      std::vector<std::string> characters{"▁"};
      for (const char c : text) characters.push_back(c == ' ' ? "▁" : std::string(1, c));
      std::vector<Token> expected;
      for (const std::string& part : merged_slowly(characters, [&](const auto&left, const auto&right) {
             const Token id = id_of(left + right);
             return takes_part(id) ? -(*vocab.scores)[static_cast<std::size_t>(id)] : 1e300;
           })) {
        const Token id = id_of(part);
        if (takes_part(id))
          expected.push_back(id);
        else
          for (const char c : part) expected.push_back(3 + static_cast<std::uint8_t>(c));
      }
      if (text.empty()) expected.clear();
      // Control tokens are looked for first where that is asked for; here it is not.
      ASSERT_EQ(tokenizer->encode(text, false, false).value(), expected) << round << ' ' << text;
    }
  }
}

struct Piece {
  Token id;
  std::string text;
};

// Cuts at special tokens one candidate after the other.
std::vector<Piece> cut_slowly(const Vocabulary& vocabulary, std::vector<Token> candidates,
                              const std::string& text) {
  std::stable_sort(candidates.begin(), candidates.end(),
                   [&](Token a, Token b) { return vocabulary.text(a).size() > vocabulary.text(b).size(); });
  const auto is_white = [](char c) { return c == ' ' || (c >= '\t' && c <= '\r'); };
  std::vector<Piece> pieces{{no_token, text}};
  for (const Token id : candidates) {
    const std::string_view special = vocabulary.text(id);
    if (special.empty()) continue;
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      if (pieces[i].id != no_token) continue;
      const std::size_t at = pieces[i].text.find(special);
      if (at == std::string::npos) continue;
      std::string left = pieces[i].text.substr(0, at), right = pieces[i].text.substr(at + special.size());
      if (vocabulary.has(id, attr_lstrip))
        while (!left.empty() && is_white(left.back())) left.pop_back();
      if (vocabulary.has(id, attr_rstrip))
        while (!right.empty() && is_white(right.front())) right.erase(0, 1);
      pieces[i] = {no_token, left};
      pieces.insert(pieces.begin() + static_cast<std::ptrdiff_t>(i) + 1, {{id, ""}, {no_token, right}});
    }
  }
  std::erase_if(pieces, [](const Piece& piece) { return piece.id == no_token && piece.text.empty(); });
  return pieces;
}

TEST(SpecialTokens, AreFoundLongestFirst) {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    MadeUp vocab = made_up_bpe();
    if (round % 2 == 0) vocab.name = "Phi-3";  // strips on the right
    std::vector<Token> ids;
    for (int i = 0; i < 12; ++i) ids.push_back(vocab.add(random_text(random, "ab<", 5), test::user_type));
    const auto tokenizer = vocab.load().value();
    // Equal texts: the first.
    std::vector<Token> candidates;
    for (const Token id : ids)
      if (std::none_of(candidates.begin(), candidates.end(),
                       [&](Token other) { return tokenizer->text(other) == tokenizer->text(id); }))
        candidates.push_back(id);
    const SpecialTokens special(tokenizer->vocabulary(), ids);
    for (int i = 0; i < 30; ++i) {
      const std::string text = random_text(random, "ab< \n", 60);
      const auto expected =
          text.empty() ? std::vector<Piece>{} : cut_slowly(tokenizer->vocabulary(), candidates, text);
      const auto got = special.cut(text);
      ASSERT_EQ(got.size(), expected.size()) << text;
      for (std::size_t k = 0; k < got.size(); ++k) {
        ASSERT_EQ(got[k].id, expected[k].id) << text;
        if (got[k].id == no_token) {
          ASSERT_EQ(got[k].text, expected[k].text) << text;
        }
      }
    }
  }
}

TEST(SpecialTokens, ControlTokensOnlyWhereAskedFor) {
  MadeUp vocab = made_up_spm();
  const Token user = vocab.add("[tool]", test::user_type);
  const auto tokenizer = vocab.load().value();
  EXPECT_EQ(tokenizer->encode("</s>", false, true).value(), std::vector<Token>{2});
  EXPECT_GT(tokenizer->encode("</s>", false, false).value().size(), 1u);
  EXPECT_EQ(tokenizer->encode("[tool]", false, false).value(), std::vector<Token>{user});
  EXPECT_EQ(tokenizer->encode("[tool]", true, false).value(), (std::vector<Token>{1, user}));
  EXPECT_EQ(tokenizer->encode("", true, true).value(), std::vector<Token>{1});
  EXPECT_EQ(tokenizer->encode("", false, true).value(), std::vector<Token>{});
}

// Files that are older than tokenizer.ggml.pre: a token in its place tells the family.
TEST(PreTokenizers, AreKnownByATokenWhereTheKeyIsAbsent) {
  const struct {
    std::size_t id;
    const char *text, *pre;
    std::vector<std::string> pieces;  // of 2024
  } cases[] = {{128000, "<|begin_of_text|>", "llama-bpe", {"202", "4"}},
               {151644, "<|im_start|>", "qwen2", {"2", "0", "2", "4"}},
               {50256, "<|endoftext|>", "gpt-2", {"2024"}},
               {12, "<|endoftext|>", "default", {"202", "4"}}};
  for (const auto& c : cases) {
    SCOPED_TRACE(c.pre);
    MadeUp vocab = made_up_bpe();
    vocab.merges = {"2 0", "20 2", "202 4"};
    for (const char* token : {"20", "202", "2024"}) vocab.add(token);
    while (vocab.tokens->size() <= c.id) vocab.add("filler " + std::to_string(vocab.tokens->size()));
    (*vocab.tokens)[c.id] = c.text;
    vocab.more = [&](test::GgufBytes& file) {
      file.kv("tokenizer.ggml.bos_token_id", static_cast<std::uint32_t>(c.id));
    };
    for (const bool says : {true, false}) {
      vocab.pre = says ? c.pre : "";
      const auto tokenizer = vocab.load().value();
      std::vector<std::string> pieces;
      for (const Token id : tokenizer->encode("2024", false, false).value())
        pieces.emplace_back(tokenizer->vocabulary().text(id));
      EXPECT_EQ(pieces, c.pieces);
      ASSERT_EQ(tokenizer->vocabulary().warnings().size(), says ? 0u : 1u);
      if (!says) {
        EXPECT_EQ(tokenizer->vocabulary().warnings()[0],
                  std::string("tokenizer.ggml.pre is absent; texts are cut as by '") + c.pre + "'");
      }
    }
  }
}

TEST(EndOfGeneration, ByIdsAndTexts) {
  MadeUp vocab = made_up_bpe();
  const Token end = vocab.add("<|im_end|>"), turn = vocab.add("<end_of_turn>"),
              other = vocab.add("<|im_start|>");
  const auto tokenizer = vocab.load().value();
  EXPECT_TRUE(tokenizer->is_end_of_generation(end));
  EXPECT_TRUE(tokenizer->is_control(end));
  EXPECT_TRUE(tokenizer->is_end_of_generation(turn));
  EXPECT_FALSE(tokenizer->is_end_of_generation(other));
  EXPECT_EQ(tokenizer->special_id(eot), end);
}

TEST(EndOfGeneration, ByAListOfIds) {
  MadeUp vocab = made_up_bpe();
  const Token first = vocab.add("<first>"), second = vocab.add("<second>"), other = vocab.add("<other>");
  vocab.more = [&](test::GgufBytes& file) {
    test::add_numbers(file, "tokenizer.ggml.eos_token_ids",
                      std::vector<std::int32_t>{first, second, 9999, -1});
  };
  const auto tokenizer = vocab.load().value();
  EXPECT_TRUE(tokenizer->is_end_of_generation(first));
  EXPECT_TRUE(tokenizer->is_end_of_generation(second));
  EXPECT_FALSE(tokenizer->is_end_of_generation(other));
  EXPECT_EQ(tokenizer->vocabulary().warnings().size(), 2u);
  vocab.more = [](test::GgufBytes& file) { file.kv("tokenizer.ggml.eos_token_ids", 5u); };
  EXPECT_EQ(vocab.load().error().field, "tokenizer.ggml.eos_token_ids");
}

TEST(EndOfGeneration, EndOfAMessageInAChannelIsNotTheEnd) {
  MadeUp vocab = made_up_bpe();
  const Token end = vocab.add("<|end|>", test::control_type),
              call = vocab.add("<|call|>", test::control_type);
  const Token before = end;
  EXPECT_TRUE(vocab.load().value()->is_end_of_generation(before));
  const Token back = vocab.add("<|return|>", test::control_type);
  const auto tokenizer = vocab.load().value();
  EXPECT_FALSE(tokenizer->is_end_of_generation(end));
  EXPECT_FALSE(tokenizer->is_control(end));
  EXPECT_TRUE(tokenizer->is_end_of_generation(call));
  EXPECT_TRUE(tokenizer->is_end_of_generation(back));
}

TEST(Decoding, RemovesWhatEncodingAdded) {
  MadeUp vocab = made_up_spm();
  const Token hello = vocab.add("▁Hello");
  vocab.more = [](test::GgufBytes& file) { file.kv("tokenizer.ggml.add_eos_token", true); };
  const auto tokenizer = vocab.load().value();
  const std::vector<Token> framed{1, hello, hello, 2};
  EXPECT_EQ(tokenizer->decode(framed, true, true).value(), " Hello Hello");
  EXPECT_EQ(tokenizer->decode(framed, false, false).value(), " Hello Hello");
  EXPECT_EQ(tokenizer->decode(framed, false, true).value(), "<s> Hello Hello</s>");
  EXPECT_EQ(tokenizer->decode(std::vector<Token>{hello, hello}, true, true).value(), "Hello Hello");
}

TEST(Decoding, CleansUp) {
  const std::pair<std::string, std::string> cases[] = {{"Hello , world ! ?", "Hello, world!?"},
                                                       {"a  .", "a ."},
                                                       {"it 's I 'm we 're you 've", "it's I'm we're you've"},
                                                       {"don 't you 'd he 'll", "don 't you 'd he 'll"},
                                                       {"a ' b ' c", "a'b'c"},
                                                       {"a ' ' b", "a'' b"},
                                                       {" .", "."},
                                                       {"", ""},
                                                       {" ", " "},
                                                       {"x ' .", "x '."}};
  for (const auto& [text, expected] : cases) {
    std::string cleaned = text;
    clean_up_spaces(cleaned);
    EXPECT_EQ(cleaned, expected) << text;
  }
}

// One word of any length must not take quadratic time: this test would take hours.
TEST(Speed, OneLongWord) {
  MadeUp bpe = made_up_bpe(), spm = made_up_spm();
  std::string power = "a";
  spm.add(power);
  for (int i = 0; i < 6; ++i) {
    bpe.merges->push_back(power + ' ' + power);
    power += power;
    bpe.add(power);
    spm.add(power, test::normal_type, static_cast<float>(-i));
  }
  for (const MadeUp& vocab : {bpe, spm}) {
    const auto tokenizer = vocab.load().value();
    std::string word(std::size_t{1} << 20, 'a');
    EXPECT_EQ(tokenizer->encode(word, false, false).value().back(),
              static_cast<Token>(vocab.tokens->size()) - 1);
  }
}

TEST(Threads, EncodeAtTheSameTime) {
  MadeUp vocab = made_up_bpe();
  vocab.merges = {{"a b", "ab c"}};
  vocab.add("ab"), vocab.add("abc");
  const auto tokenizer = vocab.load().value();
  const std::string text = "abc ab cab abcabc";
  const auto expected = tokenizer->encode(text, false, true).value();
  std::vector<std::thread> threads;
  std::vector<int> wrong(4);
  for (std::size_t i = 0; i < wrong.size(); ++i)
    threads.emplace_back([&, i] {
      for (int n = 0; n < 500; ++n) wrong[i] += tokenizer->encode(text, false, true).value() != expected;
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<int>(4));
}

}  // namespace
}  // namespace quern::detail
