#include "src/sampling/chain.h"

#include <algorithm>
#include <utility>

#include "formats/try.h"
#include "src/base/math.h"
#include "src/sampling/penalties.h"
#include "src/sampling/truncation.h"

namespace quern::detail {
namespace {

constexpr double greedy_below = 1e-6;  // a smaller temperature is 0

bool contains(const std::vector<SamplerStep>& steps, SamplerStep step) {
  return std::find(steps.begin(), steps.end(), step) != steps.end();
}

// x^exponent for x >= 0.
double power(double x, double exponent) {
  if (exponent == 1) return x;
  return exponent == 0 ? 1 : exp(exponent * ln(x));
}

}  // namespace

Chain::Chain(const SamplerOptions& options, const SamplerVocabulary& vocabulary, DryBreakers breakers,
             const kernels::LogitKernels& kernels)
    : options_(options),
      n_vocab_(static_cast<std::size_t>(vocabulary.n_vocab)),
      is_greedy_(options.temperature < greedy_below && contains(options.steps, SamplerStep::temperature)),
      min_keep_(static_cast<std::size_t>(options.min_keep)),
      mask_(options, vocabulary),
      dry_(options, std::move(breakers)),
      feedback_(options),
      candidates_(kernels) {}

Result<void> Chain::narrow(const Situation& situation) {
  const History& history = situation.history;
  QUERN_CHECK(candidates_.reset(situation.logits,
                                mask_.allowed(history.tokens(), history.n_generated(), situation.grammar),
                                situation.position));
  if (candidates_.size() == 0) {
    return Error{ErrorCode::no_candidates,
                 formats::cat("masks and bans leave no token to choose at position ", situation.position)};
  }
  add_bias(candidates_, options_.logit_bias);
  for (const SamplerStep step : options_.steps) {
    const bool changes_best = step == SamplerStep::penalties || step == SamplerStep::dry;
    if (changes_best || !is_greedy_) apply(step, situation);
  }
  if (is_greedy_) {
    candidates_.keep_first(1);
  } else if (feedback_.is_on()) {
    feedback_.shape(candidates_, situation.feedback, n_vocab_);
  }
  return {};
}

void Chain::apply(SamplerStep step, const Situation& situation) {
  const SamplerOptions& o = options_;
  switch (step) {
    case SamplerStep::penalties: return penalize_repeats(candidates_, situation.history, o);
    case SamplerStep::dry: return dry_.penalize(candidates_, situation.history.tokens());
    case SamplerStep::top_n_sigma:
      if (o.top_n_sigma > 0) top_n_sigma(candidates_, o.top_n_sigma, min_keep_);
      return;
    case SamplerStep::top_k:
      if (o.top_k > 0) top_k(candidates_, static_cast<std::size_t>(o.top_k), min_keep_);
      return;
    case SamplerStep::typical_p:
      if (o.typical_p < 1) typical_p(candidates_, o.typical_p, min_keep_);
      return;
    case SamplerStep::top_p:
      if (o.top_p < 1) top_p(candidates_, o.top_p, min_keep_);
      return;
    case SamplerStep::min_p:
      if (o.min_p > 0) min_p(candidates_, o.min_p, min_keep_);
      return;
    case SamplerStep::xtc:
      if (situation.xtc_coin < o.xtc_probability && o.xtc_threshold <= 0.5f && candidates_.size() >= 2) {
        xtc(candidates_, o.xtc_threshold, min_keep_);
      }
      return;
    case SamplerStep::temperature: return temper();
  }
}

// Plain, or dynamic: between temperature - range and temperature + range, by the entropy as a share of ln n.
void Chain::temper() {
  double temperature = options_.temperature;
  if (options_.dynatemp_range > 0) {
    if (candidates_.size() == 1) return;
    const double low = std::max(0.0, temperature - options_.dynatemp_range);
    const double high = temperature + options_.dynatemp_range;
    const double share = entropy(candidates_) / ln(static_cast<double>(candidates_.size()));
    temperature = low + (high - low) * power(share, options_.dynatemp_exponent);
  }
  if (temperature < greedy_below) return candidates_.keep_first(1);
  if (temperature != 1) candidates_.divide(temperature);
}

}  // namespace quern::detail
