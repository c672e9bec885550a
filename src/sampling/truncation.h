#pragma once
// The steps that cut the set of candidates. Each renormalises: the next one sees probabilities that sum to 1
// over those it left. None leaves fewer than min(min_keep, candidates). Requires, for all: there is a
// candidate.
#include <cstddef>

#include "src/sampling/candidates.h"

namespace quern::detail {

/// The first k.
void top_k(Candidates& candidates, std::size_t k, std::size_t min_keep);
/// The shortest canonical prefix with cumulative probability >= p (nucleus sampling, arXiv 1904.09751).
void top_p(Candidates& candidates, double p, std::size_t min_keep);
/// Those with at least `share` times the probability of the best (arXiv 2407.01082).
void min_p(Candidates& candidates, double share, std::size_t min_keep);
/// Those within n population standard deviations of the largest logit (arXiv 2411.07641).
void top_n_sigma(Candidates& candidates, double n, std::size_t min_keep);
/// The shortest prefix with cumulative probability >= p when ordered by how far the surprise -ln p_i is from
/// the entropy (arXiv 2202.00666).
void typical_p(Candidates& candidates, double p, std::size_t min_keep);
/// Removes all but the last of those with probability >= threshold, if that leaves min_keep.
void xtc(Candidates& candidates, double threshold, std::size_t min_keep);

/// The entropy of the candidates' distribution, in nats.
double entropy(Candidates& candidates);

}  // namespace quern::detail
