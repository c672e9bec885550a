// Chooses the product for a weight type.
#include "kernels/matmul_float.h"

namespace quern::kernels::QUERN_ISA {

std::size_t matmul_scratch_bytes(formats::TensorType type, std::size_t n_cols) {
  return float_scratch_bytes(type, n_cols);
}

void matmul(const WeightView& w, std::size_t row_begin, std::size_t row_end, const Activations& acts,
            const std::uint32_t* tokens, std::size_t n_tokens, float* y, std::size_t y_stride,
            std::byte* scratch) {
  matmul_float(w, row_begin, row_end, acts, tokens, n_tokens, y, y_stride, scratch);
}

}  // namespace quern::kernels::QUERN_ISA
