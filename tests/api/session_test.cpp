#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <thread>

#include "tests/api/golden_model.h"

namespace quern {
namespace {

using test::golden_model;
using test::greedy;
using test::held;
using test::small_session;
using testing::ElementsAreArray;
using testing::HasSubstr;

std::vector<Token> joined(std::vector<Token> a, std::span<const Token> b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

class SessionTest : public testing::Test {
 protected:
  Model model = golden_model();
  Session session = model.new_session(small_session()).value();
  test::Golden golden = test::Golden::load("llama");
};

TEST_F(SessionTest, GreedyGenerationGivesTheGoldenTokens) {
  std::vector<Token> chosen;
  GenerateOptions options = greedy(static_cast<int>(golden.greedy.size()));
  options.on_token = [&](const Sampled& sampled) { chosen.push_back(sampled.token); };
  const Generation done = session.generate(golden.prompt, options).value();
  EXPECT_THAT(chosen, ElementsAreArray(golden.greedy));
  EXPECT_EQ(done.finish, Finish::max_tokens);
  EXPECT_EQ(done.prompt_tokens, 48);
  EXPECT_EQ(done.new_tokens, 16);
  EXPECT_GT(done.prompt_ms, 0);
  EXPECT_GE(done.first_token_ms, done.prompt_ms);
  EXPECT_THAT(held(session), ElementsAreArray(joined(golden.prompt, golden.greedy)));
}

TEST_F(SessionTest, FeedGivesTheGoldenLogits) {
  const std::size_t n_vocab = static_cast<std::size_t>(model.info().n_vocab);
  double worst = 0;
  const auto compare = [&](std::size_t row, std::span<const float> logits) {
    ASSERT_EQ(logits.size(), n_vocab);
    for (std::size_t i = 0; i < n_vocab; ++i)
      worst = std::max(worst, std::abs(static_cast<double>(logits[i]) - golden.logits[row * n_vocab + i]));
  };
  session.feed_each(golden.prompt, compare).value();
  for (std::size_t i = 0; i < golden.greedy.size(); ++i)
    compare(golden.prompt.size() + i, session.feed({{golden.greedy[i]}}).value());
  EXPECT_LT(worst, 2e-4);
}

// What a session holds decides what comes next, not how it came to hold it.
TEST_F(SessionTest, LogitsDoNotDependOnTheWayTheTokensWereRead) {
  const auto logits_of = [&](auto read) {
    Session fresh = model.new_session(small_session()).value();
    const std::span<const float> logits = read(fresh);
    return std::vector<float>(logits.begin(), logits.end());
  };
  const auto whole = logits_of([&](Session& s) { return s.feed(golden.prompt).value(); });
  const auto one_by_one = logits_of([&](Session& s) {
    std::span<const float> logits;
    for (const Token token : golden.prompt) logits = s.feed({{token}}).value();
    return logits;
  });
  const auto after_truncation = logits_of([&](Session& s) {
    s.feed(golden.greedy).value();
    s.truncate(0).value();
    s.feed(golden.prompt).value();
    s.feed(golden.greedy).value();
    s.truncate(golden.prompt.size()).value();
    return s.feed({}).value();
  });
  const auto pending = logits_of([&](Session& s) {
    s.generate(golden.prompt, greedy(5)).value();
    s.truncate(golden.prompt.size()).value();
    return s.feed({}).value();
  });
  EXPECT_EQ(whole, one_by_one);
  EXPECT_EQ(whole, after_truncation);
  EXPECT_EQ(whole, pending);
}

TEST_F(SessionTest, GoesOnWhereItStopped) {
  const Generation all = session.generate(golden.prompt, greedy(16)).value();
  Session parts = model.new_session(small_session()).value();
  std::string text = parts.generate(golden.prompt, greedy(1)).value().text;
  text += parts.generate("", greedy(6)).value().text;
  text += parts.generate("", greedy(9)).value().text;
  EXPECT_EQ(held(parts), held(session));
  EXPECT_EQ(text, all.text);
}

TEST_F(SessionTest, SameSeedSameTextWithAnyThreadsAndBatch) {
  GenerateOptions options{.max_tokens = 40,
                          .sampler = {.temperature = 1.5f, .seed = 11, .top_k = 0, .ignore_eos = true}};
  const Generation first = session.generate(golden.prompt, options).value();
  EXPECT_EQ(first.seed, 11u);
  for (const int threads : {1, 2, 3}) {
    for (const int batch : {1, 7, 512}) {
      SessionOptions other = small_session(threads);
      other.batch = batch;
      Session again = model.new_session(other).value();
      EXPECT_EQ(again.generate(golden.prompt, options).value().text, first.text) << threads << " " << batch;
      EXPECT_EQ(held(again), held(session)) << threads << " " << batch;
    }
  }
  options.sampler.seed = 12;
  Session other = model.new_session(small_session()).value();
  (void)other.generate(golden.prompt, options).value();
  EXPECT_NE(held(other), held(session));
}

TEST_F(SessionTest, WithoutASeedTellsTheOneThatGivesTheTextAgain) {
  GenerateOptions options{.max_tokens = 20, .sampler = {.ignore_eos = true}};
  const Generation first = session.generate(golden.prompt, options).value();
  options.sampler.seed = first.seed;
  Session again = model.new_session(small_session()).value();
  EXPECT_EQ(again.generate(golden.prompt, options).value().text, first.text);
}

TEST_F(SessionTest, StreamsWhatItReturnsInWholeCharacters) {
  std::string streamed;
  GenerateOptions options = greedy(60);
  options.sampler.temperature = 2;
  options.sampler.seed = 3;
  const Generation done = session
                              .generate(golden.prompt, options,
                                        [&](std::string_view piece) {
                                          EXPECT_FALSE(piece.empty());
                                          // A piece ends where a character does: JSON text refuses half of
                                          // one.
                                          EXPECT_NO_THROW((void)nlohmann::json(piece).dump())
                                              << testing::PrintToString(piece);
                                          streamed += piece;
                                          return true;
                                        })
                              .value();
  EXPECT_EQ(streamed, done.text);
  EXPECT_FALSE(done.text.empty());
}

TEST_F(SessionTest, StopStringsEndTheTextBeforeThem) {
  const std::string all = session.generate(golden.prompt, greedy(40)).value().text;
  ASSERT_GT(all.size(), 12u);
  // Every place of the text, so that tokens' borders lie inside some of the stop strings.
  for (std::size_t at = 0; at + 3 <= all.size(); ++at) {
    const std::string stop = all.substr(at, 3);
    if (nlohmann::json(stop).dump(-1, ' ', false, nlohmann::json::error_handler_t::ignore) !=
        nlohmann::json(stop).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace))
      continue;
    Session other = model.new_session(small_session()).value();
    GenerateOptions options = greedy(40);
    options.stop_at = {"never met", stop};
    std::string streamed;
    const Generation done = other
                                .generate(golden.prompt, options,
                                          [&](std::string_view piece) {
                                            streamed += piece;
                                            return true;
                                          })
                                .value();
    ASSERT_EQ(done.finish, Finish::stop_string) << at;
    EXPECT_EQ(done.stop_string, stop);
    EXPECT_EQ(done.text, all.substr(0, all.find(stop)));
    EXPECT_EQ(streamed, done.text);
  }
}

TEST_F(SessionTest, ContextFullIsAFinish) {
  Session small = model.new_session({.n_ctx = 60, .threads = 1}).value();
  const Generation done = small.generate(golden.prompt, greedy(100)).value();
  EXPECT_EQ(done.finish, Finish::context_full);
  EXPECT_EQ(done.new_tokens, 12);
  EXPECT_EQ(small.tokens().size(), 60u);
  EXPECT_EQ(small.generate("", greedy(1)).value().finish, Finish::context_full);
}

TEST_F(SessionTest, APromptThatDoesNotFitIsAnErrorAndChangesNothing) {
  Session small = model.new_session({.n_ctx = 50, .threads = 1}).value();
  const auto too_long = small.generate(joined(golden.prompt, golden.greedy));
  ASSERT_FALSE(too_long);
  EXPECT_EQ(too_long.error().code, ErrorCode::context_full);
  EXPECT_THAT(too_long.error().message, HasSubstr("64"));
  EXPECT_THAT(too_long.error().message, HasSubstr("50"));
  EXPECT_TRUE(small.tokens().empty());

  (void)small.feed(golden.prompt).value();
  const auto no_room = small.feed(golden.greedy);
  ASSERT_FALSE(no_room);
  EXPECT_EQ(no_room.error().code, ErrorCode::context_full);
  EXPECT_THAT(no_room.error().message, HasSubstr("16"));
  EXPECT_THAT(no_room.error().message, HasSubstr("48"));
  EXPECT_THAT(no_room.error().message, HasSubstr("50"));
  EXPECT_EQ(small.tokens().size(), 48u);
}

TEST_F(SessionTest, WrongArgumentsAreErrorsThatNameThem) {
  const auto refused = [&](const GenerateOptions& options, std::span<const Token> prompt) {
    const auto result = session.generate(prompt, options);
    EXPECT_TRUE(session.tokens().empty());
    if (result) return std::string("accepted");
    EXPECT_EQ(result.error().code, ErrorCode::invalid_argument);
    return result.error().field;
  };
  const Token good[] = {1};
  const Token outside[] = {1, 320};
  const Token negative[] = {-1};
  EXPECT_EQ(refused({.max_tokens = -1}, good), "max_tokens");
  EXPECT_EQ(refused({.stop_at = {""}}, good), "stop_at");
  EXPECT_EQ(refused({.sampler = {.top_p = 2}}, good), "top_p");
  EXPECT_EQ(refused({}, outside), "tokens");
  EXPECT_EQ(refused({}, negative), "tokens");
  EXPECT_EQ(refused({}, {}), "prompt");
  EXPECT_EQ(session.truncate(1).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(session.feed({}).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(session.feed(outside).error().code, ErrorCode::invalid_argument);
}

TEST_F(SessionTest, NoNewTokensOnlyReadsThePrompt) {
  const Generation done = session.generate(golden.prompt, greedy(0)).value();
  EXPECT_EQ(done.finish, Finish::max_tokens);
  EXPECT_EQ(done.text, "");
  EXPECT_EQ(session.tokens().size(), 48u);
}

TEST_F(SessionTest, TheCallbackMayEndIt) {
  int pieces = 0;
  std::string seen;
  const Generation done = session
                              .generate(golden.prompt, greedy(40),
                                        [&](std::string_view piece) {
                                          seen += piece;
                                          return ++pieces < 3;
                                        })
                              .value();
  EXPECT_EQ(done.finish, Finish::callback);
  EXPECT_EQ(pieces, 3);
  EXPECT_EQ(done.text, seen);
}

struct Unusual {
  int value;
};

TEST_F(SessionTest, WhatACallbackThrowsPassesThroughAndTheSessionGoesOn) {
  const std::string all = session.generate(golden.prompt, greedy(16)).value().text;
  Session other = model.new_session(small_session()).value();
  GenerateOptions options = greedy(16);
  options.on_token = [&](const Sampled&) {
    if (other.tokens().size() == golden.prompt.size() + 5) throw Unusual{7};
  };
  try {
    (void)other.generate(golden.prompt, options);
    FAIL() << "nothing was thrown";
  } catch (const Unusual& unusual) {
    EXPECT_EQ(unusual.value, 7);
  }
  EXPECT_THAT(held(other), ElementsAreArray(session.tokens().first(golden.prompt.size() + 5)));
  (void)other.generate("", greedy(11)).value();
  EXPECT_EQ(held(other), held(session));
}

TEST_F(SessionTest, ACallbacksBadAllocIsItsOwn) {
  EXPECT_THROW((void)session.generate(golden.prompt, greedy(4),
                                      [](std::string_view) -> bool { throw std::bad_alloc(); }),
               std::bad_alloc);
  session.truncate(0).value();
  EXPECT_THROW((void)session.feed_each(golden.prompt,
                                       [](std::size_t i, std::span<const float>) {
                                         if (i == 3) throw Unusual{1};
                                       }),
               Unusual);
  EXPECT_TRUE(session.tokens().empty());
  EXPECT_EQ(session.generate(golden.prompt, greedy(16)).value().new_tokens, 16);
}

TEST_F(SessionTest, ProgressOfThePromptEndsAtOne) {
  SessionOptions options = small_session();
  options.batch = 10;
  Session other = model.new_session(options).value();
  std::vector<double> seen;
  GenerateOptions generate = greedy(1);
  generate.progress = [&](double fraction) { seen.push_back(fraction); };
  (void)other.generate(golden.prompt, generate).value();
  EXPECT_EQ(seen.size(), 5u);
  EXPECT_TRUE(std::ranges::is_sorted(seen));
  EXPECT_EQ(seen.back(), 1.0);
  EXPECT_GT(seen.front(), 0.0);
}

TEST_F(SessionTest, CancelledWhileReadingItReadsTheRestLater) {
  const Generation all = session.generate(golden.prompt, greedy(8)).value();
  SessionOptions small_batch = small_session();
  small_batch.batch = 8;
  Session other = model.new_session(small_batch).value();
  std::stop_source stop;
  GenerateOptions options = greedy(8);
  options.stop = stop.get_token();
  options.progress = [&](double fraction) {
    if (fraction > 0.3) stop.request_stop();
  };
  const Generation cancelled = other.generate(golden.prompt, options).value();
  EXPECT_EQ(cancelled.finish, Finish::cancelled);
  EXPECT_EQ(cancelled.new_tokens, 0);
  EXPECT_EQ(other.tokens().size(), 48u);
  EXPECT_EQ(other.generate("", greedy(8)).value().text, all.text);
  EXPECT_EQ(held(other), held(session));
}

TEST_F(SessionTest, CancelledFromAnotherThreadKeepsTheText) {
  Session endless = model.new_session({.n_ctx = 0, .threads = 1}).value();
  std::stop_source stop;
  std::atomic<int> pieces = 0;
  std::jthread canceller([&] {
    while (pieces < 3) std::this_thread::yield();
    stop.request_stop();
  });
  GenerateOptions options = greedy(1 << 30);
  options.stop = stop.get_token();
  std::string streamed;
  const Generation done = endless
                              .generate(golden.prompt, options,
                                        [&](std::string_view piece) {
                                          streamed += piece;
                                          ++pieces;
                                          // Wait until the other thread has seen it, so that the context
                                          // cannot fill up first.
                                          while (pieces >= 3 && !stop.stop_requested())
                                            std::this_thread::yield();
                                          return true;
                                        })
                              .value();
  EXPECT_EQ(done.finish, Finish::cancelled);
  EXPECT_EQ(done.text, streamed);
  EXPECT_GE(done.new_tokens, 3);
}

TEST_F(SessionTest, AStoppedFeedChangesNothing) {
  std::stop_source stop;
  stop.request_stop();
  (void)session.feed(golden.greedy).value();
  const auto result = session.feed(golden.prompt, stop.get_token());
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::cancelled);
  EXPECT_THAT(held(session), ElementsAreArray(golden.greedy));
}

TEST_F(SessionTest, SessionsRunSideBySideAndOutliveTheirModel) {
  const std::string expected = session.generate(golden.prompt, greedy(16)).value().text;
  std::vector<Session> sessions;
  for (int i = 0; i < 4; ++i)
    sessions.push_back(golden_model().new_session(small_session(1 + i % 2)).value());
  sessions.push_back(model.new_session(small_session()).value());
  std::vector<std::string> texts(sessions.size());
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < sessions.size(); ++i)
      threads.emplace_back(
          [&, i] { texts[i] = sessions[i].generate(golden.prompt, greedy(16)).value().text; });
  }
  EXPECT_THAT(texts, testing::Each(expected));
}

TEST_F(SessionTest, AnEmptySessionBeginsWithTheSpecialTokens) {
  const Tokenizer tokenizer = model.tokenizer();
  ASSERT_TRUE(tokenizer.bos());
  (void)session.generate("ab", greedy(0)).value();
  EXPECT_EQ(session.tokens().front(), *tokenizer.bos());
  const std::size_t before = session.tokens().size();
  (void)session.generate("ab", greedy(0)).value();
  EXPECT_EQ(std::ranges::count(session.tokens(), *tokenizer.bos()), 1);
  EXPECT_LT(session.tokens().size(), 2 * before);

  Session bare = model.new_session(small_session()).value();
  GenerateOptions options = greedy(0);
  options.add_special = false;
  (void)bare.generate("ab", options).value();
  EXPECT_EQ(std::ranges::count(bare.tokens(), *tokenizer.bos()), 0);
}

}  // namespace
}  // namespace quern
