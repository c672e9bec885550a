// glm4: norms on both sides of each part, half of each head rotated, gate and up projection in one matrix.
#include "src/architectures/families.h"

namespace quern::detail {
namespace {

void build(SpecBuilder& b) {
  b.embedding();
  b.output(NormKind::rms, Presence::optional);
  const int rope = b.rope({.kind = kernels::RopeKind::interleaved});
  b.for_each_layer([&](LayerSpec& layer, std::size_t) {
    layer.mixer_norm = b.norm("attn_norm", NormKind::rms);
    layer.mixer = b.attention({.rope = rope, .qkv_bias = Presence::optional});
    layer.post_mixer_norm = b.norm("post_attention_norm", NormKind::rms);
    layer.ffn_norm = b.norm("ffn_norm", NormKind::rms);
    layer.ffn = b.dense({.fused_gate = true});
    layer.post_ffn_norm = b.norm("post_ffw_norm", NormKind::rms);
  });
}

}  // namespace

const Family glm4{"glm4", build};

}  // namespace quern::detail
