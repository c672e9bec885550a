// command-r, cohere2: LayerNorm without a bias, attention and FFN side by side, tied output with scaled
// logits. cohere2 rotates on window layers only; every fourth layer sees everything and no positions.
#include "src/architectures/families.h"

namespace quern::detail::architectures {
namespace {

void build_command_r(SpecBuilder& b) {
  constexpr std::uint32_t n_layers_with_qk_norm = 64;
  b.embedding();
  b.output(NormKind::layer, Presence::required);
  const float logit_scale = b.number_or("logit_scale", 0);
  if (logit_scale != 0) b.spec.logit_scale = logit_scale;
  const int rope = b.rope({.kind = kernels::RopeKind::interleaved});
  const bool qk_norm = b.spec.n_layers >= n_layers_with_qk_norm;
  b.for_each_layer([&](LayerSpec& layer, std::size_t) {
    layer.parallel = true;
    layer.mixer_norm = b.norm("attn_norm", NormKind::layer);
    layer.mixer = b.attention({.rope = rope,
                               .qk_norm = qk_norm ? Presence::required : Presence::absent,
                               .qk_norm_kind = NormKind::layer,
                               .qk_norm_scope = QkNormScope::each_head});
    layer.ffn = b.dense({});
  });
}

void build_cohere2(SpecBuilder& b) {
  constexpr std::uint64_t window_period = 4;
  b.embedding();
  b.output(NormKind::layer, Presence::required);
  b.spec.logit_scale = b.number("logit_scale");
  const auto window = static_cast<std::uint32_t>(b.size("attention.sliding_window", max_window));
  const int rope = b.rope({.kind = kernels::RopeKind::interleaved, .factors = true});
  const std::vector<bool> local = b.local_layers(window_period);
  b.for_each_layer([&](LayerSpec& layer, std::size_t n) {
    layer.parallel = true;
    layer.mixer_norm = b.norm("attn_norm", NormKind::layer);
    AttentionSpec attention = b.attention(
        {.rope = local[n] ? rope : -1, .qkv_bias = Presence::optional, .output_bias = Presence::optional});
    attention.window = local[n] ? window : 0;
    layer.mixer = attention;
    layer.ffn = b.dense({});
  });
}

}  // namespace

const Family command_r{"command-r", build_command_r};
const Family cohere2{"cohere2", build_cohere2};

}  // namespace quern::detail::architectures
