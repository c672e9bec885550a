// The logits after a token depend on the tokens up to it and on nothing else. Everything here is compared by
// bits.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <stdexcept>
#include <tuple>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

#include "tests/engine/golden.h"

namespace quern::test {
namespace {

using detail::LoadedModel;
using detail::Sequence;
using kernels::KvType;

struct Case {
  const char* kind;
  const char* name;
};
// Dense, grouped heads, experts, shared experts, windows, sinks, ALiBi, parallel layers, quantized weights.
constexpr Case cases[] = {{"models", "llama"},
                          {"models", "smollm"},
                          {"models", "mixtral"},
                          {"models", "qwen2moe"},
                          {"models", "gemma2"},
                          {"models", "gpt-oss"},
                          {"models", "mpt"},
                          {"models", "phi2"},
                          {"models", "gpt2"},
                          {"models", "deepseek2"},
                          {"models", "deepseek2-lite"},
                          {"models", "lfm2"},
                          {"models", "qwen3next"},
                          {"models", "qwen35"},
                          {"models", "mamba2"},
                          {"models", "falcon-h1"},
                          {"models", "qwen3next-grouped"},
                          {"quantized", "Q4_0"},
                          {"quantized", "Q4_K"},
                          {"quantized", "Q6_K"},
                          {"quantized", "Q8_0"}};

constexpr std::size_t n_ctx = 256, n_tokens = 150;  // more than two blocks of the cache

class Determinism : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    const auto golden = load_golden(GetParam().kind, GetParam().name);
    if (!golden) GTEST_SKIP() << "no golden file here";
    gguf_ = golden->gguf;
    model_ = LoadedModel::open(gguf_).value();
    for (std::size_t i = 0; i < n_tokens; ++i)
      tokens_.push_back(golden->tokens[i * 7 % golden->tokens.size()]);
  }

  Sequence sequence(detail::SequenceOptions options) const {
    options.n_ctx = n_ctx;
    options.bytes_worth_a_thread = 0;  // tiny models would run on one thread otherwise
    return Sequence::create(model_, options).value();
  }

  // All logits, the tokens given in calls of random lengths.
  std::vector<float> in_chunks(Sequence& sequence, std::mt19937& random) const {
    std::vector<float> logits;
    for (std::size_t begin = 0; begin < tokens_.size();) {
      const std::size_t n = std::min<std::size_t>(tokens_.size() - begin, 1 + random() % 40);
      const std::vector<float> rows = logits_of(sequence, std::span(tokens_).subspan(begin, n));
      logits.insert(logits.end(), rows.begin(), rows.end());
      begin += n;
    }
    return logits;
  }

  std::filesystem::path gguf_;
  std::shared_ptr<const LoadedModel> model_;
  std::vector<Token> tokens_;
};

bool same_bits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

TEST_P(Determinism, ChunksThreadsAndBatchesDoNotMatter) {
  std::mt19937 random(7);
  for (const KvType type : {KvType::f32, KvType::f16, KvType::bf16}) {
    Sequence plain = sequence({.kv_type = type, .threads = 1});
    const std::vector<float> expected = logits_of(plain, tokens_);
    for (const auto& [threads, batch] : {std::pair{1, 512}, {1, 1}, {2, 7}, {3, 64}}) {
      Sequence other =
          sequence({.kv_type = type, .threads = threads, .batch = static_cast<std::size_t>(batch)});
      EXPECT_TRUE(same_bits(in_chunks(other, random), expected)) << threads << " threads, batch " << batch;
    }
  }
}

TEST_P(Determinism, EveryInstructionSetGivesTheSameBits) {
  Sequence plain = sequence({.threads = 1});
  const std::vector<float> expected = logits_of(plain, tokens_);
  const kernels::KernelTables tables = kernels::runnable_tables();
  for (std::size_t i = 0; i < tables.size; ++i) {
    const auto model = LoadedModel::open(gguf_, {.isa = tables.tables[i]->isa}).value();
    Sequence other = Sequence::create(model, {.n_ctx = n_ctx, .threads = 1}).value();
    EXPECT_TRUE(same_bits(logits_of(other, tokens_), expected)) << tables.tables[i]->isa;
  }
}

TEST_P(Determinism, TruncatedAndFedAgainEqualsFresh) {
  Sequence fresh = sequence({.threads = 1});
  const std::vector<float> expected = logits_of(fresh, tokens_);
  const std::size_t n_vocab = expected.size() / tokens_.size();
  Sequence reused = sequence({.threads = 2});
  std::vector<Token> other(tokens_.rbegin(), tokens_.rend());
  reused.evaluate(other).value();
  for (const std::size_t kept : {0, 1, 63, 64, 100, 149}) {
    reused.truncate(0);
    reused.evaluate(tokens_).value();
    reused.truncate(kept);
    const std::size_t left = reused.length();
    EXPECT_EQ(left, reused.cache().is_recurrent() ? 0 : kept);
    const std::vector<float> rest = logits_of(reused, std::span(tokens_).subspan(left));
    EXPECT_TRUE(same_bits(rest, std::span(expected).subspan(left * n_vocab))) << kept;
  }
}

TEST_P(Determinism, AStoppedEvaluationIsAsIfItHadNotBegun) {
  Sequence plain = sequence({.threads = 1}), stopped = sequence({.threads = 2, .batch = 16});
  const std::vector<float> expected = logits_of(plain, tokens_);
  const std::size_t kept = 50, n_vocab = expected.size() / tokens_.size();
  stopped.evaluate(std::span(tokens_).first(kept)).value();
  std::stop_source stop;
  const auto rest = std::span(tokens_).subspan(kept);
  const auto result = stopped.evaluate_each(
      rest, [&](std::size_t i, std::span<const float>) { i == 40 && stop.request_stop(); }, stop.get_token());
  ASSERT_FALSE(result);
  EXPECT_EQ(stopped.length(), kept);
  EXPECT_TRUE(same_bits(logits_of(stopped, rest), std::span(expected).subspan(kept * n_vocab)));
}

TEST_P(Determinism, TheLastLogitsAreThoseOfEveryToken) {
  Sequence a = sequence({.threads = 1}), b = sequence({.threads = 2});
  const std::vector<float> all = logits_of(a, tokens_);
  const auto last = b.evaluate(tokens_).value();
  EXPECT_TRUE(same_bits(last, std::span(all).last(last.size())));
}

// Several sequences in one evaluator: each gives what it gives alone, whatever is evaluated beside it.
TEST_P(Determinism, NeighboursInAPassDoNotMatter) {
  constexpr std::size_t n_sequences = 5;
  constexpr KvType types[] = {KvType::f16, KvType::f32, KvType::f16, KvType::bf16, KvType::f16};
  std::vector<std::vector<Token>> texts;
  std::vector<std::vector<float>> expected;
  for (std::size_t i = 0; i < n_sequences; ++i) {
    texts.emplace_back(tokens_);
    std::rotate(texts[i].begin(), texts[i].begin() + static_cast<std::ptrdiff_t>(11 * i), texts[i].end());
    Sequence alone = sequence({.kv_type = types[i], .threads = 1});
    expected.push_back(logits_of(alone, texts[i]));
  }
  const std::size_t n_vocab = expected[0].size() / tokens_.size();

  std::mt19937 random(11);
  for (const auto& [threads, batch, logit_rows] :
       {std::tuple{1, 512, 16}, {2, 40, 3}, {3, 7, 1}, {2, 1, 5}}) {
    const detail::ScratchSizes sizes{static_cast<std::size_t>(batch), static_cast<std::size_t>(logit_rows),
                                     static_cast<std::size_t>(threads)};
    auto evaluator = detail::Evaluator::create(model_, sizes, 0).value();
    std::vector<detail::KvCache> caches;
    for (const KvType type : types)
      caches.push_back(detail::KvCache::create(model_->spec(), type, n_ctx).value());
    for (std::size_t n_logits = 0;;) {
      // Some of the sequences, in any order, each with its next few tokens.
      std::vector<detail::Part> parts;
      std::vector<std::size_t> who;
      for (std::size_t i = 0; i < n_sequences; ++i) {
        const std::size_t left = n_tokens - caches[i].length();
        if (left == 0 || random() % 4 == 0) continue;
        const std::size_t most = random() % 3 == 0 ? 70 : 3,
                          n = std::min<std::size_t>(left, 1 + random() % most);
        const auto logits = random() % 3 == 0 ? detail::Logits::last : detail::Logits::all;
        parts.push_back({&caches[i], std::span(texts[i]).subspan(caches[i].length(), n), logits});
        who.push_back(i);
        if (random() % 2 == 0) {
          std::swap(parts.front(), parts.back());
          std::swap(who.front(), who.back());
        }
      }
      std::vector<std::size_t> begins;
      for (const std::size_t i : who) begins.push_back(caches[i].length());
      std::size_t n_heard = 0, n_wanted = 0;
      evaluator
          .evaluate(
              parts,
              [&](std::size_t part, std::size_t i, std::span<const float> logits) {
                const auto& want = expected[who[part]];
                EXPECT_TRUE(same_bits(logits, std::span(want).subspan((begins[part] + i) * n_vocab, n_vocab)))
                    << "sequence " << who[part] << ", token " << begins[part] + i;
                ++n_heard;
              })
          .value();
      for (const detail::Part& part : parts)
        n_wanted += part.logits == detail::Logits::all ? part.tokens.size() : 1;
      EXPECT_EQ(n_heard, n_wanted);
      n_logits += n_heard;
      if (std::ranges::all_of(caches, [](const auto& cache) { return cache.length() == n_tokens; })) {
        EXPECT_GT(n_logits, n_tokens);
        break;
      }
    }
  }
}

#if defined(__x86_64__)
TEST_P(Determinism, TheHostsFloatingPointModeDoesNotMatterAndIsPutBack) {
  Sequence plain = sequence({.threads = 1}), strange = sequence({.threads = 2});
  const std::vector<float> expected = logits_of(plain, tokens_);
  const unsigned before = _mm_getcsr();
  const unsigned upwards_and_flushing = before | 0x8040u | _MM_ROUND_UP;
  _mm_setcsr(upwards_and_flushing);
  const std::vector<float> logits = logits_of(strange, tokens_);
  const unsigned after = _mm_getcsr();
  _mm_setcsr(before);
  EXPECT_EQ(after & 0xffc0u, upwards_and_flushing & 0xffc0u);  // the low bits are flags of past operations
  EXPECT_TRUE(same_bits(logits, expected));
}
#endif

INSTANTIATE_TEST_SUITE_P(Models, Determinism, testing::ValuesIn(cases), [](const auto& test) {
  std::string name = test.param.name;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

// The q8_0 cache needs heads of 32 values or more, which the quantized models have.
TEST(Determinism, WithAQuantizedCacheToo) {
  const auto golden = load_golden("quantized", "Q8_0");
  if (!golden) GTEST_SKIP() << "no golden file here";
  const auto model = LoadedModel::open(golden->gguf).value();
  const auto logits_with = [&](int threads, std::size_t batch) {
    auto sequence = Sequence::create(model, {.n_ctx = n_ctx,
                                             .kv_type = KvType::q8_0,
                                             .threads = threads,
                                             .bytes_worth_a_thread = 0,
                                             .batch = batch})
                        .value();
    return logits_of(sequence, golden->tokens);
  };
  EXPECT_TRUE(same_bits(logits_with(1, 512), logits_with(3, 5)));
}

// Few tokens after a long context: threads share out its spans, in two rounds where there are several tokens.
TEST(Determinism, InALongContextToo) {
  for (const char* name : {"llama", "gemma2", "gpt-oss", "deepseek2"}) {
    const auto golden = load_golden("models", name);
    if (!golden) GTEST_SKIP() << "no golden file here";
    const auto model = LoadedModel::open(golden->gguf).value();
    constexpr std::size_t n = 1700, n_last = 10;
    std::vector<Token> tokens;
    for (std::size_t i = 0; i < n; ++i) tokens.push_back(golden->tokens[i * 7 % golden->tokens.size()]);
    const auto last_logits = [&](int threads, std::initializer_list<std::size_t> parts) {
      auto sequence =
          Sequence::create(model, {.n_ctx = n, .threads = threads, .bytes_worth_a_thread = 0}).value();
      sequence.evaluate(std::span(tokens).first(n - n_last)).value();
      std::vector<float> logits;
      for (const std::size_t part : parts) {
        const std::vector<float> rows =
            logits_of(sequence, std::span(tokens).subspan(sequence.length(), part));
        logits.insert(logits.end(), rows.begin(), rows.end());
      }
      return logits;
    };
    const std::vector<float> expected = last_logits(1, {10});
    EXPECT_TRUE(same_bits(last_logits(2, {1, 1, 8}), expected)) << name;
    EXPECT_TRUE(same_bits(last_logits(3, {8, 1, 1}), expected)) << name;
    EXPECT_TRUE(same_bits(last_logits(3, {3, 5, 2}), expected)) << name;
  }
}

TEST(Sequence, RefusesWhatItCannotEvaluateAndKeepsWhatItHas) {
  const auto golden = load_golden("models", "llama");
  const auto model = LoadedModel::open(golden->gguf).value();
  auto sequence = Sequence::create(model, {.n_ctx = 50, .threads = 1}).value();
  const auto expect_error = [&](std::vector<Token> tokens, ErrorCode code) {
    const auto result = sequence.evaluate(tokens);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, code) << result.error().message;
    EXPECT_EQ(sequence.length(), 48u);
  };
  sequence.evaluate(golden->prompt).value();
  expect_error({}, ErrorCode::invalid_argument);
  expect_error({0, 320}, ErrorCode::invalid_argument);
  expect_error({-1}, ErrorCode::invalid_argument);
  expect_error({1, 2, 3}, ErrorCode::context_full);
  EXPECT_TRUE(sequence.evaluate(std::vector<Token>{1, 2}));
}

TEST(Evaluator, AnErrorInOnePartLeavesAllSequencesAsTheyWere) {
  const auto golden = load_golden("models", "llama");
  const auto model = LoadedModel::open(golden->gguf).value();
  auto evaluator = detail::Evaluator::create(model, {.batch = 8, .logit_rows = 2, .n_threads = 2}, 0).value();
  auto a = detail::KvCache::create(model->spec(), KvType::f16, 64).value();
  auto b = detail::KvCache::create(model->spec(), KvType::f16, 4).value();
  const auto no_logits = [](std::size_t, std::size_t, std::span<const float>) {};
  const std::vector<Token> five(5, 1), three(3, 2), unknown{320};
  const auto code_of = [&](std::span<const Token> for_b, std::stop_token stop = {}) {
    const detail::Part parts[] = {{&a, golden->prompt, detail::Logits::last},
                                  {&b, for_b, detail::Logits::last}};
    const auto result = evaluator.evaluate(parts, no_logits, std::move(stop));
    if (result) return std::string("none");
    EXPECT_EQ(a.length(), 0u);
    EXPECT_EQ(b.length(), 0u);
    return std::string(to_string(result.error().code));
  };
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(code_of(five), "context_full");
  EXPECT_EQ(code_of(unknown), "invalid_argument");
  EXPECT_EQ(code_of({}), "invalid_argument");
  EXPECT_EQ(code_of(three, stop.get_token()), "cancelled");
  EXPECT_EQ(code_of(three), "none");
  EXPECT_EQ(a.length(), golden->prompt.size());
  EXPECT_EQ(b.length(), 3u);
}

TEST(Sequence, BeingStoppedChangesNothing) {
  const auto golden = load_golden("models", "llama");
  const auto model = LoadedModel::open(golden->gguf).value();
  auto sequence =
      Sequence::create(model, {.n_ctx = 256, .threads = 2, .bytes_worth_a_thread = 0, .batch = 16}).value();
  std::stop_source stop;
  stop.request_stop();
  const auto stopped = sequence.evaluate(golden->prompt, detail::Logits::last, stop.get_token());
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, ErrorCode::cancelled);
  EXPECT_EQ(sequence.length(), 0u);
  // Half way, by the callback, and by an exception of the callback's own.
  std::stop_source later;
  const auto result = sequence.evaluate_each(
      golden->prompt, [&](std::size_t i, std::span<const float>) { i == 20 && later.request_stop(); },
      later.get_token());
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::cancelled);
  EXPECT_EQ(sequence.length(), 0u);
  EXPECT_THROW(
      (void)sequence.evaluate_each(
          golden->prompt, [](std::size_t, std::span<const float>) { throw std::logic_error("own"); }),
      std::logic_error);
  EXPECT_EQ(sequence.length(), 0u);
  EXPECT_EQ(best_token(sequence.evaluate(golden->prompt).value()), golden->greedy[0]);
}

}  // namespace
}  // namespace quern::test
