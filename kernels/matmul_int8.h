#pragma once
// Products with quantized weights: exact integers inside a group, one float update a group (kernel_table.h).
// For a few tokens WeightType::multiply_rows serves; for many, rows are unpacked into a panel with the rows
// in the lanes, and all tokens run over it. Both give the same bits.
#include "kernels/functions.h"
#include "kernels/weights.h"

namespace quern::kernels::QUERN_ISA {

std::size_t panel_scratch_bytes(const WeightType& type, std::size_t n_cols);
void matmul_by_panels(const WeightType& type, const WeightView& w, std::size_t row_begin, std::size_t row_end,
                      const TokenRows& tokens, std::size_t n_tokens, float* y, std::size_t y_stride,
                      std::byte* scratch);

#ifdef __AMX_INT8__
// The same with tile registers; worth it from tiles_from_tokens on.
inline constexpr std::size_t tiles_from_tokens = 12;
bool suits_tiles(const WeightType& type);
std::size_t tile_scratch_bytes(const WeightType& type, std::size_t n_cols);
void matmul_by_tiles(const WeightType& type, const WeightView& w, std::size_t row_begin, std::size_t row_end,
                     const TokenRows& tokens, std::size_t n_tokens, float* y, std::size_t y_stride,
                     std::byte* scratch);
#endif

}  // namespace quern::kernels::QUERN_ISA
