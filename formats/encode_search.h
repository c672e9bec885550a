#pragma once
// The searching encoders: they minimise sum w (y - x)^2 with w from search_weights(). Each encodes a row of
// n_cols values, a multiple of Block::elements; `importance` has n_cols entries, or is null where all columns
// count alike. Requires: finite values. What comes out for values beyond the type's range does not decode to
// finite values.
#include <cstddef>

#include "formats/encode_plain.h"
#include "formats/i_quants.h"
#include "formats/k_quants.h"

namespace quern::formats {

void encode_row(const float* x, std::size_t n_cols, const float* importance, BlockQ2_K* blocks);
void encode_row(const float* x, std::size_t n_cols, const float* importance, BlockQ3_K* blocks);
void encode_row(const float* x, std::size_t n_cols, const float* importance, BlockQ4_K* blocks);
void encode_row(const float* x, std::size_t n_cols, const float* importance, BlockQ5_K* blocks);
void encode_row(const float* x, std::size_t n_cols, const float* importance, BlockQ6_K* blocks);
void encode_row(const float* x, std::size_t n_cols, const float* importance, BlockIQ4_XS* blocks);
void encode_row(const float* x, std::size_t n_cols, const float* importance, BlockIQ4_NL* blocks);

void encode_row(const float* x, std::size_t n_cols, const float* importance, BlockQ8_0* blocks);
void encode_row(const float* x, std::size_t n_cols, const float* importance, BlockQ4_0* blocks);
void encode_row(const float* x, std::size_t n_cols, const float* importance, BlockQ4_1* blocks);
void encode_row(const float* x, std::size_t n_cols, const float* importance, BlockQ5_0* blocks);
void encode_row(const float* x, std::size_t n_cols, const float* importance, BlockQ5_1* blocks);
void encode_row(const float* x, std::size_t n_cols, const float* importance, BlockQ1_0* blocks);
void encode_row(const float* x, std::size_t n_cols, const float* importance, BlockQ2_0* blocks);
void encode_row(const float* x, std::size_t n_cols, const float* importance, BlockTQ1_0* blocks);
void encode_row(const float* x, std::size_t n_cols, const float* importance, BlockTQ2_0* blocks);
void encode_row(const float* x, std::size_t n_cols, const float* importance, BlockMXFP4* blocks);
void encode_row(const float* x, std::size_t n_cols, const float* importance, BlockNVFP4* blocks);

void encode_row(const float* x, std::size_t n_cols, const float* importance, BlockIQ2_XXS* blocks);
void encode_row(const float* x, std::size_t n_cols, const float* importance, BlockIQ2_XS* blocks);
void encode_row(const float* x, std::size_t n_cols, const float* importance, BlockIQ2_S* blocks);
void encode_row(const float* x, std::size_t n_cols, const float* importance, BlockIQ3_XXS* blocks);
void encode_row(const float* x, std::size_t n_cols, const float* importance, BlockIQ3_S* blocks);
void encode_row(const float* x, std::size_t n_cols, const float* importance, BlockIQ1_S* blocks);
void encode_row(const float* x, std::size_t n_cols, const float* importance, BlockIQ1_M* blocks);

}  // namespace quern::formats
