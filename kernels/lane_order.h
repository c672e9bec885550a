#pragma once
// The 16 lanes of a canonical sum (group g is lane g % 16) one after the other, in the order in which the
// tree joins them: each is joined as soon as both sides are known, so that no more than five sums are under
// way.
#include "kernels/simd/math.h"

namespace quern::kernels::QUERN_ISA {

inline constexpr unsigned lane_order[16] = {0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15};
inline constexpr unsigned n_levels = 5;

// The group that comes `stride` groups after g, which is of the i-th lane, or the next lane's first; n_groups
// after the last. stride: a multiple of 16.
QUERN_INLINE std::size_t next_group(unsigned i, std::size_t g, std::size_t stride, std::size_t n_groups) {
  if (g + stride < n_groups) return g + stride;
  for (++i; i < 16; ++i)
    if (lane_order[i] < n_groups) return lane_order[i];
  return n_groups;
}

QUERN_INLINE bool lacks_last_group(unsigned lane, std::size_t n_groups) {
  return n_groups % 16 != 0 && lane >= n_groups % 16;
}

// Joins the i-th lane's sums, of n products side by side, with those of the lanes before it; the last lane
// leaves the results in `lane`. under_way: n_levels of them. A lane without a last group gets +0, as
// everywhere: it turns -0 into +0.
template <std::size_t n>
QUERN_INLINE void join_lane(unsigned i, bool lacks_last, F32x16 (&lane)[n], F32x16 (*under_way)[n]) {
  if (lacks_last)
    for (F32x16& sum : lane) sum = sum + zero();
  unsigned level = 0;
  for (; i >> level & 1; ++level)
    for (std::size_t k = 0; k < n; ++k) lane[k] = under_way[level][k] + lane[k];
  for (std::size_t k = 0; k < n; ++k) under_way[level][k] = lane[k];
}

}  // namespace quern::kernels::QUERN_ISA
