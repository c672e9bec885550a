// Every case of tests/data/sampling/cases.json.
#include <gtest/gtest.h>

#include <algorithm>

#include "golden.h"
#include "kernels/kernel_table.h"
#include "src/base/philox.h"
#include "src/sampling/breakers.h"
#include "src/sampling/chain.h"
#include "src/sampling/logprobs.h"

namespace quern {
namespace {

using detail::Candidate;
using detail::Candidates;
using detail::Chain;
using detail::FeedbackState;
using detail::History;
using detail::Noise;
using test::golden;
using test::Json;
using test::number;

constexpr double probability_tolerance = 1e-6;
constexpr double state_tolerance = 1e-6;

// A chain with everything that a case says about its situation.
struct Case {
  explicit Case(const Json& c)
      : logits(test::logits_of(c)),
        vocabulary{.n_vocab = static_cast<int>(logits.size())},
        options(test::options_of(c.at("params"), vocabulary)),
        history(options.penalty_last_n) {
    const auto tokens = c.value("history", std::vector<Token>{});
    const std::size_t n_prompt = c.value("prompt_len", tokens.size());
    history.start(std::span(tokens).first(n_prompt));
    for (std::size_t i = n_prompt; i < tokens.size(); ++i) history.append(tokens[i]);
    if (c.contains("state")) {
      const Json& s = c.at("state");
      state = {.mu = s.value("mu", 0.0),
               .weighted_sum = s.value("weighted_sum", 0.0),
               .total_weight = s.value("total_weight", 0.0)};
    }
    coin = c.contains("xtc_u") && c.at("xtc_u").is_number() ? c.at("xtc_u").get<double>() : 0;
  }

  Chain chain(const kernels::LogitKernels& kernels) const {
    return Chain(options, vocabulary, detail::breakers_of(options, vocabulary).value(), kernels);
  }
  Result<void> narrow(Chain& c) const {
    return c.narrow({.logits = logits,
                     .grammar = {},
                     .history = history,
                     .feedback = state,
                     .position = history.tokens().size(),
                     .xtc_coin = coin});
  }

  std::vector<float> logits;
  SamplerVocabulary vocabulary;
  SamplerOptions options;
  History history;
  FeedbackState state;
  double coin = 0;
};

void expect_survivors(Candidates& candidates, const Json& expect) {
  const double total = static_cast<double>(candidates.weigh_list());
  const std::vector<Candidate>& list = candidates.sorted_list();
  const auto probability = [&](const Candidate& c) { return static_cast<double>(c.weight) / total; };
  const bool whole = expect.contains("tokens");
  const std::vector<Token> tokens = expect.at(whole ? "tokens" : "first_tokens");
  const std::vector<double> probabilities = expect.at(whole ? "probs" : "first_probs");
  ASSERT_EQ(list.size(), whole ? tokens.size() : expect.at("count").get<std::size_t>());
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    EXPECT_EQ(list[i].id, tokens[i]) << "rank " << i;
    EXPECT_NEAR(probability(list[i]), probabilities[i], probability_tolerance) << "rank " << i;
  }
  if (!whole) {
    EXPECT_EQ(list.back().id, expect.at("last_token").get<Token>());
    EXPECT_NEAR(probability(list.back()), expect.at("last_prob").get<double>(), probability_tolerance);
  }
}

class Golden : public testing::TestWithParam<const kernels::KernelTable*> {};

TEST_P(Golden, EveryCase) {
  std::size_t n_cases = 0, n_draws = 0;
  for (const Json& c : golden().at("cases")) {
    SCOPED_TRACE(c.at("name").get<std::string>());
    ++n_cases;
    const Case test(c);
    const Json& expect = c.at("expect");
    const auto valid = validate(test.options, test.vocabulary.n_vocab);
    if (expect.value("error", "") == "invalid_parameter") {
      ASSERT_FALSE(valid.has_value());
      EXPECT_EQ(valid.error().code, ErrorCode::invalid_argument);
      EXPECT_EQ(valid.error().field, expect.at("parameter").get<std::string>());
      continue;
    }
    ASSERT_TRUE(valid.has_value()) << valid.error().message;
    Chain chain = test.chain(*GetParam()->logits);
    const auto narrowed = test.narrow(chain);
    if (expect.contains("error")) {
      ASSERT_FALSE(narrowed.has_value());
      EXPECT_EQ(to_string(narrowed.error().code), expect.at("error").get<std::string>());
      continue;
    }
    ASSERT_TRUE(narrowed.has_value()) << narrowed.error().message;
    if (expect.contains("adapted_target")) {
      EXPECT_NEAR(chain.feedback().adapted_target(test.state), expect.at("adapted_target").get<double>(),
                  state_tolerance);
    }
    expect_survivors(chain.candidates(), expect);
    for (const Json& d : c.value("draws", Json::array())) {
      ++n_draws;
      ASSERT_TRUE(test.narrow(chain).has_value());
      const Candidate drawn = detail::draw(chain.candidates(), Noise(d.at(0), d.at(1), d.at(2)));
      EXPECT_EQ(drawn.id, d.at(3).get<Token>()) << "draw " << d;
      if (d.size() == 4) continue;
      const FeedbackState next = chain.feedback().next_state(test.state, drawn);
      if (d.size() == 5) {
        EXPECT_NEAR(next.mu, d.at(4).get<double>(), state_tolerance);
      } else {
        EXPECT_NEAR(next.weighted_sum, d.at(4).get<double>(), state_tolerance);
        EXPECT_NEAR(next.total_weight, d.at(5).get<double>(), state_tolerance);
      }
    }
  }
  EXPECT_EQ(n_cases, 160u);
  EXPECT_EQ(n_draws, 555u);
}

TEST_P(Golden, Logprobs) {
  for (const Json& c : golden().at("logprobs")) {
    SCOPED_TRACE(c.at("name").get<std::string>());
    const Case test(c);
    const auto expect_top = [&](Candidates& candidates, const Json& want) {
      Sampled sampled{.token = want.at(0).at(0)};
      detail::report_logprobs(candidates, want.size(), sampled);
      EXPECT_NEAR(sampled.logprob.value(), want.at(0).at(1).get<double>(), probability_tolerance);
      ASSERT_EQ(sampled.top.size(), want.size());
      for (std::size_t i = 0; i < want.size(); ++i) {
        EXPECT_EQ(sampled.top[i].token, want.at(i).at(0).get<Token>());
        EXPECT_NEAR(sampled.top[i].logprob, want.at(i).at(1).get<double>(), probability_tolerance);
      }
    };
    Candidates raw(*GetParam()->logits);
    ASSERT_TRUE(
        raw.reset(test.logits, detail::first_bits(test.logits.size(), test.logits.size()), 0).has_value());
    expect_top(raw, c.at("raw_top"));
    Chain chain = test.chain(*GetParam()->logits);
    ASSERT_TRUE(test.narrow(chain).has_value());
    expect_top(chain.candidates(), c.at("final"));
  }
}

INSTANTIATE_TEST_SUITE_P(Isa, Golden,
                         testing::ValuesIn(kernels::runnable_tables().tables,
                                           kernels::runnable_tables().tables +
                                               kernels::runnable_tables().size),
                         [](const auto& instance) { return std::string(instance.param->isa); });

// The public sampler, position after position.
Sampler sampler_at(const Json& sequence, std::size_t row) {
  const int n_vocab = static_cast<int>(sequence.at("rows").at(0).size());
  SamplerVocabulary vocabulary{.n_vocab = n_vocab};
  SamplerOptions options = test::options_of(sequence.at("params"), vocabulary);
  options.seed = std::stoull(sequence.at("seed").get<std::string>());
  options.stream = sequence.at("stream");
  Sampler sampler = Sampler::create(options, vocabulary).value();
  // The steps of these sequences do not look at the history: any prompt of the right length will do.
  sampler.start(std::vector<Token>(sequence.at("first_position").get<std::size_t>() + row, 0)).value();
  return sampler;
}

TEST(GoldenSequences, PlainDecoding) {
  ASSERT_EQ(golden().at("sequences").size(), 7u);
  for (const Json& sequence : golden().at("sequences")) {
    SCOPED_TRACE(sequence.at("name").get<std::string>());
    for (const auto& [rows, tokens] :
         {std::pair{"rows", "tokens"}, std::pair{"draft_rows", "draft_tokens"}}) {
      if (!sequence.contains(rows)) continue;
      Sampler sampler = sampler_at(sequence, 0);
      for (std::size_t r = 0; r < sequence.at(rows).size(); ++r) {
        const auto logits = sequence.at(rows).at(r).get<std::vector<float>>();
        const Sampled sampled = sampler.sample(logits).value();
        EXPECT_EQ(sampled.token, sequence.at(tokens).at(r).get<Token>()) << rows << " " << r;
        sampler.accept(sampled.token).value();
      }
    }
    if (sequence.contains("xtc_u")) {
      for (std::size_t r = 0; r < sequence.at("xtc_u").size(); ++r) {
        const Noise noise(std::stoull(sequence.at("seed").get<std::string>()),
                          sequence.at("first_position").get<std::uint64_t>() + r, sequence.at("stream"));
        EXPECT_EQ(noise.coin(), sequence.at("xtc_u").at(r).get<double>());
      }
    }
  }
}

// A draft is verified by drawing as always and going on while the draw equals it.
TEST(GoldenSequences, DraftsChangeNothing) {
  for (const Json& sequence : golden().at("sequences")) {
    SCOPED_TRACE(sequence.at("name").get<std::string>());
    Sampler sampler = sampler_at(sequence, 0);
    std::size_t row = 0;
    for (const Json& step : sequence.at("speculative")) {
      ASSERT_EQ(step.at("at").get<std::size_t>(), row);
      const std::vector<Token> draft = step.at("draft");
      std::vector<Token> emitted;
      do {
        const auto logits = sequence.at("rows").at(row++).get<std::vector<float>>();
        emitted.push_back(sampler.sample(logits).value().token);
        sampler.accept(emitted.back()).value();
      } while (emitted.size() <= draft.size() && emitted.back() == draft[emitted.size() - 1]);
      EXPECT_EQ(emitted, step.at("emitted").get<std::vector<Token>>());
      EXPECT_EQ(emitted.size() - 1, step.at("accepted").get<std::size_t>());
    }
    EXPECT_EQ(row, sequence.at("tokens").size());
  }
}

std::uint32_t word_of(const Json& hex) {
  return static_cast<std::uint32_t>(std::stoul(hex.get<std::string>(), nullptr, 16));
}

TEST(GoldenPhilox, KnownAnswers) {
  for (const Json& v : golden().at("philox").at("known_answers")) {
    detail::PhiloxCounter counter{}, want{};
    detail::PhiloxKey key{};
    for (std::size_t i = 0; i < 4; ++i) counter[i] = word_of(v.at("counter").at(i));
    for (std::size_t i = 0; i < 4; ++i) want[i] = word_of(v.at("output").at(i));
    for (std::size_t i = 0; i < 2; ++i) key[i] = word_of(v.at("key").at(i));
    EXPECT_EQ(detail::philox(counter, key), want);
  }
}

TEST(GoldenPhilox, Layout) {
  std::size_t n_noise = 0, n_coins = 0;
  for (const Json& v : golden().at("philox").at("layout")) {
    const Noise noise(std::stoull(v.at("seed").get<std::string>()), v.at("position"), v.at("stream"));
    detail::PhiloxCounter want{};
    for (std::size_t i = 0; i < 4; ++i) want[i] = word_of(v.at("words").at(i));
    EXPECT_EQ(noise.words(v.at("draw")), want);
    if (v.at("draw") == 1) {
      ++n_coins;
      EXPECT_EQ(noise.coin(), v.at("u").get<double>());
    }
    for (const Json& t : v.value("noise", Json::array())) {
      ++n_noise;
      const std::uint32_t word = noise.token_word(t.at("token"));
      EXPECT_EQ(word, word_of(t.at("word")));
      EXPECT_NEAR(detail::gumbel(word), t.at("g").get<double>(), 1e-14);
    }
  }
  EXPECT_EQ(n_noise, 60u);
  EXPECT_GT(n_coins, 0u);
}

}  // namespace
}  // namespace quern
