#pragma once
// How the rows of a step (of a matrix, or tokens) are cut into tiles, which threads claim: of whole units
// each, but for the last one, and none of more than `most` rows, a whole number of units too.
#include <algorithm>
#include <cstddef>

namespace quern::detail {

class RowTiles {
 public:
  RowTiles() = default;  ///< no tiles
  /// About n >= 1 tiles of one size.
  static RowTiles even(std::size_t rows, std::size_t n, std::size_t unit, std::size_t most) {
    RowTiles tiles(rows, 1, unit, most);
    tiles.even_rows_ = tiles.whole_units(rows / n);
    tiles.n_even_ = tiles.count_ = (rows + tiles.even_rows_ - 1) / tiles.even_rows_;
    return tiles;
  }
  /// Tiles that taper off: a round of them has one for each thread, and half of the rows that are left. There
  /// should be few, as each costs a claim and begins at memory that nobody has fetched yet; but a thread that
  /// claims one of the last should soon be done with it, as the others wait.
  static RowTiles tapering(std::size_t rows, std::size_t n_threads, std::size_t unit, std::size_t most) {
    RowTiles tiles(rows, n_threads, unit, most);
    const std::size_t round = n_threads * most;
    tiles.even_rows_ = most;
    if (rows > 2 * round) tiles.n_even_ = (rows / round - 1) * n_threads;
    tiles.count_ = tiles.n_even_;
    while (tiles.begin(tiles.count_) < rows) ++tiles.count_;
    return tiles;
  }
  std::size_t count() const { return count_; }
  std::size_t begin(std::size_t tile) const {
    if (tile <= n_even_) return std::min(n_rows_, tile * even_rows_);
    tile -= n_even_;
    for (std::size_t row = n_even_ * even_rows_;;) {
      const std::size_t rows = whole_units((n_rows_ - row) / (2 * n_threads_));
      if (tile <= n_threads_ || rows == unit_) return std::min(n_rows_, row + tile * rows);
      tile -= n_threads_;
      row = std::min(n_rows_, row + n_threads_ * rows);
    }
  }
  std::size_t end(std::size_t tile) const { return begin(tile + 1); }

 private:
  RowTiles(std::size_t rows, std::size_t n_threads, std::size_t unit, std::size_t most)
      : n_rows_(rows), n_threads_(n_threads), unit_(unit), most_(most) {}
  std::size_t whole_units(std::size_t rows) const {
    return std::clamp((rows + unit_ - 1) / unit_ * unit_, unit_, most_);
  }
  std::size_t n_rows_ = 0, n_threads_ = 1, unit_ = 1, most_ = 1;
  std::size_t n_even_ = 0, even_rows_ = 0, count_ = 0;  // the first tiles, which are of one size
};

}  // namespace quern::detail
