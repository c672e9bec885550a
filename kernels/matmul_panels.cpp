#include "kernels/matmul_int8.h"
#include "kernels/simd/math.h"

namespace quern::kernels::QUERN_ISA {
namespace {

constexpr std::size_t rows = 16;  // of a panel: one a lane

// One panel: 16 whole rows as integers, in the order in which the product reads them.
struct Panel {
  std::int8_t* codes;    // [n_cols / 4][16 rows][4], plus panel_offset
  std::int16_t* scales;  // [n_cols / 16][16 rows]
  std::int16_t* mins;    // [n_cols / 32][16 rows][2]: two neighbouring sub-blocks
  float* d;              // [n_groups][16 rows]
  float* dmin;           // [n_groups][16 rows]
  std::size_t n_groups;
};

// Bytes of each part, in the order of the struct, all multiples of 64.
struct PanelBytes {
  std::size_t codes, scales, mins, d, dmin;
};
PanelBytes panel_bytes(const WeightType& type, std::size_t n_cols) {
  const bool has_sub = group_cols(type.grouping) == 128;
  const std::size_t floats = n_cols / group_cols(type.grouping) * rows * sizeof(float);
  const std::size_t words = n_cols / 16 * rows * sizeof(std::int16_t);
  return {n_cols * rows, has_sub ? words : 0, has_sub && type.has_min ? words : 0, floats,
          type.has_min ? floats : 0};
}

Panel place_panel(const WeightType& type, std::size_t n_cols, std::byte* at) {
  const PanelBytes bytes = panel_bytes(type, n_cols);
  Panel panel;
  panel.n_groups = n_cols / group_cols(type.grouping);
  panel.codes = reinterpret_cast<std::int8_t*>(at);
  panel.scales = reinterpret_cast<std::int16_t*>(at += bytes.codes);
  panel.mins = reinterpret_cast<std::int16_t*>(at += bytes.scales);
  panel.d = reinterpret_cast<float*>(at += bytes.mins);
  panel.dmin = reinterpret_cast<float*>(at += bytes.d);
  return panel;
}

// Puts n columns of 16 unpacked rows into the panel, from column c on.
void interleave(const Batch* batch, const WeightType& type, std::size_t c, std::size_t n,
                const Panel& panel) {
  auto* codes = reinterpret_cast<std::uint32_t*>(panel.codes) + c / 4 * rows;
  constexpr std::uint32_t offset = panel_offset * 0x01010101u;
  for (std::size_t k = 0; k < n / 4; ++k)
    for (std::size_t r = 0; r < rows; ++r) {
      std::uint32_t four;
      __builtin_memcpy(&four, batch[r].codes + 4 * k, 4);
      codes[k * rows + r] = four ^ offset;  // adding 128 to a byte flips its top bit
    }
  const std::size_t cols = group_cols(type.grouping);
  for (std::size_t g = 0; g < n / cols; ++g)
    for (std::size_t r = 0; r < rows; ++r) {
      panel.d[(c / cols + g) * rows + r] = batch[r].d[g];
      if (type.has_min) panel.dmin[(c / cols + g) * rows + r] = batch[r].dmin[g];
    }
  if (cols != 128) return;
  for (std::size_t s = 0; s < n / 16; ++s)
    for (std::size_t r = 0; r < rows; ++r) panel.scales[(c / 16 + s) * rows + r] = batch[r].scales[s];
  if (!type.has_min) return;
  for (std::size_t s = 0; s < n / 16; ++s)
    for (std::size_t r = 0; r < rows; ++r)
      panel.mins[((c / 16 + s) / 2 * rows + r) * 2 + s % 2] = batch[r].mins[s];
}

void build_panel(const WeightType& type, const WeightView& w, std::size_t row, std::size_t n_rows,
                 Batch* batch, const Panel& panel) {
  if (n_rows < rows) __builtin_memset(static_cast<void*>(batch + n_rows), 0, (rows - n_rows) * sizeof(Batch));
  for (std::size_t c = 0; c < w.n_cols; c += batch_cols) {
    const std::size_t n = w.n_cols - c < batch_cols ? w.n_cols - c : batch_cols;
    for (std::size_t r = 0; r < n_rows; ++r)
      type.unpack(w.data + (row + r) * w.row_bytes + c / type.block_cols * type.block_bytes,
                  n / type.block_cols,
                  {batch[r].codes, batch[r].scales, batch[r].mins, batch[r].d, batch[r].dmin});
    interleave(batch, type, c, n, panel);
  }
}

// acc[t] += products of 4 * n_fours columns from `codes` on with the tokens' codes from `at` on.
template <int T>
QUERN_INLINE void add_products(I32x16* acc, const std::int8_t* codes, std::size_t n_fours, const TokenRow* a,
                               std::size_t at) {
  for (std::size_t k = 0; k < n_fours; ++k) {
    const I8x64 w = load_bytes(codes + 64 * k);
    for (int t = 0; t < T; ++t) acc[t] = dot4_panel(acc[t], w, repeat_bytes(a[t].codes + at + 4 * k));
  }
}

// Takes the panel's offset off n_sixteens * 16 products that are about to be added.
template <int T>
QUERN_INLINE void begin_sums(I32x16* acc, const TokenRow* a, std::size_t at, std::size_t n_sixteens) {
  for (int t = 0; t < T; ++t) {
    int activations = 0;
    if constexpr (panel_offset != 0)
      for (std::size_t s = 0; s < n_sixteens; ++s) activations += a[t].sums[at / 16 + s];
    acc[t] = splat_i32(-panel_offset * activations);
  }
}

// T tokens over the whole panel. Group g is lane g % 16 of the sum, so there are 16 partial sums for each
// row.
template <Grouping grouping, int T>
void multiply_tile(const Panel& panel, bool has_min, const TokenRow* a, std::size_t n_rows, float* const* y) {
  constexpr std::size_t cols = group_cols(grouping), act_group = cols < 32 ? 32 : cols;
  constexpr std::size_t sub = grouping == Grouping::sub_scales_of_16 ? 16 : 32;
  F32x16 lanes[16][T];
  for (int i = 0; i < 16; ++i)
    for (int t = 0; t < T; ++t) lanes[i][t] = zero();
  for (std::size_t g = 0; g < panel.n_groups; ++g) {
    const std::size_t at = g * cols;
    I32x16 total[T];
    for (int t = 0; t < T; ++t) total[t] = splat_i32(0);
    if constexpr (cols == 128) {
      for (std::size_t s = 0; s < cols; s += sub) {
        I32x16 acc[T];
        begin_sums<T>(acc, a, at + s, sub / 16);
        add_products<T>(acc, panel.codes + (at + s) * rows, sub / 4, a, at + s);
        const I32x16 scales = load_i16(panel.scales + (at + s) / 16 * rows);
        for (int t = 0; t < T; ++t) total[t] = total[t] + acc[t] * scales;
      }
    } else {
      begin_sums<T>(total, a, at, cols / 16);
      add_products<T>(total, panel.codes + at * rows, cols / 4, a, at);
    }
    F32x16* lane = lanes[g % 16];
    const F32x16 d = load(panel.d + g * rows);
    for (int t = 0; t < T; ++t)
      lane[t] = fma(d * splat(a[t].scales[at / act_group]), to_f32(total[t]), lane[t]);
    if (!has_min) continue;
    const F32x16 dmin = load(panel.dmin + g * rows);
    for (int t = 0; t < T; ++t) {
      I32x16 j = splat_i32(0);
      if constexpr (cols == 128) {
        for (std::size_t s = 0; s < 8; s += 2)
          j = dot2(j, load_words(panel.mins + (at / 16 + s) * rows), repeat_words(a[t].sums + at / 16 + s));
      } else {
        j = splat_i32(a[t].sums[at / 16] + a[t].sums[at / 16 + 1]);
      }
      lane[t] = fma(negate(dmin * splat(a[t].scales[at / act_group])), to_f32(j), lane[t]);
    }
  }
  // The lanes without a last group get +0, as everywhere: it turns -0 into +0.
  if (panel.n_groups % 16 != 0)
    for (std::size_t g = panel.n_groups % 16; g < 16; ++g)
      for (int t = 0; t < T; ++t) lanes[g][t] = lanes[g][t] + zero();
  for (int t = 0; t < T; ++t) {
    for (int width = 8; width > 0; width /= 2)
      for (int i = 0; i < width; ++i) lanes[i][t] = lanes[i][t] + lanes[i + width][t];
    store_n(y[t], lanes[0][t], n_rows);
  }
}

// The tokens from t on in tiles of T, then of T / 2, T / 4, ...
template <Grouping grouping, int T = int8_tile_tokens>
void multiply_panel(const Panel& panel, bool has_min, const TokenRows& tokens, std::size_t t,
                    std::size_t n_tokens, std::size_t n_rows, float* y, std::size_t y_stride) {
  for (; n_tokens - t >= T; t += T) {
    TokenRow a[T];
    float* out[T];
    for (std::size_t i = 0; i < T; ++i) {
      a[i] = tokens[t + i];
      out[i] = y + (t + i) * y_stride;
    }
    multiply_tile<grouping, T>(panel, has_min, a, n_rows, out);
  }
  if constexpr (T > 1)
    multiply_panel<grouping, T / 2>(panel, has_min, tokens, t, n_tokens, n_rows, y, y_stride);
}

}  // namespace

std::size_t panel_scratch_bytes(const WeightType& type, std::size_t n_cols) {
  const PanelBytes bytes = panel_bytes(type, n_cols);
  return rows * sizeof(Batch) + bytes.codes + bytes.scales + bytes.mins + bytes.d + bytes.dmin;
}

void matmul_by_panels(const WeightType& type, const WeightView& w, std::size_t row_begin, std::size_t row_end,
                      const TokenRows& tokens, std::size_t n_tokens, float* y, std::size_t y_stride,
                      std::byte* scratch) {
  auto* batch = reinterpret_cast<Batch*>(scratch);
  const Panel panel = place_panel(type, w.n_cols, scratch + rows * sizeof(Batch));
  for (std::size_t r = row_begin; r < row_end; r += rows) {
    const std::size_t n_rows = row_end - r < rows ? row_end - r : rows;
    build_panel(type, w, r, n_rows, batch, panel);
    float* out = y + (r - row_begin);
    switch (type.grouping) {
      case Grouping::scale_per_16:
        multiply_panel<Grouping::scale_per_16>(panel, type.has_min, tokens, 0, n_tokens, n_rows, out,
                                               y_stride);
        break;
      case Grouping::scale_per_32:
        multiply_panel<Grouping::scale_per_32>(panel, type.has_min, tokens, 0, n_tokens, n_rows, out,
                                               y_stride);
        break;
      case Grouping::sub_scales_of_16:
        multiply_panel<Grouping::sub_scales_of_16>(panel, type.has_min, tokens, 0, n_tokens, n_rows, out,
                                                   y_stride);
        break;
      case Grouping::sub_scales_of_32:
        multiply_panel<Grouping::sub_scales_of_32>(panel, type.has_min, tokens, 0, n_tokens, n_rows, out,
                                                   y_stride);
        break;
    }
  }
}

}  // namespace quern::kernels::QUERN_ISA
