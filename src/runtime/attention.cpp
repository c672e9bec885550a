// Attention (arXiv 1706.03762, with grouped heads, arXiv 2305.13245) of the tokens in a pass over everything
// before them, themselves included.
#include "src/runtime/steps.h"

namespace quern::detail {
namespace {

// q, k, v = projections of mixer_in, [T, heads * head size] each, in one step. Of attention to a source only
// q.
void project(Pass& pass, Worker& worker, const AttentionSpec& a) {
  const Scratch& s = pass.scratch;
  const Matrix none;
  const Product products[] = {{a.q, s.q}, {a.cross ? none : a.k, s.k}, {a.cross ? none : a.v, s.v}};
  multiply_together(pass, worker, products, s.mixer_in,
                    [&](const Product& p, std::size_t begin, std::size_t end) {
                      if (a.clamp == 0) return;
                      for (std::size_t t = 0; t < pass.n_tokens(); ++t) {
                        float* row = p.y + t * p.matrix.n_rows + begin;
                        pass.kernels().clamp(row, -a.clamp, a.clamp, end - begin, row);
                      }
                    });
}

// q and k of one token normalised and rotated, k and v written to the cache.
void place_token(Pass& pass, const AttentionSpec& a, std::size_t layer, std::size_t t) {
  const kernels::KernelTable& kernels = pass.kernels();
  const std::size_t k_dim = a.k_dim, k_width = a.n_kv_heads * k_dim, q_stride = a.q_stride();
  float* q = pass.scratch.q + t * a.n_heads * q_stride;
  float* k = pass.scratch.k + t * k_width;
  norm_heads(pass, a.q_norm, a.norm_scope, q, a.n_heads, k_dim, q_stride);
  norm_heads(pass, a.k_norm, a.norm_scope, k, a.n_kv_heads, k_dim, k_dim);
  if (a.rope >= 0) {
    const auto r = static_cast<std::size_t>(a.rope);
    const RopeSpec& rope = pass.spec().ropes[r];
    const float* cos_sin = pass.scratch.cos_sin[r] + t * rope.n_rot;
    for (std::size_t h = 0; h < a.n_heads; ++h)
      kernels.rope(q + h * q_stride, cos_sin, rope.n_rot, rope.kind);
    for (std::size_t h = 0; h < a.n_kv_heads; ++h)
      kernels.rope(k + h * k_dim, cos_sin, rope.n_rot, rope.kind);
  }
  const Run& run = pass.run_of(t);
  const std::size_t v_width = std::size_t{a.n_kv_heads} * a.v_dim, position = run.position(t);
  kernels.store_kv(run.cache->type(), k, k_width, run.cache->k_row(layer, position));
  kernels.store_kv(run.cache->type(), pass.scratch.v + t * v_width, v_width,
                   run.cache->v_row(layer, position));
}

// Each head's output multiplied by the sigmoid of its gate, which lies behind its query.
void gate_heads(Pass& pass, const AttentionSpec& a, std::size_t t) {
  const kernels::KernelTable& kernels = pass.kernels();
  for (std::size_t h = t * a.n_heads; h < (t + 1) * a.n_heads; ++h) {
    float* gate = pass.scratch.q + h * a.q_stride() + a.k_dim;
    float* out = pass.scratch.attended + h * a.v_dim;
    kernels.sigmoid(gate, a.v_dim, gate);
    kernels.mul(out, gate, a.v_dim, out);
  }
}

// The positions that the token at `position` sees.
struct Positions {
  std::int64_t begin, end;
};
Positions seen_from(const AttentionSpec& a, const Run& run, std::int64_t position) {
  if (a.cross) return {0, static_cast<std::int64_t>(run.source->length())};
  if (a.causal) return {a.window == 0 ? 0 : std::max<std::int64_t>(0, position + 1 - a.window), position + 1};
  const auto end = static_cast<std::int64_t>(run.end_position());
  if (a.window == 0) return {0, end};
  const std::int64_t side = a.window / 2;
  return {std::max<std::int64_t>(0, position - side), std::min(end, position + side + 1)};
}

}  // namespace

void attend(Pass& pass, Worker& worker, const AttentionSpec& a, std::size_t layer) noexcept {
  const Scratch& s = pass.scratch;
  const std::size_t group = a.n_heads / a.n_kv_heads;
  if (a.latent) {
    prepare_latent(pass, worker, a, layer);
  } else {
    project(pass, worker, a);
    if (!a.cross) for_each_token(pass, worker, [&](std::size_t t) { place_token(pass, a, layer, t); });
  }

  // A tile: query heads that share a KV head, at a few neighbouring tokens of a sequence.
  const std::size_t heads_per_tile = std::min(group, s.heads_per_tile);
  const std::size_t parts = (group + heads_per_tile - 1) / heads_per_tile, n_parts = a.n_kv_heads * parts;
  worker.tiles(n_parts * pass.chunks.size(), [&](std::size_t tile) {
    const std::size_t g = tile % n_parts / parts, first = g * group + tile % parts * heads_per_tile;
    const std::size_t last = std::min(first + heads_per_tile, (g + 1) * group);
    const RowChunk& chunk = pass.chunks[tile / n_parts];
    kernels::AttentionQuery* queries =
        s.queries + static_cast<std::size_t>(worker.index()) * s.queries_per_tile;
    const auto last_position = static_cast<std::int64_t>(chunk.run->position(chunk.end - 1));
    const auto n_keys = static_cast<std::size_t>(seen_from(a, *chunk.run, last_position).end);
    const float* biases =
        a.relative_bias < 0 ? nullptr : spread_biases(pass, worker, a, chunk, n_keys, first, last);
    std::size_t n_queries = 0;
    for (std::size_t t = chunk.begin; t < chunk.end; ++t) {
      const auto position = static_cast<std::int64_t>(chunk.run->position(t));
      const Positions seen = seen_from(a, *chunk.run, position);
      for (std::size_t h = first; h < last; ++h) {
        queries[n_queries++] = {
            .q = s.q + (t * a.n_heads + h) * a.q_stride(),
            .out = s.attended + (t * a.n_heads + h) * a.v_dim,
            .position = position,
            .begin = seen.begin,
            .end = seen.end,
            .alibi_slope = a.alibi_slopes.empty() ? 0 : a.alibi_slopes[h],
            .bias = biases ? biases + (h - first) * s.bias_stride + (last_position - position) : nullptr,
            .sink = a.sinks ? pass.model.values(a.sinks)[h] : 0,
            .has_sink = static_cast<bool>(a.sinks),
        };
      }
    }
    const KvCache& cache = a.cross ? *chunk.run->source : *chunk.run->cache;
    pass.kernels().attend(cache.head(layer, a, g), queries, n_queries, s.attention_scratch(worker.index()));
  });

  if (a.gated) for_each_token(pass, worker, [&](std::size_t t) { gate_heads(pass, a, t); });
  const float* values = a.latent ? expand_latent(pass, worker, a) : s.attended;
  pack_and_multiply(pass, worker, a.output, values, s.mixed);
}

}  // namespace quern::detail
