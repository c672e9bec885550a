// falcon: attention and FFN side by side. In the 40B model attention has a norm of its own, attn_norm_2.
#include "src/architectures/families.h"

namespace quern::detail::architectures {
namespace {

void build_falcon(SpecBuilder& b) {
  b.embedding();
  b.output(NormKind::layer, Presence::optional, Presence::required);
  const int rope = b.full_rope({.kind = kernels::RopeKind::halves});
  b.for_each_layer([&](LayerSpec& layer, std::size_t) {
    layer.parallel = true;
    layer.mixer_norm = b.norm("attn_norm", NormKind::layer, Presence::required);
    if (b.has_tensor("attn_norm_2")) {
      layer.ffn_norm = layer.mixer_norm;
      layer.mixer_norm = b.norm("attn_norm_2", NormKind::layer, Presence::required);
    }
    layer.mixer = b.attention({.rope = rope});
    layer.ffn = b.dense({.activation = Activation::gelu, .gated = false});
  });
}

}  // namespace

const Family falcon{"falcon", build_falcon};

}  // namespace quern::detail::architectures
