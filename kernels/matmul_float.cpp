#include "kernels/matmul_float.h"

#include "kernels/rows.h"

namespace quern::kernels::QUERN_ISA {
namespace {

// From this many tokens on, half-precision rows are widened once instead of in every product.
constexpr std::size_t widen_from_tokens = 8;

struct Tokens {
  const Activations& acts;
  const std::uint32_t* list;
  const float* operator[](std::size_t i) const { return acts.f32 + (list ? list[i] : i) * acts.n_cols; }
};

// R rows times T tokens.
template <typename Row, int R, int T>
QUERN_INLINE void tile(const std::byte* const* rows, const Tokens& x, std::size_t first_token,
                       std::size_t n_cols, float* y, std::size_t y_stride) {
  const float* a[T];
  for (int t = 0; t < T; ++t) a[t] = x[first_token + static_cast<std::size_t>(t)];
  F32x16 acc[R][T];
  for (int r = 0; r < R; ++r)
    for (int t = 0; t < T; ++t) acc[r][t] = zero();
  std::size_t k = 0;
  for (; k + 16 <= n_cols; k += 16) {
    F32x16 w[R];
    for (int r = 0; r < R; ++r) w[r] = Row::load(rows[r], k);
    for (int t = 0; t < T; ++t) {
      const F32x16 v = load(a[t] + k);
      for (int r = 0; r < R; ++r) acc[r][t] = fma(w[r], v, acc[r][t]);
    }
  }
  if (k < n_cols) {
    const std::size_t n = n_cols - k;
    F32x16 w[R];
    for (int r = 0; r < R; ++r) w[r] = Row::load_n(rows[r], k, n);
    for (int t = 0; t < T; ++t) {
      const F32x16 v = load_n(a[t] + k, n);
      for (int r = 0; r < R; ++r) acc[r][t] = fma(w[r], v, acc[r][t]);
    }
  }
  for (int t = 0; t < T; ++t)
    for (int r = 0; r < R; ++r)
      y[(first_token + static_cast<std::size_t>(t)) * y_stride + r] = tree_sum(acc[r][t]);
}

// R rows times all tokens.
template <typename Row, int R>
void strip(const std::byte* const* rows, const Tokens& x, std::size_t n_tokens, std::size_t n_cols, float* y,
           std::size_t y_stride) {
  std::size_t t = 0;
  for (; t + float_tile_tokens <= n_tokens; t += float_tile_tokens)
    tile<Row, R, float_tile_tokens>(rows, x, t, n_cols, y, y_stride);
  for (; t < n_tokens; ++t) tile<Row, R, 1>(rows, x, t, n_cols, y, y_stride);
}

template <typename Row>
void widen(const std::byte* row, std::size_t n_cols, float* out) {
  std::size_t k = 0;
  for (; k + 16 <= n_cols; k += 16) store(out + k, Row::load(row, k));
  if (k < n_cols) store_n(out + k, Row::load_n(row, k, n_cols - k), n_cols - k);
}

template <typename Row>
void multiply(const WeightView& w, std::size_t row_begin, std::size_t row_end, const Tokens& x,
              std::size_t n_tokens, float* y, std::size_t y_stride, float* scratch) {
  constexpr int R = float_tile_rows;
  for (std::size_t r = row_begin; r < row_end;) {
    const int n = row_end - r >= R ? R : 1;
    const std::byte* rows[R];
    for (int i = 0; i < n; ++i) rows[i] = w.data + (r + static_cast<std::size_t>(i)) * w.row_bytes;
    float* out = y + (r - row_begin);
    r += static_cast<std::size_t>(n);
    if (scratch && n_tokens >= widen_from_tokens) {
      for (int i = 0; i < n; ++i) {
        float* wide = scratch + static_cast<std::size_t>(i) * w.n_cols;
        widen<Row>(rows[i], w.n_cols, wide);
        rows[i] = reinterpret_cast<const std::byte*>(wide);
      }
      if (n == R)
        strip<RowF32, R>(rows, x, n_tokens, w.n_cols, out, y_stride);
      else
        strip<RowF32, 1>(rows, x, n_tokens, w.n_cols, out, y_stride);
    } else {
      if (n == R)
        strip<Row, R>(rows, x, n_tokens, w.n_cols, out, y_stride);
      else
        strip<Row, 1>(rows, x, n_tokens, w.n_cols, out, y_stride);
    }
  }
}

}  // namespace

std::size_t float_scratch_bytes(formats::TensorType type, std::size_t n_cols) {
  return type == formats::TensorType::f32 ? 0 : float_tile_rows * n_cols * sizeof(float);
}

void matmul_float(const WeightView& w, std::size_t row_begin, std::size_t row_end, const Activations& acts,
                  const std::uint32_t* tokens, std::size_t n_tokens, float* y, std::size_t y_stride,
                  std::byte* scratch) {
  const Tokens x{acts, tokens};
  auto* wide = reinterpret_cast<float*>(scratch);
  if (w.type == formats::TensorType::f16) {
    multiply<RowF16>(w, row_begin, row_end, x, n_tokens, y, y_stride, wide);
  } else if (w.type == formats::TensorType::bf16) {
    multiply<RowBf16>(w, row_begin, row_end, x, n_tokens, y, y_stride, wide);
  } else {
    multiply<RowF32>(w, row_begin, row_end, x, n_tokens, y, y_stride, nullptr);
  }
}

}  // namespace quern::kernels::QUERN_ISA
