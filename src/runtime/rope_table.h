#pragma once
// The numbers of a rotary embedding (RoFormer, arXiv 2104.09864), computed in double precision with functions
// that give the same bits on every machine, and rounded to float once at the end.
#include <cstddef>

#include "src/architectures/model_spec.h"

namespace quern::detail {

/// The angle that pair i turns by from one position to the next, [n_rot/2]. `factors`: the divisors, or null.
void rope_frequencies(const RopeSpec& rope, const float* factors, double* frequencies);
/// What cos and sin are multiplied by.
double rope_magnitude(const RopeSpec& rope);
/// cos and sin of every pair at one position, [n_rot/2][2].
void rope_rotations(const double* frequencies, std::size_t n_pairs, double magnitude, std::size_t position,
                    float* cos_sin);

}  // namespace quern::detail
