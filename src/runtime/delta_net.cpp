// Gated delta net (DeltaNetSpec).
#include <cmath>

#include "src/runtime/recurrence.h"

namespace quern::detail {
namespace {

// q and k to length 1; gates = [beta, decay] of every value head.
void prepare_token(const Pass& pass, const DeltaNetSpec& spec, std::size_t t) {
  const Scratch& s = pass.scratch;
  const kernels::KernelTable& k = pass.kernels();
  const std::size_t heads = spec.n_value_heads, shared = heads / spec.n_key_heads;
  float* qk = s.conv_out + t * spec.conv.n_channels;
  for (std::size_t h = 0; h < 2 * std::size_t{spec.n_key_heads}; ++h)
    k.l2_norm(qk + h * spec.head_dim, spec.head_dim, spec.length_eps, qk + h * spec.head_dim);

  float *betas = s.gates + t * 2 * heads, *decays = betas + heads;
  if (spec.alpha) {
    std::copy_n(s.gates_in + t * heads, heads, betas);
    std::copy_n(s.gates_in + (s.batch + t) * heads, heads, decays);
  } else {
    for (std::size_t h = 0; h < heads; ++h) {
      const float* both = s.gates_in + t * 2 * heads + h / shared * 2 * shared + h % shared;
      betas[h] = both[0];
      decays[h] = both[shared];
    }
  }
  k.sigmoid(betas, heads, betas);
  decays_of(pass, decays, spec.dt_bias, spec.a_log, heads, decays);
}

// A token's inputs, a key head at a time, as q, k and v of all heads one after another; gates apart. conv_out
// serves as room to do so.
void ungroup_token(const Pass& pass, const DeltaNetSpec& spec, std::size_t t) {
  const Scratch& s = pass.scratch;
  const std::size_t d = spec.head_dim, key_heads = spec.n_key_heads,
                    shared_d = spec.n_value_heads / key_heads * d, channels = spec.conv.n_channels;
  float* in = s.conv_in + t * spec.qkv.n_rows;
  float* sorted = s.conv_out + t * channels;
  float* gates = s.conv_gate + t * key_heads * shared_d;
  for (std::size_t h = 0; h < key_heads; ++h) {
    const float* group = in + h * 2 * (d + shared_d);
    std::copy_n(group, d, sorted + h * d);
    std::copy_n(group + d, d, sorted + (key_heads + h) * d);
    std::copy_n(group + 2 * d, shared_d, sorted + 2 * key_heads * d + h * shared_d);
    std::copy_n(group + 2 * d + shared_d, shared_d, gates + h * shared_d);
  }
  std::copy_n(sorted, channels, in);
}

}  // namespace

void delta_net(Pass& pass, Worker& worker, const DeltaNetSpec& spec, std::size_t layer, float* out) noexcept {
  const Scratch& s = pass.scratch;
  const kernels::KernelTable& k = pass.kernels();
  const std::size_t d = spec.head_dim, heads = spec.n_value_heads, key_heads = spec.n_key_heads;
  const std::size_t stride = spec.conv.n_channels, width = heads * d;
  multiply_together(pass, worker,
                    {{spec.qkv, s.conv_in},
                     {spec.gate, s.conv_gate},
                     {spec.beta, s.gates_in},
                     {spec.alpha, s.gates_in + s.batch * heads}},
                    s.mixer_in, [](float*, std::size_t) {});
  if (spec.grouped_input) for_each_token(pass, worker, [&](std::size_t t) { ungroup_token(pass, spec, t); });
  convolve_and_silu(pass, worker, spec.conv, layer, s.conv_in, spec.qkv.n_rows);
  for_each_token(pass, worker, [&](std::size_t t) { prepare_token(pass, spec, t); });
  for_each_head(pass, worker, heads, [&](const Run& run, std::size_t h) {
    const KvCache::State state = run.cache->state(layer, run.first_position);
    const std::size_t begin = tail_floats(spec.conv) + h * d * d;
    const std::size_t key_head = spec.tiled ? h % key_heads : h / (heads / key_heads);
    const float* row = s.conv_out + run.first_row * stride;
    const float* gates = s.gates + run.first_row * 2 * heads + h;
    k.delta_net({.n_rows = run.n_rows,
                 .k_dim = d,
                 .v_dim = d,
                 .before = state.before + begin,
                 .after = state.after + begin,
                 .q = row + key_head * d,
                 .k = row + (key_heads + key_head) * d,
                 .v = row + (2 * key_heads + h) * d,
                 .stride = stride,
                 .beta = gates,
                 .decay = gates + heads,
                 .gate_stride = 2 * heads,
                 .scale = static_cast<float>(1 / std::sqrt(double(d))),
                 .out = s.head_out + run.first_row * width + h * d,
                 .out_stride = width});
  });
  for_each_token(pass, worker, [&](std::size_t t) {
    float* o = s.head_out + t * width;
    norm_heads(pass, spec.norm, QkNormScope::head, o, heads, d, d);
    k.silu_mul(s.conv_gate + t * width, o, width, o);
    pack_rows(pass, PackedKinds{&spec.output}, s.head_out, width, t, t + 1);
  });
  multiply(pass, worker, spec.output, s.head_out, pass.n_tokens(), out);
}

}  // namespace quern::detail
