// The names, ranges and checks of SamplerOptions.
#include <algorithm>
#include <cmath>
#include <limits>

#include "formats/try.h"
#include "quern/sampling.h"

namespace quern {
namespace {

using formats::cat;

struct StepName {
  SamplerStep step;
  const char* name;
};
constexpr StepName step_names[] = {
    {SamplerStep::penalties, "penalties"},
    {SamplerStep::dry, "dry"},
    {SamplerStep::top_n_sigma, "top_n_sigma"},
    {SamplerStep::top_k, "top_k"},
    {SamplerStep::typical_p, "typical_p"},
    {SamplerStep::top_p, "top_p"},
    {SamplerStep::min_p, "min_p"},
    {SamplerStep::xtc, "xtc"},
    {SamplerStep::temperature, "temperature"},
};

Error invalid(const char* parameter, const std::string& found, const std::string& expected) {
  return {ErrorCode::invalid_argument, cat(parameter, " is ", found, ", expected ", expected), parameter};
}

struct FloatRange {
  const char* parameter;
  float SamplerOptions::*value;
  float low, high;
  const char* expected;
};
constexpr float largest = std::numeric_limits<float>::max();
constexpr const char* not_negative = "a finite number >= 0";
constexpr const char* share = "a number from 0 to 1";
constexpr const char* any_finite = "a finite number";
constexpr FloatRange float_ranges[] = {
    {"temperature", &SamplerOptions::temperature, 0, largest, not_negative},
    {"dynatemp_range", &SamplerOptions::dynatemp_range, 0, largest, not_negative},
    {"dynatemp_exponent", &SamplerOptions::dynatemp_exponent, 0, largest, not_negative},
    {"top_p", &SamplerOptions::top_p, 0, 1, share},
    {"min_p", &SamplerOptions::min_p, 0, 1, share},
    {"typical_p", &SamplerOptions::typical_p, 0, 1, share},
    {"top_n_sigma", &SamplerOptions::top_n_sigma, 0, largest, not_negative},
    {"xtc_probability", &SamplerOptions::xtc_probability, 0, 1, share},
    {"xtc_threshold", &SamplerOptions::xtc_threshold, 0, 1, share},
    {"repeat_penalty", &SamplerOptions::repeat_penalty, std::numeric_limits<float>::denorm_min(), largest,
     "a finite number > 0"},
    {"frequency_penalty", &SamplerOptions::frequency_penalty, -largest, largest, any_finite},
    {"presence_penalty", &SamplerOptions::presence_penalty, -largest, largest, any_finite},
    {"dry_multiplier", &SamplerOptions::dry_multiplier, 0, largest, not_negative},
    {"dry_base", &SamplerOptions::dry_base, 1, largest, "a finite number >= 1"},
    {"mirostat_tau", &SamplerOptions::mirostat_tau, 0, largest, not_negative},
    {"mirostat_eta", &SamplerOptions::mirostat_eta, 0, largest, not_negative},
    {"adaptive_target", &SamplerOptions::adaptive_target, -largest, 1, "a number <= 1"},
    {"adaptive_decay", &SamplerOptions::adaptive_decay, 0, 0.99f, "a number from 0 to 0.99"},
};

struct IntRange {
  const char* parameter;
  int SamplerOptions::*value;
  int low, high;
  const char* expected;
};
constexpr int any = std::numeric_limits<int>::max();
constexpr IntRange int_ranges[] = {
    {"top_k", &SamplerOptions::top_k, 0, any, "0 or more"},
    {"min_keep", &SamplerOptions::min_keep, 0, any, "0 or more"},
    {"penalty_last_n", &SamplerOptions::penalty_last_n, -1, any, "-1 or more"},
    {"dry_allowed_length", &SamplerOptions::dry_allowed_length, 0, any, "0 or more"},
    {"dry_last_n", &SamplerOptions::dry_last_n, -1, any, "-1 or more"},
    {"mirostat", &SamplerOptions::mirostat, 0, 2, "0, 1 or 2"},
    {"min_tokens", &SamplerOptions::min_tokens, 0, any, "0 or more"},
    {"top_logprobs", &SamplerOptions::top_logprobs, -1, any, "-1 or more"},
};

Result<void> check_token(const char* parameter, Token token, int n_vocab) {
  if (token >= 0 && token < n_vocab) return {};
  return Error{ErrorCode::invalid_argument,
               cat(parameter, " names the token ", token, ", expected 0 to ", n_vocab - 1), parameter};
}

Result<void> check_tokens(const char* parameter, const std::vector<Token>& tokens, int n_vocab) {
  for (const Token t : tokens) QUERN_CHECK(check_token(parameter, t, n_vocab));
  return {};
}

Result<void> check_sequences(const char* parameter, const std::vector<std::vector<Token>>& sequences,
                             int n_vocab) {
  for (const std::vector<Token>& sequence : sequences) {
    if (sequence.empty())
      return invalid(parameter, "a list with an empty sequence", "at least one token in each");
    QUERN_CHECK(check_tokens(parameter, sequence, n_vocab));
  }
  return {};
}

Result<void> check_bias(const std::vector<LogitBias>& biases, int n_vocab) {
  std::vector<Token> tokens;
  for (const LogitBias& b : biases) {
    QUERN_CHECK(check_token("logit_bias", b.token, n_vocab));
    if (std::isnan(b.bias) || (std::isinf(b.bias) && b.bias > 0)) {
      return invalid("logit_bias", cat(b.bias, " for token ", b.token), "a finite number or minus infinity");
    }
    tokens.push_back(b.token);
  }
  std::sort(tokens.begin(), tokens.end());
  const auto twin = std::adjacent_find(tokens.begin(), tokens.end());
  if (twin != tokens.end())
    return invalid("logit_bias", cat("given twice for token ", *twin), "each token once");
  return {};
}

Result<void> check_steps(const std::vector<SamplerStep>& steps) {
  for (auto step = steps.begin(); step != steps.end(); ++step) {
    const std::string name = to_string(*step);
    if (!sampler_step(name))
      return invalid("steps", cat("a list with the number ", static_cast<int>(*step)), "steps");
    if (std::find(steps.begin(), step, *step) != step)
      return invalid("steps", "a list with " + name + " twice", "each step once");
  }
  return {};
}

}  // namespace

const char* to_string(SamplerStep step) noexcept {
  for (const StepName& s : step_names) {
    if (s.step == step) return s.name;
  }
  return "unknown";
}

std::optional<SamplerStep> sampler_step(std::string_view name) noexcept {
  for (const StepName& s : step_names) {
    if (s.name == name) return s.step;
  }
  return {};
}

Result<void> validate(const SamplerOptions& options, int n_vocab) {
  for (const FloatRange& r : float_ranges) {
    const float value = options.*r.value;
    if (!(value >= r.low && value <= r.high)) return invalid(r.parameter, cat(value), r.expected);
  }
  for (const IntRange& r : int_ranges) {
    const int value = options.*r.value;
    if (value < r.low || value > r.high) return invalid(r.parameter, cat(value), r.expected);
  }
  if (options.mirostat != 0 && options.adaptive_target >= 0) {
    return invalid("adaptive_target", cat(options.adaptive_target), "a negative number beside mirostat");
  }
  QUERN_CHECK(check_bias(options.logit_bias, n_vocab));
  QUERN_CHECK(check_tokens("banned", options.banned, n_vocab));
  if (options.allowed) QUERN_CHECK(check_tokens("allowed", *options.allowed, n_vocab));
  QUERN_CHECK(check_sequences("bad_words", options.bad_words, n_vocab));
  QUERN_CHECK(check_tokens("stop_tokens", options.stop_tokens, n_vocab));
  QUERN_CHECK(check_sequences("dry_token_breakers", options.dry_token_breakers, n_vocab));
  return check_steps(options.steps);
}

}  // namespace quern
