// granite, granitemoe: llama with four scales of its own. The file's logit scale divides.
#include "src/architectures/families.h"

namespace quern::detail::architectures {
namespace {

void build_granite(SpecBuilder& b) {
  const auto one_if_zero = [](float scale) { return scale == 0 ? 1 : scale; };
  b.embedding();
  b.output(NormKind::rms, Presence::optional);
  b.spec.embedding_scale = one_if_zero(b.number_or("embedding_scale", 0));
  b.spec.logit_scale = 1 / one_if_zero(b.number("logit_scale"));
  const float residual_scale = one_if_zero(b.number_or("residual_scale", 0));
  const float attention_scale = b.number_or("attention.scale", 0);
  int rope = b.rope({.kind = kernels::RopeKind::interleaved, .factors = true, .long_factors = true});
  if (!b.boolean_or("rope.scaling.finetuned", true)) {  // no positions at all
    b.spec.ropes.clear();
    rope = -1;
  }
  const bool has_experts = b.size_or("expert_count", 0, UINT32_MAX) > 0;
  b.for_each_layer([&](LayerSpec& layer, std::size_t n) {
    layer.residual_scale = residual_scale;
    layer.mixer_norm = b.norm("attn_norm", NormKind::rms);
    AttentionSpec attention =
        b.attention({.rope = rope, .qkv_bias = Presence::optional, .output_bias = Presence::optional});
    if (attention_scale != 0) attention.scale = attention_scale;
    layer.mixer = attention;
    layer.ffn_norm = b.norm("ffn_norm", NormKind::rms);
    if (has_experts) {
      layer.ffn =
          b.experts({.hidden_dim = b.hidden_dim(n),
                     .shared_hidden_dim = b.size_or("expert_shared_feed_forward_length", 0, 1u << 24)});
    } else {
      layer.ffn = b.dense({.bias = Presence::optional});
    }
  });
}

}  // namespace

const Family granite{"granite", build_granite};
const Family granitemoe{"granitemoe", build_granite};

}  // namespace quern::detail::architectures
