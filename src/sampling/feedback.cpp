#include "src/sampling/feedback.h"

#include <algorithm>
#include <cmath>

#include "src/base/math.h"

namespace quern::detail {

Feedback::Feedback(const SamplerOptions& options)
    : mirostat_(options.mirostat),
      tau_(options.mirostat_tau),
      eta_(options.mirostat_eta),
      adaptive_target_(options.adaptive_target),
      decay_(options.adaptive_decay) {}

FeedbackState Feedback::initial_state() const {
  return {.mu = 2 * tau_, .weighted_sum = adaptive_target_ / (1 - decay_), .total_weight = 1 / (1 - decay_)};
}

double Feedback::adapted_target(const FeedbackState& state) const {
  return std::clamp(2 * adaptive_target_ - state.weighted_sum / state.total_weight, 0.0, 1.0);
}

void Feedback::shape(Candidates& candidates, const FeedbackState& state, std::size_t n_vocab) {
  if (mirostat_ == 1) cut_mirostat_1(candidates, state.mu, n_vocab);
  if (mirostat_ == 2) cut_mirostat_2(candidates, state.mu);
  total_ = static_cast<double>(candidates.weigh_list());
  best_ = candidates.best();
  if (mirostat_ == 0) adapt(candidates, adapted_target(state));
}

// k = (epsilon 2^mu / (1 - V^-epsilon))^(1/s), by its logarithm so that nothing overflows.
void Feedback::cut_mirostat_1(Candidates& candidates, double mu, std::size_t n_vocab) const {
  constexpr std::size_t n_fitted = 100;  // the tokens that the exponent s is estimated from
  if (candidates.size() == 1) return;
  const std::vector<Candidate>& list = candidates.sorted_list();
  double sum_tb = 0, sum_tt = 0;
  for (std::size_t i = 0; i + 1 < std::min(n_fitted, list.size()); ++i) {
    const double t = ln(static_cast<double>(i + 2) / static_cast<double>(i + 1));
    sum_tb += t * (list[i].logit - list[i + 1].logit);
    sum_tt += t * t;
  }
  const double s = sum_tb / sum_tt;
  const double epsilon = s - 1;
  const double ln_vocab = ln(static_cast<double>(n_vocab));
  // epsilon / (1 - V^-epsilon) is positive on either side of 0, and 1 / ln V between.
  const double ln_factor =
      std::abs(epsilon) < 1e-9 ? -ln(ln_vocab) : ln(epsilon / (1 - exp(-epsilon * ln_vocab)));
  const double ln_bracket = ln_factor + mu * ln_2;
  const auto size = static_cast<double>(list.size());
  double k = ln_bracket > 0 ? size : 1;  // the limit for s = 0
  if (s > 0) k = std::floor(exp(std::min(ln_bracket / s, ln(size) + 1)));
  candidates.keep_first(static_cast<std::size_t>(std::clamp(k, 1.0, size)));
}

// Keeps the tokens with a surprise -log2 p <= mu: l >= best + ln Z - mu ln 2.
void Feedback::cut_mirostat_2(Candidates& candidates, double mu) const {
  const double ln_z = ln(static_cast<double>(candidates.total_weight()) / kernels::weight_one);
  const double best = candidates.best();
  candidates.keep_at_least(std::min(best, best + ln_z - mu * ln_2), 1);
}

// The weights stay those of before, for next_state().
void Feedback::adapt(Candidates& candidates, double target) const {
  for (Candidate& c : candidates.list()) {
    const double d = std::abs(static_cast<double>(c.weight) / total_ - target) / 0.3;
    c.logit = 5 - 10 * d * d / (1 + d);
  }
  candidates.list_changed();
}

FeedbackState Feedback::next_state(const FeedbackState& state, const Candidate& drawn) const {
  FeedbackState next = state;
  if (mirostat_ != 0) {
    const double surprise = (ln(total_ / kernels::weight_one) - (drawn.logit - best_)) / ln_2;
    next.mu -= eta_ * (surprise - tau_);
  } else {
    next.weighted_sum = static_cast<double>(drawn.weight) / total_ + decay_ * state.weighted_sum;
    next.total_weight = 1 + decay_ * state.total_weight;
  }
  return next;
}

}  // namespace quern::detail
