// Checkpoints of t5 and of its first half alone, t5encoder. Stacks of the encoder and of the decoder are
// counted apart.
#include <cmath>

#include "formats/try.h"
#include "src/convert/weights.h"

namespace quern::detail::checkpoints {
namespace {

constexpr TensorRule t5_encoder[] = {
    {"shared", "token_embd"},
    {"encoder.final_layer_norm", "enc.output_norm"},
    {"encoder.block.0.layer.0.SelfAttention.relative_attention_bias", "enc.blk.0.attn_rel_b"},
    {"encoder.block.#.layer.0.layer_norm", "enc.blk.#.attn_norm"},
    {"encoder.block.#.layer.0.SelfAttention.q", "enc.blk.#.attn_q"},
    {"encoder.block.#.layer.0.SelfAttention.k", "enc.blk.#.attn_k"},
    {"encoder.block.#.layer.0.SelfAttention.v", "enc.blk.#.attn_v"},
    {"encoder.block.#.layer.0.SelfAttention.o", "enc.blk.#.attn_o"},
    {"encoder.block.#.layer.1.layer_norm", "enc.blk.#.ffn_norm"},
    {"encoder.block.#.layer.1.DenseReluDense.wo", "enc.blk.#.ffn_down"}};
constexpr TensorRule encoder_plain[] = {{"encoder.block.#.layer.1.DenseReluDense.wi", "enc.blk.#.ffn_up"}};
constexpr TensorRule encoder_gated[] = {{"encoder.block.#.layer.1.DenseReluDense.wi_0", "enc.blk.#.ffn_gate"},
                                        {"encoder.block.#.layer.1.DenseReluDense.wi_1", "enc.blk.#.ffn_up"}};
constexpr TensorRule t5_decoder[] = {
    {"decoder.final_layer_norm", "dec.output_norm", fitted},
    {"decoder.block.0.layer.0.SelfAttention.relative_attention_bias", "dec.blk.0.attn_rel_b"},
    {"decoder.block.#.layer.0.layer_norm", "dec.blk.#.attn_norm"},
    {"decoder.block.#.layer.0.SelfAttention.q", "dec.blk.#.attn_q"},
    {"decoder.block.#.layer.0.SelfAttention.k", "dec.blk.#.attn_k"},
    {"decoder.block.#.layer.0.SelfAttention.v", "dec.blk.#.attn_v"},
    {"decoder.block.#.layer.0.SelfAttention.o", "dec.blk.#.attn_o"},
    {"decoder.block.#.layer.1.layer_norm", "dec.blk.#.cross_attn_norm"},
    {"decoder.block.#.layer.1.EncDecAttention.q", "dec.blk.#.cross_attn_q"},
    {"decoder.block.#.layer.1.EncDecAttention.k", "dec.blk.#.cross_attn_k"},
    {"decoder.block.#.layer.1.EncDecAttention.v", "dec.blk.#.cross_attn_v"},
    {"decoder.block.#.layer.1.EncDecAttention.o", "dec.blk.#.cross_attn_o"},
    {"decoder.block.#.layer.2.layer_norm", "dec.blk.#.ffn_norm"},
    {"decoder.block.#.layer.2.DenseReluDense.wo", "dec.blk.#.ffn_down"}};
constexpr TensorRule decoder_plain[] = {{"decoder.block.#.layer.2.DenseReluDense.wi", "dec.blk.#.ffn_up"}};
constexpr TensorRule decoder_gated[] = {{"decoder.block.#.layer.2.DenseReluDense.wi_0", "dec.blk.#.ffn_gate"},
                                        {"decoder.block.#.layer.2.DenseReluDense.wi_1", "dec.blk.#.ffn_up"}};

constexpr KeyRule t5_keys[] = {{"relative_attention_num_buckets", "attention.relative_buckets_count", count}};
constexpr Expectation t5_switches[] = {{"feed_forward_proj", "relu|gated-gelu"},
                                       {"relative_attention_max_distance", "128"}};
constexpr std::string_view t5_defaults = R"({"feed_forward_proj":"relu","layer_norm_epsilon":1e-6,
    "n_positions":512,"relative_attention_max_distance":128,"relative_attention_num_buckets":32,
    "tie_word_embeddings":true})";
constexpr SizeNames t5_sizes{.context = "n_positions",
                             .dim = "d_model",
                             .layers = "num_layers",
                             .hidden = "d_ff",
                             .heads = "num_heads",
                             .kv_heads = "",
                             .head_dim = "d_kv",
                             .epsilon = "layer_norm_epsilon"};

bool gated(Conversion& c) {
  const bool is_gated = c.config.text_or("feed_forward_proj", "") == "gated-gelu";
  // What follows from it may be written beside it.
  c.config.expect("dense_act_fn", is_gated ? "gelu_new|gelu_pytorch_tanh|null" : "relu|null");
  c.config.expect("is_gated_act", is_gated ? "true|null" : "false|null");
  return is_gated;
}

void write_encoder(Conversion& c) {
  c.set("attention.causal", false);
  c.rules.push_back({gated(c) ? std::span<const TensorRule>(encoder_gated) : encoder_plain});
}

void write_t5(Conversion& c) {
  const bool is_gated = gated(c);
  const std::uint32_t n_decoder =
      c.config.has("num_decoder_layers") ? c.config.size("num_decoder_layers") : c.n_layers;
  if (!c.config.has("decoder_start_token_id"))
    return c.config.wrong("decoder_start_token_id", "the token that an answer begins after");
  c.set("decoder_start_token_id", c.config.size_or("decoder_start_token_id", 0));
  c.set("decoder_block_count", n_decoder);
  c.rules.push_back({is_gated ? std::span<const TensorRule>(encoder_gated) : encoder_plain});
  c.rules.push_back({t5_decoder, 0, n_decoder});
  c.rules.push_back({is_gated ? std::span<const TensorRule>(decoder_gated) : decoder_plain, 0, n_decoder});
}

// The training library multiplies what an embedding that is the output too is multiplied with by
// 1 / sqrt(width); the last norm, whose values go nowhere else, has the factor here.
Result<void> fit_last_norm(Conversion& c, std::string_view, OutputTensor& norm) {
  if (!c.config.flag_or("tie_word_embeddings", true)) return {};
  const double width = c.config.size(c.family.sizes.dim);
  norm.factors = {{norm.dims[0], static_cast<float>(1 / std::sqrt(width))}};
  return {};
}

}  // namespace

FamilyRule t5_rule() {
  return {.names = {"T5ForConditionalGeneration", "MT5ForConditionalGeneration"},
          .architecture = "t5",
          .tensors = {t5_encoder},
          .keys = {t5_keys},
          .expected = {t5_switches},
          .sizes = t5_sizes,
          .defaults = t5_defaults,
          .embedding = "shared",
          .rope = {.rotates = false},
          .prefixes = {""},
          // Copies of the embedding, and a bias that no release uses.
          .ignored = {"coder.embed_tokens.weight", ".EncDecAttention.relative_attention_bias.weight"},
          .more = write_t5,
          .fit = fit_last_norm};
}

FamilyRule t5_encoder_rule() {
  return {.names = {"T5EncoderModel", "MT5EncoderModel"},
          .architecture = "t5encoder",
          .tensors = {t5_encoder},
          .keys = {t5_keys},
          .expected = {t5_switches},
          .sizes = t5_sizes,
          .defaults = t5_defaults,
          .output = Output::none,
          .embedding = "shared",
          .rope = {.rotates = false},
          .prefixes = {""},
          .ignored = {"encoder.embed_tokens.weight"},
          .left_out = {"decoder.", "lm_head."},
          .more = write_encoder};
}

}  // namespace quern::detail::checkpoints
