// Encoders: their hidden states and pooled vectors against those of an independent implementation, and the
// same bits whatever else is evaluated.
#include <gtest/gtest.h>

#include <numeric>

#include "src/runtime/whole_texts.h"
#include "tests/engine/golden.h"

namespace quern::test {
namespace {

using detail::LoadedModel;
using detail::Pooling;
using detail::WholeTextOptions;
using detail::WholeTexts;

std::vector<float> embed(const std::shared_ptr<const LoadedModel>& model,
                         const std::vector<std::vector<Token>>& texts, Pooling pooling,
                         const WholeTextOptions& options = {.threads = 1}) {
  std::vector<float> out;
  auto reader = WholeTexts::create(model, options).value();
  reader
      .embed(texts, pooling,
             [&](std::size_t, std::size_t, std::span<const float> vectors) {
               out.insert(out.end(), vectors.begin(), vectors.end());
             })
      .value();
  return out;
}

class GoldenEncoder : public testing::TestWithParam<const char*> {};

TEST_P(GoldenEncoder, GivesTheGoldenVectors) {
  const auto golden = load_golden("models", GetParam());
  if (!golden) GTEST_SKIP() << "no golden file here";
  const auto model = LoadedModel::open(golden->gguf);
  ASSERT_TRUE(model) << model.error().message;
  ASSERT_TRUE((*model)->spec().embedding.pooling);
  const double pooled = max_abs_difference(
      embed(*model, {golden->prompt}, *(*model)->spec().embedding.pooling), golden->logits);
  const double hidden = max_abs_difference(embed(*model, {golden->prompt}, Pooling::none), golden->hidden);
  std::printf("  %-20s max abs difference: pooled %.1e, hidden %.1e\n", GetParam(), pooled, hidden);
  EXPECT_LE(pooled, 5e-6);
  EXPECT_LE(hidden, 2e-5);
}

TEST_P(GoldenEncoder, GivesTheSameBitsInAnyCompany) {
  const auto golden = load_golden("models", GetParam());
  if (!golden) GTEST_SKIP() << "no golden file here";
  std::vector<std::vector<Token>> texts;
  for (const std::size_t n : {1u, 48u, 5u, 17u, 30u, 2u, 48u, 64u, 65u, 100u, 3u}) {
    std::vector<Token> text;
    while (text.size() < n) text.push_back(golden->prompt[(text.size() * 7 + n) % golden->prompt.size()]);
    texts.push_back(std::move(text));
  }
  std::vector<float> alone;
  for (const kernels::KernelTables tables = kernels::runnable_tables();
       const char* isa : {tables.tables[0]->isa, "scalar"}) {
    const auto model = LoadedModel::open(golden->gguf, {.isa = isa});
    ASSERT_TRUE(model) << model.error().message;
    const Pooling pooling = *(*model)->spec().embedding.pooling;
    if (alone.empty()) {
      for (const auto& text : texts) {
        const std::vector<float> vector = embed(*model, {text}, pooling);
        alone.insert(alone.end(), vector.begin(), vector.end());
      }
    }
    for (const int threads : {1, 3}) {
      for (const std::size_t batch : {1u, 70u}) {
        const WholeTextOptions options{.threads = threads, .batch = batch, .bytes_worth_a_thread = 0};
        const std::vector<float> together = embed(*model, texts, pooling, options);
        ASSERT_EQ(together.size(), alone.size());
        EXPECT_EQ(std::memcmp(together.data(), alone.data(), alone.size() * sizeof(float)), 0)
            << isa << ", " << threads << " threads, batch " << batch;
      }
    }
  }
}

constexpr const char* encoders[] = {"bert",         "nomic-bert",  "nomic-bert-moe",
                                    "jina-bert-v2", "modern-bert", "gemma-embedding"};

INSTANTIATE_TEST_SUITE_P(Families, GoldenEncoder, testing::ValuesIn(encoders), [](const auto& test) {
  std::string name = test.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

TEST(WholeTexts, DecodersGiveTheLastHiddenStateToo) {
  const auto golden = load_golden("models", "qwen2");
  if (!golden) GTEST_SKIP() << "no golden file here";
  const auto model = LoadedModel::open(golden->gguf).value();
  const std::size_t dim = model->spec().dim;
  const std::vector<float> hidden = embed(model, {golden->prompt}, Pooling::none);
  const std::vector<float> last = embed(model, {golden->prompt}, Pooling::last);
  ASSERT_EQ(hidden.size(), golden->prompt.size() * dim);
  EXPECT_TRUE(std::equal(last.begin(), last.end(), hidden.end() - static_cast<std::ptrdiff_t>(dim)));
  const std::vector<float> mean = embed(model, {golden->prompt}, Pooling::mean);
  for (std::size_t d = 0; d < dim; ++d) {
    double sum = 0;
    for (std::size_t t = 0; t < golden->prompt.size(); ++t) sum += hidden[t * dim + d];
    EXPECT_NEAR(mean[d], sum / double(golden->prompt.size()), 1e-4);
  }
  // A decoder's tokens do not see what comes after them.
  std::vector<Token> longer = golden->prompt;
  longer.push_back(5);
  const std::vector<float> more = embed(model, {longer}, Pooling::none);
  EXPECT_EQ(std::memcmp(more.data(), hidden.data(), hidden.size() * sizeof(float)), 0);
}

TEST(WholeTexts, AnEncodersTokensSeeTheWholeText) {
  const auto golden = load_golden("models", "bert");
  if (!golden) GTEST_SKIP() << "no golden file here";
  const auto model = LoadedModel::open(golden->gguf).value();
  const std::size_t dim = model->spec().dim;
  std::vector<Token> changed = golden->prompt;
  changed.back() ^= 1;
  const std::vector<float> a = embed(model, {golden->prompt}, Pooling::none),
                           b = embed(model, {changed}, Pooling::none);
  EXPECT_GT(max_abs_difference({a.data(), dim}, {b.data(), dim}), 1e-4);
}

TEST(WholeTexts, RefusesWhatDoesNotFit) {
  const auto golden = load_golden("models", "bert");
  if (!golden) GTEST_SKIP() << "no golden file here";
  const auto model = LoadedModel::open(golden->gguf).value();
  const auto none = [](std::size_t, std::size_t, std::span<const float>) {};
  auto reader = WholeTexts::create(model, {.n_ctx = 20, .threads = 1, .batch = 8}).value();
  const std::vector<std::vector<Token>> long_text{{1, 2}, std::vector<Token>(21, 3)}, no_token{{}},
      foreign{{1, 320}}, fits{std::vector<Token>(20, 3)};
  EXPECT_TRUE(reader.embed(fits, Pooling::mean, none));
  EXPECT_EQ(reader.embed(long_text, Pooling::mean, none).error().code, ErrorCode::context_full);
  EXPECT_NE(reader.embed(long_text, Pooling::mean, none).error().message.find("text 1 has 21 tokens"),
            std::string::npos);
  EXPECT_EQ(reader.embed(no_token, Pooling::mean, none).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(reader.embed(foreign, Pooling::mean, none).error().code, ErrorCode::invalid_argument);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(reader.embed(fits, Pooling::mean, none, stop.get_token()).error().code, ErrorCode::cancelled);
  EXPECT_TRUE(reader.embed(fits, Pooling::mean, none));
  // bert has 128 positions and no more.
  const auto too_long = WholeTexts::create(model, {.n_ctx = 129});
  ASSERT_FALSE(too_long);
  EXPECT_EQ(too_long.error().field, "n_ctx");
}

TEST(WholeTexts, SequencesOfEncodersAreRefused) {
  const auto golden = load_golden("models", "bert");
  if (!golden) GTEST_SKIP() << "no golden file here";
  const auto sequence = detail::Sequence::create(LoadedModel::open(golden->gguf).value());
  ASSERT_FALSE(sequence);
  EXPECT_EQ(sequence.error().code, ErrorCode::unsupported);
  EXPECT_NE(sequence.error().message.find("embeddings"), std::string::npos) << sequence.error().message;
}

}  // namespace
}  // namespace quern::test
