// Attention of queries over one KV head.
//
// A tile of queries goes through the cache together, block by block of 64 positions. Keys, which lie turned
// so that positions are side by side, and values are widened once where they are first multiplied, a few
// columns at a time, and serve every query of the tile from the first cache, through one product with
// register tiles, c[i][j] += a[i][k] * b[k][j], k ascending:
//   s[p] = sum over k of (scale * q[k]) * key[p][k], one fused multiply-add each, from +0
//          then soft cap, - slope * |position - p|, + bias[p]
//   m_b  = max s[p];  w[p] = e^(s[p] - m_b)         over the positions p that the query sees
//   l_b  = sum of w[p]: lane p % 16, ascending, then the tree
//   a[d] = sum of w[p] * value[p][d], one fused multiply-add each, from +0
// Blocks join ascending into a span of 512 positions, and spans ascending into the whole, both as in online
// softmax (Milakov & Gimelshein, arXiv 1805.02867) from m = -infinity, l = 0, out = 0, with m' = max(m, m_b),
// c = e^(m - m'), c_b = e^(m_b - m'):
//   l = fma(l, c, l_b * c_b);  out[d] = fma(out[d], c, a[d] * c_b)
// A sink joins last, as a block with m_b = sink, l_b = 1, a = 0. At the end out[d] /= l.
#include "kernels/functions.h"
#include "kernels/rows.h"

namespace quern::kernels::QUERN_ISA {
namespace {

constexpr std::size_t most_queries = attention_tile;
constexpr std::size_t span_blocks = attention_span / kv_block;

constexpr std::size_t whole_lanes(std::size_t n) { return (n + 15) / 16 * 16; }

// c[i][j] += sum of a[i][k] * b[k][j] over k in [begin, end), ascending, for rows i of a and columns j of b.
struct Product {
  const float* a;
  std::size_t a_stride, begin, end;
  float* c;
  std::size_t c_stride;

  Product at(std::size_t row, std::size_t column) const {
    return {a + row * a_stride, a_stride, begin, end, c + row * c_stride + column, c_stride};
  }
};

// What b may be: load(k, column) are b[k][column] to b[k][column + 15], and call_ahead(k, column) tells the
// processor that what takes their place in the next block is wanted soon: one block after the other is far
// away, where it is not expected.
struct Floats {
  static constexpr bool is_widened = true;
  const float* b;
  std::size_t stride;
  QUERN_INLINE F32x16 load(std::size_t k, std::size_t column) const {
    return QUERN_ISA::load(b + k * stride + column);
  }
  QUERN_INLINE void call_ahead(std::size_t, std::size_t) const {}
};

// Element k of the block's keys, position `column`.
template <typename Row>
struct TurnedKeys {
  static constexpr bool is_widened = false;
  const std::byte *block, *next;
  std::size_t bytes_per_k;  // of 64 positions
  QUERN_INLINE F32x16 load(std::size_t k, std::size_t column) const {
    return Row::load_turned(block, k, column);
  }
  QUERN_INLINE void call_ahead(std::size_t k, std::size_t column) const {
    __builtin_prefetch(next + k * bytes_per_k + column * bytes_per_k / kv_block, 0, 2);
  }
};

// The value at position k, element `column`.
template <typename Row>
struct ValueRows {
  static constexpr bool is_widened = false;
  const std::byte *block, *next;
  std::size_t row_bytes, v_dim;
  QUERN_INLINE F32x16 load(std::size_t k, std::size_t column) const {
    return Row::load(block + k * row_bytes, column);
  }
  QUERN_INLINE void call_ahead(std::size_t k, std::size_t column) const {
    __builtin_prefetch(next + k * row_bytes + column * row_bytes / v_dim, 0, 2);
  }
};

// Q rows of a, 16 V columns of b from `column` on. c counts as +0 where is_first. What was widened is kept at
// [k, 16 V] floats, if any.
template <int Q, int V, bool is_first, typename B>
void multiply(const Product& p, const B& b, std::size_t column, float* kept) {
  const B from = b;
  const std::size_t a_stride = p.a_stride, c_stride = p.c_stride, end = p.end;
  float* c = p.c + column;
  F32x16 acc[Q][V];
#pragma GCC unroll 8
  for (std::size_t i = 0; i < Q; ++i)
#pragma GCC unroll 8
    for (int j = 0; j < V; ++j) acc[i][j] = is_first ? zero() : load(c + i * c_stride + 16 * j);
  const float* a = p.a + p.begin;
  for (std::size_t k = p.begin; k < end; ++k, ++a) {
    F32x16 row[V];
#pragma GCC unroll 8
    for (std::size_t j = 0; j < V; ++j) {
      from.call_ahead(k, column + 16 * j);
      row[j] = from.load(k, column + 16 * j);
      if (!B::is_widened && kept) store(kept + k * 16 * V + 16 * j, row[j]);
    }
#pragma GCC unroll 8
    for (std::size_t i = 0; i < Q; ++i) {
      const F32x16 factor = splat(a[i * a_stride]);
#pragma GCC unroll 8
      for (int j = 0; j < V; ++j) acc[i][j] = fma(factor, row[j], acc[i][j]);
    }
  }
#pragma GCC unroll 8
  for (std::size_t i = 0; i < Q; ++i)
#pragma GCC unroll 8
    for (int j = 0; j < V; ++j) store(c + i * c_stride + 16 * j, acc[i][j]);
}

// Vectors of columns at a time for Q rows: as many as the registers hold, for one row of few has too few sums
// under way.
constexpr int vectors_beside(int n_rows) {
  int n = 1;
  while (n < 4 && (n_rows + 1) * 2 * n <= (attention_queries + 1) * attention_vectors) n *= 2;
  return n;
}
static_assert(vectors_beside(attention_queries) == vectors_beside(attention_queries / 2 + 1),
              "parts of a tile go through the same columns together");

// n <= Q rows. Returns how many columns from `column` on it did.
template <bool is_first, int Q = attention_queries, typename B>
std::size_t multiply_some(const Product& p, const B& b, std::size_t n, std::size_t column,
                          std::size_t n_columns, float* kept) {
  if constexpr (Q > 1)
    if (n < Q) return multiply_some<is_first, Q - 1>(p, b, n, column, n_columns, kept);
  constexpr std::size_t V = vectors_beside(Q);
  if (column + 16 * V > n_columns) return multiply<Q, 1, is_first>(p, b, column, kept), 16;
  return multiply<Q, V, is_first>(p, b, column, kept), 16 * V;
}

// Calls f(first, n) for parts of [begin, end) of at most attention_queries, about alike.
template <typename F>
QUERN_INLINE void in_parts(std::size_t begin, std::size_t end, F f) {
  const std::size_t n_parts = (end - begin + attention_queries - 1) / attention_queries;
  for (std::size_t part = 0; part < n_parts; ++part) {
    const std::size_t n = (end - begin) / (n_parts - part);
    const std::size_t m = n * (n_parts - part) < end - begin ? n + 1 : n;
    f(begin, m);
    begin += m;
  }
}

// n rows. `widened` has room for b's rows below p.end, as floats, of the columns done at a time.
template <bool is_first, typename B>
void multiply_rows(const Product& p, const B& b, std::size_t n, std::size_t n_columns, float* widened) {
  for (std::size_t column = 0, done = 0; column < n_columns; column += done) {
    in_parts(0, n, [&](std::size_t first, std::size_t m) {
      if (B::is_widened || first == 0)
        done = multiply_some<is_first>(p.at(first, 0), b, m, column, n_columns,
                                       n > attention_queries ? widened : nullptr);
      else
        multiply_some<is_first>(p.at(first, column), Floats{widened, done}, m, 0, done, nullptr);
    });
  }
}

// The sums of a query over some positions: max, sum, and from `record_values` on the weighted values.
constexpr std::size_t record_values = 16;
constexpr std::size_t record_floats(std::size_t v_dim) { return record_values + whole_lanes(v_dim); }

void clear(float* p, std::size_t n) {
  for (std::size_t i = 0; i < n; i += 16) store(p + i, zero());
}
void clear_record(float* record, std::size_t n_floats) {
  clear(record, n_floats);
  record[0] = -__builtin_inff();
}

// The records `from` of the queries that saw something enter the records `into`.
template <typename Saw>
void join(float* into, const float* from, std::size_t n_records, std::size_t record, Saw saw) {
  for (std::size_t first = 0; first < n_records; first += 16) {
    const std::size_t n = n_records - first < 16 ? n_records - first : 16;
    float max_a[16] = {}, max_b[16] = {}, keep[16], take[16];
    for (std::size_t i = 0; i < n; ++i) {
      max_a[i] = into[(first + i) * record];
      max_b[i] = from[(first + i) * record];
    }
    const F32x16 a = load(max_a), b = load(max_b), joint = max(a, b);
    store(keep, exp_of_nonpositive(a - joint));
    store(take, exp_of_nonpositive(b - joint));
    store(max_a, joint);
    for (std::size_t i = 0; i < n; ++i) {
      if (!saw(first + i)) continue;
      float* to = into + (first + i) * record;
      const float* part = from + (first + i) * record;
      to[0] = max_a[i];
      to[1] = __builtin_fmaf(to[1], keep[i], part[1] * take[i]);
      for (std::size_t d = record_values; d < record; d += 16)
        store(to + d, fma(load(to + d), splat(keep[i]), load(part + d) * splat(take[i])));
    }
  }
}

// Whether a query sees any position of a span.
bool sees(const AttentionQuery& query, std::int64_t span) {
  const std::int64_t begin = span * attention_span, end = begin + attention_span;
  return query.begin < end && query.end > begin && query.begin < query.end;
}

// The rows of a block that a query sees; lo == hi for none.
struct Rows {
  std::size_t lo, hi;
  bool any() const { return lo < hi; }
};
Rows visible_rows(const AttentionQuery& query, std::int64_t b) {
  const std::int64_t first = b * kv_block, end = first + kv_block;
  const std::int64_t lo = query.begin > first ? query.begin : first, hi = query.end < end ? query.end : end;
  if (lo >= hi) return {0, 0};
  return {static_cast<std::size_t>(lo - first), static_cast<std::size_t>(hi - first)};
}

// Where a tile's buffers lie.
struct Tile {
  Tile(const KvHead& kv, const AttentionQuery* first_query, std::size_t n_queries, std::byte* scratch)
      : head(kv),
        queries(first_query),
        n(n_queries),
        k_dim(static_cast<std::size_t>(kv.k_dim)),
        v_dim(static_cast<std::size_t>(kv.v_dim)),
        v_stride(whole_lanes(v_dim)),
        record(record_floats(v_dim)) {
    float* next = reinterpret_cast<float*>(scratch);
    const auto take = [&](std::size_t n_floats) { return (next += n_floats) - n_floats; };
    keys = take(whole_lanes(k_dim) * kv_block);
    values = take(kv_block * v_stride);
    q = take(most_queries * whole_lanes(k_dim));
    scores = take(most_queries * kv_block);
    blocks = take(most_queries * record);
    span = take(most_queries * record);
    totals = take(most_queries * record);
    for (std::size_t i = 0; i < n; ++i)
      if (queries[i].end > end) end = queries[i].end;
  }
  // The sums of the values at a block's rows [lo, hi), query i's weights times them.
  Product weighted(std::size_t i, std::size_t lo, std::size_t hi) const {
    return {scores + i * kv_block, kv_block, lo, hi, blocks + i * record + record_values, record};
  }
  const KvHead& head;
  const AttentionQuery* queries;
  std::size_t n, k_dim, v_dim, v_stride, record;
  std::int64_t end = 0;  // of the positions that any of them sees
  float* keys;           // [k_dim, 64] positions side by side, or of as many as are multiplied at once
  float* values;         // [64, v_stride], or of as many elements as are multiplied at once
  float* q;              // [n, k_dim] scaled
  float* scores;         // [n, 64], then weights
  float *blocks, *span, *totals;  // [n, record] of a block, of a span, of all
  Rows rows[most_queries];        // that each query sees of the block at hand
};

void pack_queries(Tile& t) {
  const F32x16 factor = splat(t.head.scale);
  for (std::size_t i = 0; i < t.n; ++i) {
    for (std::size_t k = 0; k < t.k_dim; k += 16) {
      const std::size_t m = t.k_dim - k < 16 ? t.k_dim - k : 16;
      store_n(t.q + i * t.k_dim + k, load_n(t.queries[i].q + k, m) * factor, m);
    }
  }
}

template <typename Row>
QUERN_INLINE F32x16 load_some(const std::byte* row, std::size_t i, std::size_t n) {
  return i + 16 <= n ? Row::load(row, i) : Row::load_n(row, i, n - i);
}

// keys[k][r] = element k of row r of the block, in which keys lie in rows; those outside `seen` zero.
template <typename Row>
void turn_keys(Tile& t, const std::byte* block, Rows seen) {
  for (std::size_t r = 0; r < kv_block; r += 16) {
    for (std::size_t k = 0; k < t.k_dim; k += 16) {
      F32x16 v[16];
      for (std::size_t i = 0; i < 16; ++i) {
        const bool is_seen = r + i >= seen.lo && r + i < seen.hi;
        v[i] = is_seen ? load_some<Row>(block + (r + i) * t.head.k_row_bytes, k, t.k_dim) : zero();
      }
      transpose(v);
      for (std::size_t i = 0; i < 16; ++i) store(t.keys + (k + i) * kv_block + r, v[i]);
    }
  }
}

template <typename Row>
void widen_values(Tile& t, const std::byte* block, Rows seen) {
  for (std::size_t r = seen.lo; r < seen.hi; ++r) {
    for (std::size_t d = 0; d < t.v_dim; d += 16)
      store(t.values + r * t.v_stride + d, load_some<Row>(block + r * t.head.v_row_bytes, d, t.v_dim));
  }
}

// What the model does to scores beside scaling them; -infinity outside the rows that the query sees.
void adjust_scores(const KvHead& kv, const AttentionQuery& query, std::int64_t first, Rows rows,
                   float* scores) {
  alignas(64) static constexpr float lane_numbers[16] = {0, 1, 2,  3,  4,  5,  6,  7,
                                                         8, 9, 10, 11, 12, 13, 14, 15};
  for (std::size_t r = 0; r < kv_block; r += 16) {
    F32x16 s = load(scores + r);
    if (kv.soft_cap != 0) s = soft_cap(s, splat(kv.soft_cap));
    if (query.alibi_slope != 0) {
      const F32x16 ahead = splat(static_cast<float>(query.position - first - static_cast<std::int64_t>(r)));
      s = fma(splat(-query.alibi_slope), absolute(ahead - load(lane_numbers)), s);
    }
    if (query.bias) s = s + load(query.bias + first + static_cast<std::int64_t>(r));
    store(scores + r, s);
  }
  for (std::size_t r = 0; r < rows.lo; ++r) scores[r] = -__builtin_inff();
  for (std::size_t r = rows.hi; r < kv_block; ++r) scores[r] = -__builtin_inff();
}

// The scores of queries [begin, end) become weights in place, +0 outside the rows a query sees; maximum and
// sum go to the query's record. In three passes, for one query's chain from score to sum is longer than what
// a core looks ahead.
void weigh(Tile& t, std::int64_t first_position, std::size_t begin, std::size_t end) {
  constexpr int n = kv_block / 16;
  for (std::size_t i = begin; i < end; ++i) {
    float* scores = t.scores + i * kv_block;
    if (t.head.soft_cap != 0 || t.queries[i].alibi_slope != 0 || t.queries[i].bias || t.rows[i].lo > 0 ||
        t.rows[i].hi < kv_block)
      adjust_scores(t.head, t.queries[i], first_position, t.rows[i], scores);
    F32x16 most = load(scores);
    for (int j = 1; j < n; ++j) most = max(most, load(scores + 16 * j));
    t.blocks[i * t.record] = tree_max(most);
  }
  for (std::size_t i = begin; i < end; ++i) {
    float* scores = t.scores + i * kv_block;
    const F32x16 most = splat(t.blocks[i * t.record]);
    for (int j = 0; j < n; ++j) store(scores + 16 * j, exp_of_nonpositive(load(scores + 16 * j) - most));
  }
  for (std::size_t i = begin; i < end; ++i) {
    const float* scores = t.scores + i * kv_block;
    F32x16 total = load(scores);
    for (int j = 1; j < n; ++j) total = total + load(scores + 16 * j);
    t.blocks[i * t.record + 1] = tree_sum(total);
  }
}

// From widened values where queries [first, first + n) do not see the same rows: those that all of them see
// together, those before and after one query at a time.
void add_widened_values(Tile& t, std::size_t first, std::size_t n) {
  const Floats values{t.values, t.v_stride};
  Rows shared{0, kv_block};
  for (std::size_t i = first; i < first + n; ++i) {
    if (t.rows[i].lo > shared.lo) shared.lo = t.rows[i].lo;
    if (t.rows[i].hi < shared.hi) shared.hi = t.rows[i].hi;
  }
  const auto alone = [&](std::size_t i, std::size_t lo, std::size_t hi) {
    if (lo >= hi) return;
    if (lo == t.rows[i].lo)
      multiply_rows<true>(t.weighted(i, lo, hi), values, 1, t.v_stride, nullptr);
    else
      multiply_rows<false>(t.weighted(i, lo, hi), values, 1, t.v_stride, nullptr);
  };
  if (!shared.any()) {
    for (std::size_t i = first; i < first + n; ++i) alone(i, t.rows[i].lo, t.rows[i].hi);
    return;
  }
  bool starts_alike = true;
  for (std::size_t i = first; i < first + n; ++i) starts_alike = starts_alike && t.rows[i].lo == shared.lo;
  if (starts_alike) {
    multiply_rows<true>(t.weighted(first, shared.lo, shared.hi), values, n, t.v_stride, nullptr);
  } else {
    for (std::size_t i = first; i < first + n; ++i) {
      clear(t.blocks + i * t.record + record_values, t.v_stride);
      alone(i, t.rows[i].lo, shared.lo);
    }
    multiply_rows<false>(t.weighted(first, shared.lo, shared.hi), values, n, t.v_stride, nullptr);
  }
  for (std::size_t i = first; i < first + n; ++i) alone(i, shared.hi, t.rows[i].hi);
}

// values[d] = sum of w[p] * value[p][d] for queries [begin, end), of which the block's rows `seen` are seen.
template <typename Row>
void add_values(Tile& t, const std::byte* block, const std::byte* next, Rows seen, std::size_t begin,
                std::size_t end) {
  bool alike = t.v_dim % 16 == 0;
  for (std::size_t i = begin; i < end; ++i)
    alike = alike && t.rows[i].lo == seen.lo && t.rows[i].hi == seen.hi;
  if (alike) {
    const ValueRows<Row> values{block, next, t.head.v_row_bytes, t.v_dim};
    multiply_rows<true>(t.weighted(begin, seen.lo, seen.hi), values, end - begin, t.v_dim, t.values);
  } else {
    widen_values<Row>(t, block, seen);
    in_parts(begin, end, [&](std::size_t first, std::size_t n) { add_widened_values(t, first, n); });
  }
}

template <typename Row>
void visit_block(Tile& t, std::int64_t b) {
  std::size_t begin = t.n, end = 0;
  Rows seen{kv_block, 0};
  for (std::size_t i = 0; i < t.n; ++i) {
    t.rows[i] = visible_rows(t.queries[i], b);
    if (!t.rows[i].any()) continue;
    if (begin == t.n) begin = i;
    end = i + 1;
    if (t.rows[i].lo < seen.lo) seen.lo = t.rows[i].lo;
    if (t.rows[i].hi > seen.hi) seen.hi = t.rows[i].hi;
  }
  if (!seen.any()) return;
  const KvHead& kv = t.head;
  const std::int64_t next = (b + 1) * kv_block < t.end ? b + 1 : b;
  const Product scores{t.q + begin * t.k_dim, t.k_dim, 0, t.k_dim, t.scores + begin * kv_block, kv_block};
  const std::byte* keys = kv.k_blocks[b] + kv.k_offset;
  if (kv.key_order == KeyOrder::turned) {
    const TurnedKeys<Row> turned{keys, kv.k_blocks[next] + kv.k_offset, kv_block * kv.k_row_bytes / t.k_dim};
    multiply_rows<true>(scores, turned, end - begin, kv_block, t.keys);
  } else {
    turn_keys<Row>(t, keys, seen);
    multiply_rows<true>(scores, Floats{t.keys, kv_block}, end - begin, kv_block, nullptr);
  }
  for (std::size_t i = begin; i < end; i += 16) weigh(t, b * kv_block, i, i + 16 < end ? i + 16 : end);
  add_values<Row>(t, kv.v_blocks[b] + kv.v_offset, kv.v_blocks[next] + kv.v_offset, seen, begin, end);
  join(t.span, t.blocks, t.n, t.record, [&](std::size_t i) { return t.rows[i].any(); });
}

// t.span = the sums over one span. Requires: the queries are packed.
template <typename Row>
void visit_span(Tile& t, std::int64_t span) {
  for (std::size_t i = 0; i < t.n; ++i) clear_record(t.span + i * t.record, t.record);
  for (std::size_t b = 0; b < span_blocks; ++b)
    visit_block<Row>(t, span * static_cast<std::int64_t>(span_blocks) + static_cast<std::int64_t>(b));
}

// What a query's sums come to.
void finish(const AttentionQuery& query, const float* total, std::size_t v_dim) {
  float sum = total[1], keep = 1;
  if (query.has_sink) {
    alignas(64) float lanes[16] = {total[0], query.sink};
    const F32x16 joint = splat(total[0] > query.sink ? total[0] : query.sink);
    store(lanes, exp_of_nonpositive(load(lanes) - joint));
    keep = lanes[0];
    sum = __builtin_fmaf(sum, keep, lanes[1]);
  } else if (query.begin >= query.end) {
    sum = 1;  // it saw nothing
  }
  for (std::size_t d = 0; d < v_dim; d += 16) {
    const F32x16 v = load(total + record_values + d) * splat(keep) / splat(sum);
    store_n(query.out + d, v, v_dim - d < 16 ? v_dim - d : 16);
  }
}

template <typename Row>
void attend_tile(Tile& t) {
  pack_queries(t);
  std::int64_t begin = INT64_MAX;
  for (std::size_t i = 0; i < t.n; ++i) {
    clear_record(t.totals + i * t.record, t.record);
    if (t.queries[i].begin < t.queries[i].end && t.queries[i].begin < begin) begin = t.queries[i].begin;
  }
  for (std::int64_t span = begin / attention_span; span * attention_span < t.end; ++span) {
    visit_span<Row>(t, span);
    join(t.totals, t.span, t.n, t.record, [&](std::size_t i) { return sees(t.queries[i], span); });
  }
  for (std::size_t i = 0; i < t.n; ++i) finish(t.queries[i], t.totals + i * t.record, t.v_dim);
}

template <typename Row>
void attend_all(const KvHead& kv, const AttentionQuery* queries, std::size_t n, std::byte* scratch) {
  for (std::size_t i = 0; i < n; i += most_queries) {
    Tile tile(kv, queries + i, n - i < most_queries ? n - i : most_queries, scratch);
    attend_tile<Row>(tile);
  }
}

// Calls f with the reader of a cache type's rows.
template <typename F>
QUERN_INLINE void with_rows(KvType type, F f) {
  switch (type) {
    case KvType::f32: return f(RowF32{});
    case KvType::f16: return f(RowF16{});
    case KvType::bf16: return f(RowBf16{});
    case KvType::q8_0: return f(RowQ8_0{});
  }
}

}  // namespace

std::size_t attention_record_floats(std::size_t v_dim) { return record_floats(v_dim); }

std::size_t attention_scratch_bytes(std::size_t k_dim, std::size_t v_dim) {
  const std::size_t k = whole_lanes(k_dim), v = whole_lanes(v_dim);
  return sizeof(float) * (kv_block * (k + v) + most_queries * (k + kv_block + 3 * record_floats(v_dim)));
}

void attend(const KvHead& kv, const AttentionQuery* queries, std::size_t n_queries, std::byte* scratch) {
  with_rows(kv.type, [&](auto row) { attend_all<decltype(row)>(kv, queries, n_queries, scratch); });
}

void attend_span(const KvHead& kv, const AttentionQuery* queries, std::size_t n_queries, std::int64_t span,
                 float* records, std::byte* scratch) {
  Tile tile(kv, queries, n_queries, scratch);
  tile.span = records;
  pack_queries(tile);
  with_rows(kv.type, [&](auto row) { visit_span<decltype(row)>(tile, span); });
}

void join_spans(std::size_t v_dim, const AttentionQuery* queries, std::size_t n_queries,
                const SpanRecords& spans) {
  const std::size_t record = record_floats(v_dim);
  if (spans.are_first)
    for (std::size_t i = 0; i < n_queries; ++i) clear_record(spans.totals + i * record, record);
  for (std::size_t s = 0; s < spans.n_spans; ++s) {
    const std::int64_t span = spans.first_span + static_cast<std::int64_t>(s);
    join(spans.totals, spans.records + s * spans.stride, n_queries, record,
         [&](std::size_t i) { return sees(queries[i], span); });
  }
  if (spans.are_last)
    for (std::size_t i = 0; i < n_queries; ++i) finish(queries[i], spans.totals + i * record, v_dim);
}

}  // namespace quern::kernels::QUERN_ISA
