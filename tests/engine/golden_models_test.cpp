// Every family against the logits of an independent implementation.
#include <gtest/gtest.h>

#include "tests/engine/golden.h"

namespace quern::test {
namespace {

using detail::LoadedModel;
using detail::Sequence;
using kernels::KvType;

// Families by golden file. F32 weights and an F32 cache must come within 2e-4 of the golden logits.
constexpr const char* models[] = {
    "llama",
    "llama-f16",
    "llama-rope-factors",
    "llama-linear",
    "llama-yarn",
    "llama-headdim-bias",
    "mixtral",
    "smollm",
    "internlm2",
    "smollm3",
    "granite",
    "granitemoe",
    "qwen2",
    "qwen2moe",
    "qwen3",
    "qwen3moe",
    "gemma",
    "gemma2",
    "gemma3",
    "phi2",
    "phi3",
    "phi3-long",
    "starcoder2",
    "gpt2",
    "gptneox",
    "gptneox-seq",
    "falcon",
    "falcon-40b",
    "mpt",
    "stablelm",
    "stablelm-2-12b",
    "olmo2",
    "olmo3",
    "exaone4",
    "command-r",
    "cohere2",
    "glm4",
    "gpt-oss",
    "deepseek2",
    "deepseek2-lite",
    "lfm2",
    "qwen3next",
    "qwen35",
    "mamba2",
    "falcon-h1",
    "qwen2-output-bias",
    "granite-no-positions",
    "deepseek2-one-group",
    "qwen35-attention",
    "qwen35moe",
    "lfm2moe",
    "mpt-act-scales",
    "qwen3next-grouped",
};

class GoldenModel : public testing::TestWithParam<const char*> {};

TEST_P(GoldenModel, GivesTheGoldenLogitsAndGreedyTokens) {
  const auto golden = load_golden("models", GetParam());
  if (!golden) GTEST_SKIP() << "no golden file here";
  auto model = LoadedModel::open(golden->gguf);
  ASSERT_TRUE(model) << model.error().message;
  auto sequence = Sequence::create(*model, {.n_ctx = golden->n_ctx, .kv_type = KvType::f32, .threads = 1});
  ASSERT_TRUE(sequence) << sequence.error().message;
  const std::vector<float> logits = logits_of(*sequence, golden->tokens);
  const double difference = max_abs_difference(logits, golden->logits);
  RecordProperty("max_abs_difference", std::to_string(difference));
  std::printf("  %-20s max abs difference %.1e\n", GetParam(), difference);
  EXPECT_LE(difference, 2e-4);

  sequence->truncate(0);
  auto row = sequence->evaluate(golden->prompt);
  for (const Token expected : golden->greedy) {
    ASSERT_TRUE(row) << row.error().message;
    ASSERT_EQ(best_token(*row), expected);
    row = sequence->evaluate(std::span(&expected, 1));
  }
}

INSTANTIATE_TEST_SUITE_P(Families, GoldenModel, testing::ValuesIn(models), [](const auto& test) {
  std::string name = test.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

}  // namespace
}  // namespace quern::test
