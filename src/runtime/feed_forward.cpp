// The feed-forward part of a layer: dense, or a mixture of experts.
#include <cstring>

#include "src/runtime/expert_routing.h"
#include "src/runtime/steps.h"

namespace quern::detail {
namespace {

// Rows [begin, end) of hidden = act(gate x) * (up x) for n activation rows; `gate`, where that of row `begin`
// goes, holds the result.
void hidden_tile(Pass& pass, Worker& worker, const DenseSpec& d, std::size_t expert, std::size_t begin,
                 std::size_t end, const ProductRows& x, const std::uint32_t* rows, std::size_t n, float* gate,
                 float* up) {
  const std::size_t width = d.up.n_rows;
  if (d.gate)
    multiply_tile(pass, worker, d.gate, expert, begin, end, x.activations(d.gate), rows, n, gate, width);
  multiply_tile(pass, worker, d.up, expert, begin, end, x.activations(d.up), rows, n, up, width);
  for (std::size_t i = 0; i < n; ++i) {
    float* out = gate + i * width;
    activate(pass, d, out, up + i * width, end - begin, out);
    if (!d.divisors) continue;
    const float* divisors = pass.model.values(d.divisors) + begin;
    for (std::size_t j = 0; j < end - begin; ++j) out[j] /= divisors[j];
  }
}

// Collective: packs n rows of hidden values for `down`.
void pack_hidden(Pass& pass, Worker& worker, const Matrix& down, const float* hidden, std::size_t n) {
  const PackedKinds kinds{&down};
  if (!kinds.any()) return;
  const RowTiles rows(n, worker);
  worker.tiles(rows.count(), [&](std::size_t tile) {
    pack_rows(pass, kinds, hidden, down.n_cols, rows.begin(tile), rows.end(tile));
  });
}

// Collective: out = down(act(gate x) * (up x)), [T, dim], for x = ffn_in.
void dense_into(Pass& pass, Worker& worker, const DenseSpec& d, float* out) {
  const Scratch& s = pass.scratch;
  const std::size_t n = pass.n_tokens();
  const RowTiles tiles = weight_tiles(d.up, worker);
  const std::array matrices{&d.gate, &d.up};
  product_tiles(pass, worker, matrices, s.ffn_in, n, tiles.count(), [&](std::size_t tile, ProductRows& x) {
    const std::size_t begin = tiles.begin(tile), end = tiles.end(tile);
    hidden_tile(pass, worker, d, 0, begin, end, x, nullptr, n, x.results(s.gate + begin, end - begin),
                x.results(s.up + begin, end - begin));
  });
  pack_hidden(pass, worker, d.down, s.gate, n);
  multiply(pass, worker, d.down, s.gate, n, out);
}

// Collective: slot_out = each chosen expert's answer to its tokens. Only chosen experts' weights are read.
void run_experts(Pass& pass, Worker& worker, const ExpertsSpec& e, std::size_t n_active) {
  const Scratch& s = pass.scratch;
  const std::size_t n = pass.n_tokens(), n_slots = n * e.n_used;
  const std::size_t hidden = e.expert.up.n_rows, dim = pass.spec().dim;
  const RowTiles up_tiles = weight_tiles(e.expert.up, worker);
  const ProductRows x(pass, worker, s.ffn_in, n, ProductRows::Where::in_place);
  worker.tiles(n_active * up_tiles.count(), [&](std::size_t tile) {
    const std::uint32_t expert = s.active_experts[tile / up_tiles.count()];
    const std::size_t first = s.expert_begin[expert], last = s.expert_begin[expert + 1];
    tile %= up_tiles.count();
    const std::size_t begin = up_tiles.begin(tile), at = first * hidden + begin;
    hidden_tile(pass, worker, e.expert, expert, begin, up_tiles.end(tile), x, s.slot_token + first,
                last - first, s.gate + at, s.up + at);
  });
  pack_hidden(pass, worker, e.expert.down, s.gate, n_slots);
  const kernels::Activations activations = activations_for(pass, e.expert.down, s.gate, n_slots);
  const RowTiles down_tiles = weight_tiles(e.expert.down, worker);
  worker.tiles(n_active * down_tiles.count(), [&](std::size_t tile) {
    const std::uint32_t expert = s.active_experts[tile / down_tiles.count()];
    const std::size_t first = s.expert_begin[expert], last = s.expert_begin[expert + 1];
    tile %= down_tiles.count();
    multiply_tile(pass, worker, e.expert.down, expert, down_tiles.begin(tile), down_tiles.end(tile),
                  activations, s.slot_index + first, last - first,
                  s.slot_out + first * dim + down_tiles.begin(tile), dim);
  });
}

}  // namespace

void feed_forward(Pass& pass, Worker& worker, const DenseSpec& dense) noexcept {
  dense_into(pass, worker, dense, pass.scratch.mixed);
}

void feed_forward(Pass& pass, Worker& worker, const ExpertsSpec& e) noexcept {
  Scratch& s = pass.scratch;
  const kernels::KernelTable& k = pass.kernels();
  const std::size_t n = pass.n_tokens(), dim = pass.spec().dim;
  multiply(pass, worker, e.router, s.ffn_in, n, s.router);
  for_each_token(pass, worker, [&](std::size_t t) {
    choose_experts(e, k, e.selection_bias ? pass.model.values(e.selection_bias) : nullptr,
                   s.router + t * e.n_experts, s.router_scores + t * e.n_experts, s.chosen + t * e.n_used,
                   s.chosen_weights + t * e.n_used);
  });
  worker.alone([&] { pass.n_active_experts = group_by_expert(e, n, s); });
  run_experts(pass, worker, e, pass.n_active_experts);

  for_each_token(pass, worker, [&](std::size_t t) {
    float* sum = s.mixed + t * dim;
    std::memset(sum, 0, dim * sizeof(float));
    for (std::size_t i = t * e.n_used; i < (t + 1) * e.n_used; ++i)
      k.scale_add(s.slot_out + s.slot_of[i] * dim, s.chosen_weights[i], sum, dim, sum);
  });
  if (!e.shared.up) return;

  // The experts' hidden values were packed over ffn_in, so it is packed once more.
  const PackedKinds shared_kinds{&e.shared.gate, &e.shared.up, &e.shared_gate};
  for_each_token(pass, worker,
                 [&](std::size_t t) { pack_rows(pass, shared_kinds, s.ffn_in, dim, t, t + 1); });
  if (e.shared_gate) multiply(pass, worker, e.shared_gate, s.ffn_in, n, s.shared_gate);
  dense_into(pass, worker, e.shared, s.slot_out);  // the slots have been added up
  for_each_token(pass, worker, [&](std::size_t t) {
    float factor = 1;
    if (e.shared_gate) k.sigmoid(s.shared_gate + t, 1, &factor);
    k.scale_add(s.slot_out + t * dim, factor, s.mixed + t * dim, dim, s.mixed + t * dim);
  });
}

}  // namespace quern::detail
