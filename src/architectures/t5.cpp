// t5 (arXiv 1910.10683): an encoder reads a source text, a decoder answers to it; and t5encoder, its first
// half. Positions are known by biases on the scores, which are not scaled.
#include "src/architectures/families.h"

namespace quern::detail::architectures {
namespace {

// Layers "<group>.blk.n.", causal ones with attention to the source.
void build_layers(SpecBuilder& b, std::string_view group, std::vector<LayerSpec>& layers, bool causal) {
  const std::uint64_t n_buckets = b.size("attention.relative_buckets_count", UINT16_MAX);
  int shared_bias = -1;  // the first layer's, for those that have none of their own
  b.for_each_layer(group, layers, [&](LayerSpec& layer, std::size_t n) {
    layer.mixer_norm = b.norm("attn_norm", NormKind::rms);
    const int own_bias =
        b.relative_bias("attn_rel_b", n_buckets, !causal, n == 0 ? Presence::required : Presence::optional);
    if (n == 0) shared_bias = own_bias;
    AttentionSpec attention =
        b.attention({.output = "attn_o", .relative_bias = own_bias < 0 ? shared_bias : own_bias});
    attention.scale = 1;
    attention.causal = causal;
    layer.mixer = attention;
    if (causal) {
      layer.cross_norm = b.norm("cross_attn_norm", NormKind::rms);
      layer.cross = b.attention({.name = "cross_attn", .output = "cross_attn_o"});
      layer.cross->scale = 1;
      layer.cross->cross = true;
      // No position of a source is nearer than another.
      b.ignore(formats::cat(group, ".blk.", n, ".cross_attn_rel_b.weight"));
    }
    layer.ffn_norm = b.norm("ffn_norm", NormKind::rms);
    const bool gated = b.has_tensor("ffn_gate");
    layer.ffn = b.dense({.activation = gated ? Activation::gelu : Activation::relu, .gated = gated});
  });
}

void build_t5(SpecBuilder& b) {
  b.embedding();
  b.spec.encoder.resize(b.spec.n_layers);
  b.spec.n_layers = static_cast<std::uint32_t>(
      b.has("decoder_block_count") ? b.size("decoder_block_count", max_layers) : b.spec.n_layers);
  b.spec.layers.assign(b.spec.n_layers, {});
  build_layers(b, "enc", b.spec.encoder, /*causal=*/false);
  b.spec.encoder_norm = b.norm("enc.output_norm", NormKind::rms);
  build_layers(b, "dec", b.spec.layers, /*causal=*/true);
  b.output(NormKind::rms, Presence::optional, Presence::absent, Presence::absent, "dec.output_norm");
  constexpr std::string_view start_key = "decoder_start_token_id";
  if (!b.has(start_key))
    b.fail(ErrorCode::corrupt, "t5.decoder_start_token_id", "key 't5.decoder_start_token_id' is missing");
  b.spec.decoder_start = static_cast<Token>(b.size_or(start_key, 0, b.spec.n_vocab - 1));
}

void build_t5encoder(SpecBuilder& b) {
  b.ignore_key("decoder_start_token_id");  // of the half that is not there
  b.ignore_key("decoder_block_count");
  b.embedding();
  build_layers(b, "enc", b.spec.layers, /*causal=*/false);
  b.spec.output_norm = b.norm("enc.output_norm", NormKind::rms);
}

}  // namespace

const Family t5{"t5", build_t5};
const Family t5encoder{"t5encoder", build_t5encoder};

}  // namespace quern::detail::architectures
