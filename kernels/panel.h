#pragma once
// A panel: whole rows of a matrix as integers, with the rows in the lanes, 16 to a vector.
#include "kernels/weights.h"

namespace quern::kernels::QUERN_ISA {

inline constexpr std::size_t panel_vectors = int8_tile_rows;
inline constexpr std::size_t panel_rows = 16 * panel_vectors;

struct Panel {
  std::int8_t* codes;    // [n_cols / 4][panel_rows][4], plus the type's zero
  std::int16_t* scales;  // [n_cols / sub_cols][panel_rows]: groups of 128 only
  std::int16_t* mins;    // [n_cols / sub_cols / 2][panel_rows][2]: two neighbours; those with a minimum only
  float* d;              // [n_groups][panel_rows]
  float* offset;         // [n_groups][panel_rows]: those with a minimum only
  std::size_t n_groups;
};

std::size_t panel_bytes(const WeightType& type, std::size_t n_cols);
Panel place_panel(const WeightType& type, std::size_t n_cols, std::byte* at);

// Unpacks n_rows (at most panel_rows) rows from `row` on; the panel's others become 0. batch: 16 of them.
void build_panel(const WeightType& type, const WeightView& w, std::size_t row, std::size_t n_rows,
                 Batch* batch, const Panel& panel);

}  // namespace quern::kernels::QUERN_ISA
