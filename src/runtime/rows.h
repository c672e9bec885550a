#pragma once
// What a forward pass evaluates: rows, each a token of some sequence at some position. The rows of a sequence
// lie together in ascending order, a run; a pass may hold runs of several sequences.
#include <cstddef>

#include "src/runtime/kv_cache.h"

namespace quern::detail {

/// Rows [first_row, first_row + n_rows) of a pass: neighbouring tokens of one sequence, the first of them at
/// first_position. Earlier positions are in the cache already, those of the run are written to it.
struct Run {
  KvCache* cache = nullptr;
  const KvCache* source =
      nullptr;  ///< what the encoder has made of the sequence's source text, if it has one
  std::size_t first_row = 0, n_rows = 0, first_position = 0;
  std::size_t n_ctx = 0;  ///< positions that the sequence was opened with

  std::size_t position(std::size_t row) const { return first_position + (row - first_row); }
  std::size_t end_position() const { return first_position + n_rows; }
};

/// A few neighbouring rows of one run, whose queries attention handles together.
struct RowChunk {
  const Run* run = nullptr;
  std::size_t begin = 0, end = 0;
};

}  // namespace quern::detail
