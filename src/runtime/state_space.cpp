// State space (StateSpaceSpec).
#include "src/runtime/recurrence.h"

namespace quern::detail {

void state_space(Pass& pass, Worker& worker, const StateSpaceSpec& spec, std::size_t layer,
                 float* out) noexcept {
  const Scratch& s = pass.scratch;
  const kernels::KernelTable& k = pass.kernels();
  const std::size_t heads = spec.n_heads, inner = spec.inner_dim();
  const std::size_t in_stride = spec.in.n_rows,
                    stride = spec.conv.n_channels;  // rows [z, x, b, c, dt] and [x, b, c]
  const std::size_t group_floats = std::size_t{spec.n_groups} * spec.state_dim;
  multiply(pass, worker, spec.in, s.mixer_in, pass.n_tokens(), s.conv_in);
  convolve_and_silu(pass, worker, spec.conv, layer, s.conv_in + inner, in_stride);
  for_each_token(pass, worker, [&](std::size_t t) {
    float* steps = s.gates + t * 2 * heads;
    std::copy_n(s.conv_in + t * in_stride + inner + stride, heads, steps);
    decays_of(pass, steps, spec.dt_bias, spec.a, heads, steps + heads);
  });
  for_each_head(pass, worker, heads, [&](const Run& run, std::size_t h) {
    const KvCache::State state = run.cache->state(layer, run.first_position);
    const std::size_t begin = tail_floats(spec.conv) + h * spec.head_dim * spec.state_dim;
    const std::size_t group = h / (heads / spec.n_groups);
    const float* row = s.conv_out + run.first_row * stride;
    const float* gates = s.gates + run.first_row * 2 * heads + h;
    k.state_space({.n_rows = run.n_rows,
                   .head_dim = spec.head_dim,
                   .state_dim = spec.state_dim,
                   .before = state.before + begin,
                   .after = state.after + begin,
                   .x = row + h * spec.head_dim,
                   .b = row + inner + group * spec.state_dim,
                   .c = row + inner + group_floats + group * spec.state_dim,
                   .stride = stride,
                   .step = gates,
                   .decay = gates + heads,
                   .gate_stride = 2 * heads,
                   .skip = pass.model.values(spec.skip)[h],
                   .y = s.head_out + run.first_row * inner + h * spec.head_dim,
                   .y_stride = inner});
  });
  for_each_token(pass, worker, [&](std::size_t t) {
    float* y = s.head_out + t * inner;
    k.silu_mul(s.conv_in + t * in_stride, y, inner, y);
    const std::size_t group_dim = inner / spec.n_groups;
    norm_heads(pass, spec.norm, QkNormScope::each_head, y, spec.n_groups, group_dim, group_dim);
    pack_rows(pass, PackedKinds{&spec.out}, s.head_out, inner, t, t + 1);
  });
  multiply(pass, worker, spec.out, s.head_out, pass.n_tokens(), out);
}

}  // namespace quern::detail
