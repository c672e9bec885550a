// The public sampler: a chain, the history it is applied to, and what the draws so far have taught it.
#include <random>
#include <utility>

#include "formats/try.h"
#include "kernels/kernel_table.h"
#include "quern/sampling.h"
#include "src/api/edge.h"
#include "src/sampling/breakers.h"
#include "src/sampling/chain.h"
#include "src/sampling/logprobs.h"

namespace quern {

using detail::Candidates;
using detail::FeedbackState;
using formats::cat;

namespace {

// The sum of 2^19 weights of 2^44 fits in 63 bits.
constexpr int max_vocabulary = 1 << 19;

// 53 bits: a program that reports it as a JSON number loses none.
std::uint64_t seed_of_the_system() {
  std::random_device device;
  return (std::uint64_t{device()} << 32 | device()) >> 11;
}

Result<void> check(const SamplerVocabulary& vocabulary) {
  const int n = vocabulary.n_vocab;
  if (n < 0 || n > max_vocabulary) {
    return Error{ErrorCode::unsupported,
                 cat("a vocabulary of ", n, " tokens, expected 0 to ", max_vocabulary), "n_vocab"};
  }
  if (vocabulary.n_tokens < -1 || vocabulary.n_tokens > n) {
    return Error{ErrorCode::invalid_argument,
                 cat("n_tokens is ", vocabulary.n_tokens, ", expected -1 to ", n), "n_tokens"};
  }
  const auto out_of_range = [n](const char* field, const std::vector<Token>& tokens) -> Result<void> {
    for (const Token t : tokens) {
      if (t < 0 || t >= n) {
        return Error{ErrorCode::invalid_argument,
                     cat(field, " names the token ", t, ", expected 0 to ", n - 1), field};
      }
    }
    return {};
  };
  QUERN_CHECK(out_of_range("end_tokens", vocabulary.end_tokens));
  return out_of_range("suppressed", vocabulary.suppressed);
}

}  // namespace

struct Sampler::Impl {
  Impl(const SamplerOptions& o, const SamplerVocabulary& vocabulary, detail::DryBreakers breakers,
       const kernels::LogitKernels& kernels)
      : options(o),
        n_vocab(static_cast<std::size_t>(vocabulary.n_vocab)),
        seed(o.seed ? *o.seed : seed_of_the_system()),
        history(o.penalty_last_n),
        chain(o, vocabulary, std::move(breakers), kernels),
        raw(kernels),
        all_tokens(detail::first_bits(n_vocab, n_vocab)),
        now(chain.feedback().initial_state()) {}

  Result<Sampled> sample(std::span<const float> logits, std::span<const std::uint64_t> mask);
  Result<void> check_sizes(std::span<const float> logits, std::span<const std::uint64_t> mask) const {
    if (logits.size() != n_vocab) {
      return Error{ErrorCode::invalid_argument,
                   cat("logits has ", logits.size(), " entries, expected ", n_vocab), "logits"};
    }
    if (!mask.empty() && mask.size() != all_tokens.size()) {
      return Error{ErrorCode::invalid_argument,
                   cat("mask has ", mask.size(), " words, expected ", all_tokens.size()), "mask"};
    }
    return {};
  }

  SamplerOptions options;
  std::size_t n_vocab;
  std::uint64_t seed;
  detail::History history;
  detail::Chain chain;
  Candidates raw;  ///< the model's distribution, for log-probabilities
  detail::TokenBits all_tokens;

  // Mirostat and adaptive-p: the state before each generated token, the state now, and the one to come if the
  // last sampled token is accepted.
  struct Pending {
    Token token;
    FeedbackState state;
  };
  std::vector<FeedbackState> before;
  FeedbackState now;
  std::optional<Pending> pending;
};

Result<Sampler> Sampler::create(const SamplerOptions& options, const SamplerVocabulary& vocabulary) {
  return detail::at_edge([&]() -> Result<Sampler> {
    QUERN_CHECK(check(vocabulary));
    QUERN_CHECK(validate(options, vocabulary.n_vocab));
    QUERN_TRY(detail::DryBreakers breakers, detail::breakers_of(options, vocabulary));
    const kernels::LogitKernels& kernels = *kernels::runnable_tables().tables[0]->logits;
    return Sampler(std::make_unique<Impl>(options, vocabulary, std::move(breakers), kernels));
  });
}

Sampler::Sampler(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Sampler::Sampler(Sampler&&) noexcept = default;
Sampler& Sampler::operator=(Sampler&&) noexcept = default;
Sampler::~Sampler() = default;

std::uint64_t Sampler::seed() const { return impl_->seed; }
std::span<const Token> Sampler::history() const { return impl_->history.tokens(); }

Result<void> Sampler::start(std::span<const Token> prompt) {
  return detail::at_edge([&]() -> Result<void> {
    impl_->history.start(prompt);
    impl_->before.clear();
    impl_->now = impl_->chain.feedback().initial_state();
    impl_->pending.reset();
    return {};
  });
}

Result<void> Sampler::accept(Token token) {
  return detail::at_edge([&]() -> Result<void> {
    Impl& s = *impl_;
    if (s.chain.feedback().is_on()) {
      s.before.resize(s.history.n_generated());
      s.before.push_back(s.now);
    }
    s.history.append(token);
    if (s.pending && s.pending->token == token) s.now = s.pending->state;
    s.pending.reset();
    return {};
  });
}

void Sampler::truncate(std::size_t n) {
  Impl& s = *impl_;
  if (n >= s.history.tokens().size()) return;
  s.history.truncate(n);
  const std::size_t n_generated = s.history.n_generated();
  if (n_generated < s.before.size()) {
    s.now = s.before[n_generated];
    s.before.resize(n_generated);
  }
  s.pending.reset();
}

Result<Sampled> Sampler::sample(std::span<const float> logits, std::span<const std::uint64_t> mask) {
  return detail::at_edge([&] { return impl_->sample(logits, mask); });
}

Result<Sampled> Sampler::Impl::sample(std::span<const float> logits, std::span<const std::uint64_t> mask) {
  QUERN_CHECK(check_sizes(logits, mask));
  const std::uint64_t position = history.tokens().size();
  const detail::Noise noise(seed, position, options.stream);
  pending.reset();
  QUERN_CHECK(chain.narrow({.logits = logits,
                            .grammar = mask,
                            .history = history,
                            .feedback = now,
                            .position = position,
                            .xtc_coin = noise.coin()}));
  Candidates& survivors = chain.candidates();
  const detail::Candidate drawn = detail::draw(survivors, noise);
  Sampled sampled{.token = drawn.id};
  if (chain.feedback().is_on() && !chain.is_greedy()) {
    pending = {drawn.id, chain.feedback().next_state(now, drawn)};
  }
  if (options.top_logprobs >= 0) {
    const auto n = static_cast<std::size_t>(options.top_logprobs);
    if (options.logprobs_mode == LogprobsMode::sampled) {
      detail::report_logprobs(survivors, n, sampled);
    } else {
      QUERN_CHECK(raw.reset(logits, all_tokens, position));
      detail::report_logprobs(raw, n, sampled);
    }
  }
  return sampled;
}

}  // namespace quern
