#pragma once
// Logit bias and the penalties on tokens that were used before.
#include <span>

#include "quern/sampling.h"
#include "src/sampling/candidates.h"
#include "src/sampling/history.h"

namespace quern::detail {

/// l_i <- l_i + b_i. Those of minus infinity are bans, and none of this function's.
void add_bias(Candidates& candidates, std::span<const LogitBias> biases);

/// For each candidate in the window: the repeat penalty (arXiv 1909.05858, with the sign taken into account),
/// then the frequency and presence penalties of OpenAI's API.
void penalize_repeats(Candidates& candidates, const History& history, const SamplerOptions& options);

}  // namespace quern::detail
