// mpt: positions by ALiBi (arXiv 2108.12409), q, k and v limited, every bias optional.
#include "src/architectures/families.h"

namespace quern::detail::architectures {
namespace {

void build_mpt(SpecBuilder& b) {
  b.embedding();
  b.position_embedding(Presence::optional);
  b.output(NormKind::layer, Presence::optional, Presence::optional);
  const float max_bias = b.number_or("attention.max_alibi_bias", 0);
  const float clamp = b.number_or("attention.clamp_kqv", 0);
  if (max_bias < 0) b.wrong("attention.max_alibi_bias", max_bias, "0 or more");
  if (clamp < 0) b.wrong("attention.clamp_kqv", clamp, "0 or more");
  b.for_each_layer([&](LayerSpec& layer, std::size_t) {
    layer.mixer_norm = b.norm("attn_norm", NormKind::layer, Presence::optional);
    AttentionSpec attention = b.attention({.qkv_bias = Presence::optional,
                                           .output_bias = Presence::optional,
                                           .qk_norm = Presence::optional,
                                           .qk_norm_kind = NormKind::layer,
                                           .qk_norm_scope = QkNormScope::whole,
                                           .qk_norm_bias = Presence::optional});
    attention.clamp = clamp;
    if (max_bias > 0) attention.alibi_slopes = alibi_slopes(attention.n_heads, max_bias);
    layer.mixer = attention;
    layer.ffn_norm = b.norm("ffn_norm", NormKind::layer, Presence::optional);
    layer.ffn = b.dense({.activation = Activation::gelu,
                         .gated = false,
                         .bias = Presence::optional,
                         .divisors = Presence::optional});
  });
}

}  // namespace

const Family mpt{"mpt", build_mpt};

}  // namespace quern::detail::architectures
