// Vocabularies that are wrong: what each is refused with, or how it is read.
#include <gtest/gtest.h>

#include <limits>

#include "tests/tokenizer/made_up.h"

namespace quern::detail {
namespace {

using test::made_up_bpe;
using test::made_up_spm;
using test::MadeUp;
using enum ErrorCode;

struct BadVocabulary {
  const char* what;
  std::function<MadeUp()> vocab;
  ErrorCode code;
  const char* names;  // a part of the message
  const char* field;
};

// One made-up vocabulary with one thing changed.
template <typename Change>
std::function<MadeUp()> spm(Change change) {
  return [change] {
    MadeUp vocab = made_up_spm();
    change(vocab);
    return vocab;
  };
}
template <typename Change>
std::function<MadeUp()> bpe(Change change) {
  return [change] {
    MadeUp vocab = made_up_bpe();
    change(vocab);
    return vocab;
  };
}
template <typename T>
std::function<MadeUp()> with_key(std::function<MadeUp()> vocab, const char* key, T value) {
  return [=] {
    MadeUp changed = vocab();
    changed.more = [=](test::GgufBytes& file) { file.kv(key, value); };
    return changed;
  };
}
const auto good_spm = spm([](MadeUp&) {});
const auto good_bpe = bpe([](MadeUp&) {});
constexpr float nan = std::numeric_limits<float>::quiet_NaN(),
                infinity = std::numeric_limits<float>::infinity();

const BadVocabulary bad_vocabularies[] = {
    {"model unknown", spm([](MadeUp& v) { v.model = "gpt7"; }), unsupported, "'gpt7'",
     "tokenizer.ggml.model"},
    {"model unknown, the known ones", spm([](MadeUp& v) { v.model = "bloom"; }), unsupported, "llama, gpt2",
     "tokenizer.ggml.model"},
    {"pre unknown", bpe([](MadeUp& v) { v.pre = "foo"; }), unsupported,
     "'foo' is not known; known: default gpt-2", "tokenizer.ggml.pre"},
    {"pre unknown, another known one", bpe([](MadeUp& v) { v.pre = "foo"; }), unsupported,
     "granite-embed-multi-311m", "tokenizer.ggml.pre"},
    {"no tokens", bpe([](MadeUp& v) { v.tokens.reset(), v.types.reset(), v.scores.reset(); }), corrupt,
     "tokenizer.ggml.tokens", "tokenizer.ggml.tokens"},
    {"tokens empty", bpe([](MadeUp& v) { v.tokens->clear(), v.types->clear(), v.scores->clear(); }), corrupt,
     "is empty", "tokenizer.ggml.tokens"},
    {"tokens a number",
     with_key(bpe([](MadeUp& v) { v.tokens.reset(), v.types.reset(), v.scores.reset(); }),
              "tokenizer.ggml.tokens", 5u),
     corrupt, "tokenizer.ggml.tokens", "tokenizer.ggml.tokens"},
    {"token too long", bpe([](MadeUp& v) { v.add(std::string(65537, 'x')); }), corrupt,
     "[96] has 65537 bytes", "tokenizer.ggml.tokens"},
    {"special token too long", bpe([](MadeUp& v) { v.add(std::string(1025, 'x'), test::user_type); }),
     corrupt, "[96] is a special token of 1025 bytes", "tokenizer.ggml.tokens"},
    {"scores too short", spm([](MadeUp& v) { v.scores->resize(5); }), corrupt,
     "has 5 entries, tokens has 259", "tokenizer.ggml.scores"},
    {"scores too long", spm([](MadeUp& v) { v.scores->resize(500); }), corrupt,
     "has 500 entries, tokens has 259", "tokenizer.ggml.scores"},
    {"types too short", spm([](MadeUp& v) { v.types->resize(5); }), corrupt, "has 5 entries, tokens has 259",
     "tokenizer.ggml.token_type"},
    {"types too long", spm([](MadeUp& v) { v.types->resize(300); }), corrupt,
     "has 300 entries, tokens has 259", "tokenizer.ggml.token_type"},
    {"score not a number", spm([](MadeUp& v) { (*v.scores)[7] = nan; }), corrupt, "scores[7]",
     "tokenizer.ggml.scores"},
    {"score infinite", spm([](MadeUp& v) { (*v.scores)[8] = -infinity; }), corrupt, "scores[8] is -inf",
     "tokenizer.ggml.scores"},
    {"scores of bytes", spm([](MadeUp& v) {
       const std::vector<std::uint8_t> bytes(v.scores->size());
       v.scores.reset();
       v.more = [bytes](test::GgufBytes& file) { test::add_numbers(file, "tokenizer.ggml.scores", bytes); };
     }),
     corrupt, "array of u8, expected an array of f32 or i32", "tokenizer.ggml.scores"},
    {"types of floats", spm([](MadeUp& v) {
       const std::vector<float> floats(v.types->size(), 1.0f);
       v.types.reset();
       v.more = [floats](test::GgufBytes& file) {
         test::add_numbers(file, "tokenizer.ggml.token_type", floats);
       };
     }),
     corrupt, "array of f32, expected an array of i32", "tokenizer.ggml.token_type"},
    {"types a number", with_key(spm([](MadeUp& v) { v.types.reset(); }), "tokenizer.ggml.token_type", 1),
     corrupt, "is a i32, expected an array", "tokenizer.ggml.token_type"},
    {"merges missing", bpe([](MadeUp& v) { v.merges.reset(); }), corrupt, "tokenizer.ggml.merges",
     "tokenizer.ggml.merges"},
    {"merges of numbers", bpe([](MadeUp& v) {
       v.merges.reset();
       v.more = [](test::GgufBytes& file) { file.kv("tokenizer.ggml.merges", {1, 2}); };
     }),
     corrupt, "tokenizer.ggml.merges", "tokenizer.ggml.merges"},
    {"merge without space", bpe([](MadeUp& v) {
       v.merges = {{"a b", "ab"}};
     }),
     corrupt, "merges[1] 'ab' has no space", "tokenizer.ggml.merges"},
    {"merge with its only space first", bpe([](MadeUp& v) { v.merges = {{" ab"}}; }), corrupt,
     "merges[0] ' ab' has no space", "tokenizer.ggml.merges"},
    {"merge without right half", bpe([](MadeUp& v) { v.merges = {{"a "}}; }), corrupt, "merges[0] 'a '",
     "tokenizer.ggml.merges"},
    {"merge empty", bpe([](MadeUp& v) { v.merges = {{""}}; }), corrupt, "merges[0] ''",
     "tokenizer.ggml.merges"},
    {"bos a string", with_key(good_bpe, "tokenizer.ggml.bos_token_id", "one"), corrupt,
     "tokenizer.ggml.bos_token_id", "tokenizer.ggml.bos_token_id"},
    {"bos negative", with_key(good_bpe, "tokenizer.ggml.bos_token_id", -1), corrupt, "-1",
     "tokenizer.ggml.bos_token_id"},
    {"add_bos without bos", with_key(good_bpe, "tokenizer.ggml.add_bos_token", true), corrupt,
     "add_bos_token is true but the vocabulary has no bos id", "tokenizer.ggml.bos_token_id"},
    {"add_eos without eos", with_key(good_bpe, "tokenizer.ggml.add_eos_token", true), corrupt,
     "add_eos_token is true but the vocabulary has no eos id", "tokenizer.ggml.eos_token_id"},
    {"bos by default without bos", bpe([](MadeUp& v) { v.pre = "llama-bpe"; }), corrupt,
     "add_bos_token is true but the vocabulary has no bos id", "tokenizer.ggml.bos_token_id"},
    {"add_bos a number", with_key(good_bpe, "tokenizer.ggml.add_bos_token", 1u), corrupt,
     "tokenizer.ggml.add_bos_token", "tokenizer.ggml.add_bos_token"},
    {"byte token with a sign", spm([](MadeUp& v) { (*v.tokens)[4] = "<0x-1>"; }), corrupt,
     "tokens[4] is '<0x-1>'", "tokenizer.ggml.tokens"},
    {"byte token without digits", spm([](MadeUp& v) { (*v.tokens)[5] = "<0xZZ>"; }), corrupt,
     "tokens[5] is '<0xZZ>'", "tokenizer.ggml.tokens"},
    {"byte token empty", spm([](MadeUp& v) { (*v.tokens)[6] = ""; }), corrupt, "tokens[6] is ''",
     "tokenizer.ggml.tokens"},
    {"byte token too long", spm([](MadeUp& v) { (*v.tokens)[7] = "<0x00>>"; }), corrupt,
     "tokens[7] is '<0x00>>'", "tokenizer.ggml.tokens"},
    {"bert without its ids",
     [] {
       MadeUp v;
       v.model = "bert";
       v.add("[CLS]", test::control_type);
       return v;
     },
     corrupt, "tokenizer.ggml.model is bert but the vocabulary has no bos id", "tokenizer.ggml.bos_token_id"},
    {"bert with a long token",
     [] {
       MadeUp v;
       v.model = "bert";
       v.add(std::string(1025, 'x'));
       return v;
     },
     corrupt, "[0] has 1025 bytes, expected at most 1024", "tokenizer.ggml.tokens"},
    {"t5 without the unknown id",
     [] {
       MadeUp v;
       v.model = "t5";
       v.add("</s>", test::control_type), v.add("a");
       return v;
     },
     corrupt, "tokenizer.ggml.model is t5 but the vocabulary has no unknown id",
     "tokenizer.ggml.unknown_token_id"},
    {"t5 with a score that is no number", spm([](MadeUp& v) { v.model = "t5", (*v.scores)[3] = nan; }),
     corrupt, "scores[3]", "tokenizer.ggml.scores"},
    {"plamo2 with an infinite score", spm([](MadeUp& v) { v.model = "plamo2", (*v.scores)[3] = infinity; }),
     corrupt, "scores[3] is inf", "tokenizer.ggml.scores"},
    {"rwkv with a long token", spm([](MadeUp& v) { v.model = "rwkv", v.add(std::string(1025, 'x')); }),
     corrupt, "has 1025 bytes, expected at most 1024", "tokenizer.ggml.tokens"},
    {"whitespace with an unknown pre", bpe([](MadeUp& v) { v.model = "whitespace", v.pre = "foo"; }),
     unsupported, "'foo' is not known", "tokenizer.ggml.pre"},
    {"gemma4 without bos", bpe([](MadeUp& v) { v.model = "gemma4"; }), corrupt,
     "add_bos_token is true but the vocabulary has no bos id", "tokenizer.ggml.bos_token_id"},
};

TEST(HostileVocabulary, IsRefused) {
  for (const BadVocabulary& bad : bad_vocabularies) {
    const auto loaded = bad.vocab().load();
    ASSERT_FALSE(loaded) << bad.what;
    EXPECT_EQ(loaded.error().code, bad.code) << bad.what << ": " << loaded.error().message;
    EXPECT_NE(loaded.error().message.find(bad.names), std::string::npos)
        << bad.what << ": " << loaded.error().message;
    EXPECT_EQ(loaded.error().field, bad.field) << bad.what;
  }
}

TEST(HostileVocabulary, TheGoodOnesTheyAreMadeFromLoad) {
  for (const auto& good : {good_spm, good_bpe}) {
    const auto loaded = good().load();
    EXPECT_TRUE(loaded) << loaded.error().message;
  }
}

// Without a token for some byte, and an unknown id that lies outside.
TEST(HostileVocabulary, AByteThatNobodyWritesNeedsTheUnknownToken) {
  MadeUp vocab = made_up_spm();
  (*vocab.tokens)[3 + 'A'] = "<0x42>";  // 0x42 twice, 0x41 never
  const auto with_unknown = vocab.load();
  ASSERT_TRUE(with_unknown) << with_unknown.error().message;
  EXPECT_EQ((*with_unknown)->encode("A", false, false).value().back(), 0);

  MadeUp small;  // one token: the default unknown id 0 is there; with none at all there is no vocabulary
  small.model = "llama";
  small.add("a");
  small.more = [](test::GgufBytes& file) { file.kv("tokenizer.ggml.add_bos_token", false); };
  const auto loaded = small.load();
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ((*loaded)->encode("b", false, false).value(),
            (std::vector<Token>{0, 0, 0, 0}));  // ▁ is three bytes
}

TEST(HostileVocabulary, IdsOutOfRangeAreIgnoredWithAWarning) {
  MadeUp vocab = made_up_bpe();
  vocab.more = [](test::GgufBytes& file) {
    file.kv("tokenizer.ggml.bos_token_id", 96u).kv("tokenizer.ggml.eos_token_id", 4000000000u);
    file.kv("tokenizer.ggml.padding_token_id", 7u);
  };
  const auto loaded = vocab.load();
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ((*loaded)->special_id(bos), no_token);
  EXPECT_EQ((*loaded)->special_id(eos), no_token);
  EXPECT_EQ((*loaded)->special_id(pad), 7);
  ASSERT_EQ((*loaded)->vocabulary().warnings().size(), 2u);
  EXPECT_NE((*loaded)->vocabulary().warnings()[0].find("bos_token_id is 96"), std::string::npos);
}

// The default bos and eos of byte-pair vocabularies, token 11, only if it is a control token.
TEST(HostileVocabulary, DefaultIdsMustBeControlTokens) {
  MadeUp vocab = made_up_bpe();
  EXPECT_EQ(vocab.load().value()->special_id(eos), no_token);
  (*vocab.types)[11] = test::control_type;
  EXPECT_EQ(vocab.load().value()->special_id(eos), 11);
  EXPECT_TRUE(vocab.load().value()->is_end_of_generation(11));
  vocab.pre = "glm4";
  EXPECT_EQ(vocab.load().value()->special_id(bos), no_token);
  EXPECT_EQ(vocab.load().value()->special_id(eos), 11);
}

TEST(HostileVocabulary, DuplicatesEmptyTextsAndNulsAreTokens) {
  MadeUp vocab = made_up_spm();
  const Token first = vocab.add("▁ab", test::normal_type, -1);
  const Token again = vocab.add("▁ab", test::normal_type, 5);
  vocab.add("▁a", test::normal_type, -2);
  const Token empty = vocab.add("");
  const Token nul = vocab.add(std::string("b\0c", 3), test::user_type);
  const Token empty_control = vocab.add("", test::control_type);
  const auto tokenizer = vocab.load().value();
  EXPECT_EQ(tokenizer->encode("ab", false, false).value(), std::vector<Token>{first});
  EXPECT_EQ(tokenizer->decode(std::vector<Token>{again, empty, empty_control}, false, true).value(), "ab");
  EXPECT_EQ(tokenizer->encode(std::string_view("b\0c", 3), false, false).value(), std::vector<Token>{nul});
  EXPECT_EQ(tokenizer->decode(std::vector<Token>{nul}, false, false).value(), std::string("b\0c", 3));
}

TEST(HostileVocabulary, UnknownTypesAreNothing) {
  MadeUp vocab = made_up_spm();
  const Token strange = vocab.add("▁x", 77, 3);
  const Token negative = vocab.add("y", -5, 3);
  const auto tokenizer = vocab.load().value();
  EXPECT_EQ(tokenizer->decode(std::vector<Token>{strange, negative}, false, true).value(), "");
  EXPECT_EQ(tokenizer->encode("xy", false, false).value().size(), 5u);  // bytes
}

TEST(HostileVocabulary, MergesOfNoTokensAndTwiceTheSame) {
  MadeUp vocab = made_up_bpe();
  // "bc" is no token, yet a step on the way; the second "a b" has no say.
  const Token abc = vocab.add("abc");
  const Token ab = vocab.add("ab");
  vocab.merges = {{"b c", "a bc", "a b", "a b", "zz zz"}};
  const auto tokenizer = vocab.load().value();
  EXPECT_EQ(tokenizer->encode("abc", false, false).value(), std::vector<Token>{abc});
  EXPECT_EQ(tokenizer->encode("ab", false, false).value(), std::vector<Token>{ab});
  EXPECT_EQ(tokenizer->encode("xbc", false, false).value(),
            (std::vector<Token>{'x' - '!', 'b' - '!', 'c' - '!'}));
}

TEST(HostileVocabulary, OnlyKimiMayLackMerges) {
  MadeUp vocab = made_up_bpe();
  vocab.merges.reset();
  vocab.pre = "kimi-k2";
  EXPECT_TRUE(vocab.load());
}

TEST(HostileVocabulary, DecodingIdsOutsideIsAnError) {
  const auto tokenizer = made_up_bpe().load().value();
  for (const Token id : {-1, 96, 2147483647, -2147483647 - 1}) {
    const auto text = tokenizer->decode(std::vector<Token>{1, id}, false, false);
    ASSERT_FALSE(text);
    EXPECT_EQ(text.error().code, invalid_argument);
    EXPECT_NE(text.error().message.find(std::to_string(id)), std::string::npos) << text.error().message;
    EXPECT_FALSE(tokenizer->is_control(id));
    EXPECT_FALSE(tokenizer->is_end_of_generation(id));
    EXPECT_EQ(tokenizer->text(id), "");
  }
}

}  // namespace
}  // namespace quern::detail
