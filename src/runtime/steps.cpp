#include "src/runtime/steps.h"

#include <cstring>

#include "src/runtime/blas.h"

namespace quern::detail {

void pack(const Pass& pass, const PackedKinds& kinds, const float* x, std::size_t n, const Packed& to,
          std::size_t at) {
  const auto pack_kind = [&](const PackedRows& rows, kernels::ActivationKind kind) {
    pass.kernels().quantize(kind, x, n, 1, n, rows.codes + at,
                            rows.scales + at / kernels::activation_group(kind), rows.sums + at / 16);
  };
  if (kinds.q8_32) pack_kind(to.q8_32, kernels::ActivationKind::q8_32);
  if (kinds.q8_128) pack_kind(to.q8_128, kernels::ActivationKind::q8_128);
}

void pack_rows(const Pass& pass, const PackedKinds& kinds, const float* x, std::size_t n_cols,
               std::size_t begin, std::size_t end) {
  // A row is a whole number of groups, so rows are neighbours in everything.
  pack(pass, kinds, x + begin * n_cols, (end - begin) * n_cols, pass.scratch.packed, begin * n_cols);
}

kernels::Activations activations_for(const Matrix& matrix, const Inputs& x, std::size_t n) {
  kernels::Activations activations{.kind = kernels::activation_kind(matrix.tensor->type),
                                   .n_tokens = n,
                                   .n_cols = static_cast<std::size_t>(matrix.n_cols),
                                   .f32 = x.floats};
  if (activations.kind == kernels::ActivationKind::f32) return activations;
  const PackedRows& packed =
      activations.kind == kernels::ActivationKind::q8_32 ? x.packed->q8_32 : x.packed->q8_128;
  activations.codes = packed.codes;
  activations.scales = packed.scales;
  activations.sums = packed.sums;
  return activations;
}

void norm_row(const Pass& pass, const Norm& norm, const float* x, std::size_t n, float* out) {
  const LoadedModel& model = pass.model;
  switch (norm.kind) {
    case NormKind::rms: pass.kernels().rms_norm(x, model.values(norm.weight), n, norm.eps, out); return;
    case NormKind::layer:
      pass.kernels().layer_norm(x, model.values(norm.weight), norm.bias ? model.values(norm.bias) : nullptr,
                                n, norm.eps, out);
      return;
    case NormKind::none:
      if (out != x) std::memcpy(out, x, n * sizeof(float));
      return;
  }
}

void norm_heads(const Pass& pass, const Norm& norm, QkNormScope scope, float* heads, std::size_t n_heads,
                std::size_t head_dim, std::size_t stride) {
  if (!norm) return;
  if (scope == QkNormScope::whole) {
    norm_row(pass, norm, heads, n_heads * head_dim, heads);
    return;
  }
  for (std::size_t h = 0; h < n_heads; ++h) {
    Norm own = norm;
    if (scope == QkNormScope::each_head) own.weight.begin += h * head_dim;
    norm_row(pass, own, heads + h * stride, head_dim, heads + h * stride);
  }
}

void normalize(const Pass& pass, const Norm& norm, const float* x, float* out, const PackedKinds& kinds,
               std::size_t t) {
  const std::size_t dim = pass.spec().dim;
  norm_row(pass, norm, x + t * dim, dim, out + t * dim);
  pack_rows(pass, kinds, out, dim, t, t + 1);
}

void scale_products(const Pass& pass, const Matrix& matrix, std::size_t expert, float* y, std::size_t n) {
  if (!matrix.scale) return;
  const float scale = pass.model.values(matrix.scale)[matrix.scale.size == 1 ? 0 : expert];
  pass.kernels().scale(y, scale, n, y);
}

void multiply_tile(const Pass& pass, Worker& worker, const Matrix& matrix, std::size_t expert,
                   std::size_t begin, std::size_t end, const kernels::Activations& activations,
                   const std::uint32_t* rows, std::size_t n, float* y, std::size_t stride) {
  const formats::Tensor& tensor = matrix.expert_tensor(expert);
  const kernels::WeightView weights{.type = tensor.type,
                                    .data = matrix.expert_data(expert),
                                    .n_rows = static_cast<std::size_t>(matrix.n_rows),
                                    .n_cols = static_cast<std::size_t>(matrix.n_cols),
                                    .row_bytes = static_cast<std::size_t>(tensor.row_bytes())};
  if (pass.model.uses_blas() && rows == nullptr && n >= least_blas_tokens)
    blas_multiply(weights, begin, end, activations.f32, n, y, stride);
  else
    pass.kernels().matmul(weights, begin, end, activations, rows, n, y, stride,
                          pass.scratch.matmul_scratch(worker.index()));
  if (matrix.scale)
    for (std::size_t i = 0; i < n; ++i) scale_products(pass, matrix, expert, y + i * stride, end - begin);
  if (!matrix.bias) return;
  const float* bias = pass.model.values(matrix.bias) + (matrix.expert_rows != 0 ? expert * matrix.n_rows : 0);
  for (std::size_t i = 0; i < n; ++i) {
    float* row = y + i * stride;
    pass.kernels().add(row, bias + begin, end - begin, row);
  }
}

kernels::Activations ProductRows::activations(const Matrix& matrix) const {
  kernels::Activations a = activations_for(matrix, x_, n_);
  if (!are_own_) return a;
  const Scratch& s = pass_.scratch;
  const std::size_t at = thread_ * s.own_cols;
  if (a.kind == kernels::ActivationKind::f32) {
    a.f32 = s.own_x + at;
    return a;
  }
  const PackedRows& own = a.kind == kernels::ActivationKind::q8_32 ? s.own_packed.q8_32 : s.own_packed.q8_128;
  a.codes = own.codes + at;
  a.scales = own.scales + thread_ * (s.own_cols / kernels::activation_group(a.kind));
  a.sums = own.sums + thread_ * (s.own_cols / 16);
  return a;
}

float* ProductRows::results(float* y, std::size_t m) {
  if (!are_own_) return y;
  y_ = y;
  n_results_ = m;
  return pass_.scratch.tile_results(thread_);
}

void ProductRows::copy(const Matrix& matrix) {
  const kernels::Activations from = activations_for(matrix, x_, n_), to = activations(matrix);
  if (from.kind == kernels::ActivationKind::f32) {
    std::memcpy(const_cast<float*>(to.f32), from.f32, from.n_cols * sizeof(float));
    return;
  }
  const std::size_t n_scales = from.n_cols / kernels::activation_group(from.kind), n_sums = from.n_cols / 16;
  std::memcpy(const_cast<std::int8_t*>(to.codes), from.codes, from.n_cols);
  std::memcpy(const_cast<float*>(to.scales), from.scales, n_scales * sizeof(float));
  std::memcpy(const_cast<std::int16_t*>(to.sums), from.sums, n_sums * sizeof(std::int16_t));
}

void ProductRows::keep_results() const {
  if (n_results_ != 0) std::memcpy(y_, pass_.scratch.tile_results(thread_), n_results_ * sizeof(float));
}

void multiply(Pass& pass, Worker& worker, const Matrix& matrix, const Inputs& x, std::size_t n, float* y) {
  const RowTiles tiles = weight_tiles(matrix, worker);
  const std::array matrices{&matrix};
  const auto compute = [&](std::size_t tile, ProductRows& rows) {
    const std::size_t begin = tiles.begin(tile), end = tiles.end(tile);
    multiply_tile(pass, worker, matrix, 0, begin, end, rows.activations(matrix), nullptr, n,
                  rows.results(y + begin, end - begin), static_cast<std::size_t>(matrix.n_rows));
  };
  product_tiles(pass, worker, matrices, x, n, tiles.count(), compute, [](std::size_t) {});
}

void multiply(Pass& pass, Worker& worker, const Matrix& matrix, const float* x, std::size_t n, float* y) {
  multiply(pass, worker, matrix, Inputs{x, &pass.scratch.packed}, n, y);
}

void pack_and_multiply(Pass& pass, Worker& worker, const Matrix& matrix, const float* x, float* y) {
  const PackedKinds kinds{&matrix};
  if (kinds.any()) {
    for_each_token(pass, worker, [&](std::size_t t) { pack_rows(pass, kinds, x, matrix.n_cols, t, t + 1); });
  }
  multiply(pass, worker, matrix, x, pass.n_tokens(), y);
}

void activate(const Pass& pass, const DenseSpec& dense, const float* gate, const float* up, std::size_t n,
              float* out) {
  const kernels::KernelTable& k = pass.kernels();
  if (!dense.gate) {
    switch (dense.activation) {
      case Activation::silu: k.silu(up, n, out); return;
      case Activation::gelu: k.gelu(up, n, out); return;
      case Activation::relu: k.relu(up, n, out); return;
      case Activation::swiglu_clamped: return;  // has a gate in every spec
    }
  }
  switch (dense.activation) {
    case Activation::silu: k.silu_mul(gate, up, n, out); return;
    case Activation::gelu: k.gelu_mul(gate, up, n, out); return;
    case Activation::relu:
      k.relu(gate, n, out);
      k.mul(out, up, n, out);
      return;
    case Activation::swiglu_clamped: k.swiglu_clamped(gate, up, n, out); return;
  }
}

}  // namespace quern::detail
