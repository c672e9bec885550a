// The chain against its plain form, on random logits and options; and its edges.
#include "src/sampling/chain.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <random>

#include "golden.h"
#include "kernels/kernel_table.h"
#include "plain_chain.h"
#include "src/sampling/breakers.h"

namespace quern {
namespace {

using detail::Candidate;
using detail::Chain;
using detail::History;
using detail::Noise;

constexpr float inf = std::numeric_limits<float>::infinity();

// One random situation; equal seeds give equal ones.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : engine_(seed) {}
  std::size_t below(std::size_t n) { return engine_() % n; }
  bool chance(double p) { return uniform() < p; }
  double uniform() { return static_cast<double>(engine_() >> 11) * 0x1p-53; }
  float between(float a, float b) { return a + (b - a) * static_cast<float>(uniform()); }
  double normal() {
    return std::sqrt(-2 * std::log(1 - uniform())) * std::cos(6.283185307179586 * uniform());
  }
  template <typename T>
  T pick(std::initializer_list<T> values) {
    return values.begin()[below(values.size())];
  }

 private:
  std::mt19937_64 engine_;
};

std::vector<float> random_logits(Dice& dice, std::size_t n) {
  const std::size_t kind = dice.below(8);
  const double scale = dice.pick({0.01, 0.5, 2.0, 5.0});
  std::vector<float> logits(n);
  for (float& l : logits) {
    const double x = scale * dice.normal();
    switch (kind) {
      case 0: l = static_cast<float>(std::round(2 * x) / 2); break;  // ties
      case 1: l = 1.5f; break;
      case 2: l = dice.chance(0.7) ? -inf : static_cast<float>(x); break;
      case 3: l = static_cast<float>(x * 1e37); break;
      case 4: l = static_cast<float>(dice.chance(0.01) ? x + 12 : x); break;
      case 5: l = static_cast<float>(x * 1e-40); break;  // subnormal
      case 6: l = static_cast<float>(std::round(x) + (dice.chance(0.5) ? 0.0 : 1e9)); break;
      default: l = static_cast<float>(x);
    }
  }
  return logits;
}

SamplerOptions random_options(Dice& dice, std::size_t n_vocab, bool few_truncations) {
  const auto token = [&] { return static_cast<Token>(dice.below(n_vocab)); };
  const double on = few_truncations ? 0.2 : 0.5;
  SamplerOptions o = test::neutral_options();
  o.temperature = dice.pick({0.0f, 1e-7f, 0.3f, 0.8f, 1.0f, 1.0f, 1.7f});
  if (dice.chance(0.2)) o.dynatemp_range = dice.between(0, 2);
  o.dynatemp_exponent = dice.pick({0.0f, 1.0f, 1.0f, 0.5f, 2.0f});
  if (dice.chance(on))
    o.top_k = static_cast<int>(dice.pick<std::size_t>({1, 2, 40, 200, 1 + dice.below(n_vocab)}));
  if (dice.chance(on)) o.top_p = dice.pick({0.0f, 0.5f, 0.9f, 0.95f, 0.999999f, dice.between(0, 1)});
  if (dice.chance(on)) o.min_p = dice.pick({0.05f, 1.0f, 0.5f, 1e-6f, dice.between(0, 1)});
  if (dice.chance(on / 2)) o.typical_p = dice.between(0, 1);
  if (dice.chance(on / 2)) o.top_n_sigma = dice.between(0, 3);
  if (dice.chance(on)) o.xtc_probability = dice.pick({0.5f, 1.0f});
  o.xtc_threshold = dice.pick({0.0f, 0.01f, 0.1f, 0.25f, 0.6f});
  if (dice.chance(0.3))
    o.min_keep = static_cast<int>(dice.pick<std::size_t>({1, 3, dice.below(n_vocab + 10)}));
  if (dice.chance(0.4)) o.repeat_penalty = dice.between(0.5f, 2);
  if (dice.chance(0.4)) o.frequency_penalty = dice.between(-1, 1);
  if (dice.chance(0.4)) o.presence_penalty = dice.between(-1, 1);
  o.penalty_last_n = dice.pick({-1, 0, 5, 64});
  o.penalty_scope = dice.pick({PenaltyScope::all, PenaltyScope::generated});
  if (dice.chance(0.4)) o.dry_multiplier = dice.between(0, 2);
  o.dry_base = dice.pick({1.0f, 1.5f, 2.0f});  // with powers that are exact, for the plain form uses libm's
  o.dry_allowed_length = static_cast<int>(dice.below(4));
  o.dry_last_n = dice.pick({-1, 0, 10, 64});
  const auto small_token = [&] { return static_cast<Token>(dice.below(std::min<std::size_t>(n_vocab, 6))); };
  const auto sequence = [&] {
    std::vector<Token> tokens(1 + dice.below(3));
    for (Token& t : tokens) t = small_token();
    return tokens;
  };
  for (std::size_t i = dice.below(3); i > 0; --i) o.dry_token_breakers.push_back(sequence());
  if (dice.chance(0.3)) {
    std::set<Token> tokens;
    for (std::size_t i = 0; i < 20; ++i) tokens.insert(token());
    for (const Token t : tokens) o.logit_bias.push_back({t, dice.chance(0.2) ? -inf : dice.between(-10, 10)});
  }
  if (dice.chance(0.3)) o.banned = {token(), token()};
  if (dice.chance(0.1)) {
    o.allowed.emplace();
    for (std::size_t i = 0; i < 50; ++i) o.allowed->push_back(token());
  }
  for (std::size_t i = dice.below(3); i > 0; --i) o.bad_words.push_back(sequence());
  o.min_tokens = static_cast<int>(dice.below(4));
  o.stop_tokens = {token()};
  o.ignore_eos = dice.chance(0.2);
  if (dice.chance(0.5)) {
    for (std::size_t i = o.steps.size(); i > 1; --i) std::swap(o.steps[i - 1], o.steps[dice.below(i)]);
    while (dice.chance(0.2) && !o.steps.empty()) o.steps.pop_back();
  }
  return o;
}

void compare_with_plain(std::uint64_t seed, std::size_t n_vocab, bool few_truncations) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  Dice dice(seed);
  const std::vector<float> logits = random_logits(dice, n_vocab);
  const SamplerOptions options = random_options(dice, n_vocab, few_truncations);
  SamplerVocabulary vocabulary{.n_vocab = static_cast<int>(n_vocab),
                               .end_tokens = {static_cast<Token>(dice.below(n_vocab))}};
  std::vector<Token> tokens(dice.below(80));
  for (Token& t : tokens)
    t = static_cast<Token>(dice.below(std::min<std::size_t>(n_vocab, dice.chance(0.9) ? 4 : n_vocab)));
  const std::size_t n_prompt = dice.below(tokens.size() + 1);
  const double coin = dice.uniform();
  ASSERT_TRUE(validate(options, vocabulary.n_vocab).has_value())
      << validate(options, vocabulary.n_vocab).error().message;

  History history(options.penalty_last_n);
  history.start(std::span(tokens).first(n_prompt));
  for (std::size_t i = n_prompt; i < tokens.size(); ++i) history.append(tokens[i]);
  const auto want = test::PlainChain(options, vocabulary.end_tokens).narrow(logits, tokens, n_prompt, coin);

  const kernels::KernelTables isas = kernels::runnable_tables();
  for (std::size_t i = 0; i < isas.size; ++i) {
    SCOPED_TRACE(isas.tables[i]->isa);
    Chain chain(options, vocabulary, detail::breakers_of(options, vocabulary).value(),
                *isas.tables[i]->logits);
    const auto narrow = [&] {
      return chain.narrow({.logits = logits,
                           .grammar = {},
                           .history = history,
                           .feedback = {},
                           .position = 9,
                           .xtc_coin = coin});
    };
    const auto narrowed = narrow();
    ASSERT_EQ(narrowed.has_value(), !want.empty());
    if (want.empty()) {
      EXPECT_EQ(narrowed.error().code, ErrorCode::no_candidates);
      continue;
    }
    ASSERT_EQ(chain.candidates().size(), want.size());
    for (std::uint64_t position : {3, 4, 5}) {
      const Noise noise(seed, position, 1);
      ASSERT_TRUE(narrow().has_value());
      ASSERT_EQ(detail::draw(chain.candidates(), noise).id, test::PlainChain::draw(want, noise));
    }
    ASSERT_TRUE(narrow().has_value());
    chain.candidates().weigh_list();
    const std::vector<Candidate>& got = chain.candidates().sorted_list();
    ASSERT_EQ(got.size(), want.size());
    for (std::size_t k = 0; k < want.size(); ++k) {
      ASSERT_EQ(got[k].id, want[k].id) << "rank " << k;
      ASSERT_EQ(got[k].logit, want[k].logit) << "rank " << k;
      ASSERT_EQ(got[k].weight, want[k].weight) << "rank " << k;
    }
  }
}

TEST(Chain, EqualsPlainFormOnSmallVocabularies) {
  for (std::uint64_t seed = 0; seed < 2000 && !HasFatalFailure(); ++seed) {
    const std::size_t sizes[] = {1, 2, 5, 63, 64, 65, 100, 130, 500};
    compare_with_plain(seed, sizes[seed % std::size(sizes)], seed % 2 == 0);
  }
}

TEST(Chain, EqualsPlainFormOnLargeVocabularies) {
  for (std::uint64_t seed = 10000; seed < 10080 && !HasFatalFailure(); ++seed) {
    const std::size_t sizes[] = {5000, 12345, 30000};
    compare_with_plain(seed, sizes[seed % std::size(sizes)], seed % 3 != 0);
  }
}

// The survivors of one chain without history, by the best table.
std::vector<Token> survivors(const SamplerOptions& options, const std::vector<float>& logits,
                             std::span<const std::uint64_t> grammar = {},
                             std::vector<Token> end_tokens = {}) {
  const SamplerVocabulary vocabulary{.n_vocab = static_cast<int>(logits.size()),
                                     .end_tokens = std::move(end_tokens)};
  Chain chain(options, vocabulary, {}, *kernels::runnable_tables().tables[0]->logits);
  const History history(0);
  const auto narrowed = chain.narrow({.logits = logits,
                                      .grammar = grammar,
                                      .history = history,
                                      .feedback = {},
                                      .position = 0,
                                      .xtc_coin = 0});
  std::vector<Token> ids;
  if (!narrowed) return ids;
  for (const Candidate& c : chain.candidates().sorted_list()) ids.push_back(c.id);
  return ids;
}

TEST(ChainEdges, InvalidLogitsAreNamedWhereverTheyStand) {
  const kernels::KernelTables isas = kernels::runnable_tables();
  for (std::size_t i = 0; i < isas.size; ++i) {
    detail::Candidates candidates(*isas.tables[i]->logits);
    for (const std::size_t n : {1, 63, 64, 65, 200}) {
      for (std::size_t at = 0; at<n; at += n> 100 ? 7 : 1) {
        std::vector<float> logits(n, -1.0f);
        const detail::TokenBits none = detail::first_bits(0, n), all = detail::first_bits(n, n);
        for (const detail::TokenBits* allowed : {&none, &all}) {
          logits[at] = -std::numeric_limits<float>::quiet_NaN();
          auto reset = candidates.reset(logits, *allowed, 17);
          ASSERT_FALSE(reset.has_value());
          EXPECT_EQ(reset.error().code, ErrorCode::nan_logit);
          EXPECT_NE(reset.error().message.find("token " + std::to_string(at) + " at position 17"),
                    std::string::npos)
              << reset.error().message;
          logits[at] = inf;
          reset = candidates.reset(logits, *allowed, 0);
          ASSERT_FALSE(reset.has_value());
          EXPECT_EQ(reset.error().code, ErrorCode::infinite_logit);
          logits[at] = -inf;
          reset = candidates.reset(logits, *allowed, 0);
          ASSERT_TRUE(reset.has_value());
          EXPECT_EQ(candidates.size(), allowed == &all ? n - 1 : 0);
        }
      }
    }
  }
}

TEST(ChainEdges, GrammarMasks) {
  const std::vector<float> logits = {4, 3, 2, 1, 0};
  SamplerOptions o = test::neutral_options();
  const std::uint64_t odd = 0b01010, only_end = 0b10000, end_and_more = 0b10010;
  EXPECT_EQ(survivors(o, logits, {&odd, 1}), (std::vector<Token>{1, 3}));
  o.ignore_eos = true;
  EXPECT_EQ(survivors(o, logits, {&end_and_more, 1}, {4}), (std::vector<Token>{1}));
  EXPECT_EQ(survivors(o, logits, {&only_end, 1}, {4}), (std::vector<Token>{4})) << "the text is complete";
  o.ignore_eos = false;
  o.min_tokens = 3;
  EXPECT_EQ(survivors(o, logits, {&only_end, 1}, {4}), (std::vector<Token>{4}));
  o.banned = {4};
  EXPECT_EQ(survivors(o, logits, {&only_end, 1}, {4}), (std::vector<Token>{}));
}

TEST(ChainEdges, HugeAndTinyNumbers) {
  const float max = std::numeric_limits<float>::max();
  SamplerOptions o = test::neutral_options();
  EXPECT_EQ(survivors(o, {max, -max, 0}), (std::vector<Token>{0, 2, 1}));
  o.min_p = 1;
  EXPECT_EQ(survivors(o, {max, -max, max}), (std::vector<Token>{0, 2}));
  o.min_p = std::numeric_limits<float>::denorm_min();
  EXPECT_EQ(survivors(o, {1, -102, -103}), (std::vector<Token>{0, 1}))
      << "ln of the smallest float is -103.28";
  o = test::neutral_options();
  o.temperature = max;
  o.top_p = 0.5f;
  o.steps = {SamplerStep::temperature, SamplerStep::top_p};
  EXPECT_EQ(survivors(o, {3, 2, 1, 0}), (std::vector<Token>{0, 1}));
}

// Half of many equal logits, exactly: the lowest ids.
TEST(ChainEdges, TopPOfManyEqualLogits) {
  SamplerOptions o = test::neutral_options();
  o.top_p = 0.5f;
  const std::vector<Token> ids = survivors(o, std::vector<float>(16384, 0.25f));
  ASSERT_EQ(ids.size(), 8192u);
  EXPECT_EQ(ids.back(), 8191);
}

// The whole-vocabulary draw skips what cannot win. The rarest noise must not be skipped: a token far below
// the best wins exactly when its sum is larger.
TEST(ChainEdges, RareNoiseWinsTheDraw) {
  constexpr std::size_t n = 65536;
  const auto bound = static_cast<std::uint32_t>(0x1p32 - 256);  // noise above 16.6
  const kernels::KernelTables isas = kernels::runnable_tables();
  int n_found = 0;
  for (std::uint64_t position = 0; position < 600; ++position) {
    const Noise noise(1, position, 0);
    for (std::size_t b = 0; b < n / 64; ++b) {
      const std::uint64_t hits = isas.tables[0]->logits->noise_at_least(noise.stream(), b, bound);
      if (hits == 0) continue;
      ++n_found;
      const Token rare = static_cast<Token>(64 * b) + std::countr_zero(hits), best = rare < 100 ? 1000 : 0;
      const double lead = detail::gumbel(noise.token_word(rare)) - detail::gumbel(noise.token_word(best));
      for (const double margin : {1e-4, -1e-4}) {
        std::vector<float> logits(n, -100);
        logits[static_cast<std::size_t>(best)] = 0;
        logits[static_cast<std::size_t>(rare)] = static_cast<float>(margin - lead);
        for (std::size_t i = 0; i < isas.size; ++i) {
          detail::Candidates candidates(*isas.tables[i]->logits);
          ASSERT_TRUE(candidates.reset(logits, detail::first_bits(n, n), 0).has_value());
          EXPECT_EQ(detail::draw(candidates, noise).id, margin > 0 ? rare : best);
        }
      }
    }
  }
  EXPECT_GE(n_found, 1);
}

// Padding rows and tokens that the model's file forbids never survive.
TEST(ChainEdges, VocabularyMasks) {
  SamplerVocabulary vocabulary{.n_vocab = 70, .n_tokens = 66, .suppressed = {64}};
  Sampler sampler = Sampler::create({.temperature = 0}, vocabulary).value();
  std::vector<float> logits(70);
  for (std::size_t i = 0; i < logits.size(); ++i) logits[i] = static_cast<float>(i);
  EXPECT_EQ(sampler.sample(logits).value().token, 65);
  logits[65] = -inf;
  EXPECT_EQ(sampler.sample(logits).value().token, 63);
}

}  // namespace
}  // namespace quern
