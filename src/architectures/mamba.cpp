// mamba2: state space layers and nothing else. falcon-h1: attention and a state space side by side, then an
// FFN.
#include "src/architectures/families.h"

namespace quern::detail::architectures {
namespace {

StateSpaceSpec state_space(SpecBuilder& b, std::size_t n, Presence bias, Presence conv_bias, Presence norm) {
  constexpr std::uint64_t max_inner = 1u << 24, max_heads = 1u << 14, max_state = 1u << 12;
  const auto name = [&](std::string_view rest) { return formats::cat("blk.", n, ".", rest); };
  const std::uint64_t n_taps = b.size("ssm.conv_kernel", kernels::max_conv_taps);
  const std::uint64_t inner = b.size("ssm.inner_size", max_inner),
                      state = b.size("ssm.state_size", max_state);
  const std::uint64_t heads = b.size("ssm.time_step_rank", max_heads),
                      groups = b.size("ssm.group_count", max_heads);
  if (inner % heads != 0) b.wrong("ssm.time_step_rank", heads, formats::cat("a divisor of ", inner));
  if (heads % groups != 0)
    b.wrong("ssm.group_count", groups, formats::cat("a divisor of the ", heads, " heads"));
  if (b.failed()) return {};
  const std::uint64_t channels = inner + 2 * groups * state;
  return {.n_heads = static_cast<std::uint32_t>(heads),
          .head_dim = static_cast<std::uint32_t>(inner / heads),
          .n_groups = static_cast<std::uint32_t>(groups),
          .state_dim = static_cast<std::uint32_t>(state),
          .in = b.matrix("ssm_in", b.spec.dim, inner + channels + heads, Presence::required, bias),
          .out = b.matrix("ssm_out", inner, b.spec.dim, Presence::required, bias),
          .conv = b.convolution("ssm_conv1d", n_taps, channels, conv_bias),
          .dt_bias = b.vector(name("ssm_dt.bias"), heads, conv_bias),
          .a = b.vector(name("ssm_a"), 1, Presence::required, heads),
          .skip = b.vector(name("ssm_d"), 1, Presence::required, heads),
          .norm = b.norm_of("ssm_norm", inner / groups, groups, NormKind::rms, Presence::absent, norm)};
}

void build_mamba2(SpecBuilder& b) {
  b.embedding();
  b.output(NormKind::rms, Presence::optional);
  b.for_each_layer([&](LayerSpec& layer, std::size_t n) {
    layer.mixer_norm = b.norm("attn_norm", NormKind::rms);
    layer.mixer = state_space(b, n, Presence::absent, Presence::required, Presence::required);
  });
}

void build_falcon_h1(SpecBuilder& b) {
  b.embedding();
  b.output(NormKind::rms, Presence::optional);
  b.ignore("rope_freqs.weight");  // files carry divisors, but the family rotates without them
  const int rope = b.rope({.kind = kernels::RopeKind::halves});
  b.for_each_layer([&](LayerSpec& layer, std::size_t n) {
    layer.mixer_norm = b.norm("attn_norm", NormKind::rms);
    layer.mixer =
        b.attention({.rope = rope, .qkv_bias = Presence::optional, .output_bias = Presence::optional});
    layer.beside = state_space(b, n, Presence::optional, Presence::optional, Presence::optional);
    const std::string norm = formats::cat("blk.", n, ".ffn_norm");  // without ".weight"
    layer.ffn_norm = b.norm_of(b.vector(norm, b.spec.dim), NormKind::rms);
    layer.ffn = b.dense({.bias = Presence::optional});
  });
}

}  // namespace

const Family mamba2{"mamba2", build_mamba2};
const Family falcon_h1{"falcon-h1", build_falcon_h1};

}  // namespace quern::detail::architectures
