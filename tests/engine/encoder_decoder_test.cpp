// t5: a decoder that answers to a source text which an encoder has read.
#include <gtest/gtest.h>

#include <fstream>

#include "src/runtime/whole_texts.h"
#include "tests/engine/golden.h"

namespace quern::test {
namespace {

using detail::KvCache;
using detail::LoadedModel;
using detail::Sequence;
using detail::SequenceOptions;
using kernels::KvType;

std::vector<Token> golden_source(const Golden& golden) {
  auto path = golden.gguf;
  const auto json = nlohmann::json::parse(std::ifstream(path.replace_extension(".tokens.json")));
  return json.at("encoder").get<std::vector<Token>>();
}

class EncoderDecoder : public testing::Test {
 protected:
  void SetUp() override {
    const auto found = load_golden("models", "t5");
    if (!found) GTEST_SKIP() << "no golden file here";
    golden = *found;
    source = golden_source(golden);
  }
  Sequence sequence(const SequenceOptions& options, std::string_view isa = {}) {
    return Sequence::create(LoadedModel::open(golden.gguf, {.isa = std::string(isa)}).value(), options)
        .value();
  }
  Golden golden;
  std::vector<Token> source;
};

TEST_F(EncoderDecoder, GivesTheGoldenLogits) {
  Sequence answer = sequence({.n_ctx = golden.n_ctx, .kv_type = KvType::f32, .threads = 1});
  answer.read_source(source).value();
  const double difference = max_abs_difference(logits_of(answer, golden.tokens), golden.logits);
  std::printf("  t5                   max abs difference %.1e\n", difference);
  EXPECT_LE(difference, 2e-4);

  answer.truncate(0);
  auto row = answer.evaluate(golden.prompt);
  for (const Token expected : golden.greedy) {
    ASSERT_TRUE(row) << row.error().message;
    ASSERT_EQ(best_token(*row), expected);
    row = answer.evaluate({&expected, 1});
  }
}

TEST_F(EncoderDecoder, GivesTheSameBitsHoweverItIsEvaluated) {
  // Long enough for more than one block of keys, and for distances that share the last bucket.
  std::vector<Token> long_source, tokens;
  for (std::size_t i = 0; i < 200; ++i) long_source.push_back(source[i * 7 % source.size()]);
  for (std::size_t i = 0; i < 150; ++i) tokens.push_back(golden.tokens[i * 5 % golden.tokens.size()]);
  std::vector<float> expected;
  for (const char* isa : {"", "scalar"}) {
    for (const int threads : {1, 3}) {
      for (const std::size_t batch : {512u, 1u, 37u}) {
        Sequence answer = sequence({.n_ctx = 256,
                                    .kv_type = KvType::f32,
                                    .threads = threads,
                                    .bytes_worth_a_thread = 0,
                                    .batch = batch},
                                   isa);
        answer.read_source(long_source).value();
        const std::vector<float> logits = logits_of(answer, tokens);
        if (expected.empty()) expected = logits;
        ASSERT_EQ(logits.size(), expected.size());
        EXPECT_EQ(std::memcmp(logits.data(), expected.data(), logits.size() * sizeof(float)), 0)
            << isa << ", " << threads << " threads, batch " << batch;
      }
    }
  }
}

TEST_F(EncoderDecoder, ASourceReplacesTheOneBefore) {
  Sequence answer = sequence({.n_ctx = 64, .kv_type = KvType::f32, .threads = 1});
  std::vector<Token> other(source.rbegin(), source.rend());
  answer.read_source(other).value();
  const std::vector<float> to_other = logits_of(answer, golden.prompt);
  answer.read_source(source).value();
  EXPECT_EQ(answer.length(), 0u);
  const std::vector<float> to_source = logits_of(answer, golden.prompt);
  EXPECT_GT(max_abs_difference(to_other, to_source), 0.1);
  EXPECT_LE(max_abs_difference(to_source, std::span(golden.logits).first(to_source.size())), 2e-4);
}

TEST_F(EncoderDecoder, RefusesWhatDoesNotFit) {
  Sequence answer = sequence({.n_ctx = 50, .kv_type = KvType::f32, .threads = 1});
  const auto unread = answer.evaluate(golden.prompt);
  ASSERT_FALSE(unread);
  EXPECT_EQ(unread.error().field, "source");
  answer.read_source(source).value();
  const std::vector<float> logits = logits_of(answer, golden.prompt);

  const std::vector<Token> too_long(51, 5), foreign{1, 320}, nothing;
  EXPECT_EQ(answer.read_source(too_long).error().code, ErrorCode::context_full);
  EXPECT_EQ(answer.read_source(foreign).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(answer.read_source(nothing).error().code, ErrorCode::invalid_argument);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(answer.read_source(source, stop.get_token()).error().code, ErrorCode::cancelled);
  // After all of that it holds what it held.
  EXPECT_EQ(answer.length(), golden.prompt.size());
  answer.truncate(0);
  EXPECT_EQ(logits_of(answer, golden.prompt), logits);

  const auto model = LoadedModel::open(golden.gguf).value();
  EXPECT_EQ(Sequence::create(model, {.n_ctx = 65537}).error().field, "n_ctx");
  const auto decoder = load_golden("models", "llama");
  Sequence no_encoder = Sequence::create(LoadedModel::open(decoder->gguf).value(), {.n_ctx = 64}).value();
  EXPECT_EQ(no_encoder.read_source(source).error().code, ErrorCode::unsupported);
}

TEST_F(EncoderDecoder, ThePlanCountsTheLongestSource) {
  const auto model = LoadedModel::open(golden.gguf).value();
  const SequenceOptions options{.n_ctx = 100, .threads = 2};
  const detail::MemoryPlan plan = detail::plan_memory(model->spec(), options, model->kernels()).value();
  Sequence answer = Sequence::create(model, options).value();
  answer.read_source(std::vector<Token>(100, 5)).value();
  const auto reading =
      KvCache::create(model->spec(), KvType::f32, 100, detail::KvLayout::Of::encoder).value();
  const auto encoder = detail::Evaluator::create(model, options.source_sizes(100)).value();
  EXPECT_EQ(plan.kv_bytes, answer.kv_bytes() + reading.n_bytes());
  EXPECT_EQ(plan.scratch_bytes, answer.scratch_bytes() + encoder.n_bytes());
}

}  // namespace
}  // namespace quern::test
