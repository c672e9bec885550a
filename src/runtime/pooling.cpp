// One vector out of the hidden states of a text, and the layers behind it that rank texts or change its
// width.
#include <cstring>

#include "src/runtime/steps.h"

namespace quern::detail {
namespace {

// out = the pooled rows of one run.
void pool_run(const Pass& pass, const Run& run, Pooling pooling, const float* hidden, float* out) {
  const kernels::KernelTable& k = pass.kernels();
  const std::size_t dim = pass.spec().dim;
  const float* first = hidden + run.first_row * dim;
  if (pooling == Pooling::last) first += (run.n_rows - 1) * dim;
  std::memcpy(out, first, dim * sizeof(float));
  if (pooling != Pooling::mean) return;
  for (std::size_t row = 1; row < run.n_rows; ++row) k.add(out, first + row * dim, dim, out);
  k.scale(out, 1.0f / static_cast<float>(run.n_rows), dim, out);
}

void apply(const Pass& pass, const HeadLayer& layer, float* row) {
  const kernels::KernelTable& k = pass.kernels();
  const std::size_t n = layer.matrix.n_rows;
  switch (layer.act) {
    case HeadLayer::Act::none: break;
    case HeadLayer::Act::tanh: k.soft_cap(row, 1, n, row); break;
    case HeadLayer::Act::gelu: k.gelu(row, n, row); break;
  }
  norm_row(pass, layer.norm, row, n, row);
}

}  // namespace

std::span<const float> pool(Pass& pass, Worker& worker, Pooling pooling) noexcept {
  const ModelSpec& spec = pass.spec();
  const EmbeddingSpec& e = spec.embedding;
  const Scratch& s = pass.scratch;
  const std::size_t dim = spec.dim, n_runs = pass.runs.size();
  for_each_token(pass, worker, [&](std::size_t t) {
    norm_row(pass, spec.output_norm, s.x + t * dim, dim, s.mixed + t * dim);
  });
  if (pooling == Pooling::none) return {s.mixed, pass.n_tokens() * dim};
  const bool ranks = pooling == Pooling::rank;
  worker.tiles(n_runs, [&](std::size_t r) {
    pool_run(pass, pass.runs[r], ranks ? e.rank_from : pooling, s.mixed, s.ffn_in + r * dim);
  });

  std::span<float> rows(s.ffn_in, n_runs * dim);
  float* out = s.pooled[0];
  float* other = s.pooled[1];
  for (const HeadLayer& layer : ranks ? e.rank : e.dense) {
    const std::size_t n_in = layer.matrix.n_cols, n_out = layer.matrix.n_rows;
    const PackedKinds kinds{&layer.matrix};
    worker.tiles(n_runs, [&](std::size_t r) { pack_rows(pass, kinds, rows.data(), n_in, r, r + 1); });
    multiply(pass, worker, layer.matrix, rows.data(), n_runs, out);
    worker.tiles(n_runs, [&](std::size_t r) { apply(pass, layer, out + r * n_out); });
    rows = {out, n_runs * n_out};
    std::swap(out, other);
  }
  if (ranks && e.rank_softmax) {
    const std::size_t n = rows.size() / n_runs;
    worker.tiles(n_runs,
                 [&](std::size_t r) { pass.kernels().softmax(rows.data() + r * n, n, rows.data() + r * n); });
  }
  return rows;
}

}  // namespace quern::detail
