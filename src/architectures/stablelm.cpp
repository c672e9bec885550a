// stablelm: LayerNorms, a silu gate, part of each head rotated. StableLM 2 12B has no norm before the FFN,
// which then stands beside attention, and normalises each head of q and k with weights of its own.
#include "src/architectures/families.h"

namespace quern::detail::architectures {
namespace {

void build_stablelm(SpecBuilder& b) {
  b.embedding();
  b.output(NormKind::layer, Presence::absent, Presence::required);
  const int rope = b.rope({.kind = kernels::RopeKind::halves});
  b.for_each_layer([&](LayerSpec& layer, std::size_t) {
    layer.parallel = !b.has_tensor("ffn_norm");
    layer.mixer_norm = b.norm("attn_norm", NormKind::layer, Presence::required);
    layer.mixer = b.attention({.rope = rope,
                               .qkv_bias = Presence::optional,
                               .qk_norm = Presence::optional,
                               .qk_norm_kind = NormKind::layer,
                               .qk_norm_scope = QkNormScope::each_head});
    if (!layer.parallel) layer.ffn_norm = b.norm("ffn_norm", NormKind::layer, Presence::required);
    layer.ffn = b.dense({});
  });
}

}  // namespace

const Family stablelm{"stablelm", build_stablelm};

}  // namespace quern::detail::architectures
