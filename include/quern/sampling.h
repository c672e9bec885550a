#pragma once
/// sampling.h: how the next token is chosen from the logits.
///
/// A chain of steps narrows the candidates, then one of the survivors is drawn. First come the checks, the
/// hard masks and `logit_bias`, always; then `SamplerOptions::steps` in the order given; then the draw. The
/// draw adds to each survivor's logit Gumbel noise that depends on seed, position, stream and token alone and
/// takes the largest sum (the Gumbel-max trick, which draws from softmax exactly). So the same seed gives the
/// same text on any machine, with any number of threads, whatever runs beside it, and with speculative
/// decoding too.
///
///   options.sampler = {.temperature = 0.7f, .top_p = 0.9f, .seed = 42};
///   options.sampler = {.temperature = 0};                                 // always the likeliest token
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "quern/export.h"
#include "quern/result.h"
#include "quern/token.h"

namespace quern {

/// The steps that may be reordered, in their default order.
enum class SamplerStep { penalties, dry, top_n_sigma, top_k, typical_p, top_p, min_p, xtc, temperature };

/// "top_k" for SamplerStep::top_k. Static storage.
QUERN_API const char* to_string(SamplerStep step) noexcept;
/// The step of that name; nothing if there is none.
QUERN_API std::optional<SamplerStep> sampler_step(std::string_view name) noexcept;

/// What the frequency and presence penalties count. The repeat penalty always counts both.
enum class PenaltyScope {
  all,        ///< prompt and generated tokens
  generated,  ///< generated tokens only, as OpenAI's API has it
};

/// Which distribution log-probabilities are taken from.
enum class LogprobsMode {
  raw,      ///< the model's own: softmax of the logits over the whole vocabulary, before any step
  sampled,  ///< the one that the token was drawn from, after all steps
};

/// A number added to one token's logit. Minus infinity bans the token.
struct LogitBias {
  Token token = 0;
  float bias = 0;
};

/// How to choose tokens. The defaults suit free text. Every parameter has a value at which it does nothing,
/// given as "off"; validate() says which values are accepted.
struct SamplerOptions {
  // How much chance.
  /// Divides the logits: below 1 surer, above 1 more varied. 0: always the likeliest token, ties to the
  /// lowest id; then only masks, bias, penalties and DRY still count. Finite, >= 0; off: 1.
  float temperature = 0.8f;
  /// The temperature moves between temperature - range (a certain model) and temperature + range (an
  /// undecided one), with the normalised entropy to the power of the exponent. Finite, >= 0; range 0: off.
  float dynatemp_range = 0;
  float dynatemp_exponent = 1;
  /// Same seed, same text. Absent: taken from the operating system; Sampler::seed() tells it.
  std::optional<std::uint64_t> seed = {};
  /// Which of several completions of one prompt this is; each has its own noise.
  std::uint32_t stream = 0;

  // Which candidates survive.
  int top_k = 40;       ///< the k likeliest; >= 0; off: 0
  float top_p = 0.95f;  ///< the smallest set of likeliest tokens that holds this probability; 0..1; off: 1
  float min_p = 0.05f;  ///< those at least this likely, as a share of the likeliest; 0..1; off: 0
  float typical_p = 1;  ///< the smallest set of nearest to usual surprise that holds this much; 0..1; off: 1
  float top_n_sigma = 0;      ///< logits within n standard deviations of the largest; finite, >= 0; off: 0
  float xtc_probability = 0;  ///< how often XTC removes all but the least likely of the tokens that reach the
  float xtc_threshold = 0.1f;  ///<   threshold; both 0..1; off: probability 0 or threshold above 0.5
  int min_keep = 0;            ///< no step leaves fewer candidates than this; >= 0

  // Against repetition.
  /// Divides a positive logit of a token seen in the window, multiplies a negative one. Finite, > 0; off: 1.
  float repeat_penalty = 1;
  float frequency_penalty = 0;  ///< taken off the logit for each occurrence in the window; finite; off: 0
  float presence_penalty = 0;   ///< taken off the logit once if it occurs; finite; off: 0
  int penalty_last_n = 64;      ///< the window, in tokens; -1: the whole history; off: 0
  PenaltyScope penalty_scope = PenaltyScope::all;
  /// DRY: a token that would prolong a repetition of length n >= allowed_length loses
  /// multiplier * base^(n - allowed_length). Multiplier finite, >= 0; base finite, >= 1. Off: multiplier 0.
  float dry_multiplier = 0;
  float dry_base = 1.75f;
  int dry_allowed_length = 2;  ///< in tokens, >= 0
  int dry_last_n = 64;         ///< the window, in tokens; -1: the whole history; off: 0
  /// Text across which no repetition is looked for. Needs SamplerVocabulary::text. At most 40 bytes of each
  /// count.
  std::vector<std::string> dry_sequence_breakers = {"\n", ":", "\"", "*"};
  /// More breakers, as sequences of tokens.
  std::vector<std::vector<Token>> dry_token_breakers = {};

  // Steering towards a level of surprise: after all steps, one or the other.
  int mirostat = 0;           ///< 1 or 2: the version of Mirostat (arXiv 2007.14966); off: 0
  float mirostat_tau = 5;     ///< the surprise aimed at, in bits; finite, >= 0
  float mirostat_eta = 0.1f;  ///< how fast it adapts; finite, >= 0
  /// adaptive-p: the average probability of drawn tokens aimed at; <= 1; off: < 0.
  float adaptive_target = -1;
  float adaptive_decay = 0.9f;  ///< its memory: about 1 / (1 - decay) tokens; 0..0.99

  // What may be chosen at all.
  std::vector<LogitBias> logit_bias = {};  ///< finite or minus infinity; no token twice
  std::vector<Token> banned = {};
  std::optional<std::vector<Token>> allowed = {};  ///< if given, nothing else may be chosen
  std::vector<std::vector<Token>> bad_words = {};  ///< sequences that must not be completed; none empty
  int min_tokens = 0;  ///< end tokens and stop_tokens are banned before so many are generated
  std::vector<Token> stop_tokens = {};  ///< tokens the caller stops at; only min_tokens looks at them
  bool ignore_eos = false;              ///< end tokens are banned always

  // The order, and what to report.
  /// What is left out is off. No step twice.
  std::vector<SamplerStep> steps = {SamplerStep::penalties, SamplerStep::dry,       SamplerStep::top_n_sigma,
                                    SamplerStep::top_k,     SamplerStep::typical_p, SamplerStep::top_p,
                                    SamplerStep::min_p,     SamplerStep::xtc,       SamplerStep::temperature};
  /// Log-probabilities: -1: none; 0: of the chosen token; n: also of the n likeliest.
  int top_logprobs = -1;
  LogprobsMode logprobs_mode = LogprobsMode::raw;
};

/// Error invalid_argument, its field the parameter's name, if a value is out of its range or a token is not
/// one of the n_vocab tokens.
QUERN_API Result<void> validate(const SamplerOptions& options, int n_vocab);

struct TokenLogprob {
  Token token = 0;
  double logprob = 0;  ///< natural logarithm of the probability
};

/// A chosen token.
struct Sampled {
  Token token = 0;
  std::optional<double> logprob = {};  ///< if SamplerOptions::top_logprobs >= 0
  std::vector<TokenLogprob> top = {};  ///< the likeliest tokens, likeliest first, equal ones by id
};

namespace detail {
class BreakerCache;
}
/// An empty cache, to be shared by the samplers of one vocabulary; safe from any number of threads.
QUERN_API std::shared_ptr<detail::BreakerCache> new_breaker_cache();

/// What a sampler needs to know of a vocabulary.
struct SamplerVocabulary {
  int n_vocab = 0;                     ///< logits per position
  int n_tokens = -1;                   ///< ids from here on are padding and never chosen; -1: none are
  std::vector<Token> end_tokens = {};  ///< those after which nothing follows
  std::vector<Token> suppressed = {};  ///< those the model's file forbids
  /// A token's bytes as they appear in text, valid until the next call. Only DRY's text breakers need it.
  std::function<std::string_view(Token)> text = {};
  /// Text to tokens, without special ones. Only DRY's text breakers need it.
  std::function<std::vector<Token>(std::string_view)> encode = {};
  /// What text breakers mean in this vocabulary costs a pass over it; with a cache it is paid once.
  std::shared_ptr<detail::BreakerCache> breaker_cache = {};
};

/// Chooses the tokens of one sequence. All it remembers follows from the history it was told, so truncate()
/// takes it back exactly. One thread at a time. Movable, not copyable.
class QUERN_API Sampler {
 public:
  /// Errors: those of validate(); invalid_argument for text breakers without SamplerVocabulary::text.
  static Result<Sampler> create(const SamplerOptions& options, const SamplerVocabulary& vocabulary);
  Sampler(Sampler&&) noexcept;
  Sampler& operator=(Sampler&&) noexcept;
  ~Sampler();

  /// Begins anew with this prompt as the history. The only error, here and of accept(), is out_of_memory.
  Result<void> start(std::span<const Token> prompt);
  /// Adds a generated token to the history: the one that sample() gave, or another. Mirostat and adaptive-p
  /// learn only from the one that sample() gave last.
  Result<void> accept(Token token);
  /// Keeps the first n tokens of the history; all of them if it has no more.
  void truncate(std::size_t n);
  /// Valid until the next non-const call.
  std::span<const Token> history() const;

  /// Chooses the token that follows the history; does not add it. `logits` has n_vocab entries. `mask`, if
  /// not empty, has a bit for each token, bit i % 64 of word i / 64; tokens with bit 0 cannot be chosen.
  /// Where the mask leaves nothing but end tokens, it wins over min_tokens and ignore_eos. Errors: nan_logit,
  /// infinite_logit, no_candidates; invalid_argument for a wrong number of logits or words.
  Result<Sampled> sample(std::span<const float> logits, std::span<const std::uint64_t> mask = {});

  /// The seed in use.
  std::uint64_t seed() const;

 private:
  struct Impl;
  explicit Sampler(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace quern
