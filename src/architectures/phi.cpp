// phi2: attention and FFN side by side behind one LayerNorm. phi3 (and phi-3.5, phi-4): fused projections,
// longrope.
#include "src/architectures/families.h"

namespace quern::detail::architectures {
namespace {

void build_phi2(SpecBuilder& b) {
  b.embedding();
  b.output(NormKind::layer, Presence::absent, Presence::required, Presence::required);
  const int rope = b.rope({.kind = kernels::RopeKind::halves});
  b.for_each_layer([&](LayerSpec& layer, std::size_t) {
    layer.parallel = true;
    layer.mixer_norm = b.norm("attn_norm", NormKind::layer, Presence::required);
    layer.mixer =
        b.attention({.rope = rope, .qkv_bias = Presence::required, .output_bias = Presence::required});
    layer.ffn = b.dense({.activation = Activation::gelu, .gated = false, .bias = Presence::required});
  });
}

void build_phi3(SpecBuilder& b) {
  b.embedding();
  b.output(NormKind::rms, Presence::optional);
  const int rope = b.rope({.kind = kernels::RopeKind::halves, .long_factors = true});
  b.for_each_layer([&](LayerSpec& layer, std::size_t) {
    layer.mixer_norm = b.norm("attn_norm", NormKind::rms);
    layer.mixer = b.attention({.rope = rope});
    layer.ffn_norm = b.norm("ffn_norm", NormKind::rms);
    layer.ffn = b.dense({.fused_gate = true});
  });
}

}  // namespace

const Family phi2{"phi2", build_phi2};
const Family phi3{"phi3", build_phi3};

}  // namespace quern::detail::architectures
