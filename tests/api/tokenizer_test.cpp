#include "quern/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <thread>

#include "tests/api/golden_model.h"
#include "tests/support/gguf_bytes.h"
#include "tests/support/scratch_folder.h"

namespace quern {
namespace {

using testing::HasSubstr;

/// A vocabulary and nothing else: <unk>, <s>, </s>, the 256 bytes, and a few words.
std::filesystem::path write_vocabulary(const test::ScratchFolder& folder) {
  std::vector<std::string> tokens = {"<unk>", "<s>", "</s>"};
  for (int byte = 0; byte < 256; ++byte) {
    char text[8];
    std::snprintf(text, sizeof text, "<0x%02X>", byte);
    tokens.emplace_back(text);
  }
  for (const char* word : {"\u2581", "a", "b", "\u2581a", "ab", "\u2581ab"}) tokens.emplace_back(word);
  std::string types;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const std::int32_t type = i == 0 ? 2 : i < 3 ? 3 : i < 259 ? 6 : 1;
    types.append(reinterpret_cast<const char*>(&type), sizeof type);
  }
  const auto bytes = test::gguf()
                         .kv("general.architecture", "llama")
                         .kv("tokenizer.ggml.model", "llama")
                         .kv("tokenizer.ggml.tokens", tokens)
                         .array_kv("tokenizer.ggml.token_type", 5, tokens.size(), types)
                         .bytes();
  const auto path = folder / "vocabulary.gguf";
  test::write_file(path, bytes);
  return path;
}

class TokenizerTest : public testing::Test {
 protected:
  test::ScratchFolder folder;
  Tokenizer tokenizer = Tokenizer::open(write_vocabulary(folder)).value();
};

TEST_F(TokenizerTest, OpensAVocabularyWithoutWeightsWhichIsNoModel) {
  EXPECT_EQ(tokenizer.n_vocab(), 265);
  EXPECT_EQ(tokenizer.bos(), 1);
  EXPECT_EQ(tokenizer.eos(), 2);
  EXPECT_TRUE(tokenizer.is_end_of_generation(2));
  EXPECT_FALSE(tokenizer.is_end_of_generation(3));
  EXPECT_TRUE(tokenizer.is_control(1));
  EXPECT_EQ(tokenizer.token_text(264), "\u2581ab");
  EXPECT_EQ(tokenizer.token_text(265), "");
  EXPECT_EQ(tokenizer.token_text(-1), "");

  const auto model = Model::open(folder / "vocabulary.gguf");
  ASSERT_FALSE(model);
  EXPECT_THAT(model.error().message, HasSubstr("vocabulary.gguf"));
}

TEST_F(TokenizerTest, EncodesAndDecodes) {
  EXPECT_THAT(tokenizer.encode("ab").value(), testing::ElementsAre(264));
  EXPECT_THAT(tokenizer.encode("ab", {.add_special = true}).value(), testing::ElementsAre(1, 264));
  EXPECT_THAT(tokenizer.encode("</s>", {.parse_special = true}).value(), testing::Contains(2));
  EXPECT_THAT(tokenizer.encode("</s>").value(), testing::Not(testing::Contains(2)));
  const std::string any("a\0b\xFF\xC3\xA9\n", 8);
  EXPECT_EQ(tokenizer.decode(tokenizer.encode(any).value()).value(), any);
  const Token outside[] = {265};
  EXPECT_EQ(tokenizer.decode(outside).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(tokenizer.decode({{2}}).value(), "");
  EXPECT_EQ(tokenizer.decode({{2}}, {.unparse_special = true}).value(), "</s>");
}

TEST_F(TokenizerTest, StreamsWholeCharacters) {
  TokenStream stream(tokenizer);
  const auto byte = [](int value) { return static_cast<Token>(3 + value); };
  EXPECT_EQ(stream.push(byte(0xE2)).value(), "");
  EXPECT_EQ(stream.push(byte(0x82)).value(), "");
  EXPECT_EQ(stream.push(byte(0xAC)).value(), "\u20AC");
  EXPECT_EQ(stream.push(byte(0xFF)).value(), "\uFFFD");
  EXPECT_EQ(stream.push(byte(0xC3)).value(), "");
  EXPECT_EQ(stream.push(byte('x')).value(), "\uFFFDx");
  EXPECT_EQ(stream.push(byte(0xC3)).value(), "");
  EXPECT_EQ(stream.finish(), "\uFFFD");
  EXPECT_EQ(stream.push(265).error().code, ErrorCode::invalid_argument);
}

TEST_F(TokenizerTest, ServesManyThreadsAndOutlivesItsModel) {
  const Tokenizer shared = test::golden_model().tokenizer();
  const std::string text = "The miller of the valley grinds at night.";
  const auto expected = shared.encode(text).value();
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int round = 0; round < 200; ++round) ASSERT_EQ(shared.encode(text).value(), expected);
    });
}

}  // namespace
}  // namespace quern
