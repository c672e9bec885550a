#include "src/runtime/scratch.h"

#include <algorithm>

#include "src/runtime/blas.h"

namespace quern::detail {
namespace {

// The widest of everything that shares a buffer, over all layers.
struct Widths {
  std::uint64_t q = 0, k = 0, v = 0, attended = 0;     // floats a token
  std::uint64_t gates = 0, beside = 0;                 // of recurrences
  std::uint64_t q_low = 0, head_wide = 0, q_nope = 0;  // of latent attention
  std::uint64_t packed = 0;                            // activations a token that are packed together
  std::uint64_t packed_hidden = 0, hidden = 0;         // hidden values a token: packed, as floats
  std::uint64_t pooled = 0;                            // floats that a head layer gives
  std::uint64_t experts = 0, used = 0;
  std::uint64_t heads_per_group = 1;
  std::size_t matmul_bytes = 0, attention_bytes = 0;
  std::uint64_t query_heads = 0, record = 0;  // of attention: the most heads, floats of a record

  std::uint64_t cols = 0;  // of the widest matrix

  bool q8_32 = false, q8_128 = false;  // kinds of packed activations in use
  bool is_parallel = false;            // some layer

  Widths(const ModelSpec& spec, const kernels::KernelTable& table) {
    const auto see = [&](const Matrix& m, std::uint64_t = 1) {
      const kernels::ActivationKind kind = kernels::activation_kind(m.tensor->type);
      q8_32 = q8_32 || kind == kernels::ActivationKind::q8_32;
      q8_128 = q8_128 || kind == kernels::ActivationKind::q8_128;
      matmul_bytes = std::max(matmul_bytes, table.matmul_scratch_bytes(m.tensor->type, m.n_cols));
      for (const formats::Tensor* tensor : m.expert_tensors)
        matmul_bytes = std::max(matmul_bytes, table.matmul_scratch_bytes(tensor->type, m.n_cols));
      cols = std::max(cols, m.n_cols);
    };
    const auto see_dense = [&](const DenseSpec& d, std::uint64_t rows_per_token) {
      if (!d.down) return;
      const std::uint64_t n = d.down.n_cols * rows_per_token;
      packed_hidden = std::max(packed_hidden, n);
      if (kernels::activation_kind(d.down.tensor->type) == kernels::ActivationKind::f32 ||
          blas_is_quicker_than(table))
        hidden = std::max(hidden, n);
    };
    const auto see_recurrence = [&](const Matrix& in, const ConvSpec& conv, const Matrix& out,
                                    std::uint64_t heads) {
      q = std::max(q, in.n_rows);
      k = std::max<std::uint64_t>(k, conv.n_channels);
      attended = std::max(attended, out.n_cols);
      gates = std::max(gates, 2 * heads);
    };
    const auto see_latent = [&](const AttentionSpec& a, const LatentSpec& l) {
      if (l.q_down) q_low = std::max(q_low, a.q.n_cols);
      packed = std::max(packed, q_low);
      head_wide = std::max({head_wide, a.q.n_rows, a.output.n_cols});
      q_nope = std::max(q_nope, std::uint64_t{a.n_heads} * l.n_nope);
      packed = std::max(packed, q_nope);
      matmul_bytes = std::max(matmul_bytes, l.dim * sizeof(float));  // one row of k_up, unpacked
    };
    packed = spec.dim;
    if (spec.output) see(spec.output);
    for (const auto* layers : {&spec.embedding.dense, &spec.embedding.rank}) {
      for (const HeadLayer& layer : *layers) {
        see(layer.matrix);
        packed = std::max(packed, layer.matrix.n_cols);
        pooled = std::max(pooled, layer.matrix.n_rows);
      }
    }
    const auto see_attention = [&](const AttentionSpec& a) {
      q = std::max(q, std::uint64_t{a.n_heads} * a.q_stride());
      k = std::max(k, a.k.n_rows);
      v = std::max(v, a.v.n_rows);
      attended = std::max(attended, std::uint64_t{a.n_heads} * a.v_dim);
      packed = std::max(packed, a.output.n_cols);
      attention_bytes = std::max(attention_bytes, table.attention_scratch_bytes(a.k_dim, a.v_dim));
      query_heads = std::max<std::uint64_t>(query_heads, a.n_heads);
      record = std::max<std::uint64_t>(record, table.attention_record_floats(a.v_dim));
      heads_per_group = std::max<std::uint64_t>(heads_per_group, a.n_heads / a.n_kv_heads);
      if (a.latent) see_latent(a, *a.latent);
    };
    const auto see_layer = [&](const LayerSpec& layer) {
      for_each_matrix(layer, see);
      if (const auto* a = std::get_if<AttentionSpec>(&layer.mixer)) see_attention(*a);
      if (layer.cross) see_attention(*layer.cross);
      if (const auto* c = std::get_if<ShortConvSpec>(&layer.mixer)) see_recurrence(c->in, c->conv, c->out, 0);
      if (const auto* d = std::get_if<DeltaNetSpec>(&layer.mixer)) {
        see_recurrence(d->qkv, d->conv, d->output, d->n_value_heads);
        v = std::max(v, d->output.n_cols);  // gates
      }
      const auto* s = std::get_if<StateSpaceSpec>(&layer.mixer);
      if (s) see_recurrence(s->in, s->conv, s->out, s->n_heads);
      if (layer.beside)
        see_recurrence(layer.beside->in, layer.beside->conv, layer.beside->out, layer.beside->n_heads);
      if (layer.beside) beside = spec.dim;
      is_parallel = is_parallel || layer.parallel;
      if (const auto* d = std::get_if<DenseSpec>(&layer.ffn)) see_dense(*d, 1);
      if (const auto* e = std::get_if<ExpertsSpec>(&layer.ffn)) {
        see_dense(e->expert, e->n_used);
        if (e->shared.up) see_dense(e->shared, 1);
        experts = std::max<std::uint64_t>(experts, e->n_experts);
        used = std::max<std::uint64_t>(used, e->n_used);
      }
    };
    for (const LayerSpec& layer : spec.layers) see_layer(layer);
    for (const LayerSpec& layer : spec.encoder) see_layer(layer);
    packed = std::max(packed, attended);
    matmul_bytes = (matmul_bytes + cache_line - 1) / cache_line * cache_line;
    attention_bytes = (attention_bytes + cache_line - 1) / cache_line * cache_line;
  }
};

}  // namespace

Scratch plan_scratch(const ModelSpec& spec, const ScratchSizes& sizes, const kernels::KernelTable& table) {
  const Widths widths(spec, table);
  Scratch scratch;
  scratch.batch = sizes.batch;
  scratch.logit_rows = sizes.logit_rows;
  scratch.heads_per_tile = std::min<std::size_t>(widths.heads_per_group, 16);
  scratch.rows_per_chunk = scratch.queries_per_tile / scratch.heads_per_tile;
  scratch.n_threads = sizes.n_threads;
  scratch.matmul_bytes = widths.matmul_bytes;
  scratch.attention_bytes = widths.attention_bytes;
  scratch.n_records = sizes.n_threads == 1 ? 0 : 4 * max_rows_by_spans * widths.query_heads;
  scratch.own_cols = sizes.n_threads == 1 ? 0 : widths.cols;
  scratch.tile_floats = std::max(max_tile_rows, sizes.batch * hidden_panel);
  if (!spec.relative_biases.empty()) {
    constexpr std::size_t block = kernels::kv_block;
    scratch.bias_stride = (sizes.n_positions + block - 1) / block * block + scratch.rows_per_chunk;
  }
  return scratch;
}

std::uint64_t Scratch::place(std::byte* base, const ModelSpec& spec, const kernels::KernelTable& table) {
  const Widths w(spec, table);
  const std::uint64_t T = batch, dim = spec.dim, slots = T * w.used, threads = n_threads;
  Places places(base);
  const auto place_packed = [&](Packed& packed_rows, std::uint64_t n) {
    const auto place_kind = [&](PackedRows& rows, kernels::ActivationKind kind) {
      rows.codes = places.take<std::int8_t>(n);
      rows.scales = places.take<float>(n / kernels::activation_group(kind));
      rows.sums = places.take<std::int16_t>(n / 16);
    };
    if (w.q8_32) place_kind(packed_rows.q8_32, kernels::ActivationKind::q8_32);
    if (w.q8_128) place_kind(packed_rows.q8_128, kernels::ActivationKind::q8_128);
  };
  const auto place_pass = [&] {
    tokens = places.take<Token>(T);
    run_of = places.take<std::uint32_t>(T);
    runs = places.take<Run>(T);
    chunks = places.take<RowChunk>(T);
    wanted = places.take<std::uint32_t>(T);
    x = places.take<float>(T * dim);
    mixer_in = places.take<float>(T * dim);
    ffn_in = w.is_parallel ? places.take<float>(T * dim) : mixer_in;
    mixed = places.take<float>(T * dim);
    place_packed(packed, T * w.packed);
    cos_sin = places.take<float*>(spec.ropes.size());
    frequencies = places.take<double*>(2 * spec.ropes.size());
    for (std::size_t i = 0; i < spec.ropes.size(); ++i) {
      float* rotations = places.take<float>(T * spec.ropes[i].n_rot);
      double* in_short = places.take<double>(spec.ropes[i].n_rot / 2);
      double* in_long = places.take<double>(spec.ropes[i].n_rot / 2);
      if (!base) continue;
      cos_sin[i] = rotations;
      frequencies[2 * i] = in_short;
      frequencies[2 * i + 1] = in_long;
    }
    logits = places.take<float>(std::uint64_t{logit_rows} * spec.n_vocab);
  };
  const auto place_threads = [&] {
    matmul = places.take<std::byte>(threads * matmul_bytes);
    own_x = places.take<float>(threads * own_cols);
    place_packed(own_packed, threads * own_cols);
    tile_results_at = places.take<float>(threads * 2 * tile_floats);
  };
  const auto place_mixer = [&] {
    q = conv_in = places.take<float>(T * w.q);
    k = conv_out = places.take<float>(T * w.k);
    v = conv_gate = places.take<float>(T * w.v);
    attended = head_out = places.take<float>(T * w.attended);
    gates_in = places.take<float>(T * w.gates);
    gates = places.take<float>(T * w.gates);
    beside = places.take<float>(T * w.beside);
    q_low = places.take<float>(T * w.q_low);
    head_wide = places.take<float>(T * w.head_wide);
    q_nope = places.take<float>(T * w.q_nope);
    head_rows = places.take<std::uint32_t>(w.q_nope == 0 ? 0 : T);
    queries = places.take<kernels::AttentionQuery>(threads * queries_per_tile);
    biases = places.take<float>(threads * heads_per_tile * bias_stride);
    attention = places.take<std::byte>(threads * attention_bytes);
    records = places.take<float>(n_records * w.record);
  };
  const auto place_feed_forward = [&] {
    place_packed(packed_hidden, T * w.packed_hidden);
    hidden = places.take<float>(T * w.hidden);
    router = places.take<float>(T * w.experts);
    router_scores = places.take<float>(T * w.experts);
    chosen = places.take<std::uint32_t>(slots);
    chosen_weights = places.take<float>(slots);
    slot_of = places.take<std::uint32_t>(slots);
    slot_token = places.take<std::uint32_t>(slots);
    slot_index = places.take<std::uint32_t>(slots);
    expert_begin = places.take<std::uint32_t>(w.experts == 0 ? 0 : w.experts + 1);
    active_experts = places.take<std::uint32_t>(w.experts);
    slot_out = places.take<float>(slots * dim);
    shared_gate = places.take<float>(w.experts == 0 ? 0 : T);
  };
  const auto place_pooling = [&] {
    for (float*& rows : pooled) rows = places.take<float>(T * w.pooled);
  };
  place_pass();
  place_threads();
  // Each of them takes its input from the pass's buffers and leaves its result there before the next begins.
  places.share(place_mixer, place_feed_forward, place_pooling);
  return places.used();
}

}  // namespace quern::detail
