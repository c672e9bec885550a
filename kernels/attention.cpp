// Attention of queries over one KV head.
//
// For each query and each block of 64 positions, cut to [begin, end):
//   s[p] = scale * (q . k[p]), soft cap, - slope * |position - p|, + bias[p];  the dot product in lanes
//   m_b  = max s[p];  w[p] = e^(s[p] - m_b)
//   l_b  = sum of w[p]: lane p % 16, ascending, then the tree
//   a[d] = sum of w[p] * v[p][d]: one fused multiply-add a position, ascending, from +0
// Blocks join ascending, as in online softmax (Milakov & Gimelshein, arXiv 1805.02867), with
// m' = max(m, m_b), c = e^(m - m'), c_b = e^(m_b - m'):
//   l = fma(l, c, l_b * c_b);  out[d] = fma(out[d], c, a[d] * c_b)
// A sink joins last, as a block with m_b = sink, l_b = 1, a = 0. At the end out[d] /= l.
#include "kernels/functions.h"
#include "kernels/rows.h"

namespace quern::kernels::QUERN_ISA {
namespace {

// Up to `attention_tile` queries go through the cache together, so that they share its loads; each one's
// arithmetic is the same as alone.
struct Partial {
  float max, sum;
};

QUERN_INLINE float exp_of(float x) {
  float lanes[16];
  store(lanes, exp(splat(x)));
  return lanes[0];
}

// scores[t][r] = q[t] . row r of the block, for rows [lo, hi).
template <typename Row, int T>
void dot_block(const std::byte* block, std::size_t row_bytes, std::size_t k_dim,
               const AttentionQuery* queries, std::size_t lo, std::size_t hi, float (*scores)[kv_block]) {
  for (std::size_t r = lo; r < hi; ++r) {
    const std::byte* row = block + r * row_bytes;
    F32x16 acc[T];
    for (int t = 0; t < T; ++t) acc[t] = zero();
    std::size_t i = 0;
    for (; i + 16 <= k_dim; i += 16) {
      const F32x16 k = Row::load(row, i);
      for (int t = 0; t < T; ++t) acc[t] = fma(load(queries[t].q + i), k, acc[t]);
    }
    if (i < k_dim) {
      const F32x16 k = Row::load_n(row, i, k_dim - i);
      for (int t = 0; t < T; ++t) acc[t] = fma(load_n(queries[t].q + i, k_dim - i), k, acc[t]);
    }
    for (int t = 0; t < T; ++t) scores[t][r] = tree_sum(acc[t]);
  }
}

void fill_outside(float* scores, std::size_t lo, std::size_t hi, float value) {
  for (std::size_t r = 0; r < lo; ++r) scores[r] = value;
  for (std::size_t r = hi; r < kv_block; ++r) scores[r] = value;
}

// Dot products become weights in place; rows outside [lo, hi) get weight +0, which changes no sum.
Partial weigh_block(const KvHead& kv, const AttentionQuery& query, std::int64_t first, std::size_t lo,
                    std::size_t hi, float* scores) {
  alignas(64) static constexpr float lane_numbers[16] = {0, 1, 2,  3,  4,  5,  6,  7,
                                                         8, 9, 10, 11, 12, 13, 14, 15};
  fill_outside(scores, lo, hi, 0);
  for (std::size_t r = 0; r < kv_block; r += 16) {
    F32x16 s = load(scores + r) * splat(kv.scale);
    if (kv.soft_cap != 0) s = soft_cap(s, splat(kv.soft_cap));
    if (query.alibi_slope != 0) {
      const F32x16 ahead = splat(static_cast<float>(query.position - first - static_cast<std::int64_t>(r)));
      s = fma(splat(-query.alibi_slope), absolute(ahead - load(lane_numbers)), s);
    }
    if (query.bias) s = s + load(query.bias + first + r);
    store(scores + r, s);
  }
  fill_outside(scores, lo, hi, -__builtin_inff());
  F32x16 most = splat(-__builtin_inff());
  for (std::size_t r = 0; r < kv_block; r += 16) most = max(most, load(scores + r));
  const float max_score = tree_max(most);
  F32x16 total = zero();
  for (std::size_t r = 0; r < kv_block; r += 16) {
    const F32x16 w = exp(load(scores + r) - splat(max_score));
    store(scores + r, w);
    total = total + w;
  }
  return {max_score, tree_sum(total)};
}

// How a block's values enter each query's output: out = fma(out, keep, take * values), or just the values if
// first.
template <int T>
struct Join {
  float keep[T], take[T];
  bool is_first[T];
};

// V vectors of values, from element i on; the last holds n elements.
template <typename Row, int T, int V>
QUERN_INLINE void add_values(const std::byte* block, std::size_t row_bytes, std::size_t i, std::size_t n,
                             const AttentionQuery* queries, std::size_t lo, std::size_t hi,
                             const float (*weights)[kv_block], const Join<T>& join) {
  F32x16 acc[T][V];
  for (int t = 0; t < T; ++t)
    for (int c = 0; c < V; ++c) acc[t][c] = zero();
  for (std::size_t r = lo; r < hi; ++r) {
    const std::byte* row = block + r * row_bytes;
    F32x16 v[V];
    for (int c = 0; c < V; ++c) v[c] = n == 16 ? Row::load(row, i + 16 * c) : Row::load_n(row, i, n);
    for (int t = 0; t < T; ++t)
      for (int c = 0; c < V; ++c) acc[t][c] = fma(splat(weights[t][r]), v[c], acc[t][c]);
  }
  for (int t = 0; t < T; ++t) {
    for (int c = 0; c < V; ++c) {
      float* out = queries[t].out + i + 16 * c;
      const F32x16 add = acc[t][c] * splat(join.take[t]);
      store_n(out, join.is_first[t] ? acc[t][c] : fma(load_n(out, n), splat(join.keep[t]), add), n);
    }
  }
}

// T queries that see the same rows [lo, hi) of block b.
template <typename Row, int T>
void visit_block(const KvHead& kv, const AttentionQuery* queries, std::int64_t b, std::size_t lo,
                 std::size_t hi, Partial* state, bool* is_first) {
  alignas(64) float scores[T][kv_block];
  Join<T> join;
  dot_block<Row, T>(kv.k_blocks[b] + kv.k_offset, kv.k_row_bytes, static_cast<std::size_t>(kv.k_dim), queries,
                    lo, hi, scores);
  for (int t = 0; t < T; ++t) {
    const Partial block = weigh_block(kv, queries[t], b * kv_block, lo, hi, scores[t]);
    join.is_first[t] = is_first[t];
    if (is_first[t]) {
      join.keep[t] = 0;
      join.take[t] = 1;
      state[t] = block;
      is_first[t] = false;
      continue;
    }
    const float joint = state[t].max > block.max ? state[t].max : block.max;
    join.keep[t] = exp_of(state[t].max - joint);
    join.take[t] = exp_of(block.max - joint);
    state[t] = {joint, __builtin_fmaf(state[t].sum, join.keep[t], block.sum * join.take[t])};
  }
  const std::byte* values = kv.v_blocks[b] + kv.v_offset;
  const std::size_t v_dim = static_cast<std::size_t>(kv.v_dim);
  constexpr std::size_t wide = 16 * value_vectors;
  std::size_t i = 0;
  for (; i + wide <= v_dim; i += wide)
    add_values<Row, T, value_vectors>(values, kv.v_row_bytes, i, 16, queries, lo, hi, scores, join);
  for (; i + 16 <= v_dim; i += 16)
    add_values<Row, T, 1>(values, kv.v_row_bytes, i, 16, queries, lo, hi, scores, join);
  if (i < v_dim) add_values<Row, T, 1>(values, kv.v_row_bytes, i, v_dim - i, queries, lo, hi, scores, join);
}

// The rows of block b that a query sees; lo == hi for none.
struct Rows {
  std::size_t lo, hi;
};
Rows visible_rows(const AttentionQuery& query, std::int64_t b) {
  const std::int64_t first = b * kv_block, end = first + kv_block;
  const std::int64_t lo = query.begin > first ? query.begin : first, hi = query.end < end ? query.end : end;
  if (lo >= hi) return {0, 0};
  return {static_cast<std::size_t>(lo - first), static_cast<std::size_t>(hi - first)};
}

void finish(const KvHead& kv, const AttentionQuery& query, Partial state, bool is_first) {
  const std::size_t v_dim = static_cast<std::size_t>(kv.v_dim);
  F32x16 keep = splat(1.0f);
  if (is_first) {  // it saw nothing: only a sink, or nothing at all
    state.sum = 1;
    for (std::size_t d = 0; d < v_dim; ++d) query.out[d] = 0;
  } else if (query.has_sink) {
    const float joint = state.max > query.sink ? state.max : query.sink;
    const float c = exp_of(state.max - joint);
    state.sum = __builtin_fmaf(state.sum, c, exp_of(query.sink - joint));
    keep = splat(c);
  }
  for (std::size_t d = 0; d < v_dim; d += 16) {
    const std::size_t n = v_dim - d < 16 ? v_dim - d : 16;
    store_n(query.out + d, load_n(query.out + d, n) * keep / splat(state.sum), n);
  }
}

// One tile of up to attention_tile queries.
template <typename Row>
void attend_tile(const KvHead& kv, const AttentionQuery* queries, int n) {
  constexpr int T = attention_tile;
  Partial state[T];
  bool is_first[T];
  std::int64_t begin = INT64_MAX, end = 0;
  for (int t = 0; t < n; ++t) {
    state[t] = {0, 0};
    is_first[t] = true;
    if (queries[t].begin >= queries[t].end) continue;
    if (queries[t].begin < begin) begin = queries[t].begin;
    if (queries[t].end > end) end = queries[t].end;
  }
  for (std::int64_t b = begin / kv_block; b * kv_block < end; ++b) {
    Rows rows[T];
    bool alike = n == T;
    for (int t = 0; t < n; ++t) {
      rows[t] = visible_rows(queries[t], b);
      alike = alike && rows[t].lo == rows[0].lo && rows[t].hi == rows[0].hi;
    }
    if (alike && rows[0].lo < rows[0].hi) {
      visit_block<Row, T>(kv, queries, b, rows[0].lo, rows[0].hi, state, is_first);
      continue;
    }
    for (int t = 0; t < n; ++t)
      if (rows[t].lo < rows[t].hi)
        visit_block<Row, 1>(kv, queries + t, b, rows[t].lo, rows[t].hi, state + t, is_first + t);
  }
  for (int t = 0; t < n; ++t) finish(kv, queries[t], state[t], is_first[t]);
}

template <typename Row>
void attend_all(const KvHead& kv, const AttentionQuery* queries, std::size_t n) {
  for (std::size_t i = 0; i < n; i += attention_tile) {
    const std::size_t left = n - i;
    attend_tile<Row>(kv, queries + i, left < attention_tile ? static_cast<int>(left) : attention_tile);
  }
}

}  // namespace

void attend(const KvHead& kv, const AttentionQuery* queries, std::size_t n_queries) {
  switch (kv.type) {
    case KvType::f32: return attend_all<RowF32>(kv, queries, n_queries);
    case KvType::f16: return attend_all<RowF16>(kv, queries, n_queries);
    case KvType::bf16: return attend_all<RowBf16>(kv, queries, n_queries);
    case KvType::q8_0: return attend_all<RowQ8_0>(kv, queries, n_queries);
  }
}

}  // namespace quern::kernels::QUERN_ISA
