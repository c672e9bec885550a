#pragma once
// Cutting a list where its weights reach a sum, in expected linear time and without sorting it.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>

#include "src/sampling/candidates.h"

namespace quern::detail {

/// The weight that the share p of a total comes to: the smallest whole number not below it.
inline std::uint64_t weight_share(double p, std::uint64_t total) {
  const double share = std::ceil(p * static_cast<double>(total));
  return share >= static_cast<double>(total) ? total : static_cast<std::uint64_t>(share);
}

/// Reorders the candidates so that the first n are the shortest prefix, in the order of `less`, whose weights
/// sum to at least `target`, or the first min_keep of that order if those are more; gives n. Requires: the
/// candidates are weighed, not empty, and their sum is at least target.
template <typename Less>
std::size_t select_nucleus(std::span<Candidate> candidates, std::uint64_t target, std::size_t min_keep,
                           Less less) {
  const auto begin = candidates.begin();
  auto low = begin, high = candidates.end();  // the cut lies in (low, high]
  while (high - low > 32) {
    const auto middle = low + (high - low) / 2;
    std::nth_element(low, middle, high, less);
    std::uint64_t sum = 0;
    for (auto c = low; c != middle; ++c) sum += c->weight;
    if (sum >= target) {
      high = middle;
    } else {
      target -= sum;
      low = middle;
    }
  }
  std::sort(low, high, less);
  for (;;) {
    const std::uint64_t weight = low->weight;
    ++low;
    if (weight >= target || low == high) break;
    target -= weight;
  }
  std::size_t n = static_cast<std::size_t>(low - begin);
  if (n < min_keep) {
    n = std::min(min_keep, candidates.size());
    if (n < candidates.size())
      std::nth_element(begin, begin + static_cast<std::ptrdiff_t>(n), candidates.end(), less);
  }
  return n;
}

}  // namespace quern::detail
