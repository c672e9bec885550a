// Every weight type against logits computed from the decoded weights without rounding activations. What is
// lost by rounding them must not exceed what a widely used engine loses on the same file (mean divergence
// over 64 tokens).
#include <gtest/gtest.h>

#include "tests/engine/golden.h"

namespace quern::test {
namespace {

struct QuantizedCase {
  const char* type;
  double mean_divergence;  // allowed
};
constexpr QuantizedCase quantized_cases[] = {
    {"Q4_0", 2.3e-3},    {"Q4_1", 2.1e-3},   {"Q5_0", 2.2e-3},    {"Q5_1", 2.1e-3},   {"Q8_0", 2.3e-3},
    {"Q2_K", 5.4e-3},    {"Q3_K", 4.1e-3},   {"Q4_K", 4.8e-3},    {"Q5_K", 4.8e-3},   {"Q6_K", 4.4e-3},
    {"IQ4_NL", 2.3e-3},  {"IQ4_XS", 4.4e-3}, {"IQ2_XXS", 5.7e-3}, {"IQ2_XS", 7.3e-3}, {"IQ2_S", 6.5e-3},
    {"IQ3_XXS", 5.4e-3}, {"IQ3_S", 5.9e-3},  {"IQ1_S", 5.2e-3},   {"IQ1_M", 4.4e-3},  {"TQ1_0", 3.5e-3},
    {"TQ2_0", 3.5e-3},   {"MXFP4", 2.0e-3},  {"BF16", 1.8e-4},
};

struct Divergence {
  double mean = 0, largest = 0;
  std::size_t same_best = 0;
};

Divergence measure(const Golden& golden) {
  const auto model = detail::LoadedModel::open(golden.gguf).value();
  auto sequence =
      detail::Sequence::create(model, {.n_ctx = golden.n_ctx, .kv_type = kernels::KvType::f32, .threads = 1})
          .value();
  const std::vector<float> logits = logits_of(sequence, golden.tokens);
  const std::size_t n_tokens = golden.tokens.size(), n_vocab = logits.size() / n_tokens;
  Divergence found;
  for (std::size_t i = 0; i < n_tokens; ++i) {
    const std::span<const float> row(logits.data() + i * n_vocab, n_vocab);
    const double kl = divergence(golden.row(i), row);
    found.mean += kl / double(n_tokens);
    found.largest = std::max(found.largest, kl);
    found.same_best += best_token(row) == best_token(golden.row(i));
  }
  return found;
}

class GoldenQuantized : public testing::TestWithParam<QuantizedCase> {};

TEST_P(GoldenQuantized, DivergesNoMoreThanAllowed) {
  const auto golden = load_golden("quantized", GetParam().type);
  if (!golden) GTEST_SKIP() << "no golden file here";
  const Divergence found = measure(*golden);
  std::printf("  %-8s mean KL %.1e (allowed %.1e), max %.1e, same arg-max %zu of %zu\n", GetParam().type,
              found.mean, GetParam().mean_divergence, found.largest, found.same_best, golden->tokens.size());
  EXPECT_LE(found.mean, GetParam().mean_divergence);
}

INSTANTIATE_TEST_SUITE_P(Types, GoldenQuantized, testing::ValuesIn(quantized_cases),
                         [](const auto& test) { return std::string(test.param.type); });

// Experts in MXFP4, everything else in F32: rounding their inputs may also change which experts are chosen.
TEST(GoldenQuantized, ExpertsInMxfp4) {
  const auto golden = load_golden("models", "gpt-oss-mxfp4");
  if (!golden) GTEST_SKIP() << "no golden file here";
  const Divergence found = measure(*golden);
  std::printf("  gpt-oss-mxfp4 mean KL %.1e, max %.1e (allowed 5.1e-3)\n", found.mean, found.largest);
  EXPECT_LE(found.largest, 5.1e-3);
}

}  // namespace
}  // namespace quern::test
