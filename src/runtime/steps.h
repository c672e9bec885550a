#pragma once
// The steps that the parts of a forward pass are made of.
#include <algorithm>
#include <array>
#include <initializer_list>

#include "src/runtime/forward.h"

namespace quern::detail {

/// How a step over `n` rows (tokens) is cut into tiles: a few for each thread.
struct RowTiles {
  RowTiles() = default;
  RowTiles(std::size_t rows, const Worker& worker)
      : n_rows(rows),
        per_tile(std::max<std::size_t>(1, rows / (4 * static_cast<std::size_t>(worker.size())))) {}
  std::size_t count() const { return (n_rows + per_tile - 1) / per_tile; }
  std::size_t begin(std::size_t tile) const { return tile * per_tile; }
  std::size_t end(std::size_t tile) const { return std::min(n_rows, (tile + 1) * per_tile); }
  std::size_t n_rows = 0, per_tile = 1;
};

/// Rows of a matrix in tiles: enough tiles to keep all threads busy, deep enough to be worth claiming.
inline RowTiles weight_tiles(const Matrix& matrix, const Worker& worker) {
  constexpr std::size_t panel = 32, most = 1024;
  RowTiles tiles(matrix.n_rows, worker);
  tiles.per_tile = std::clamp((tiles.per_tile + panel - 1) / panel * panel, panel, most);
  return tiles;
}

/// The kinds of packed activations that some matrices read.
class PackedKinds {
 public:
  PackedKinds(std::initializer_list<const Matrix*> readers) {
    for (const Matrix* matrix : readers) {
      if (!*matrix) continue;
      const kernels::ActivationKind kind = kernels::activation_kind(matrix->tensor->type);
      q8_32 |= kind == kernels::ActivationKind::q8_32;
      q8_128 |= kind == kernels::ActivationKind::q8_128;
    }
  }
  bool any() const { return q8_32 || q8_128; }
  bool q8_32 = false, q8_128 = false;
};

/// Rows [begin, end) of x [.., n_cols], packed into the same rows of the scratch's packed activations.
void pack_rows(const Pass& pass, const PackedKinds& kinds, const float* x, std::size_t n_cols,
               std::size_t begin, std::size_t end);
/// n rows of x as `matrix` reads them: what pack_rows made, or x itself.
kernels::Activations activations_for(const Pass& pass, const Matrix& matrix, const float* x, std::size_t n);

/// out = norm(x) for one row; a copy where there is no norm and out is not x.
void norm_row(const Pass& pass, const Norm& norm, const float* x, std::size_t n, float* out);

/// n_heads rows of head_dim values, `stride` floats apart, normalised as `scope` says.
void norm_heads(const Pass& pass, const Norm& norm, QkNormScope scope, float* heads, std::size_t n_heads,
                std::size_t head_dim, std::size_t stride);

/// Collective: body(t) for every token of the pass, in one step.
template <typename Body>
void for_each_token(Pass& pass, Worker& worker, Body&& body) {
  const RowTiles tiles(pass.n_tokens(), worker);
  worker.tiles(tiles.count(), [&](std::size_t tile) {
    for (std::size_t t = tiles.begin(tile); t < tiles.end(tile); ++t) body(t);
  });
}

/// out = norm(x) for token t, rows of dim values, packed for the matrices that read it.
void normalize(const Pass& pass, const Norm& norm, const float* x, float* out, const PackedKinds& kinds,
               std::size_t t);

/// One tile of a product: y[i][r] = (matrix row r) . (activation row i or rows[i]) + bias[r], for tile rows
/// [begin, end) and i < n; y is [n, stride] and begins at row 0 of the matrix.
void multiply_tile(const Pass& pass, Worker& worker, const Matrix& matrix, std::size_t expert,
                   std::size_t begin, std::size_t end, const kernels::Activations& activations,
                   const std::uint32_t* rows, std::size_t n, float* y, std::size_t stride);

/// Collective: y = matrix * x + bias for n rows of x that are already packed for it.
void multiply(Pass& pass, Worker& worker, const Matrix& matrix, const float* x, std::size_t n, float* y);

/// Collective: the same for the pass's tokens, whose rows of x are packed first.
void pack_and_multiply(Pass& pass, Worker& worker, const Matrix& matrix, const float* x, float* y);

struct Product {
  const Matrix& matrix;  ///< may be absent
  float* y;              ///< [T, matrix.n_rows]
};
/// Collective: several products of the same packed x, [T, n_cols], in one step; after(product, begin, end) is
/// called when rows [begin, end) of one are done for all tokens.
template <std::size_t n, typename After>
void multiply_together(Pass& pass, Worker& worker, const Product (&products)[n], const float* x,
                       After&& after) {
  std::array<RowTiles, n> tiles;
  std::size_t n_tiles = 0;
  for (std::size_t i = 0; i < n; ++i) {
    tiles[i] = weight_tiles(products[i].matrix, worker);
    n_tiles += tiles[i].count();
  }
  worker.tiles(n_tiles, [&](std::size_t tile) {
    std::size_t which = 0;
    while (tile >= tiles[which].count()) tile -= tiles[which++].count();
    const Product& p = products[which];
    const std::size_t begin = tiles[which].begin(tile), end = tiles[which].end(tile);
    multiply_tile(pass, worker, p.matrix, 0, begin, end, activations_for(pass, p.matrix, x, pass.n_tokens()),
                  nullptr, pass.n_tokens(), p.y, p.matrix.n_rows);
    after(p, begin, end);
  });
}

/// out = act(gate) * up, or act(up) where there is no gate, n values.
void activate(const Pass& pass, const DenseSpec& dense, const float* gate, const float* up, std::size_t n,
              float* out);

}  // namespace quern::detail
