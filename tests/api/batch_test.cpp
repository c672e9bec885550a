// Several sessions evaluated together: the same bits as each of them alone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "tests/api/golden_model.h"

namespace quern {
namespace {

using test::golden_model;
using test::held;
using test::small_session;
using testing::HasSubstr;

bool same_bits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

std::vector<Token> random_tokens(std::size_t n, std::mt19937& random) {
  std::vector<Token> tokens(n);
  for (Token& token : tokens) token = static_cast<Token>(random() % 300);
  return tokens;
}

class BatchTest : public testing::Test {
 protected:
  std::vector<Session> new_sessions(std::size_t n) const {
    std::vector<Session> sessions;
    for (std::size_t i = 0; i < n; ++i) sessions.push_back(model.new_session(small_session()).value());
    return sessions;
  }
  Model model = golden_model();
};

TEST_F(BatchTest, GivesTheLogitsOfEachSessionAlone) {
  std::mt19937 random(3);
  for (const auto& [batch_rows, threads] : {std::pair{512, 1}, {16, 2}, {1, 3}}) {
    Batch batch = model.new_batch({.max_sessions = 6, .batch = batch_rows, .threads = threads}).value();
    std::vector<Session> together = new_sessions(6), alone = new_sessions(6);
    for (int step = 0; step < 12; ++step) {
      std::vector<std::vector<Token>> tokens;
      std::vector<BatchInput> inputs;
      std::vector<std::size_t> who;
      for (std::size_t i = 0; i < together.size(); ++i) {
        if (random() % 4 == 0) continue;
        tokens.push_back(random_tokens(random() % 3 == 0 ? 1 + random() % 20 : 1, random));
        if (together[i].tokens().size() + tokens.back().size() > 128) together[i].truncate(5).value();
        if (alone[i].tokens().size() != together[i].tokens().size()) alone[i].truncate(5).value();
        who.push_back(i);
      }
      for (std::size_t k = 0; k < who.size(); ++k) inputs.push_back({&together[who[k]], tokens[k]});
      const auto logits = batch.feed(inputs).value();
      ASSERT_EQ(logits.size(), who.size());
      for (std::size_t k = 0; k < who.size(); ++k) {
        EXPECT_TRUE(same_bits(logits[k], alone[who[k]].feed(tokens[k]).value()));
        EXPECT_EQ(held(together[who[k]]), held(alone[who[k]]));
      }
    }
  }
}

// The loop of a host that samples for itself.
TEST_F(BatchTest, EightGenerationsTogetherAreTheEightApart) {
  constexpr std::size_t n = 8;
  constexpr int n_new = 20;
  std::mt19937 random(5);
  std::vector<std::vector<Token>> prompts;
  for (std::size_t i = 0; i < n; ++i) prompts.push_back(random_tokens(1 + 5 * i, random));
  const auto sampler = [](std::size_t i) {
    return SamplerOptions{.temperature = i % 2 == 0 ? 0.0f : 1.0f, .seed = 100 + i, .ignore_eos = true};
  };
  std::vector<Session> together = new_sessions(n), alone = new_sessions(n);
  Batch batch = model.new_batch({.threads = 2}).value();
  const Tokenizer tokenizer = model.tokenizer();
  SamplerVocabulary vocabulary{.n_vocab = model.info().n_vocab, .n_tokens = tokenizer.n_vocab()};
  for (Token token = 0; token < tokenizer.n_vocab(); ++token)
    if (tokenizer.is_end_of_generation(token)) vocabulary.end_tokens.push_back(token);
  std::vector<Sampler> samplers;
  std::vector<BatchInput> inputs;
  std::vector<Token> chosen(n);
  for (std::size_t i = 0; i < n; ++i) {
    samplers.push_back(Sampler::create(sampler(i), vocabulary).value());
    samplers[i].start(prompts[i]).value();
    inputs.push_back({&together[i], prompts[i]});
  }
  for (int step = 0; step < n_new; ++step) {
    const auto logits = batch.feed(inputs).value();
    for (std::size_t i = 0; i < n; ++i) {
      chosen[i] = samplers[i].sample(logits[i]).value().token;
      samplers[i].accept(chosen[i]).value();
      inputs[i].tokens = {&chosen[i], 1};
    }
  }
  batch.feed(inputs).value();
  for (std::size_t i = 0; i < n; ++i) {
    alone[i].generate(prompts[i], {.max_tokens = n_new, .sampler = sampler(i)}).value();
    EXPECT_EQ(held(together[i]), held(alone[i])) << i;
    // Whoever goes on alone has everything there.
    EXPECT_TRUE(same_bits(together[i].feed({}).value(), alone[i].feed({}).value())) << i;
  }
}

TEST_F(BatchTest, WithoutTokensGivesTheLogitsAfterTheLastOneHeld) {
  Batch batch = model.new_batch({.max_sessions = 2}).value();
  std::vector<Session> sessions = new_sessions(2);
  const std::vector<Token> tokens{5, 6, 7};
  const auto expected = sessions[0].feed(tokens).value();
  sessions[1].generate(tokens, {.max_tokens = 0}).value();  // read, and nothing written
  const BatchInput inputs[] = {{&sessions[1], {}}, {&sessions[0], {}}};
  const auto logits = batch.feed(inputs).value();
  EXPECT_TRUE(same_bits(logits[0], expected));
  EXPECT_TRUE(same_bits(logits[1], expected));
  EXPECT_TRUE(batch.feed({}).value().empty());
}

TEST_F(BatchTest, RefusesWhatItCannotReadAndChangesNothing) {
  Batch batch = model.new_batch({.max_sessions = 2}).value();
  std::vector<Session> sessions = new_sessions(3);
  const Model other = golden_model();
  Session foreign = other.new_session(small_session()).value();
  const std::vector<Token> ok{1, 2}, unknown{1, 9999}, long_text(200, 1);
  sessions[0].feed(ok).value();
  const auto expect_error = [&](std::vector<BatchInput> inputs, ErrorCode code, const char* text,
                                std::stop_token stop = {}) {
    const auto result = batch.feed(inputs, std::move(stop));
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, code);
    EXPECT_THAT(result.error().message, HasSubstr(text));
    EXPECT_EQ(held(sessions[0]), ok);
    EXPECT_TRUE(sessions[1].tokens().empty());
  };
  using enum ErrorCode;
  expect_error({{&sessions[0], ok}, {&sessions[1], ok}, {&sessions[2], ok}}, invalid_argument, "room for 2");
  expect_error({{&sessions[1], ok}, {nullptr, ok}}, invalid_argument, "input 1 has no session");
  expect_error({{&sessions[1], ok}, {&foreign, ok}}, invalid_argument, "input 1 is of another model");
  expect_error({{&sessions[1], ok}, {&sessions[1], ok}}, invalid_argument, "inputs 0 and 1 are the same");
  expect_error({{&sessions[0], ok}, {&sessions[1], {}}}, invalid_argument,
               "input 1, and its session holds none");
  expect_error({{&sessions[0], ok}, {&sessions[1], unknown}}, invalid_argument, "9999");
  expect_error({{&sessions[1], ok}, {&sessions[0], long_text}}, context_full, "200");
  std::stop_source stop;
  stop.request_stop();
  expect_error({{&sessions[0], ok}, {&sessions[1], ok}}, cancelled, "stopped", stop.get_token());
  const BatchInput inputs[] = {{&sessions[0], ok}, {&sessions[1], ok}};
  EXPECT_TRUE(batch.feed(inputs));
}

TEST_F(BatchTest, TellsItsMemoryAndRefusesSizesOutOfRange) {
  EXPECT_GT(model.new_batch({.max_sessions = 64}).value().memory_bytes(),
            model.new_batch({.max_sessions = 1}).value().memory_bytes());
  const auto field_of = [&](const BatchOptions& options) {
    const auto batch = model.new_batch(options);
    return batch ? "no error" : batch.error().field;
  };
  EXPECT_EQ(field_of({.max_sessions = 0}), "max_sessions");
  EXPECT_EQ(field_of({.max_sessions = 1 << 20}), "max_sessions");
  EXPECT_EQ(field_of({.batch = 0}), "batch");
  EXPECT_EQ(field_of({.batch = 1 << 20}), "batch");
  EXPECT_EQ(field_of({.threads = -1}), "threads");
}

}  // namespace
}  // namespace quern
