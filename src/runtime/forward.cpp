#include "src/runtime/forward.h"

#include <cstring>

#include "formats/tensor_type.h"
#include "src/runtime/rope_table.h"
#include "src/runtime/steps.h"

namespace quern::detail {
namespace {

// Row `row` of an embedding matrix as floats.
void look_up(const Matrix& matrix, std::size_t row, float* out) {
  const formats::TensorTypeInfo& type = formats::tensor_type_info(matrix.tensor->type);
  const std::byte* data = matrix.tensor->data + row * static_cast<std::size_t>(matrix.tensor->row_bytes());
  type.decode(data, static_cast<std::size_t>(matrix.n_cols) / type.block_elements, out);
}

// x = the token's embedding, and the rotary angles of its position.
void embed(Pass& pass, std::size_t t) {
  const ModelSpec& spec = pass.spec();
  const kernels::KernelTable& k = pass.kernels();
  const std::size_t dim = spec.dim;
  const Run& run = pass.run_of(t);
  const std::size_t position = run.position(t);
  float* x = pass.scratch.x + t * dim;
  look_up(spec.token_embd, static_cast<std::size_t>(pass.tokens[t]), x);
  if (spec.embedding_scale != 1) k.scale(x, spec.embedding_scale, dim, x);
  const auto add_row = [&](const Matrix& matrix, std::size_t row) {
    if (!matrix) return;
    float* learned = pass.scratch.mixed + t * dim;
    look_up(matrix, row, learned);
    k.add(x, learned, dim, x);
  };
  add_row(spec.token_types, 0);
  add_row(spec.position_embd, position);
  norm_row(pass, spec.embedding_norm, x, dim, x);
  for (std::size_t r = 0; r < spec.ropes.size(); ++r) {
    const std::size_t n_rot = spec.ropes[r].n_rot;
    const bool in_long = run.n_ctx > spec.ropes[r].original_context;
    rope_rotations(pass.scratch.frequencies[2 * r + in_long], n_rot / 2, rope_magnitude(spec.ropes[r]),
                   position, pass.scratch.cos_sin[r] + t * n_rot);
  }
}

PackedKinds readers(const AttentionSpec& a) {
  if (a.cross) return {&a.q};
  return {a.latent && a.latent->q_down ? &a.latent->q_down : &a.q, &a.k, &a.v};
}
PackedKinds readers(const ShortConvSpec& s) { return {&s.in}; }
PackedKinds readers(const DeltaNetSpec& d) { return {&d.qkv, &d.gate, &d.beta, &d.alpha}; }
PackedKinds readers(const StateSpaceSpec& s) { return {&s.in}; }

PackedKinds readers(const std::variant<DenseSpec, ExpertsSpec>& ffn) {
  if (const auto* dense = std::get_if<DenseSpec>(&ffn)) return {&dense->gate, &dense->up};
  const auto& e = std::get<ExpertsSpec>(ffn);
  return {&e.router, &e.expert.gate, &e.expert.up, &e.shared.gate, &e.shared.up, &e.shared_gate};
}

// mixer_in = mixer_norm(x), packed. In a parallel layer the FFN's input is made from the same x.
void prepare_mixer(Pass& pass, const LayerSpec& layer, std::size_t t) {
  const Scratch& s = pass.scratch;
  if (layer.parallel && layer.ffn_norm) normalize(pass, layer.ffn_norm, s.x, s.ffn_in, {}, t);
  normalize(pass, layer.mixer_norm, s.x, s.mixer_in,
            std::visit([](const auto& mixer) { return readers(mixer); }, layer.mixer), t);
}

// mixer_in = cross_norm(x), packed.
void prepare_cross(Pass& pass, const LayerSpec& layer, std::size_t t) {
  const Scratch& s = pass.scratch;
  normalize(pass, layer.cross_norm, s.x, s.mixer_in, readers(*layer.cross), t);
}

// ffn_in = ffn_norm(x), or what a parallel layer's FFN reads; packed.
void prepare_ffn(Pass& pass, const LayerSpec& layer, std::size_t t) {
  const Scratch& s = pass.scratch;
  const float* parallel_in = layer.ffn_norm ? s.ffn_in : s.mixer_in;
  if (layer.parallel) normalize(pass, Norm{}, parallel_in, s.ffn_in, readers(layer.ffn), t);
  if (!layer.parallel) normalize(pass, layer.ffn_norm, s.x, s.ffn_in, readers(layer.ffn), t);
}

// x = sum_norm(x + residual_scale * norm(mixed)).
void add_mixed(Pass& pass, const Norm& norm, float residual_scale, const Norm& sum_norm, std::size_t t) {
  const std::size_t dim = pass.spec().dim;
  float* part = pass.scratch.mixed + t * dim;
  float* x = pass.scratch.x + t * dim;
  norm_row(pass, norm, part, dim, part);
  pass.kernels().scale_add(part, residual_scale, x, dim, x);
  norm_row(pass, sum_norm, x, dim, x);
}

void add_mixer(Pass& pass, const LayerSpec& layer, std::size_t t) {
  const std::size_t dim = pass.spec().dim;
  float* before = pass.scratch.ffn_in + t * dim;
  float* x = pass.scratch.x + t * dim;
  if (layer.mixer_second_sum_norm) std::memcpy(before, x, dim * sizeof(float));
  add_mixed(pass, layer.post_mixer_norm, layer.residual_scale, layer.mixer_sum_norm, t);
  if (!layer.mixer_second_sum_norm) return;
  pass.kernels().add(x, before, dim, x);
  norm_row(pass, layer.mixer_second_sum_norm, x, dim, x);
}

// Once a layer, in the tile of the first token.
void look_for_stop(Pass& pass, std::size_t t) {
  if (t == 0 && pass.stop.stop_requested()) pass.cancelled = true;
}

struct Mix {
  Pass& pass;
  Worker& worker;
  std::size_t layer;
  void operator()(const AttentionSpec& a) const { attend(pass, worker, a, layer); }
  void operator()(const ShortConvSpec& s) const { short_conv(pass, worker, s, layer, pass.scratch.mixed); }
  void operator()(const DeltaNetSpec& d) const { delta_net(pass, worker, d, layer, pass.scratch.mixed); }
  void operator()(const StateSpaceSpec& s) const { state_space(pass, worker, s, layer, pass.scratch.mixed); }
};

// The second mixer. The first one packed other rows over mixer_in's.
void mix_beside(Pass& pass, Worker& worker, const StateSpaceSpec& spec, std::size_t layer) {
  const Scratch& s = pass.scratch;
  const std::size_t dim = pass.spec().dim;
  for_each_token(pass, worker,
                 [&](std::size_t t) { pack_rows(pass, readers(spec), s.mixer_in, dim, t, t + 1); });
  state_space(pass, worker, spec, layer, s.beside);
  for_each_token(pass, worker, [&](std::size_t t) {
    float* sum = s.mixed + t * dim;
    pass.kernels().add(sum, s.beside + t * dim, dim, sum);
  });
}

bool has_ffn(const LayerSpec& layer) {
  const auto* dense = std::get_if<DenseSpec>(&layer.ffn);
  return !dense || dense->up;
}

}  // namespace

void evaluate_layers(Pass& pass, Worker& worker) noexcept {
  const std::span<const LayerSpec> layers = pass.layers;
  for_each_token(pass, worker, [&](std::size_t t) {
    look_for_stop(pass, t);
    embed(pass, t);  // x: [T, dim]
    prepare_mixer(pass, layers[0], t);
  });
  for (std::size_t n = 0; n < layers.size(); ++n) {
    if (pass.cancelled) return;  // set in the step before, if at all, so no thread goes on without the others
    const LayerSpec& layer = layers[n];
    const auto finish_layer = [&](std::size_t t) {
      look_for_stop(pass, t);
      if (n + 1 < layers.size()) prepare_mixer(pass, layers[n + 1], t);
    };
    const auto begin_ffn = [&](std::size_t t) {
      if (has_ffn(layer)) prepare_ffn(pass, layer, t);
      if (!has_ffn(layer)) finish_layer(t);
    };
    std::visit(Mix{pass, worker, n}, layer.mixer);  // mixed: [T, dim]
    if (layer.beside) mix_beside(pass, worker, *layer.beside, n);
    for_each_token(pass, worker, [&](std::size_t t) {
      add_mixer(pass, layer, t);
      if (layer.cross) prepare_cross(pass, layer, t);
      if (!layer.cross) begin_ffn(t);
    });
    if (layer.cross) {
      attend(pass, worker, *layer.cross, n);
      for_each_token(pass, worker, [&](std::size_t t) {
        add_mixed(pass, {}, layer.residual_scale, {}, t);
        begin_ffn(t);
      });
    }
    if (!has_ffn(layer)) continue;
    std::visit([&](const auto& ffn) { feed_forward(pass, worker, ffn); }, layer.ffn);  // mixed: [T, dim]
    for_each_token(pass, worker, [&](std::size_t t) {
      add_mixed(pass, layer.post_ffn_norm, layer.residual_scale, layer.ffn_sum_norm, t);
      finish_layer(t);
    });
  }
}

void evaluate_logits(Pass& pass, Worker& worker, std::span<const std::uint32_t> rows,
                     float* logits) noexcept {
  const ModelSpec& spec = pass.spec();
  const kernels::KernelTable& k = pass.kernels();
  const std::size_t dim = spec.dim, n = rows.size(), n_vocab = spec.n_vocab;
  float* normed = pass.scratch.mixed;
  const PackedKinds kinds{&spec.output};
  worker.tiles(n, [&](std::size_t i) {
    norm_row(pass, spec.output_norm, pass.scratch.x + rows[i] * dim, dim, normed + i * dim);
    pack_rows(pass, kinds, normed, dim, i, i + 1);
  });
  const RowTiles tiles = weight_tiles(spec.output, worker);
  const std::array matrices{&spec.output};
  const auto compute = [&](std::size_t tile, ProductRows& x) {
    const std::size_t first = tiles.begin(tile), last = tiles.end(tile);
    float* y = x.results(logits + first, last - first);
    multiply_tile(pass, worker, spec.output, 0, first, last, x.activations(spec.output), nullptr, n, y,
                  n_vocab);
    for (std::size_t i = 0; i < n; ++i) {
      float* part = y + i * n_vocab;
      if (spec.logit_scale != 1) k.scale(part, spec.logit_scale, last - first, part);
      if (spec.logit_cap != 0) k.soft_cap(part, spec.logit_cap, last - first, part);
    }
  };
  product_tiles(pass, worker, matrices, {normed, &pass.scratch.packed}, n, tiles.count(), compute,
                [](std::size_t) {});
}

}  // namespace quern::detail
