#pragma once
// Which experts a token goes to. Ties go to the lower expert, so the choice is the same everywhere.
#include "kernels/kernel_table.h"
#include "src/architectures/model_spec.h"
#include "src/runtime/scratch.h"

namespace quern::detail {

/// From one token's router logits [n_experts] (overwritten): its n_used experts, best first, and their
/// weights. `scores` [n_experts] is room to work in; `selection_bias` may be null.
void choose_experts(const ExpertsSpec& experts, const kernels::KernelTable& kernels,
                    const float* selection_bias, float* logits, float* scores, std::uint32_t* chosen,
                    float* weights);

/// Sorts the (token, choice) pairs of n_tokens tokens by expert into the scratch's slots; returns how many
/// experts have any.
std::size_t group_by_expert(const ExpertsSpec& experts, std::size_t n_tokens, Scratch& scratch);

}  // namespace quern::detail
