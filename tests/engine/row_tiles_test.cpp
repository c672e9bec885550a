#include "src/runtime/row_tiles.h"

#include <gtest/gtest.h>

#include <random>

namespace quern::detail {
namespace {

// Every row is in one tile, and no tile is larger than it may be.
void expect_all_rows_once(const RowTiles& tiles, std::size_t rows, std::size_t unit, std::size_t most) {
  std::size_t next = 0;
  for (std::size_t tile = 0; tile < tiles.count(); ++tile) {
    const std::size_t begin = tiles.begin(tile), end = tiles.end(tile);
    ASSERT_EQ(begin, next);
    ASSERT_GT(end, begin);
    ASSERT_LE(end - begin, most);
    if (tile + 1 < tiles.count()) {
      ASSERT_EQ((end - begin) % unit, 0u);
    }
    next = end;
  }
  ASSERT_EQ(next, rows);
}

TEST(RowTiles, HaveEveryRowOnce) {
  std::mt19937 random(1);
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  for (int i = 0; i < 20000; ++i) {
    const std::size_t unit = std::size_t{1} << below(8), most = unit * (1 + below(16));
    const std::size_t rows = below(std::size_t{1} << (1 + below(15))), n_threads = 1 + below(80);
    SCOPED_TRACE(::testing::Message()
                 << rows << " rows, " << n_threads << " threads, units of " << unit << ", at most " << most);
    ASSERT_NO_FATAL_FAILURE(
        expect_all_rows_once(RowTiles::tapering(rows, n_threads, unit, most), rows, unit, most));
    ASSERT_NO_FATAL_FAILURE(
        expect_all_rows_once(RowTiles::even(rows, 1 + below(100), unit, most), rows, unit, most));
  }
}

TEST(RowTiles, TaperOff) {
  const RowTiles tiles = RowTiles::tapering(2048, 2, 64, 1024);
  const std::size_t sizes[] = {512, 512, 256, 256, 128, 128, 64, 64, 64, 64};
  ASSERT_EQ(tiles.count(), std::size(sizes));
  for (std::size_t i = 0; i < std::size(sizes); ++i) EXPECT_EQ(tiles.end(i) - tiles.begin(i), sizes[i]) << i;
}

TEST(RowTiles, OfManyRowsBeginWithTheLargest) {
  const RowTiles tiles = RowTiles::tapering(32000, 2, 64, 1024);
  for (std::size_t tile = 0; tile < 28; ++tile) EXPECT_EQ(tiles.end(tile) - tiles.begin(tile), 1024u) << tile;
  EXPECT_EQ(tiles.count(), 38u);
}

}  // namespace
}  // namespace quern::detail
