// What families put behind pooling, and no golden file has: each against a plain double-precision computation
// from the pooled hidden state.
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "tests/api/golden_model.h"
#include "tests/support/extended_model.h"

namespace quern {
namespace {

using test::ExtendedModel;
using Tokens = std::vector<Token>;

/// In tests/data, or else in the shared folder; empty where neither has it.
std::filesystem::path find_golden(const std::string& name) {
  for (const auto& folder : {std::filesystem::path(QUERN_TEST_DATA_DIR) / "models",
                             std::filesystem::path(QUERN_SHARED_DIR) / "golden" / "models"})
    if (std::filesystem::exists(folder / name)) return folder / name;
  return {};
}

std::vector<double> pooled(const std::filesystem::path& gguf, Pooling pooling, const Tokens& tokens) {
  Embedder embedder = Model::open(gguf).value().new_embedder({.pooling = pooling, .threads = 1}).value();
  const Embeddings vectors = embedder.embed_tokens({&tokens, 1}, {.normalize = false}).value();
  return {vectors.values.begin(), vectors.values.end()};
}

void rank_with_four(formats::GgufContents& contents, const char* architecture) {
  contents.set(std::string(architecture) + ".pooling_type", std::uint32_t{4});
}

/// The query and the document of a pair in tokens, as a vocabulary without tokens around texts joins them.
Tokens joined(const Model& model, std::string_view query, std::string_view document) {
  return model.tokenizer().encode(std::string(query) + std::string(document)).value();
}

TEST(EmbedderHeads, Qwen3RanksByTheLastTokenWithASoftmaxOverLabels) {
  const auto golden = find_golden("qwen3.gguf");
  const ExtendedModel extended(golden, {{"cls.output.weight", {64, 2}}}, [](formats::GgufContents& contents) {
    rank_with_four(contents, "qwen3");
    contents.set("qwen3.classifier.output_labels", std::vector<std::string>{"yes", "no"});
    contents.set("tokenizer.chat_template.rerank", "{query}{document}");
  });
  const Model model = Model::open(extended.path()).value();
  Embedder embedder = model.new_embedder({.threads = 1}).value();
  const std::string_view documents[] = {"b", "hello"};
  const std::vector<float> scores = embedder.rank("a ", documents).value();
  for (std::size_t i = 0; i < 2; ++i) {
    const auto labels =
        extended.apply("cls.output", pooled(golden, Pooling::last, joined(model, "a ", documents[i])));
    EXPECT_NEAR(scores[i], std::exp(labels[0]) / (std::exp(labels[0]) + std::exp(labels[1])), 1e-5);
  }
}

TEST(EmbedderHeads, ModernBertRanksByTheMeanThroughGeluAndANorm) {
  const auto golden = find_golden("modern-bert.gguf");
  const ExtendedModel extended(
      golden, {{"cls.weight", {64, 64}}, {"cls.norm.weight", {64}}, {"cls.output.weight", {64, 1}}},
      [](formats::GgufContents& contents) {
        rank_with_four(contents, "modern-bert");
        contents.set("tokenizer.chat_template.rerank", "{query}{document}");
      });
  const Model model = Model::open(extended.path()).value();
  Embedder embedder = model.new_embedder({.threads = 1}).value();
  const std::string_view documents[] = {"the end"};
  std::vector<double> inner =
      extended.apply("cls", pooled(golden, Pooling::mean, joined(model, "a ", documents[0])));
  for (double& x : inner) x *= 0.5 * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
  const double mean = std::accumulate(inner.begin(), inner.end(), 0.0) / double(inner.size());
  double variance = 0;
  for (const double x : inner) variance += (x - mean) * (x - mean) / double(inner.size());
  for (std::size_t i = 0; i < inner.size(); ++i)
    inner[i] = extended.values("cls.norm.weight")[i] * (inner[i] - mean) / std::sqrt(variance + 1e-3);
  EXPECT_NEAR(embedder.rank("a ", documents).value()[0], extended.apply("cls.output", inner)[0], 1e-5);
}

TEST(EmbedderHeads, GemmaEmbeddingChangesTheWidth) {
  const auto golden = find_golden("gemma-embedding.gguf");
  if (golden.empty()) GTEST_SKIP() << "no golden file here";
  const ExtendedModel extended(golden, {{"dense_2.weight", {64, 96}}, {"dense_3.weight", {96, 32}}},
                               [](formats::GgufContents& contents) {
                                 contents.set("gemma-embedding.dense_2_feat_in", std::uint32_t{64});
                                 contents.set("gemma-embedding.dense_2_feat_out", std::uint32_t{96});
                                 contents.set("gemma-embedding.dense_3_feat_in", std::uint32_t{96});
                                 contents.set("gemma-embedding.dense_3_feat_out", std::uint32_t{32});
                               });
  const Tokens tokens{2, 50, 51, 99, 7};
  Embedder embedder = Model::open(extended.path()).value().new_embedder({.threads = 1}).value();
  EXPECT_EQ(embedder.dim(), 32);
  const Embeddings vectors = embedder.embed_tokens({&tokens, 1}, {.normalize = false}).value();
  const std::vector<double> expected =
      extended.apply("dense_3", extended.apply("dense_2", pooled(golden, Pooling::mean, tokens)));
  ASSERT_EQ(vectors.dim, 32u);
  for (std::size_t i = 0; i < 32; ++i) EXPECT_NEAR(vectors.values[i], expected[i], 1e-5);
}

}  // namespace
}  // namespace quern
