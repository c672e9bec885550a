#include "src/sampling/penalties.h"

#include <cmath>

namespace quern::detail {

void add_bias(Candidates& candidates, std::span<const LogitBias> biases) {
  for (const LogitBias& b : biases) {
    if (std::isinf(b.bias)) continue;
    const auto logit = candidates.logit(b.token);
    if (logit) candidates.set_logit(b.token, *logit + b.bias);
  }
}

void penalize_repeats(Candidates& candidates, const History& history, const SamplerOptions& options) {
  const double repeat = options.repeat_penalty;
  if (repeat == 1 && options.frequency_penalty == 0 && options.presence_penalty == 0) return;
  for (const auto& [token, counts] : history.counts()) {
    const auto logit = candidates.logit(token);
    if (!logit) continue;
    double l = *logit > 0 ? *logit / repeat : *logit * repeat;
    const int n = options.penalty_scope == PenaltyScope::all ? counts.all : counts.generated;
    if (n > 0) l -= n * static_cast<double>(options.frequency_penalty) + options.presence_penalty;
    candidates.set_logit(token, l);
  }
}

}  // namespace quern::detail
