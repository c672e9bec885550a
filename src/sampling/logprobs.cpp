#include "src/sampling/logprobs.h"

#include <limits>

#include "src/base/math.h"

namespace quern::detail {

void report_logprobs(Candidates& candidates, std::size_t n, Sampled& sampled) {
  // ln p_i = l_i - best - ln(sum W / 2^44).
  const double shift =
      candidates.best() + ln(static_cast<double>(candidates.total_weight()) / kernels::weight_one);
  const auto chosen = candidates.logit(sampled.token);
  sampled.logprob = chosen ? *chosen - shift : -std::numeric_limits<double>::infinity();
  if (n == 0) return;
  candidates.keep_first(n);
  for (const Candidate& c : candidates.sorted_list()) sampled.top.push_back({c.id, c.logit - shift});
}

}  // namespace quern::detail
