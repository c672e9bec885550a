// What surrounds attention over latent keys and values (LatentSpec): from the layer's input to queries and
// cache rows, and from weighted sums of latent vectors to values.
#include <cstring>

#include "src/base/math.h"
#include "src/runtime/steps.h"

namespace quern::detail {
namespace {

// The same activations from row `row` on.
kernels::Activations from_row(kernels::Activations a, std::size_t row) {
  a.n_tokens -= row;
  if (a.f32) a.f32 += row * a.n_cols;
  if (a.codes) {
    a.codes += row * a.n_cols;
    a.scales += row * (a.n_cols / kernels::activation_group(a.kind));
    a.sums += row * (a.n_cols / 16);
  }
  return a;
}

// Collective: y[t, h, 0..n_rows) = (head h's matrix) * x[t, h], for x [T, n_heads, n_cols], packed, and y
// with `stride` floats from head to head.
void multiply_heads(Pass& pass, Worker& worker, const Matrix& matrix, std::size_t n_heads, const float* x,
                    float* y, std::size_t stride) {
  const std::size_t n_tokens = pass.n_tokens();
  const kernels::Activations all = activations_for(matrix, {x, &pass.scratch.packed}, n_tokens * n_heads);
  const RowTiles tiles = even_weight_tiles(matrix, worker, 4);
  worker.tiles(n_heads * tiles.count(), [&](std::size_t tile) {
    const std::size_t h = tile / tiles.count();
    tile %= tiles.count();
    multiply_tile(pass, worker, matrix, h, tiles.begin(tile), tiles.end(tile), from_row(all, h),
                  pass.scratch.head_rows, n_tokens, y + h * stride + tiles.begin(tile), n_heads * stride);
  });
}

// Collective: y[t, h] = (head h's k_up)^T * x[t, h]: the sum over its rows of x times the row, ascending,
// from +0.
void multiply_transposed(Pass& pass, Worker& worker, const Matrix& k_up, std::size_t n_heads, const float* x,
                         float* y, std::size_t stride) {
  constexpr std::size_t tokens_per_tile = 32;  // a row is unpacked once for so many; their sums stay in cache
  const formats::TensorTypeInfo& type = formats::tensor_type_info(k_up.tensor->type);
  const std::size_t n_in = k_up.n_rows, n_out = k_up.n_cols, row_bytes = k_up.tensor->row_bytes();
  const std::size_t n_chunks = (pass.n_tokens() + tokens_per_tile - 1) / tokens_per_tile;
  worker.tiles(n_heads * n_chunks, [&](std::size_t tile) {
    const std::size_t h = tile / n_chunks, begin = tile % n_chunks * tokens_per_tile;
    const std::size_t end = std::min(pass.n_tokens(), begin + tokens_per_tile);
    auto* row = reinterpret_cast<float*>(pass.scratch.matmul_scratch(worker.index()));
    const std::byte* data = k_up.expert_data(h);
    for (std::size_t t = begin; t < end; ++t)
      std::memset(y + (t * n_heads + h) * stride, 0, n_out * sizeof(float));
    for (std::size_t i = 0; i < n_in; ++i) {
      type.decode(data + i * row_bytes, n_out / type.block_elements, row);
      for (std::size_t t = begin; t < end; ++t) {
        float* sum = y + (t * n_heads + h) * stride;
        pass.kernels().scale_add(row, x[(t * n_heads + h) * n_in + i], sum, n_out, sum);
      }
    }
    for (std::size_t t = begin; t < end; ++t)
      scale_products(pass, k_up, h, y + (t * n_heads + h) * stride, n_out);
  });
}

// One token: [c | k_pe] normalised, rotated and written to the cache; its queries' rotated parts put behind
// the place of their latent parts, the others gathered and packed for the way there.
void place_latent(Pass& pass, const AttentionSpec& a, const LatentSpec& l, std::size_t layer, std::size_t t) {
  const kernels::KernelTable& kernels = pass.kernels();
  const Scratch& s = pass.scratch;
  const auto r = static_cast<std::size_t>(a.rope);
  const kernels::RopeKind kind = pass.spec().ropes[r].kind;
  const float* cos_sin = s.cos_sin[r] + t * l.n_rot;

  float* key = s.k + t * a.k_dim;
  norm_row(pass, l.norm, key, l.dim, key);
  kernels.rope(key + l.dim, cos_sin, l.n_rot, kind);
  const Run& run = pass.run_of(t);
  const std::size_t position = run.position(t);
  run.cache->store(kernels, a, layer, position, key, nullptr);

  const std::size_t head_dim = l.n_nope + l.n_rot;
  float* queries = s.head_wide + t * a.n_heads * head_dim;
  if (l.temperature != 0) {
    const double steps = double(position / l.temperature_length);
    kernels.scale(queries, static_cast<float>(1 + l.temperature * ln(1 + steps)), a.n_heads * head_dim,
                  queries);
  }
  for (std::size_t h = 0; h < a.n_heads; ++h) {
    const float* query = queries + h * head_dim;
    float* rotated = s.q + (t * a.n_heads + h) * a.k_dim + l.dim;
    std::memcpy(rotated, query + l.n_nope, l.n_rot * sizeof(float));
    kernels.rope(rotated, cos_sin, l.n_rot, kind);
    std::memcpy(s.q_nope + (t * a.n_heads + h) * l.n_nope, query, l.n_nope * sizeof(float));
  }
  pack_rows(pass, PackedKinds{&l.q_to_latent}, s.q_nope, l.n_nope, t * a.n_heads, (t + 1) * a.n_heads);
  s.head_rows[t] = static_cast<std::uint32_t>(t * a.n_heads);
}

}  // namespace

void prepare_latent(Pass& pass, Worker& worker, const AttentionSpec& a, std::size_t layer) noexcept {
  const Scratch& s = pass.scratch;
  const LatentSpec& l = *a.latent;
  const auto nothing = [](float*, std::size_t) {};
  const Product first = l.q_down ? Product{l.q_down, s.q_low} : Product{a.q, s.head_wide};
  multiply_together(pass, worker, {first, {a.k, s.k}}, s.mixer_in, nothing);
  if (l.q_down) {
    for_each_token(pass, worker, [&](std::size_t t) {
      float* row = s.q_low + t * a.q.n_cols;
      norm_row(pass, l.q_down_norm, row, a.q.n_cols, row);
      pack_rows(pass, PackedKinds{&a.q}, s.q_low, a.q.n_cols, t, t + 1);
    });
    multiply(pass, worker, a.q, s.q_low, pass.n_tokens(), s.head_wide);
  }
  for_each_token(pass, worker, [&](std::size_t t) { place_latent(pass, a, l, layer, t); });
  if (l.q_to_latent) {
    multiply_heads(pass, worker, l.q_to_latent, a.n_heads, s.q_nope, s.q, a.k_dim);
  } else {
    multiply_transposed(pass, worker, l.k_up, a.n_heads, s.q_nope, s.q, a.k_dim);
  }
}

const float* expand_latent(Pass& pass, Worker& worker, const AttentionSpec& a) noexcept {
  const Scratch& s = pass.scratch;
  const LatentSpec& l = *a.latent;
  const PackedKinds kinds{&l.v_up};
  if (kinds.any()) {
    for_each_token(pass, worker, [&](std::size_t t) {
      pack_rows(pass, kinds, s.attended, l.dim, t * a.n_heads, (t + 1) * a.n_heads);
    });
  }
  multiply_heads(pass, worker, l.v_up, a.n_heads, s.attended, s.head_wide, l.head_v_dim);
  return s.head_wide;
}

}  // namespace quern::detail
