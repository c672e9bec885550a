// Sessions of models with an encoder: a source is read, and answers to it are written.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "quern/batch.h"
#include "tests/api/golden_model.h"

namespace quern {
namespace {

using test::Golden;
using test::greedy;
using test::held;
using test::small_session;
using testing::ElementsAreArray;
using Tokens = std::vector<Token>;

Model t5() { return Model::open(test::golden_path("t5.gguf")).value(); }

Tokens source() {
  return nlohmann::json::parse(std::ifstream(test::golden_path("t5.tokens.json")))
      .at("encoder")
      .get<Tokens>();
}

TEST(Source, FeedingAnswersToItGivesTheGoldenLogits) {
  const Golden golden = Golden::load("t5");
  Session session = t5().new_session(small_session()).value();
  session.read_source(source()).value();
  session.feed(golden.prompt).value();
  std::size_t row = golden.prompt.size();
  for (const Token token : golden.greedy) {
    const auto logits = session.feed({&token, 1}).value();
    for (std::size_t i = 0; i < logits.size(); ++i)
      ASSERT_NEAR(logits[i], golden.logits[row * logits.size() + i], 2e-4);
    ++row;
  }
}

TEST(Source, APromptIsASourceAndTheAnswerBeginsAnew) {
  const Model model = t5();
  ASSERT_EQ(model.info().decoder_start, Token{0});
  EXPECT_FALSE(test::golden_model().info().decoder_start);
  Session by_hand = model.new_session(small_session()).value();
  by_hand.read_source(source()).value();
  const Token start = 0;
  const auto logits = by_hand.feed({&start, 1}).value();
  const auto first = static_cast<Token>(std::ranges::max_element(logits) - logits.begin());

  Session session = model.new_session(small_session()).value();
  for (int time = 0; time < 2; ++time) {  // the second answer does not stand behind the first
    const Generation done = session.generate(source(), greedy(3)).value();
    EXPECT_EQ(done.new_tokens, 3);
    EXPECT_EQ(done.prompt_tokens, 49);
    ASSERT_EQ(held(session).size(), 4u);
    EXPECT_EQ(held(session)[0], start);
    EXPECT_EQ(held(session)[1], first);
  }
  // Without a prompt it writes on.
  const Tokens before = held(session);
  EXPECT_EQ(session.generate("", greedy(2)).value().new_tokens, 2);
  EXPECT_THAT(std::vector(session.tokens().begin(), session.tokens().begin() + 4), ElementsAreArray(before));

  // A text is framed as the vocabulary says.
  const Tokens text = model.tokenizer().encode("ab cd", {.add_special = true}).value();
  session.generate("ab cd", greedy(3)).value();
  const Tokens from_text = held(session);
  session.generate(text, greedy(3)).value();
  EXPECT_EQ(held(session), from_text);
}

TEST(Source, ErrorsLeaveTheSessionAsItWas) {
  Session session = t5().new_session(small_session()).value();
  const Tokens answer{0, 5}, too_long(129, 4), none;
  EXPECT_EQ(session.feed(answer).error().field, "source");
  EXPECT_TRUE(session.tokens().empty());
  session.read_source(source()).value();
  const auto logits = session.feed(answer).value();
  const std::vector<float> expected(logits.begin(), logits.end());

  EXPECT_EQ(session.read_source(too_long).error().code, ErrorCode::context_full);
  EXPECT_EQ(session.read_source(none).error().code, ErrorCode::invalid_argument);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(session.read_source(answer, stop.get_token()).error().code, ErrorCode::cancelled);
  const Generation stopped = session.generate(answer, {.stop = stop.get_token()}).value();
  EXPECT_EQ(stopped.finish, Finish::cancelled);
  EXPECT_EQ(held(session), answer);
  const auto again = session.feed({}).value();
  EXPECT_EQ(std::vector(again.begin(), again.end()), expected);

  EXPECT_EQ(test::golden_model().new_session().value().read_source(answer).error().code,
            ErrorCode::unsupported);
  EXPECT_EQ(t5().new_embedder({.pooling = Pooling::mean}).error().code, ErrorCode::unsupported);
}

TEST(Source, AnswersToSeveralSourcesAreEvaluatedTogether) {
  const Model model = t5();
  const Tokens whole = source();
  std::vector<Session> together, alone;
  for (const std::size_t n : {whole.size(), std::size_t{5}, std::size_t{1}}) {
    for (auto* sessions : {&together, &alone}) {
      sessions->push_back(model.new_session(small_session()).value());
      sessions->back().read_source(std::span(whole).first(n)).value();
    }
  }
  for (const int threads : {1, 2}) {
    Batch batch = model.new_batch({.max_sessions = 4, .batch = 4, .threads = threads}).value();
    for (const Tokens& tokens : {Tokens{0, 7, 9, 11, 13}, Tokens{21}}) {
      std::vector<BatchInput> inputs;
      for (Session& session : together) inputs.push_back({&session, tokens});
      const auto logits = batch.feed(inputs).value();
      for (std::size_t i = 0; i < alone.size(); ++i)
        EXPECT_TRUE(std::ranges::equal(logits[i], alone[i].feed(tokens).value())) << i;
    }
    Session without = model.new_session(small_session()).value();
    const BatchInput lacking[] = {{&without, whole}};
    EXPECT_EQ(batch.feed(lacking).error().field, "source");
  }
}

}  // namespace
}  // namespace quern
