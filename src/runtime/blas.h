#pragma once
// Products of many tokens by OpenBLAS, for Arithmetic::fastest in builds with QUERN_OPENBLAS.
#include <cstddef>

#include "kernels/kernel_table.h"

namespace quern::detail {

/// Whether this build has it, and it is quicker than the kernels of this table.
bool blas_is_quicker_than(const kernels::KernelTable& table);

/// From so many tokens on; fewer are not worth turning weights into floats.
inline constexpr std::size_t least_blas_tokens = 16;

/// y[i][r - begin] = row r of w times row i of x [n, w.n_cols], rows of y `stride` floats apart. Safe from
/// any number of threads, and starts none. Requires: blas_is_quicker_than() some table.
void blas_multiply(const kernels::WeightView& w, std::size_t begin, std::size_t end, const float* x,
                   std::size_t n, float* y, std::size_t stride);

}  // namespace quern::detail
