#pragma once
// Products with float weights (F32, F16, BF16): element k in lane k % 16, ascending, then the tree.
#include "kernels/functions.h"

namespace quern::kernels::QUERN_ISA {

std::size_t float_scratch_bytes(formats::TensorType type, std::size_t n_cols);
void matmul_float(const WeightView& w, std::size_t row_begin, std::size_t row_end, const Activations& acts,
                  const std::uint32_t* tokens, std::size_t n_tokens, float* y, std::size_t y_stride,
                  std::byte* scratch);

}  // namespace quern::kernels::QUERN_ISA
