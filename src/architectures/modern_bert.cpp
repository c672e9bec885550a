// modern-bert (arXiv 2412.13663): an encoder with LayerNorms before its parts and windows on two layers of
// three.
#include "formats/printable.h"
#include "src/architectures/families.h"

namespace quern::detail::architectures {
namespace {

void build_modern_bert(SpecBuilder& b) {
  constexpr std::uint64_t period = 3;
  b.embedding();
  b.spec.embedding_norm = b.norm("token_embd_norm", NormKind::layer);
  b.output_norm(NormKind::layer);
  b.ranking({.from = Pooling::mean, .act = HeadLayer::Act::gelu, .norm = true});
  const std::string_view activation = b.text_or("hidden_activation", "gelu");
  if (activation != "gelu" && activation != "silu")
    b.fail(ErrorCode::unsupported, "modern-bert.hidden_activation",
           formats::cat("key 'modern-bert.hidden_activation' is '", formats::printable(activation),
                        "', expected gelu or silu"));
  const int rope = b.rope({.kind = kernels::RopeKind::halves});
  RopeSpec local = b.spec.ropes[0];
  local.freq_scale = 1;
  local.yarn = false;
  local.theta = b.rope_theta("rope.freq_base_swa", 10000);
  const int local_rope = b.add_rope(local);
  const auto window = static_cast<std::uint32_t>(b.size_or("attention.sliding_window", 0, max_window));
  const std::vector<bool> is_local = b.local_layers(period, /*global_first=*/true);
  b.for_each_layer([&](LayerSpec& layer, std::size_t n) {
    const bool windowed = window != 0 && is_local[n];
    layer.mixer_norm = b.norm("attn_norm", NormKind::layer, Presence::absent,
                              n == 0 ? Presence::optional : Presence::required);
    AttentionSpec attention = b.attention({.rope = windowed ? local_rope : rope});
    attention.causal = false;
    attention.window = windowed ? window : 0;
    layer.mixer = attention;
    layer.ffn_norm = b.norm("ffn_norm", NormKind::layer);
    layer.ffn = b.dense(
        {.activation = activation == "silu" ? Activation::silu : Activation::gelu, .fused_gate = true});
  });
}

}  // namespace

const Family modern_bert{"modern-bert", build_modern_bert};

}  // namespace quern::detail::architectures
