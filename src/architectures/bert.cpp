// Encoders with LayerNorms behind the sums (arXiv 1810.04805): bert (learned positions), nomic-bert (rotated
// q and k, a silu gate), nomic-bert-moe (the same rotation, plain gelu, experts in every other layer) and
// jina-bert-v2 (ALiBi on both sides, a gelu gate).
#include "src/architectures/families.h"

namespace quern::detail::architectures {
namespace {

void embeddings(SpecBuilder& b) {
  b.embedding();
  b.token_types();
  b.spec.embedding_norm = b.norm("token_embd_norm", NormKind::layer, Presence::required);
}

// Layers whose attention and FFN the caller makes.
template <typename Attention, typename Ffn>
void layers(SpecBuilder& b, const Attention& attention, const Ffn& ffn) {
  if (b.has("attention.causal") && b.boolean("attention.causal"))
    b.wrong("attention.causal", true, "false: this architecture reads whole texts");
  b.for_each_layer([&](LayerSpec& layer, std::size_t n) {
    AttentionSpec a = attention();
    a.causal = false;
    layer.mixer = a;
    layer.mixer_sum_norm = b.norm("attn_output_norm", NormKind::layer, Presence::required);
    layer.ffn = ffn(n);
    layer.ffn_sum_norm = b.norm("layer_output_norm", NormKind::layer, Presence::required);
  });
}

void build_bert(SpecBuilder& b) {
  embeddings(b);
  b.position_embedding(Presence::required);
  b.ranking({});
  layers(
      b, [&] { return b.attention({.qkv_bias = Presence::required, .output_bias = Presence::required}); },
      [&](std::size_t) {
        return b.dense({.activation = Activation::gelu, .gated = false, .bias = Presence::required});
      });
}

void build_nomic(SpecBuilder& b) {
  embeddings(b);
  b.ranking({});
  const int rope = b.rope({.kind = kernels::RopeKind::halves});
  layers(
      b, [&] { return b.attention({.rope = rope}); }, [&](std::size_t) { return b.dense({}); });
}

void build_nomic_moe(SpecBuilder& b) {
  embeddings(b);
  b.ranking({});
  const int rope = b.rope({.kind = kernels::RopeKind::halves});
  const std::uint64_t period = b.size("moe_every_n_layers", UINT32_MAX);
  if (period == 1 || b.spec.n_layers == 1) b.ignore_key("expert_count");  // no layer has them
  layers(
      b,
      [&] {
        return b.attention({.rope = rope, .qkv_bias = Presence::optional, .output_bias = Presence::optional});
      },
      [&](std::size_t n) -> std::variant<DenseSpec, ExpertsSpec> {
        if (n % period != 1)
          return b.dense({.activation = Activation::gelu, .gated = false, .bias = Presence::optional});
        return b.experts({.hidden_dim = b.hidden_dim(n),
                          .renormalize = false,
                          .activation = Activation::gelu,
                          .gated = false});
      });
}

void build_jina(SpecBuilder& b) {
  constexpr float max_bias = 8;
  constexpr std::string_view max_bias_key = "attention.max_alibi_bias";
  if (const float said = b.number_or(max_bias_key, max_bias); said != max_bias)
    b.wrong(max_bias_key, said, formats::cat(max_bias));
  embeddings(b);
  b.ranking({});
  layers(
      b,
      [&] {
        AttentionSpec a = b.attention({.qkv_bias = Presence::required,
                                       .output_bias = Presence::required,
                                       .qk_norm = Presence::optional,
                                       .qk_norm_kind = NormKind::layer,
                                       .qk_norm_scope = QkNormScope::whole,
                                       .qk_norm_bias = Presence::optional});
        a.alibi_slopes = alibi_slopes(a.n_heads, max_bias);
        return a;
      },
      [&](std::size_t n) {
        // Models of code hold the gate in the rows of ffn_up, or have none.
        const bool own_gate = b.has_tensor("ffn_gate"), fused = b.n_rows("ffn_up") == 2 * b.hidden_dim(n);
        return b.dense({.activation = Activation::gelu,
                        .gated = own_gate,
                        .fused_gate = !own_gate && fused,
                        .bias = Presence::optional});
      });
  b.for_each_layer([&](LayerSpec& layer, std::size_t) {
    layer.mixer_second_sum_norm =
        b.norm("attn_norm_2", NormKind::layer, Presence::optional, Presence::optional);
  });
}

}  // namespace

const Family bert{"bert", build_bert};
const Family nomic_bert{"nomic-bert", build_nomic};
const Family nomic_bert_moe{"nomic-bert-moe", build_nomic_moe};
const Family jina_bert_v2{"jina-bert-v2", build_jina};

}  // namespace quern::detail::architectures
