#pragma once
// Log-probabilities of the chosen token and of the likeliest ones.
#include <cstddef>

#include "quern/sampling.h"
#include "src/sampling/candidates.h"

namespace quern::detail {

/// Fills in sampled.logprob and the n likeliest of these candidates. A chosen token that is none of them has
/// minus infinity. Leaves only the likeliest among the candidates.
void report_logprobs(Candidates& candidates, std::size_t n, Sampled& sampled);

}  // namespace quern::detail
