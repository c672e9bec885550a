// The public sampler: reproducibility, taking history back, log-probabilities, and what it refuses.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "kernels/kernel_table.h"
#include "quern/sampling.h"
#include "src/base/philox.h"
#include "src/sampling/draw.h"

namespace quern {
namespace {

constexpr int n_vocab = 300;
const SamplerVocabulary vocabulary{.n_vocab = n_vocab, .end_tokens = {2}};

// Logits that follow from the position alone.
std::vector<float> logits_at(std::size_t position) {
  std::vector<float> logits(n_vocab);
  for (std::uint32_t i = 0; i < n_vocab; ++i) {
    const detail::PhiloxCounter w = detail::philox({i, static_cast<std::uint32_t>(position), 1, 2}, {3, 4});
    logits[i] = static_cast<float>(w[0] * 0x1p-32 * 6 + (w[1] % 32 == 0 ? 5 : 0));
  }
  return logits;
}

std::vector<Sampled> generate(Sampler& sampler, std::size_t n) {
  std::vector<Sampled> out;
  for (std::size_t i = 0; i < n; ++i) {
    out.push_back(sampler.sample(logits_at(sampler.history().size())).value());
    sampler.accept(out.back().token).value();
  }
  return out;
}

std::vector<Token> tokens(const std::vector<Sampled>& sampled) {
  std::vector<Token> out;
  for (const Sampled& s : sampled) out.push_back(s.token);
  return out;
}

const std::vector<Token> prompt = {5, 6, 7, 5, 6};

std::vector<Token> run(const SamplerOptions& options, std::size_t n = 40) {
  Sampler sampler = Sampler::create(options, vocabulary).value();
  sampler.start(prompt).value();
  return tokens(generate(sampler, n));
}

TEST(Sampler, SameSeedSameText) {
  const SamplerOptions options{.seed = 7};
  EXPECT_EQ(run(options), run(options));
  EXPECT_NE(run(options), run({.seed = 8}));
  EXPECT_NE(run(options), run({.seed = 7, .stream = 1}));
  EXPECT_NE(run(options), run({.seed = 7 + (std::uint64_t{1} << 32)})) << "all 64 bits count";
}

// Part of "same seed, same text": these tokens never change, on no machine.
TEST(Sampler, FrozenText) {
  EXPECT_EQ(run({.seed = 1}, 12),
            (std::vector<Token>{47, 228, 110, 184, 102, 252, 47, 162, 194, 44, 55, 136}));
  EXPECT_EQ(run({.temperature = 1, .seed = 2, .top_k = 0, .top_p = 1, .min_p = 0}, 12),
            (std::vector<Token>{7, 12, 296, 241, 102, 93, 27, 242, 194, 206, 63, 136}));
  EXPECT_EQ(run({.temperature = 0, .repeat_penalty = 1.3f}, 12),
            (std::vector<Token>{171, 90, 110, 184, 102, 252, 16, 80, 77, 206, 55, 136}));
  EXPECT_EQ(run({.dynatemp_range = 0.5f, .dynatemp_exponent = 1.5f, .seed = 3, .top_p = 0.99f}, 12),
            (std::vector<Token>{47, 12, 207, 184, 102, 93, 7, 80, 43, 206, 55, 136}));
  EXPECT_EQ(run({.seed = 4, .typical_p = 0.7f, .top_n_sigma = 2.5f}, 12),
            (std::vector<Token>{47, 228, 296, 184, 165, 93, 7, 68, 77, 44, 55, 278}));
  EXPECT_EQ(run({.seed = 5, .top_k = 0, .xtc_probability = 0.5f, .xtc_threshold = 0.02f}, 12),
            (std::vector<Token>{171, 89, 49, 205, 102, 205, 78, 295, 77, 111, 225, 258}));
  EXPECT_EQ(run({.seed = 6, .mirostat = 1}, 12),
            (std::vector<Token>{7, 12, 110, 184, 274, 93, 47, 242, 77, 206, 216, 136}));
  EXPECT_EQ(run({.seed = 7, .mirostat = 2}, 12),
            (std::vector<Token>{7, 228, 41, 241, 165, 252, 16, 295, 290, 9, 216, 278}));
  EXPECT_EQ(run({.seed = 8, .adaptive_target = 0.3f}, 12),
            (std::vector<Token>{7, 90, 296, 241, 274, 93, 16, 242, 43, 44, 55, 136}));
  EXPECT_EQ(run({.seed = 9,
                 .frequency_penalty = 0.5f,
                 .dry_multiplier = 1,
                 .dry_allowed_length = 0,
                 .dry_sequence_breakers = {}},
                12),
            (std::vector<Token>{171, 228, 158, 241, 165, 252, 220, 86, 77, 14, 216, 136}));
}

// The chosen tokens follow softmax, over positions, streams and seeds.
TEST(Sampler, DrawsFollowTheDistribution) {
  const std::vector<double> probabilities = {0.35, 0.25, 0.15, 0.1, 0.08, 0.05, 0.02};
  std::vector<float> logits;
  for (const double p : probabilities) logits.push_back(static_cast<float>(std::log(p)));
  constexpr int n_draws = 200'000;
  for (const int varied : {0, 1, 2}) {
    std::vector<int> counts(probabilities.size());
    detail::Candidates candidates(*kernels::runnable_tables().tables[0]->logits);
    for (std::uint32_t i = 0; i < n_draws; ++i) {
      ASSERT_TRUE(candidates.reset(logits, detail::first_bits(logits.size(), logits.size()), 0).has_value());
      const detail::Noise noise(varied == 0 ? i : 1, varied == 1 ? i : 2, varied == 2 ? i : 3);
      ++counts[static_cast<std::size_t>(detail::draw(candidates, noise).id)];
    }
    double chi_squared = 0;
    for (std::size_t k = 0; k < counts.size(); ++k) {
      const double expected = probabilities[k] * n_draws;
      chi_squared += (counts[k] - expected) * (counts[k] - expected) / expected;
    }
    EXPECT_LT(chi_squared, 16.8) << "6 degrees of freedom: once in a hundred";
  }
}

TEST(Sampler, SeedOfTheSystemIsReported) {
  Sampler first = Sampler::create({}, vocabulary).value();
  Sampler second = Sampler::create({}, vocabulary).value();
  EXPECT_NE(first.seed(), second.seed());
  first.start(prompt).value();
  EXPECT_EQ(tokens(generate(first, 20)), run({.seed = first.seed()}, 20));
}

// Every stateful option at once: after truncate() the sampler goes on as if the rest had never been.
TEST(Sampler, TruncateIsExact) {
  const SamplerOptions base{.seed = 11,
                            .repeat_penalty = 1.2f,
                            .frequency_penalty = 0.3f,
                            .penalty_last_n = 8,
                            .penalty_scope = PenaltyScope::generated,
                            .dry_multiplier = 1,
                            .dry_allowed_length = 1,
                            .dry_last_n = -1,
                            .dry_sequence_breakers = {},
                            .bad_words = {{5, 6}},
                            .min_tokens = 12};
  SamplerOptions mirostat_1 = base, mirostat_2 = base, adaptive = base;
  mirostat_1.mirostat = 1;
  mirostat_2.mirostat = 2;
  adaptive.adaptive_target = 0.4f;
  for (const SamplerOptions& options : {base, mirostat_1, mirostat_2, adaptive}) {
    Sampler plain = Sampler::create(options, vocabulary).value();
    plain.start(prompt).value();
    const std::vector<Token> want = tokens(generate(plain, 40));
    Sampler sampler = Sampler::create(options, vocabulary).value();
    sampler.start(prompt).value();
    for (std::size_t kept = 0; kept < 40; kept += 7) {
      generate(sampler, 5);
      for (Token wrong = 0; wrong < 9; ++wrong) sampler.accept(wrong % 3).value();  // a rejected draft
      sampler.truncate(prompt.size() + kept);
      EXPECT_EQ(std::vector<Token>(sampler.history().begin() + prompt.size(), sampler.history().end()),
                std::vector<Token>(want.begin(), want.begin() + static_cast<long>(kept)));
      EXPECT_EQ(tokens(generate(sampler, 7)),
                std::vector<Token>(want.begin() + static_cast<long>(kept),
                                   want.begin() + static_cast<long>(std::min<std::size_t>(kept + 7, 40))))
          << "after " << kept;
      if (kept + 7 >= 35) break;
    }
    sampler.truncate(2);  // into the prompt
    sampler.start(prompt).value();
    EXPECT_EQ(tokens(generate(sampler, 40)), want);
  }
}

TEST(Sampler, SamplingTwiceGivesTheSame) {
  Sampler sampler = Sampler::create({.seed = 3, .mirostat = 2}, vocabulary).value();
  sampler.start(prompt).value();
  const Token first = sampler.sample(logits_at(0)).value().token;
  EXPECT_EQ(sampler.sample(logits_at(0)).value().token, first);
}

TEST(Sampler, RawLogprobsAreThoseOfTheModel) {
  SamplerOptions options{.temperature = 0.5f, .seed = 1, .top_k = 3, .repeat_penalty = 2, .top_logprobs = 4};
  Sampler sampler = Sampler::create(options, vocabulary).value();
  sampler.start(prompt).value();
  const std::vector<float> logits = logits_at(0);
  long double sum = 0;
  for (const float l : logits) sum += std::exp(static_cast<long double>(l));
  const Sampled sampled = sampler.sample(logits).value();
  EXPECT_NEAR(sampled.logprob.value(),
              static_cast<double>(logits[static_cast<std::size_t>(sampled.token)] - std::log(sum)), 1e-9);
  ASSERT_EQ(sampled.top.size(), 4u);
  for (std::size_t i = 0; i < 4; ++i) {
    const auto id = static_cast<std::size_t>(sampled.top[i].token);
    EXPECT_NEAR(sampled.top[i].logprob, static_cast<double>(logits[id] - std::log(sum)), 1e-9);
    EXPECT_EQ(std::count_if(logits.begin(), logits.end(), [&](float l) { return l > logits[id]; }),
              static_cast<long>(i));
  }
}

TEST(Sampler, SampledLogprobsAreThoseOfTheDraw) {
  SamplerOptions options{.temperature = 0.5f,
                         .seed = 1,
                         .top_k = 3,
                         .top_p = 1,
                         .min_p = 0,
                         .top_logprobs = 10,
                         .logprobs_mode = LogprobsMode::sampled};
  Sampler sampler = Sampler::create(options, vocabulary).value();
  const Sampled sampled = sampler.sample(logits_at(0)).value();
  ASSERT_EQ(sampled.top.size(), 3u);
  double sum = 0;
  bool found = false;
  for (const TokenLogprob& t : sampled.top) {
    sum += std::exp(t.logprob);
    if (t.token == sampled.token) {
      found = true;
      EXPECT_EQ(t.logprob, sampled.logprob.value());
    }
  }
  EXPECT_NEAR(sum, 1, 1e-9);
  EXPECT_TRUE(found);
}

TEST(Sampler, NoLogprobsUnlessAskedFor) {
  Sampler sampler = Sampler::create({.seed = 1}, vocabulary).value();
  EXPECT_FALSE(sampler.sample(logits_at(0)).value().logprob.has_value());
  Sampler chosen_only = Sampler::create({.seed = 1, .top_logprobs = 0}, vocabulary).value();
  const Sampled sampled = chosen_only.sample(logits_at(0)).value();
  EXPECT_TRUE(sampled.logprob.has_value());
  EXPECT_TRUE(sampled.top.empty());
}

// Reporting changes no choice.
TEST(Sampler, LogprobsDoNotChangeTheText) {
  for (const LogprobsMode mode : {LogprobsMode::raw, LogprobsMode::sampled}) {
    EXPECT_EQ(run({.seed = 5, .top_logprobs = 5, .logprobs_mode = mode}), run({.seed = 5}));
    EXPECT_EQ(run({.seed = 5, .mirostat = 2, .top_logprobs = 5, .logprobs_mode = mode}),
              run({.seed = 5, .mirostat = 2}));
  }
}

// Removing tokens that did not win changes nothing: the noise is a token's own.
TEST(Sampler, MaskingLosersChangesNothing) {
  Sampler sampler =
      Sampler::create({.temperature = 1, .seed = 9, .top_k = 0, .top_p = 1, .min_p = 0}, vocabulary).value();
  for (std::size_t position = 0; position < 50; ++position) {
    const std::vector<float> logits = logits_at(position);
    const Token winner = sampler.sample(logits).value().token;
    std::vector<std::uint64_t> mask(5, 0x5555555555555555);
    mask[static_cast<std::size_t>(winner) / 64] |= std::uint64_t{1} << (winner % 64);
    EXPECT_EQ(sampler.sample(logits, mask).value().token, winner);
    sampler.accept(winner).value();
  }
}

TEST(Sampler, WrongSizesAreRefused) {
  Sampler sampler = Sampler::create({}, vocabulary).value();
  const auto short_logits = sampler.sample(std::vector<float>(n_vocab - 1));
  ASSERT_FALSE(short_logits.has_value());
  EXPECT_EQ(short_logits.error().field, "logits");
  const auto short_mask = sampler.sample(logits_at(0), std::vector<std::uint64_t>(4));
  ASSERT_FALSE(short_mask.has_value());
  EXPECT_EQ(short_mask.error().field, "mask");
  EXPECT_EQ(Sampler::create({}, {.n_vocab = -1}).error().field, "n_vocab");
  EXPECT_EQ(Sampler::create({}, {.n_vocab = 1 << 20}).error().code, ErrorCode::unsupported);
  EXPECT_EQ(Sampler::create({}, {.n_vocab = 4, .n_tokens = 5}).error().field, "n_tokens");
  EXPECT_EQ(Sampler::create({}, {.n_vocab = 4, .end_tokens = {4}}).error().field, "end_tokens");
  EXPECT_EQ(Sampler::create({}, {.n_vocab = 4, .suppressed = {-1}}).error().field, "suppressed");
  EXPECT_EQ(Sampler::create({.top_p = 2}, vocabulary).error().field, "top_p");
}

// Any token may be told, even one that no vocabulary has.
TEST(Sampler, StrangeHistoryIsHarmless) {
  Sampler sampler = Sampler::create({.seed = 1,
                                     .repeat_penalty = 1.3f,
                                     .dry_multiplier = 1,
                                     .dry_allowed_length = 0,
                                     .dry_sequence_breakers = {}},
                                    vocabulary)
                        .value();
  const Token largest = std::numeric_limits<Token>::max(), smallest = std::numeric_limits<Token>::min();
  sampler.start(std::vector<Token>{-1, largest, smallest, n_vocab, -1}).value();
  EXPECT_TRUE(sampler.sample(logits_at(0)).has_value());
}

TEST(SamplerOptions, BadValuesNameTheirParameter) {
  const float nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();
  const struct {
    SamplerOptions options;
    const char* field;
  } bad[] = {
      {{.temperature = -0.1f}, "temperature"},
      {{.dynatemp_range = inf}, "dynatemp_range"},
      {{.dynatemp_exponent = -1}, "dynatemp_exponent"},
      {{.top_k = -1}, "top_k"},
      {{.top_p = nan}, "top_p"},
      {{.min_p = 1.01f}, "min_p"},
      {{.typical_p = -0.5f}, "typical_p"},
      {{.top_n_sigma = nan}, "top_n_sigma"},
      {{.xtc_probability = 1.5f}, "xtc_probability"},
      {{.xtc_threshold = -1}, "xtc_threshold"},
      {{.min_keep = -1}, "min_keep"},
      {{.repeat_penalty = 0}, "repeat_penalty"},
      {{.frequency_penalty = inf}, "frequency_penalty"},
      {{.presence_penalty = -inf}, "presence_penalty"},
      {{.penalty_last_n = -2}, "penalty_last_n"},
      {{.dry_multiplier = -1}, "dry_multiplier"},
      {{.dry_base = 0.99f}, "dry_base"},
      {{.dry_allowed_length = -1}, "dry_allowed_length"},
      {{.dry_last_n = -2}, "dry_last_n"},
      {{.dry_token_breakers = {{}}}, "dry_token_breakers"},
      {{.mirostat = 3}, "mirostat"},
      {{.mirostat_tau = nan}, "mirostat_tau"},
      {{.mirostat_eta = -1}, "mirostat_eta"},
      {{.adaptive_target = 1.1f}, "adaptive_target"},
      {{.mirostat = 1, .adaptive_target = 0.5f}, "adaptive_target"},
      {{.adaptive_decay = 1}, "adaptive_decay"},
      {{.logit_bias = {{300, 1}}}, "logit_bias"},
      {{.logit_bias = {{0, 1}, {1, 1}, {0, 2}}}, "logit_bias"},
      {{.logit_bias = {{0, inf}}}, "logit_bias"},
      {{.banned = {-1}}, "banned"},
      {{.allowed = std::vector<Token>{300}}, "allowed"},
      {{.bad_words = {{1}, {}}}, "bad_words"},
      {{.bad_words = {{1, 999}}}, "bad_words"},
      {{.min_tokens = -1}, "min_tokens"},
      {{.stop_tokens = {300}}, "stop_tokens"},
      {{.steps = {SamplerStep::top_k, SamplerStep::top_k}}, "steps"},
      {{.steps = {static_cast<SamplerStep>(99)}}, "steps"},
      {{.top_logprobs = -2}, "top_logprobs"},
  };
  for (const auto& b : bad) {
    const auto valid = validate(b.options, n_vocab);
    ASSERT_FALSE(valid.has_value()) << b.field;
    EXPECT_EQ(valid.error().code, ErrorCode::invalid_argument);
    EXPECT_EQ(valid.error().field, b.field) << valid.error().message;
    EXPECT_NE(valid.error().message.find("expected"), std::string::npos) << valid.error().message;
  }
  EXPECT_TRUE(validate({}, n_vocab).has_value());
}

TEST(SamplerOptions, StepNames) {
  for (const SamplerStep step : SamplerOptions{}.steps) EXPECT_EQ(sampler_step(to_string(step)), step);
  EXPECT_EQ(SamplerOptions{}.steps.size(), 9u);
  EXPECT_FALSE(sampler_step("top-k").has_value());
  EXPECT_FALSE(sampler_step("").has_value());
}

}  // namespace
}  // namespace quern
