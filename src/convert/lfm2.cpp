// Checkpoints of lfm2 and lfm2moe: a layer has the tensors of attention or of a convolution, and of one FFN
// or of experts.
#include <algorithm>

#include "formats/try.h"
#include "src/convert/family.h"

namespace quern::detail::checkpoints {
namespace {

constexpr TensorRule lfm2_layers[] = {
    {"embed_tokens", "token_embd"},
    {"embedding_norm", "token_embd_norm"},
    {"layers.#.operator_norm", "blk.#.attn_norm"},
    {"layers.#.ffn_norm", "blk.#.ffn_norm"},
    {"layers.#.self_attn.q_proj", "blk.#.attn_q", copy, never, maybe},
    {"layers.#.self_attn.k_proj", "blk.#.attn_k", copy, never, maybe},
    {"layers.#.self_attn.v_proj", "blk.#.attn_v", copy, never, maybe},
    {"layers.#.self_attn.out_proj", "blk.#.attn_output", copy, never, maybe},
    {"layers.#.self_attn.q_layernorm", "blk.#.attn_q_norm", copy, never, maybe},
    {"layers.#.self_attn.k_layernorm", "blk.#.attn_k_norm", copy, never, maybe},
    {"layers.#.conv.in_proj", "blk.#.shortconv.in_proj", copy, never, maybe},
    {"layers.#.conv.conv", "blk.#.shortconv.conv", squeeze, never, maybe},
    {"layers.#.conv.out_proj", "blk.#.shortconv.out_proj", copy, never, maybe},
    {"layers.#.feed_forward.w1", "blk.#.ffn_gate", copy, never, maybe},
    {"layers.#.feed_forward.w3", "blk.#.ffn_up", copy, never, maybe},
    {"layers.#.feed_forward.w2", "blk.#.ffn_down", copy, never, maybe}};
constexpr TensorRule lfm2_experts[] = {
    {"layers.#.feed_forward.gate", "blk.#.ffn_gate_inp", copy, never, maybe},
    {"layers.#.feed_forward.expert_bias", "blk.#.exp_probs_b.bias", copy, never, maybe, true},
    {"layers.#.feed_forward.experts.*.w1", "blk.#.ffn_gate_exps", copy, never, maybe},
    {"layers.#.feed_forward.experts.*.w3", "blk.#.ffn_up_exps", copy, never, maybe},
    {"layers.#.feed_forward.experts.*.w2", "blk.#.ffn_down_exps", copy, never, maybe}};
constexpr KeyRule lfm2_keys[] = {{"conv_L_cache", "shortconv.l_cache", count}};
constexpr KeyRule lfm2_moe_keys[] = {{"intermediate_size", "feed_forward_length", count},
                                     {"num_dense_layers", "leading_dense_block_count", count},
                                     {"num_experts", "expert_count", count},
                                     {"num_experts_per_tok", "expert_used_count", count},
                                     {"moe_intermediate_size", "expert_feed_forward_length", count}};
constexpr Expectation lfm2_switches[] = {{"conv_bias", "false|null"}};
constexpr Expectation lfm2_moe_switches[] = {{"norm_topk_prob", "true|null"},
                                             {"routed_scaling_factor", "1|null"}};

constexpr std::string_view lfm2_defaults =
    R"({"tie_word_embeddings":true,"norm_eps":1e-5,"rope_theta":1000000,"block_multiple_of":256})";

// Layers without key-value heads are convolutions.
void write_lfm2_layers(Conversion& c) {
  const bool tied = c.config.flag_or("tie_word_embeddings", true);
  if (c.config.flag_or("tie_embedding", tied) != tied)  // the same under its older name
    c.config.unsupported("tie_embedding", tied ? "false" : "true", "what 'tie_word_embeddings' says");
  const auto n_kv_heads = static_cast<std::int32_t>(c.n_kv_heads);
  std::vector<std::int32_t> kv_heads;
  const auto types = c.config.find("layer_types");
  if (types && types->is_array()) {
    for (const formats::JsonValue type : types->elements()) {
      if (type.string() != "full_attention" && type.string() != "conv")
        return c.config.unsupported("layer_types", type.description(), "'full_attention' or 'conv'");
      kv_heads.push_back(type.string() == "conv" ? 0 : n_kv_heads);
    }
  } else if (c.config.has("full_attn_idxs")) {  // the older form
    const std::vector<double> attention = c.config.numbers("full_attn_idxs");
    for (std::uint32_t n = 0; n < c.n_layers; ++n)
      kv_heads.push_back(std::ranges::find(attention, n) == attention.end() ? 0 : n_kv_heads);
  }
  if (kv_heads.size() != c.n_layers)
    return c.config.wrong("layer_types", formats::cat("the kind of each of ", c.n_layers, " layers"));
  c.set("attention.head_count_kv", kv_heads);
}

// The width may be told as that of a plain FFN, of which a gated one has two thirds, rounded up.
void write_dense(Conversion& c) {
  write_lfm2_layers(c);
  std::uint64_t hidden =
      c.config.has("block_ff_dim") ? c.config.size("block_ff_dim") : c.config.size("intermediate_size");
  if (c.config.flag_or("block_auto_adjust_ff_dim", true)) {
    hidden = 2 * hidden / 3;
    if (c.config.has("block_ffn_dim_multiplier")) {
      const double scaled = c.config.number("block_ffn_dim_multiplier") * double(hidden);
      if (!(scaled >= 1 && scaled <= INT32_MAX))
        return c.config.wrong("block_ffn_dim_multiplier", "a factor that gives a width of 1 to 2^31 - 1");
      const std::uint64_t multiple = c.config.size("block_multiple_of");
      hidden = (static_cast<std::uint64_t>(scaled) + multiple - 1) / multiple * multiple;
    }
  }
  c.set("feed_forward_length", static_cast<std::uint32_t>(hidden));
}

void write_moe(Conversion& c) {
  write_lfm2_layers(c);
  constexpr std::uint32_t sigmoid = 2;
  c.set("expert_gating_func", sigmoid);
}

}  // namespace

FamilyRule lfm2_rule() {
  return {.names = {"Lfm2ForCausalLM"},
          .architecture = "lfm2",
          .tensors = {lfm2_layers},
          .keys = {lfm2_keys},
          .expected = {lfm2_switches},
          .sizes = {.hidden = "", .epsilon = "norm_eps"},
          .defaults = lfm2_defaults,
          .mixed_layers = true,
          .more = write_dense};
}

FamilyRule lfm2_moe_rule() {
  return {.names = {"Lfm2MoeForCausalLM"},
          .architecture = "lfm2moe",
          .tensors = {lfm2_layers, lfm2_experts},
          .keys = {lfm2_keys, lfm2_moe_keys},
          .expected = {lfm2_switches, lfm2_moe_switches},
          .sizes = {.hidden = "", .epsilon = "norm_eps"},
          .defaults = lfm2_defaults,
          .mixed_layers = true,
          .more = write_moe};
}

}  // namespace quern::detail::checkpoints
