// Attention (arXiv 1706.03762, with grouped heads, arXiv 2305.13245) of the tokens in a pass over everything
// before them, themselves included.
#include "src/runtime/steps.h"

namespace quern::detail {
namespace {

// q, k, v = projections of mixer_in, [T, heads * head size] each, in one step.
void project(Pass& pass, Worker& worker, const AttentionSpec& a) {
  const Scratch& s = pass.scratch;
  struct Product {
    const Matrix& matrix;
    float* y;
  };
  const Product products[] = {{a.q, s.q}, {a.k, s.k}, {a.v, s.v}};
  const RowTiles tiles[] = {weight_tiles(a.q, worker), weight_tiles(a.k, worker), weight_tiles(a.v, worker)};
  const std::size_t n_tokens = pass.n_tokens();
  worker.tiles(tiles[0].count() + tiles[1].count() + tiles[2].count(), [&](std::size_t tile) {
    std::size_t which = 0;
    while (tile >= tiles[which].count()) tile -= tiles[which++].count();
    const auto& [matrix, y] = products[which];
    const std::size_t begin = tiles[which].begin(tile), end = tiles[which].end(tile), stride = matrix.n_rows;
    multiply_tile(pass, worker, matrix, 0, begin, end, activations_for(pass, matrix, s.mixer_in, n_tokens),
                  nullptr, n_tokens, y, stride);
    if (a.clamp == 0) return;
    for (std::size_t t = 0; t < n_tokens; ++t) {
      float* row = y + t * stride + begin;
      pass.kernels().clamp(row, -a.clamp, a.clamp, end - begin, row);
    }
  });
}

void normalize_heads(const Pass& pass, const Norm& norm, QkNormScope scope, float* heads, std::size_t n_heads,
                     std::size_t head_dim) {
  if (!norm) return;
  if (scope == QkNormScope::whole) {
    norm_row(pass, norm, heads, n_heads * head_dim, heads);
    return;
  }
  for (std::size_t h = 0; h < n_heads; ++h) {
    Norm own = norm;
    if (scope == QkNormScope::each_head) own.weight.begin += h * head_dim;
    norm_row(pass, own, heads + h * head_dim, head_dim, heads + h * head_dim);
  }
}

// q and k of one token normalised and rotated, k and v written to the cache.
void place_token(Pass& pass, const AttentionSpec& a, std::size_t layer, std::size_t t) {
  const kernels::KernelTable& kernels = pass.kernels();
  const std::size_t k_dim = a.k_dim, k_width = a.n_kv_heads * k_dim;
  float* q = pass.scratch.q + t * a.n_heads * k_dim;
  float* k = pass.scratch.k + t * k_width;
  normalize_heads(pass, a.q_norm, a.norm_scope, q, a.n_heads, k_dim);
  normalize_heads(pass, a.k_norm, a.norm_scope, k, a.n_kv_heads, k_dim);
  if (a.rope >= 0) {
    const auto r = static_cast<std::size_t>(a.rope);
    const RopeSpec& rope = pass.spec().ropes[r];
    const float* cos_sin = pass.scratch.cos_sin[r] + t * rope.n_rot;
    for (std::size_t h = 0; h < a.n_heads; ++h) kernels.rope(q + h * k_dim, cos_sin, rope.n_rot, rope.kind);
    for (std::size_t h = 0; h < a.n_kv_heads; ++h)
      kernels.rope(k + h * k_dim, cos_sin, rope.n_rot, rope.kind);
  }
  const Run& run = pass.run_of(t);
  const std::size_t v_width = std::size_t{a.n_kv_heads} * a.v_dim, position = run.position(t);
  kernels.store_kv(run.cache->type(), k, k_width, run.cache->k_row(layer, position));
  kernels.store_kv(run.cache->type(), pass.scratch.v + t * v_width, v_width,
                   run.cache->v_row(layer, position));
}

}  // namespace

void attend(Pass& pass, Worker& worker, const AttentionSpec& a, std::size_t layer) noexcept {
  const Scratch& s = pass.scratch;
  const std::size_t n_tokens = pass.n_tokens(), group = a.n_heads / a.n_kv_heads;
  project(pass, worker, a);
  for_each_token(pass, worker, [&](std::size_t t) { place_token(pass, a, layer, t); });

  // A tile: the query heads that share a KV head, at a few neighbouring tokens of a sequence.
  worker.tiles(a.n_kv_heads * pass.chunks.size(), [&](std::size_t tile) {
    const std::size_t g = tile % a.n_kv_heads;
    const RowChunk& chunk = pass.chunks[tile / a.n_kv_heads];
    kernels::AttentionQuery* queries =
        s.queries + static_cast<std::size_t>(worker.index()) * s.queries_per_tile;
    std::size_t n_queries = 0;
    for (std::size_t t = chunk.begin; t < chunk.end; ++t) {
      const auto position = static_cast<std::int64_t>(chunk.run->position(t));
      for (std::size_t h = g * group; h < (g + 1) * group; ++h) {
        queries[n_queries++] = {
            .q = s.q + (t * a.n_heads + h) * a.k_dim,
            .out = s.attended + (t * a.n_heads + h) * a.v_dim,
            .position = position,
            .begin = a.window == 0 ? 0 : std::max<std::int64_t>(0, position + 1 - a.window),
            .end = position + 1,
            .alibi_slope = a.alibi_slopes.empty() ? 0 : a.alibi_slopes[h],
            .sink = a.sinks ? pass.model.values(a.sinks)[h] : 0,
            .has_sink = static_cast<bool>(a.sinks),
        };
      }
    }
    pass.kernels().attend(chunk.run->cache->head(layer, a, g), queries, n_queries);
  });

  const PackedKinds kinds{&a.output};
  if (kinds.any()) {
    for_each_token(pass, worker,
                   [&](std::size_t t) { pack_rows(pass, kinds, s.attended, a.output.n_cols, t, t + 1); });
  }
  multiply(pass, worker, a.output, s.attended, n_tokens, s.mixed);
}

}  // namespace quern::detail
