#pragma once
// The steps that the parts of a forward pass are made of.
#include <algorithm>
#include <array>
#include <initializer_list>

#include "src/runtime/forward.h"
#include "src/runtime/row_tiles.h"

namespace quern::detail {

/// Rows that tiles of a product are made of: as many as the kernels unpack together.
inline constexpr std::size_t tile_unit = 32;
/// Rows of a matrix in tiles of whole panels that taper off; the last are worth claiming, but enough for all.
inline RowTiles weight_tiles(const Matrix& matrix, const Worker& worker) {
  const auto n_threads = static_cast<std::size_t>(worker.size());
  const bool has_enough = matrix.n_rows >= 8 * n_threads * 2 * tile_unit;
  return RowTiles::tapering(matrix.n_rows, n_threads, has_enough ? 2 * tile_unit : tile_unit, max_tile_rows);
}
/// The same in about n tiles for each thread, where products with other matrices follow in the step.
inline RowTiles even_weight_tiles(const Matrix& matrix, const Worker& worker, std::size_t n) {
  return RowTiles::even(matrix.n_rows, n * static_cast<std::size_t>(worker.size()), tile_unit, max_tile_rows);
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

/// Rows of activations that products read: as floats, and as they have been packed.
struct Inputs {
  const float* floats;
  const Packed* packed;
};

/// n neighbouring values, whole groups of them, packed to where value `at` of `to` belongs.
void pack(const Pass& pass, const PackedKinds& kinds, const float* x, std::size_t n, const Packed& to,
          std::size_t at);
/// Rows [begin, end) of x [.., n_cols], packed into the same rows of the scratch's packed activations.
void pack_rows(const Pass& pass, const PackedKinds& kinds, const float* x, std::size_t n_cols,
               std::size_t begin, std::size_t end);
/// n rows of x as `matrix` reads them.
kernels::Activations activations_for(const Matrix& matrix, const Inputs& x, std::size_t n);

/// out = norm(x) for one row; a copy where there is no norm and out is not x.
void norm_row(const Pass& pass, const Norm& norm, const float* x, std::size_t n, float* out);

/// n_heads rows of head_dim values, `stride` floats apart, normalised as `scope` says.
void norm_heads(const Pass& pass, const Norm& norm, QkNormScope scope, float* heads, std::size_t n_heads,
                std::size_t head_dim, std::size_t stride);

/// Collective: body(t) for every token of the pass, in one step.
template <typename Body>
void for_each_token(Pass& pass, Worker& worker, Body&& body) {
  const std::size_t n = pass.n_tokens();
  const RowTiles tiles = RowTiles::tapering(n, static_cast<std::size_t>(worker.size()), 1, n);
  worker.tiles(tiles.count(), [&](std::size_t tile) {
    const std::size_t end = tiles.end(tile);
    for (std::size_t t = tiles.begin(tile); t < end; ++t) body(t);
  });
}

/// out = norm(x) for token t, rows of dim values, packed for the matrices that read it.
void normalize(const Pass& pass, const Norm& norm, const float* x, float* out, const PackedKinds& kinds,
               std::size_t t);

/// y *= the scale of a matrix (or an expert's), n of its products, where it has one.
void scale_products(const Pass& pass, const Matrix& matrix, std::size_t expert, float* y, std::size_t n);

/// One tile of a product: y[i][r - begin] = scale * (matrix row r) . (activation row i or rows[i]) + bias[r],
/// for matrix rows r in [begin, end) and i < n; y is [n, stride].
void multiply_tile(const Pass& pass, Worker& worker, const Matrix& matrix, std::size_t expert,
                   std::size_t begin, std::size_t end, const kernels::Activations& activations,
                   const std::uint32_t* rows, std::size_t n, float* y, std::size_t stride);

/// What the tiles of a product read and write: rows of activations that are packed already, and results in
/// their place. Or else, for a product of one row that several threads share, a copy that is the thread's
/// own, and a tile's results that are kept when it is done: then another thread can do the tile again.
class ProductRows {
 public:
  enum class Where { in_place, own };
  ProductRows(const Pass& pass, const Worker& worker, const Inputs& x, std::size_t n, Where where)
      : pass_(pass),
        x_(x),
        n_(n),
        thread_(static_cast<std::size_t>(worker.index())),
        are_own_(where == Where::own) {}
  std::size_t n() const { return n_; }
  kernels::Activations activations(const Matrix& matrix) const;
  /// Where the m <= max_tile_rows results of a tile are written that belong to each of n rows from y on.
  float* results(float* y, std::size_t m);

  /// Of own rows: copies what `matrix` reads; puts the tile's results in their place.
  void copy(const Matrix& matrix);
  void keep_results() const;

 private:
  const Pass& pass_;
  const Inputs x_;
  const std::size_t n_, thread_;
  const bool are_own_;
  float* y_ = nullptr;
  std::size_t n_results_ = 0;
};

/// Collective: compute(tile, rows) for each tile of products of n rows x by matrices, then keep(tile) by the
/// same thread. compute writes only where rows.results() says or what is the thread's own.
template <typename Matrices, typename Compute, typename Keep>
void product_tiles(Pass& pass, Worker& worker, const Matrices& matrices, const Inputs& x, std::size_t n,
                   std::size_t n_tiles, Compute&& compute, Keep&& keep) {
  if (n != 1 || worker.size() == 1) {
    ProductRows rows(pass, worker, x, n, ProductRows::Where::in_place);
    return worker.tiles(n_tiles, [&](std::size_t tile) {
      compute(tile, rows);
      keep(tile);
    });
  }
  ProductRows rows(pass, worker, x, n, ProductRows::Where::own);
  worker.tiles_done_again(
      n_tiles,
      [&] {
        for (const Matrix* matrix : matrices)
          if (*matrix) rows.copy(*matrix);
      },
      [&](std::size_t tile) { compute(tile, rows); },
      [&](std::size_t tile) {
        rows.keep_results();
        keep(tile);
      });
}

/// Collective: y = matrix * x + bias for n rows of x that are already packed for it.
void multiply(Pass& pass, Worker& worker, const Matrix& matrix, const Inputs& x, std::size_t n, float* y);
/// Collective: the same where they are packed in the scratch's packed activations.
void multiply(Pass& pass, Worker& worker, const Matrix& matrix, const float* x, std::size_t n, float* y);

/// Collective: the same for the pass's tokens, whose rows of x are packed first.
void pack_and_multiply(Pass& pass, Worker& worker, const Matrix& matrix, const float* x, float* y);

struct Product {
  const Matrix& matrix;  ///< may be absent
  float* y;              ///< [T, matrix.n_rows]
};
/// Collective: several products of the same packed x, [T, n_cols], in one step; after(y, m) is called for m
/// neighbouring results of a token when they are done.
template <std::size_t n, typename After>
void multiply_together(Pass& pass, Worker& worker, const Product (&products)[n], const float* x,
                       After&& after) {
  std::array<RowTiles, n> tiles;
  std::size_t n_tiles = 0;
  // The first one, which is the largest, comes last and tapers off.
  for (std::size_t i = 0; i < n; ++i) {
    const Matrix& matrix = products[i].matrix;
    tiles[i] = i == 0 ? weight_tiles(matrix, worker) : even_weight_tiles(matrix, worker, 1);
    n_tiles += tiles[i].count();
  }
  std::array<const Matrix*, n> matrices;
  for (std::size_t i = 0; i < n; ++i) matrices[i] = &products[i].matrix;
  const auto body = [&](std::size_t tile, ProductRows& rows) {
    std::size_t which = n - 1;
    while (tile >= tiles[which].count()) tile -= tiles[which--].count();
    const Product& p = products[which];
    const std::size_t begin = tiles[which].begin(tile), end = tiles[which].end(tile);
    float* y = rows.results(p.y + begin, end - begin);
    multiply_tile(pass, worker, p.matrix, 0, begin, end, rows.activations(p.matrix), nullptr, rows.n(), y,
                  p.matrix.n_rows);
    for (std::size_t t = 0; t < rows.n(); ++t) after(y + t * p.matrix.n_rows, end - begin);
  };
  product_tiles(pass, worker, matrices, {x, &pass.scratch.packed}, pass.n_tokens(), n_tiles, body,
                [](std::size_t) {});
}

/// out = act(gate) * up, or act(up) where there is no gate, n values; out may be gate or up.
void activate(const Pass& pass, const DenseSpec& dense, const float* gate, const float* up, std::size_t n,
              float* out);

}  // namespace quern::detail
