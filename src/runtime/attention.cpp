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
  multiply_together(pass, worker, products, s.mixer_in, [&](float* y, std::size_t n) {
    if (a.clamp != 0) pass.kernels().clamp(y, -a.clamp, a.clamp, n, y);
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
  const float* v = pass.scratch.v + t * a.n_kv_heads * a.v_dim;
  run.cache->store(kernels, a, layer, run.position(t), k, v);
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

// Query heads that share a KV head, at a few neighbouring tokens of a sequence.
struct Tile {
  kernels::KvHead head;
  std::span<const kernels::AttentionQuery> queries;
  std::size_t first_query;  // where they stand among those of the pass, whatever order that is
};

// The tiles of a layer.
class Tiles {
 public:
  Tiles(const Pass& pass, const AttentionSpec& a, std::size_t layer)
      : pass_(pass),
        a_(a),
        layer_(layer),
        group_(a.n_heads / a.n_kv_heads),
        heads_per_tile_(std::min(group_, pass.scratch.heads_per_tile)),
        parts_((group_ + heads_per_tile_ - 1) / heads_per_tile_) {}
  std::size_t count() const { return a_.n_kv_heads * parts_ * pass_.chunks.size(); }

  // Its queries are valid until the worker asks for the next tile.
  Tile tile(std::size_t number, const Worker& worker) const {
    const Scratch& s = pass_.scratch;
    const std::size_t n_parts = a_.n_kv_heads * parts_, kv_head = number % n_parts / parts_;
    const std::size_t first = kv_head * group_ + number % parts_ * heads_per_tile_;
    const std::size_t last = std::min(first + heads_per_tile_, (kv_head + 1) * group_);
    const RowChunk& chunk = pass_.chunks[number / n_parts];
    kernels::AttentionQuery* queries =
        s.queries + static_cast<std::size_t>(worker.index()) * s.queries_per_tile;
    const auto last_position = static_cast<std::int64_t>(chunk.run->position(chunk.end - 1));
    const auto n_keys = static_cast<std::size_t>(seen_from(a_, *chunk.run, last_position).end);
    const float* biases =
        a_.relative_bias < 0 ? nullptr : spread_biases(pass_, worker, a_, chunk, n_keys, first, last);
    std::size_t n_queries = 0;
    for (std::size_t t = chunk.begin; t < chunk.end; ++t) {
      const auto position = static_cast<std::int64_t>(chunk.run->position(t));
      const Positions seen = seen_from(a_, *chunk.run, position);
      for (std::size_t h = first; h < last; ++h) {
        queries[n_queries++] = {
            .q = s.q + (t * a_.n_heads + h) * a_.q_stride(),
            .out = s.attended + (t * a_.n_heads + h) * a_.v_dim,
            .position = position,
            .begin = seen.begin,
            .end = seen.end,
            .alibi_slope = a_.alibi_slopes.empty() ? 0 : a_.alibi_slopes[h],
            .bias = biases ? biases + (h - first) * s.bias_stride + (last_position - position) : nullptr,
            .sink = a_.sinks ? pass_.model.values(a_.sinks)[h] : 0,
            .has_sink = static_cast<bool>(a_.sinks),
        };
      }
    }
    const KvCache& cache = a_.cross ? *chunk.run->source : *chunk.run->cache;
    return {.head = cache.head(layer_, a_, kv_head),
            .queries = {queries, n_queries},
            .first_query = chunk.begin * a_.n_heads + first * (chunk.end - chunk.begin)};
  }

  // The spans that some query sees, but perhaps for some in the middle.
  Positions spans() const {
    Positions all{INT64_MAX, 0};
    for (const RowChunk& chunk : pass_.chunks) {
      for (const std::size_t t : {chunk.begin, chunk.end - 1}) {
        const auto position = static_cast<std::int64_t>(chunk.run->position(t));
        const Positions seen = seen_from(a_, *chunk.run, position);
        all = {std::min(all.begin, seen.begin), std::max(all.end, seen.end)};
      }
    }
    return {all.begin / kernels::attention_span,
            (all.end + kernels::attention_span - 1) / kernels::attention_span};
  }

 private:
  const Pass& pass_;
  const AttentionSpec& a_;
  const std::size_t layer_, group_, heads_per_tile_, parts_;
};

// Collective: the tiles' spans shared out among the threads, as many at a time as there are records for.
void attend_by_spans(Pass& pass, Worker& worker, const AttentionSpec& a, const Tiles& tiles,
                     Positions spans) {
  const Scratch& s = pass.scratch;
  const std::size_t n_queries = pass.n_tokens() * a.n_heads, n_tiles = tiles.count();
  const std::size_t record = pass.kernels().attention_record_floats(a.v_dim), stride = n_queries * record;
  const std::size_t at_once = s.n_records / n_queries - 1;
  float* const totals = s.records;
  float* const records = totals + stride;
  for (std::int64_t first = spans.begin; first < spans.end; first += static_cast<std::int64_t>(at_once)) {
    const std::size_t n = std::min(at_once, static_cast<std::size_t>(spans.end - first));
    worker.tiles(n_tiles * n, [&](std::size_t i) {
      const Tile tile = tiles.tile(i / n, worker);
      pass.kernels().attend_span(
          tile.head, tile.queries.data(), tile.queries.size(), first + static_cast<std::int64_t>(i % n),
          records + i % n * stride + tile.first_query * record, s.attention_scratch(worker.index()));
    });
    worker.tiles(n_tiles, [&](std::size_t i) {
      const Tile tile = tiles.tile(i, worker);
      const std::size_t at = tile.first_query * record;
      pass.kernels().join_spans(a.v_dim, tile.queries.data(), tile.queries.size(),
                                {.first_span = first,
                                 .n_spans = n,
                                 .records = records + at,
                                 .stride = stride,
                                 .totals = totals + at,
                                 .are_first = first == spans.begin,
                                 .are_last = first + static_cast<std::int64_t>(n) == spans.end});
    });
  }
}

}  // namespace

void attend(Pass& pass, Worker& worker, const AttentionSpec& a, std::size_t layer) noexcept {
  const Scratch& s = pass.scratch;
  if (a.latent) {
    prepare_latent(pass, worker, a, layer);
  } else {
    project(pass, worker, a);
    if (!a.cross) for_each_token(pass, worker, [&](std::size_t t) { place_token(pass, a, layer, t); });
  }

  const Tiles tiles(pass, a, layer);
  const Positions spans = tiles.spans();
  const auto size = static_cast<std::size_t>(worker.size());
  // Whoever spreads biases does it for the whole context, so not for each span again.
  if (size > 1 && tiles.count() < 4 * size && pass.n_tokens() <= max_rows_by_spans &&
      spans.end - spans.begin > 2 && a.relative_bias < 0) {
    attend_by_spans(pass, worker, a, tiles, spans);
  } else {
    worker.tiles(tiles.count(), [&](std::size_t i) {
      const Tile tile = tiles.tile(i, worker);
      pass.kernels().attend(tile.head, tile.queries.data(), tile.queries.size(),
                            s.attention_scratch(worker.index()));
    });
  }

  if (a.gated) for_each_token(pass, worker, [&](std::size_t t) { gate_heads(pass, a, t); });
  const float* values = a.latent ? expand_latent(pass, worker, a) : s.attended;
  pack_and_multiply(pass, worker, a.output, values, s.mixed);
}

}  // namespace quern::detail
