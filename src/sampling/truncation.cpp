#include "src/sampling/truncation.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <vector>

#include "src/base/math.h"
#include "src/sampling/nucleus.h"

namespace quern::detail {
namespace {

// The sum of term(i) over all logits, in their order.
template <typename Term>
double sum(const OrderedLogits& logits, Term&& term) {
  // Some blocks side by side, so that one addition need not wait for another: each is still summed in its
  // order.
  constexpr std::size_t n_abreast = 4;
  double total = 0;
  std::size_t begin = 0;
  for (std::size_t b = 0; b < logits.block_ends.size(); b += n_abreast) {
    const auto ends = logits.block_ends.subspan(b, std::min(n_abreast, logits.block_ends.size() - b));
    std::size_t next[n_abreast] = {begin, begin, begin, begin};
    std::size_t shortest = ends[0] - begin;
    for (std::size_t k = 1; k < ends.size(); ++k) {
      next[k] = ends[k - 1];
      shortest = std::min(shortest, ends[k] - next[k]);
    }
    double block[n_abreast] = {};
    if (ends.size() == n_abreast) {
      for (std::size_t i = 0; i < shortest; ++i) {
        for (std::size_t k = 0; k < n_abreast; ++k) block[k] += term(next[k]++);
      }
    }
    for (std::size_t k = 0; k < ends.size(); ++k) {
      while (next[k] < ends[k]) block[k] += term(next[k]++);
      total += block[k];
    }
    begin = ends.back();
  }
  return total;
}

}  // namespace

void top_k(Candidates& candidates, std::size_t k, std::size_t min_keep) {
  candidates.keep_first(std::max(k, min_keep));
}

void top_p(Candidates& candidates, double p, std::size_t min_keep) { candidates.keep_nucleus(p, min_keep); }

void min_p(Candidates& candidates, double share, std::size_t min_keep) {
  candidates.keep_at_least(candidates.best() + ln(share), min_keep);
}

void top_n_sigma(Candidates& candidates, double n, std::size_t min_keep) {
  if (candidates.size() == 1) return;
  const double size = static_cast<double>(candidates.size());
  const OrderedLogits logits = candidates.ordered_logits();
  const double mean = sum(logits, [&](std::size_t i) { return logits.values[i]; }) / size;
  const auto square = [](double x) { return x * x; };
  const double variance = sum(logits, [&](std::size_t i) { return square(logits.values[i] - mean); }) / size;
  candidates.keep_at_least(candidates.best() - n * std::sqrt(variance), min_keep);
}

// With y_i = l_i - best, W_i = 2^44 e^(y_i) and Z = sum W / 2^44: -ln p_i = ln Z - y_i.
double entropy(Candidates& candidates) {
  const double total = static_cast<double>(candidates.total_weight());
  const double ln_z = ln(total / kernels::weight_one);
  const double best = candidates.best();
  const OrderedLogits logits = candidates.ordered_logits();
  std::vector<std::uint64_t> weights(logits.values.size());
  candidates.kernels().weigh(logits.values.data(), weights.size(), best, weights.data());
  return sum(logits, [&](std::size_t i) {
    return static_cast<double>(weights[i]) / total * (ln_z - (logits.values[i] - best));
  });
}

void typical_p(Candidates& candidates, double p, std::size_t min_keep) {
  const double expected = entropy(candidates);
  const std::uint64_t total = candidates.weigh_list();
  const double ln_z = ln(static_cast<double>(total) / kernels::weight_one);
  const double best = candidates.best();
  // How far the surprise is from the expected one; tokens without weight come last.
  const auto score = [&](const Candidate& c) {
    return c.weight == 0 ? std::numeric_limits<double>::infinity()
                         : std::abs(ln_z - (c.logit - best) - expected);
  };
  std::vector<Candidate>& list = candidates.list();
  list.resize(
      select_nucleus(list, weight_share(p, total), min_keep, [&](const Candidate& a, const Candidate& b) {
        const double score_a = score(a), score_b = score(b);
        return score_a != score_b ? score_a < score_b : canonical_less(a, b);
      }));
  candidates.list_changed();
}

void xtc(Candidates& candidates, double threshold, std::size_t min_keep) {
  const std::uint64_t least = weight_share(threshold, candidates.weigh_list());
  std::vector<Candidate>& list = candidates.list();
  const auto n_above = static_cast<std::size_t>(
      std::count_if(list.begin(), list.end(), [least](const Candidate& c) { return c.weight >= least; }));
  if (n_above < 2 || list.size() - (n_above - 1) < min_keep) return;
  const auto last_above = list.begin() + static_cast<std::ptrdiff_t>(n_above - 1);
  std::nth_element(list.begin(), last_above, list.end(), canonical_less);
  list.erase(list.begin(), last_above);
  candidates.list_changed();
}

}  // namespace quern::detail
