#include "kernels/matmul_float.h"

#include <utility>

#include "kernels/rows.h"
#include "kernels/simd/parts.h"

namespace quern::kernels::QUERN_ISA {
namespace {

// Few tokens: rows are read as they lie, once, each to its end. More of them: a panel of rows is copied,
// widened on the way, to where one pointer reaches them, and goes through all tokens a block of columns at a
// time, so that what a register tile reads stays in the nearest cache.
constexpr std::size_t panel_from_tokens = 8;
constexpr std::size_t panel_rows = 32, panel_tokens = 96, panel_cols = 2048, block_cols = 512;
constexpr std::size_t panel_stride = panel_cols + 16;  // rows must not all begin in one set of the cache
alignas(64) constexpr float zeros[16] = {};

// Where the sums of a panel wait between blocks of columns: 16 lanes for each row of each token.
struct Sums {
  float* data;  // [tokens, n_rows, 16]
  std::size_t n_rows;
  float* of(std::size_t token, std::size_t row) const { return data + (token * n_rows + row) * 16; }
};

// Rows where they lie, which are read at once and fetched ahead: one row alone, and what the hardware
// foresees, does not keep memory busy. Zen 3, one core, one token times F16 in memory: two rows and no
// fetching 15 GB/s, with it 17, four rows 18 to 21.
constexpr int lying_rows = 4;
template <typename Row>
struct Lying {
  static constexpr int parts = 1;
  template <int T>
  static constexpr int tile_rows = T == 1 ? lying_rows : float_tile_rows;
  const std::byte* const* rows;
  std::size_t ahead;  // bytes to the rows that come next
  template <int>
  QUERN_INLINE F32x16 load(std::size_t r, std::size_t k) const {
    __builtin_prefetch(rows[r] + k * Row::bytes + ahead);  // cannot fault beyond the last row
    return Row::load(rows[r], k);
  }
  template <int>
  QUERN_INLINE F32x16 load_n(std::size_t r, std::size_t k, std::size_t n) const {
    return Row::load_n(rows[r], k, n);
  }
  QUERN_INLINE Lying from(std::size_t r) const { return {rows + r, ahead}; }
};
// Rows that are copied, panel_stride floats apart, the last vector filled up with +0. The nearest cache holds
// them, so each part of the lanes that fits a register goes through the columns by itself: more rows meet the
// tokens in registers then.
constexpr int copied_rows = float_tile_rows * float_parts;
struct Copied {
  static constexpr int parts = float_parts;
  template <int>
  static constexpr int tile_rows = copied_rows;
  const float* rows;
  template <int p>
  QUERN_INLINE F32Part load(std::size_t r, std::size_t k) const {
    return load_part<p>(rows + r * panel_stride + k);
  }
  template <int p>
  QUERN_INLINE F32Part load_n(std::size_t r, std::size_t k, std::size_t) const {
    return load<p>(r, k);
  }
  QUERN_INLINE Copied from(std::size_t r) const { return {rows + r * panel_stride}; }
};

// n columns of rows and of tokens' activations.
template <typename Rows>
struct Block {
  Rows rows;
  const float* const* tokens;
  std::size_t first_col, n_cols;  // of the activations; the rows begin with them
};

// One part of R rows times T tokens.
template <int p, int R, int T, typename Rows>
QUERN_INLINE void tile_part(const Rows& rows, const float* const (&x)[T], std::size_t n_cols, bool is_first,
                            float* sums, std::size_t stride) {
  const auto load_share = [](const float* v) {
    if constexpr (Rows::parts == 1)
      return load(v);
    else
      return load_part<p>(v);
  };
  using Vector = decltype(load_share(sums));
  Vector acc[R][T];
#pragma GCC unroll 8
  for (std::size_t r = 0; r < R; ++r)
#pragma GCC unroll 8
    for (std::size_t t = 0; t < T; ++t)
      acc[r][t] = is_first ? load_share(zeros) : load_share(sums + t * stride + r * 16);
  std::size_t k = 0;
  for (; k + 16 <= n_cols; k += 16) {
    if constexpr (R > T) {
      Vector v[T];
#pragma GCC unroll 8
      for (std::size_t t = 0; t < T; ++t) v[t] = load_share(x[t] + k);
#pragma GCC unroll 8
      for (std::size_t r = 0; r < R; ++r) {
        const Vector w = rows.template load<p>(r, k);
#pragma GCC unroll 8
        for (std::size_t t = 0; t < T; ++t) acc[r][t] = fma(w, v[t], acc[r][t]);
      }
    } else {
      Vector w[R];
#pragma GCC unroll 8
      for (std::size_t r = 0; r < R; ++r) w[r] = rows.template load<p>(r, k);
#pragma GCC unroll 8
      for (std::size_t t = 0; t < T; ++t) {
        const Vector v = load_share(x[t] + k);
#pragma GCC unroll 8
        for (std::size_t r = 0; r < R; ++r) acc[r][t] = fma(w[r], v, acc[r][t]);
      }
    }
  }
  if (k < n_cols) {
#pragma GCC unroll 8
    for (std::size_t t = 0; t < T; ++t) {
      float last[16];
      store(last, load_n(x[t] + k, n_cols - k));
      const Vector v = load_share(last);
#pragma GCC unroll 8
      for (std::size_t r = 0; r < R; ++r)
        acc[r][t] = fma(rows.template load_n<p>(r, k, n_cols - k), v, acc[r][t]);
    }
  }
#pragma GCC unroll 8
  for (std::size_t r = 0; r < R; ++r)
#pragma GCC unroll 8
    for (std::size_t t = 0; t < T; ++t) {
      float* const sum = sums + t * stride + r * 16;
      if constexpr (Rows::parts == 1)
        store(sum, acc[r][t]);
      else
        store_part<p>(sum, acc[r][t]);
    }
}

// R rows times T tokens.
template <int R, int T, typename Rows>
void tile(const Block<Rows>& b, std::size_t row, std::size_t token, bool is_first, const Sums& sums) {
  const Rows rows = b.rows.from(row);
  const float* x[T];
#pragma GCC unroll 8
  for (std::size_t t = 0; t < T; ++t) x[t] = b.tokens[token + t] + b.first_col;
  [&]<int... p>(std::integer_sequence<int, p...>) {
    (tile_part<p, R, T>(rows, x, b.n_cols, is_first, sums.of(token, row), sums.n_rows * 16), ...);
  }
  (std::make_integer_sequence<int, Rows::parts>());
}

// All rows times T tokens from `token` on, or as many as are left.
template <int T, typename Rows>
void multiply_tokens(const Block<Rows>& b, std::size_t token, std::size_t n_left, bool is_first,
                     const Sums& sums) {
  if (n_left < T) {
    if constexpr (T > 1) multiply_tokens<T - 1>(b, token, n_left, is_first, sums);
    return;
  }
  constexpr int R = Rows::template tile_rows<T>;
  std::size_t row = 0;
  for (; row + R <= sums.n_rows; row += R) tile<R, T>(b, row, token, is_first, sums);
  for (; row < sums.n_rows; ++row) tile<1, T>(b, row, token, is_first, sums);
}

template <typename Rows>
void multiply_block(const Block<Rows>& b, std::size_t n_tokens, bool is_first, const Sums& sums) {
  for (std::size_t t = 0; t < n_tokens; t += float_tile_tokens)
    multiply_tokens<float_tile_tokens>(b, t, n_tokens - t, is_first, sums);
}

// n floats from column k on, filled up to whole vectors with +0.
template <typename Row>
void copy(const std::byte* row, std::size_t k, std::size_t n, float* out) {
  std::size_t i = 0;
  for (; i + 16 <= n; i += 16) store(out + i, Row::load(row, k + i));
  if (i < n) store(out + i, Row::load_n(row, k + i, n - i));
}

// What a call keeps in its scratch.
struct Scratch {
  explicit Scratch(std::byte* scratch)
      : sums(reinterpret_cast<float*>(scratch)), rows(sums + panel_tokens * panel_rows * 16) {}
  static constexpr std::size_t n_floats = panel_tokens * panel_rows * 16 + panel_rows * panel_stride;
  float* sums;  // [panel_tokens, panel_rows, 16]
  float* rows;  // [panel_rows, panel_stride]
};

template <typename Row>
void multiply_panel(const std::byte* const* rows, const float* const* tokens, std::size_t n_tokens,
                    std::size_t n_cols, const Scratch& scratch, const Sums& sums) {
  for (std::size_t begin = 0; begin < n_cols; begin += panel_cols) {
    const std::size_t n = n_cols - begin < panel_cols ? n_cols - begin : panel_cols;
    for (std::size_t r = 0; r < sums.n_rows; ++r)
      copy<Row>(rows[r], begin, n, scratch.rows + r * panel_stride);
    for (std::size_t k = 0; k < n; k += block_cols) {
      const Block<Copied> block{
          {scratch.rows + k}, tokens, begin + k, n - k < block_cols ? n - k : block_cols};
      multiply_block(block, n_tokens, begin + k == 0, sums);
    }
  }
}

template <typename Row>
void multiply(const WeightView& w, std::size_t row_begin, std::size_t row_end, const Activations& acts,
              const std::uint32_t* tokens, std::size_t n_tokens, float* y, std::size_t y_stride,
              const Scratch& scratch) {
  const bool by_panels = n_tokens >= panel_from_tokens;
  const std::size_t step = by_panels ? panel_rows : lying_rows;
  for (std::size_t t = 0; t < n_tokens; t += panel_tokens) {
    const std::size_t n = n_tokens - t < panel_tokens ? n_tokens - t : panel_tokens;
    const float* x[panel_tokens];
    for (std::size_t i = 0; i < n; ++i) x[i] = acts.f32 + (tokens ? tokens[t + i] : t + i) * acts.n_cols;
    for (std::size_t r = row_begin; r < row_end; r += step) {
      const Sums sums{scratch.sums, row_end - r < step ? row_end - r : step};
      const std::byte* rows[panel_rows];
      for (std::size_t i = 0; i < sums.n_rows; ++i) rows[i] = w.data + (r + i) * w.row_bytes;
      if (by_panels)
        multiply_panel<Row>(rows, x, n, w.n_cols, scratch, sums);
      else
        multiply_block(Block<Lying<Row>>{{rows, lying_rows * w.row_bytes}, x, 0, w.n_cols}, n, true, sums);
      for (std::size_t i = 0; i < n; ++i)
        for (std::size_t j = 0; j < sums.n_rows; ++j)
          y[(t + i) * y_stride + (r - row_begin) + j] = tree_sum(load(sums.of(i, j)));
    }
  }
}

}  // namespace

std::size_t float_scratch_bytes(formats::TensorType, std::size_t) {
  return Scratch::n_floats * sizeof(float);
}

void matmul_float(const WeightView& w, std::size_t row_begin, std::size_t row_end, const Activations& acts,
                  const std::uint32_t* tokens, std::size_t n_tokens, float* y, std::size_t y_stride,
                  std::byte* scratch) {
  const Scratch own(scratch);
  if (w.type == formats::TensorType::f16) {
    multiply<RowF16>(w, row_begin, row_end, acts, tokens, n_tokens, y, y_stride, own);
  } else if (w.type == formats::TensorType::bf16) {
    multiply<RowBf16>(w, row_begin, row_end, acts, tokens, n_tokens, y, y_stride, own);
  } else {
    multiply<RowF32>(w, row_begin, row_end, acts, tokens, n_tokens, y, y_stride, own);
  }
}

}  // namespace quern::kernels::QUERN_ISA
