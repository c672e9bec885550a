#pragma once
// Products with quantized weights: exact integers inside a group, one fused float update a group
// (kernel_table.h).
#include "kernels/functions.h"
#include "kernels/unpack.h"

namespace quern::kernels::QUERN_ISA {

// One token's packed activations.
struct TokenRow {
  const std::int8_t* codes;
  const float* scales;
  const std::int16_t* sums;
};
struct TokenRows {
  const Activations& acts;
  const std::uint32_t* list;  // null: token i itself
  TokenRow operator[](std::size_t i) const {
    const std::size_t token = list ? list[i] : i, group = acts.kind == ActivationKind::q8_128 ? 128 : 32;
    return {acts.codes + token * acts.n_cols, acts.scales + token * (acts.n_cols / group),
            acts.sums + token * (acts.n_cols / 16)};
  }
};

// For a few tokens: each row is unpacked a batch of columns at a time, and 16 groups fill the lanes at once.
// scratch: one Batch.
void matmul_by_rows(const WeightType& type, const WeightView& w, std::size_t row_begin, std::size_t row_end,
                    const TokenRows& tokens, std::size_t n_tokens, float* y, std::size_t y_stride,
                    Batch* scratch);

// For many: 16 rows are unpacked into a panel with the rows in the lanes, and all tokens run over it.
// Both give the same bits.
std::size_t panel_scratch_bytes(const WeightType& type, std::size_t n_cols);
void matmul_by_panels(const WeightType& type, const WeightView& w, std::size_t row_begin, std::size_t row_end,
                      const TokenRows& tokens, std::size_t n_tokens, float* y, std::size_t y_stride,
                      std::byte* scratch);

}  // namespace quern::kernels::QUERN_ISA
