// gpt2 (learned positions), gptneox (its FFN beside attention or after it) and starcoder2: LayerNorms with
// biases, biases everywhere, a plain gelu FFN.
#include "src/architectures/families.h"

namespace quern::detail::architectures {
namespace {

void build_gpt_layers(SpecBuilder& b, int rope, bool parallel) {
  b.for_each_layer([&](LayerSpec& layer, std::size_t) {
    layer.parallel = parallel;
    layer.mixer_norm = b.norm("attn_norm", NormKind::layer, Presence::required);
    layer.mixer =
        b.attention({.rope = rope, .qkv_bias = Presence::required, .output_bias = Presence::required});
    layer.ffn_norm = b.norm("ffn_norm", NormKind::layer, Presence::required);
    layer.ffn = b.dense({.activation = Activation::gelu, .gated = false, .bias = Presence::required});
  });
}

void build_gpt2(SpecBuilder& b) {
  b.embedding();
  b.position_embedding(Presence::required);
  b.output(NormKind::layer, Presence::optional, Presence::required);
  build_gpt_layers(b, -1, false);
}

void build_gptneox(SpecBuilder& b) {
  b.embedding();
  b.output(NormKind::layer, Presence::absent, Presence::required);
  build_gpt_layers(b, b.rope({.kind = kernels::RopeKind::halves}), b.boolean("use_parallel_residual"));
}

void build_starcoder2(SpecBuilder& b) {
  b.embedding();
  b.output(NormKind::layer, Presence::optional, Presence::required);
  build_gpt_layers(b, b.rope({.kind = kernels::RopeKind::halves}), false);
}

}  // namespace

const Family gpt2{"gpt2", build_gpt2};
const Family gptneox{"gptneox", build_gptneox};
const Family starcoder2{"starcoder2", build_starcoder2};

}  // namespace quern::detail::architectures
