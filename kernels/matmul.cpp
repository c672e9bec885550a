// Chooses the product for a weight type and a number of tokens. Every way to it gives the same bits.
//
// Where a weight or an activation scale is infinite or NaN, so is the result, in the same places on every
// instruction set; which NaN it is (sign, payload) is not defined, and callers treat every NaN alike.
#include "kernels/matmul_float.h"
#include "kernels/matmul_int8.h"

namespace quern::kernels::QUERN_ISA {
namespace {

constexpr std::size_t align_up(std::size_t n) { return (n + 63) / 64 * 64; }

}  // namespace

std::size_t matmul_scratch_bytes(formats::TensorType type, std::size_t n_cols) {
  const WeightType* integers = find_weight_type(type);
  std::size_t bytes = integers ? panel_scratch_bytes(*integers, n_cols) : float_scratch_bytes(type, n_cols);
  if (integers && bytes < row_scratch_bytes(n_cols)) bytes = row_scratch_bytes(n_cols);
#ifdef __AMX_INT8__
  if (integers && suits_tiles(*integers)) {
    const std::size_t for_tiles = tile_scratch_bytes(*integers, n_cols);
    bytes = bytes < for_tiles ? for_tiles : bytes;
  }
#endif
  return align_up(bytes);
}

void matmul(const WeightView& w, std::size_t row_begin, std::size_t row_end, const Activations& acts,
            const std::uint32_t* tokens, std::size_t n_tokens, float* y, std::size_t y_stride,
            std::byte* scratch) {
  const WeightType* type = find_weight_type(w.type);
  if (!type) return matmul_float(w, row_begin, row_end, acts, tokens, n_tokens, y, y_stride, scratch);
  const TokenRows rows{acts, tokens};
  if (n_tokens < type->panel_from_tokens)
    return type->multiply_rows(w, row_begin, row_end, rows, n_tokens, y, y_stride, scratch);
#ifdef __AMX_INT8__
  if (n_tokens >= tiles_from_tokens && suits_tiles(*type))
    return matmul_by_tiles(*type, w, row_begin, row_end, rows, n_tokens, y, y_stride, scratch);
#endif
  matmul_by_panels(*type, w, row_begin, row_end, rows, n_tokens, y, y_stride, scratch);
}

}  // namespace quern::kernels::QUERN_ISA
