// What models with an encoder have beside the common parts: biases by distance, and the keys and values of a
// source.
#include "src/runtime/steps.h"

namespace quern::detail {

const float* spread_biases(const Pass& pass, const Worker& worker, const AttentionSpec& attention,
                           const RowChunk& chunk, std::size_t n_keys, std::size_t first, std::size_t last) {
  const Scratch& s = pass.scratch;
  const RelativeBias& bias = pass.spec().relative_biases[static_cast<std::size_t>(attention.relative_bias)];
  const float* values = pass.model.values(bias.values);
  float* out = s.biases + static_cast<std::size_t>(worker.index()) * s.heads_per_tile * s.bias_stride;
  // Whole blocks of keys, seen from every position of the chunk.
  constexpr std::size_t block = kernels::kv_block, far = RelativeBias::max_distance;
  const std::size_t query = chunk.run->position(chunk.end - 1);
  const std::size_t n = (n_keys + block - 1) / block * block + (chunk.end - 1 - chunk.begin);
  for (std::size_t key = 0; key < n; ++key) {
    const std::size_t bucket =
        key <= query ? bias.back[std::min(query - key, far)] : bias.ahead[std::min(key - query, far)];
    for (std::size_t h = first; h < last; ++h)
      out[(h - first) * s.bias_stride + key] = values[bucket * attention.n_heads + h];
  }
  return out;
}

void store_source(Pass& pass, Worker& worker, KvCache& source) noexcept {
  const ModelSpec& spec = pass.spec();
  const Scratch& s = pass.scratch;
  const std::size_t dim = spec.dim;
  for_each_token(pass, worker, [&](std::size_t t) {
    norm_row(pass, spec.encoder_norm, s.x + t * dim, dim, s.mixer_in + t * dim);
  });
  for (std::size_t layer = 0; layer < spec.layers.size(); ++layer) {
    const AttentionSpec& a = *spec.layers[layer].cross;
    const PackedKinds kinds{&a.k, &a.v};
    for_each_token(pass, worker, [&](std::size_t t) { pack_rows(pass, kinds, s.mixer_in, dim, t, t + 1); });
    const Product products[] = {{a.k, s.k}, {a.v, s.v}};
    multiply_together(pass, worker, products, s.mixer_in, [](float*, std::size_t) {});
    for_each_token(pass, worker, [&](std::size_t t) {
      source.store(pass.kernels(), a, layer, t, s.k + t * a.k.n_rows, s.v + t * a.v.n_rows);
    });
  }
}

}  // namespace quern::detail
