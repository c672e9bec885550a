// gpt-oss: attention sinks, windows on every other layer, biased experts behind a softmax over the chosen.
#include "formats/try.h"
#include "src/architectures/families.h"

namespace quern::detail::architectures {
namespace {

void build_gpt_oss(SpecBuilder& b) {
  constexpr std::uint64_t window_period = 2;
  b.embedding();
  b.output(NormKind::rms, Presence::absent);
  const int rope = b.rope({.kind = kernels::RopeKind::halves});
  const auto window = static_cast<std::uint32_t>(b.size("attention.sliding_window", max_window));
  const std::uint64_t hidden_dim = b.size("expert_feed_forward_length", max_hidden_dim);
  int local_rope = rope;
  if (b.has("rope.freq_base_swa")) {
    RopeSpec local = b.spec.ropes[0];
    local.theta = b.rope_theta("rope.freq_base_swa", local.theta);
    local_rope = b.add_rope(local);
  }
  const std::vector<bool> local = b.local_layers(window_period);
  b.for_each_layer([&](LayerSpec& layer, std::size_t n) {
    layer.mixer_norm = b.norm("attn_norm", NormKind::rms);
    AttentionSpec attention = b.attention({.rope = local[n] ? local_rope : rope,
                                           .qkv_bias = Presence::required,
                                           .output_bias = Presence::required});
    attention.window = local[n] ? window : 0;
    attention.sinks = b.vector(formats::cat("blk.", n, ".attn_sinks.weight"), attention.n_heads);
    layer.mixer = attention;
    layer.ffn_norm = b.norm("post_attention_norm", NormKind::rms);  // despite its name
    layer.ffn = b.experts({.hidden_dim = hidden_dim,
                           .gating = Gating::softmax_of_chosen,
                           .renormalize = false,
                           .activation = Activation::swiglu_clamped,
                           .bias = Presence::required});
  });
}

}  // namespace

const Family gpt_oss{"gpt-oss", build_gpt_oss};

}  // namespace quern::detail::architectures
