// A file that also reads images: its text part runs, a token that only stands for an image is no token of it.
#include "formats/gguf_writer.h"
#include "tests/api/golden_model.h"
#include "tests/support/extended_model.h"

namespace quern {
namespace {

using test::ExtendedModel;

TEST(ImagePart, IsCountedAndItsTokensAreNotTheTexts) {
  constexpr const char *tokens_key = "tokenizer.ggml.tokens", *scores_key = "tokenizer.ggml.scores",
                       *types_key = "tokenizer.ggml.token_type";
  const auto original = test::golden_path("llama.gguf");
  const auto metadata = formats::ModelFile::open(original).value().metadata();
  const ExtendedModel extended(original,
                               {{"v.patch_embedding.weight", {8, 4}}, {"mm.projection.weight", {8, 64}}},
                               [&](formats::GgufContents& contents) {
                                 const auto listed = metadata.strings(tokens_key).value();
                                 std::vector<std::string> tokens(listed.begin(), listed.end());
                                 tokens.push_back("<image_soft_token>");
                                 std::vector<float> scores = metadata.numbers(scores_key).value();
                                 scores.push_back(0);
                                 const auto file_types = metadata.integers(types_key).value();
                                 std::vector<std::int32_t> types(file_types.begin(), file_types.end());
                                 types.push_back(3);  // control
                                 contents.set(tokens_key, tokens);
                                 contents.set(scores_key, scores);
                                 contents.set(types_key, types);
                                 contents.set("llama.mm.tokens_per_image", 256u);
                               });
  const auto plain = Model::open(original).value();
  const auto model = Model::open(extended.path());
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(plain.info().n_image_tensors, 0);
  EXPECT_EQ(model->info().n_image_tensors, 2);
  EXPECT_EQ(model->tokenizer().n_vocab(), model->info().n_vocab);

  const std::string text = "a <image_soft_token> b";
  const EncodeOptions options{.parse_special = true};
  EXPECT_EQ(*model->tokenizer().encode(text, options), *plain.tokenizer().encode(text, options));
  EXPECT_EQ(Tokenizer::open(extended.path()).value().n_vocab(), plain.tokenizer().n_vocab() + 1);

  const auto golden = test::Golden::load("llama");
  auto a = model->new_session(test::small_session()).value(),
       b = plain.new_session(test::small_session()).value();
  const auto with = *a.feed(golden.prompt), without = *b.feed(golden.prompt);
  EXPECT_TRUE(std::ranges::equal(with, without));
  const std::array image{Token{320}};
  EXPECT_EQ(a.feed(image).error().code, ErrorCode::invalid_argument);
}

}  // namespace
}  // namespace quern
