// The feed-forward part of a layer: dense, or a mixture of experts.
#include <cstring>

#include "src/runtime/expert_routing.h"
#include "src/runtime/steps.h"

namespace quern::detail {
namespace {

// The most hidden rows of a tile, whose results have to fit in Scratch::tile_results for n tokens.
std::size_t most_hidden_rows(const Pass& pass, std::size_t n) {
  return std::min(pass.scratch.tile_floats / n / hidden_panel * hidden_panel, max_tile_rows);
}

// tile_results = act(gate x) * (up x), [n, end - begin], for hidden rows [begin, end) and n activation rows.
void compute_hidden(const Pass& pass, Worker& worker, const DenseSpec& d, std::size_t expert,
                    std::size_t begin, std::size_t end, const ProductRows& x, const std::uint32_t* rows,
                    std::size_t n) {
  const auto thread = static_cast<std::size_t>(worker.index());
  float *gate = pass.scratch.tile_results(thread, 0), *up = pass.scratch.tile_results(thread, 1);
  const std::size_t width = end - begin;
  if (d.gate)
    multiply_tile(pass, worker, d.gate, expert, begin, end, x.activations(d.gate), rows, n, gate, width);
  multiply_tile(pass, worker, d.up, expert, begin, end, x.activations(d.up), rows, n, up, width);
  activate(pass, d, gate, up, n * width, gate);
  if (!d.divisors) return;
  const float* divisors = pass.model.values(d.divisors) + begin;
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < width; ++j) gate[i * width + j] /= divisors[j];
}

// tile_results put in their place among all hidden values, as `down` reads them: columns [begin, end) of rows
// [first, first + n).
void keep_hidden(const Pass& pass, const Worker& worker, const Matrix& down, std::size_t begin,
                 std::size_t end, std::size_t first, std::size_t n) {
  const Scratch& s = pass.scratch;
  const PackedKinds kinds{&down};
  const bool reads_floats = !kinds.any() || pass.model.uses_blas();
  const std::size_t width = end - begin;
  for (std::size_t i = 0; i < n; ++i) {
    const float* values = s.tile_results(static_cast<std::size_t>(worker.index())) + i * width;
    const std::size_t at = (first + i) * down.n_cols + begin;
    if (reads_floats) std::memcpy(s.hidden + at, values, width * sizeof(float));
    pack(pass, kinds, values, width, s.packed_hidden, at);
  }
}

// Collective: out = down(act(gate x) * (up x)), [T, dim], for x = ffn_in.
void dense_into(Pass& pass, Worker& worker, const DenseSpec& d, float* out) {
  const Scratch& s = pass.scratch;
  const std::size_t n = pass.n_tokens();
  const auto n_threads = static_cast<std::size_t>(worker.size());
  const RowTiles tiles = RowTiles::tapering(d.up.n_rows, n_threads, hidden_panel, most_hidden_rows(pass, n));
  const std::array matrices{&d.gate, &d.up};
  product_tiles(
      pass, worker, matrices, {s.ffn_in, &s.packed}, n, tiles.count(),
      [&](std::size_t tile, const ProductRows& x) {
        compute_hidden(pass, worker, d, 0, tiles.begin(tile), tiles.end(tile), x, nullptr, n);
      },
      [&](std::size_t tile) { keep_hidden(pass, worker, d.down, tiles.begin(tile), tiles.end(tile), 0, n); });
  multiply(pass, worker, d.down, Inputs{s.hidden, &s.packed_hidden}, n, out);
}

// Collective: slot_out = each chosen expert's answer to its tokens. Only chosen experts' weights are read.
void run_experts(Pass& pass, Worker& worker, const ExpertsSpec& e, std::size_t n_active) {
  const Scratch& s = pass.scratch;
  const std::size_t n = pass.n_tokens(), dim = pass.spec().dim;
  // Two matrices' rows and their packing are in a tile, so it has fewer of them than one of a product.
  const std::size_t n_tiles = 16 * static_cast<std::size_t>(worker.size());
  const RowTiles up_tiles =
      RowTiles::even(e.expert.up.n_rows, n_tiles, hidden_panel, most_hidden_rows(pass, n));
  const ProductRows x(pass, worker, {s.ffn_in, &s.packed}, n, ProductRows::Where::in_place);
  worker.tiles(n_active * up_tiles.count(), [&](std::size_t tile) {
    const std::uint32_t expert = s.active_experts[tile / up_tiles.count()];
    const std::size_t last = s.expert_begin[expert + 1];
    tile %= up_tiles.count();
    const std::size_t begin = up_tiles.begin(tile), end = up_tiles.end(tile);
    // Scores that are not numbers choose an expert more than once, so it may have more slots than tokens.
    for (std::size_t first = s.expert_begin[expert]; first < last; first += n) {
      const std::size_t n_slots = std::min(n, last - first);
      compute_hidden(pass, worker, e.expert, expert, begin, end, x, s.slot_token + first, n_slots);
      keep_hidden(pass, worker, e.expert.down, begin, end, first, n_slots);
    }
  });
  const kernels::Activations activations =
      activations_for(e.expert.down, {s.hidden, &s.packed_hidden}, n * e.n_used);
  const RowTiles down_tiles = even_weight_tiles(e.expert.down, worker, 4);
  worker.tiles(n_active * down_tiles.count(), [&](std::size_t tile) {
    const std::uint32_t expert = s.active_experts[tile / down_tiles.count()];
    const std::size_t first = s.expert_begin[expert], n_slots = s.expert_begin[expert + 1] - first;
    tile %= down_tiles.count();
    const std::size_t begin = down_tiles.begin(tile);
    multiply_tile(pass, worker, e.expert.down, expert, begin, down_tiles.end(tile), activations,
                  s.slot_index + first, n_slots, s.slot_out + first * dim + begin, dim);
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

  if (e.shared_gate) multiply(pass, worker, e.shared_gate, s.ffn_in, n, s.shared_gate);
  dense_into(pass, worker, e.shared, s.slot_out);  // the slots have been added up
  for_each_token(pass, worker, [&](std::size_t t) {
    float factor = 1;
    if (e.shared_gate) k.sigmoid(s.shared_gate + t, 1, &factor);
    k.scale_add(s.slot_out + t * dim, factor, s.mixed + t * dim, dim, s.mixed + t * dim);
  });
}

}  // namespace quern::detail
