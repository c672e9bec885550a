#include "src/runtime/expert_routing.h"

#include <algorithm>
#include <limits>

namespace quern::detail {
namespace {

// Below everything that can be chosen; NaN scores become it, so that an order exists.
constexpr float never = -std::numeric_limits<float>::infinity();

// Index of the largest of n scores, the first among equals.
std::uint32_t best_of(const float* scores, std::uint32_t n) {
  return static_cast<std::uint32_t>(std::max_element(scores, scores + n) - scores);
}

// Groups (DeepSeek-V3, arXiv 2412.19437, section 2.1.2) that do not hold the best sums of two experts are
// ruled out.
void keep_best_groups(const ExpertsSpec& e, float* scores) {
  const std::uint32_t group = e.n_experts / e.n_groups;
  const auto group_score = [&](std::uint32_t g) {
    float first = never, second = never;
    for (const float* s = scores + g * group; s != scores + (g + 1) * group; ++s) {
      second = std::max(second, std::min(first, *s));
      first = std::max(first, *s);
    }
    return group == 1 ? first : first + second;
  };
  const auto rank = [&](std::uint32_t g) {  // how many groups come before g
    std::uint32_t before = 0;
    const float own = group_score(g);
    for (std::uint32_t other = 0; other < e.n_groups; ++other) {
      const float score = group_score(other);
      before += score > own || (score == own && other < g);
    }
    return before;
  };
  bool keep[1024];
  for (std::uint32_t g = 0; g < e.n_groups; ++g) keep[g] = rank(g) < e.n_groups_used;
  for (std::uint32_t i = 0; i < e.n_experts; ++i)
    if (!keep[i / group]) scores[i] = never;
}

}  // namespace

void choose_experts(const ExpertsSpec& e, const kernels::KernelTable& kernels, const float* selection_bias,
                    float* logits, float* scores, std::uint32_t* chosen, float* weights) {
  switch (e.gating) {
    case Gating::softmax: kernels.softmax(logits, e.n_experts, logits); break;
    case Gating::sigmoid: kernels.sigmoid(logits, e.n_experts, logits); break;
    case Gating::softmax_of_chosen: break;
  }
  for (std::uint32_t i = 0; i < e.n_experts; ++i) {
    const float score = selection_bias ? logits[i] + selection_bias[i] : logits[i];
    scores[i] = score == score ? score : never;
  }
  if (e.n_groups > 1) keep_best_groups(e, scores);

  for (std::uint32_t k = 0; k < e.n_used; ++k) {
    chosen[k] = best_of(scores, e.n_experts);
    weights[k] = logits[chosen[k]];
    scores[chosen[k]] = never;
  }
  if (e.gating == Gating::softmax_of_chosen) kernels.softmax(weights, e.n_used, weights);
  if (e.renormalize) {
    constexpr float least_sum = 6.103515625e-5f;  // the smallest normal half-precision number
    float sum = 0;
    for (std::uint32_t k = 0; k < e.n_used; ++k) sum += weights[k];
    for (std::uint32_t k = 0; k < e.n_used; ++k) weights[k] /= std::max(sum, least_sum);
  }
  for (std::uint32_t k = 0; k < e.n_used; ++k) weights[k] *= e.weights_scale;
}

std::size_t group_by_expert(const ExpertsSpec& e, std::size_t n_tokens, Scratch& s) {
  const std::size_t n_slots = n_tokens * e.n_used;
  std::fill(s.expert_begin, s.expert_begin + e.n_experts + 1, 0u);
  for (std::size_t i = 0; i < n_slots; ++i) ++s.expert_begin[s.chosen[i] + 1];
  std::size_t n_active = 0;
  for (std::uint32_t expert = 0; expert < e.n_experts; ++expert) {
    if (s.expert_begin[expert + 1] != 0) s.active_experts[n_active++] = expert;
    s.expert_begin[expert + 1] += s.expert_begin[expert];
  }
  // Each expert's next free slot stands at its beginning and ends up at its end, which is the next one's
  // beginning.
  for (std::size_t i = 0; i < n_slots; ++i) {
    const std::uint32_t slot = s.expert_begin[s.chosen[i]]++;
    s.slot_of[i] = slot;
    s.slot_token[slot] = static_cast<std::uint32_t>(i / e.n_used);
    s.slot_index[slot] = slot;
  }
  for (std::uint32_t expert = e.n_experts; expert > 0; --expert)
    s.expert_begin[expert] = s.expert_begin[expert - 1];
  s.expert_begin[0] = 0;
  return n_active;
}

}  // namespace quern::detail
