// Checkpoints of DeepSeek V2 and V3 and of what is built like them: latent attention, whose joint matrix of
// keys and values is written as two, and experts behind the first layers.
#include "formats/try.h"
#include "src/convert/shared_rules.h"
#include "src/convert/weights.h"

namespace quern::detail::checkpoints {
namespace {

using formats::cat;

constexpr TensorRule latent_attention[] = {{"layers.#.self_attn.kv_a_proj_with_mqa", "blk.#.attn_kv_a_mqa"},
                                           {"layers.#.self_attn.kv_a_layernorm", "blk.#.attn_kv_a_norm"},
                                           {"layers.#.self_attn.kv_b_proj", "blk.#.attn_k_b", fitted},
                                           {"layers.#.self_attn.kv_b_proj", "blk.#.attn_v_b", fitted},
                                           {"layers.#.self_attn.o_proj", "blk.#.attn_output"}};
constexpr TensorRule low_rank_q[] = {{"layers.#.self_attn.q_a_proj", "blk.#.attn_q_a"},
                                     {"layers.#.self_attn.q_a_layernorm", "blk.#.attn_q_a_norm"},
                                     {"layers.#.self_attn.q_b_proj", "blk.#.attn_q_b"}};
constexpr TensorRule direct_q[] = {{"layers.#.self_attn.q_proj", "blk.#.attn_q"}};
constexpr TensorRule deepseek_shared_experts[] = {
    {"layers.#.mlp.shared_experts.gate_proj", "blk.#.ffn_gate_shexp"},
    {"layers.#.mlp.shared_experts.up_proj", "blk.#.ffn_up_shexp"},
    {"layers.#.mlp.shared_experts.down_proj", "blk.#.ffn_down_shexp"}};
constexpr TensorRule selection_bias[] = {
    {"layers.#.mlp.gate.e_score_correction_bias", "blk.#.exp_probs_b.bias", copy, never, always, true}};
constexpr KeyRule deepseek_keys[] = {{"kv_lora_rank", "attention.kv_lora_rank", count},
                                     {"q_lora_rank", "attention.q_lora_rank", count, true},
                                     {"v_head_dim", "attention.value_length_mla", count},
                                     {"n_routed_experts", "expert_count", count},
                                     {"num_experts_per_tok", "expert_used_count", count},
                                     {"moe_intermediate_size", "expert_feed_forward_length", count},
                                     {"routed_scaling_factor", "expert_weights_scale", number}};
constexpr Expectation deepseek_switches[] = {{"hidden_act", "silu|swish|null"},
                                             {"attention_bias", "false|null"},
                                             {"moe_layer_freq", "1|null"},
                                             {"rope_interleave", "true|null"}};
// V2 multiplies weights that it does not renormalise, and ranks groups of experts by their best one alone.
constexpr Expectation v2_switches[] = {{"scoring_func", "softmax|null"}, {"norm_topk_prob", "false|null"}};
constexpr Expectation v3_switches[] = {{"scoring_func", "sigmoid|null"}, {"topk_method", "noaux_tc|null"}};

constexpr std::string_view v2_defaults = R"({"routed_scaling_factor":1,"first_k_dense_replace":0})";
constexpr std::string_view v3_defaults = R"({"routed_scaling_factor":2.5,"first_k_dense_replace":3,
    "norm_topk_prob":true,"n_group":8,"topk_group":4})";

struct HeadDims {
  std::uint64_t n_nope, n_rot, v, latent;
};
HeadDims head_dims(Config& config) {
  return {config.size("qk_nope_head_dim"), config.size("qk_rope_head_dim"), config.size("v_head_dim"),
          config.size("kv_lora_rank")};
}

// The usual keys describe what is cached: one head of the latent and the rotated values.
void write_latent_attention(Conversion& c) {
  constexpr std::uint64_t max_dim = 1u << 14;
  const HeadDims d = head_dims(c.config);
  for (const char* key : {"qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim", "kv_lora_rank"})
    if (c.config.size(key) > max_dim) return c.config.wrong(key, cat("up to ", max_dim, " values"));
  c.set("attention.head_count_kv", std::uint32_t{1});
  c.set("attention.key_length", static_cast<std::uint32_t>(d.latent + d.n_rot));
  c.set("attention.value_length", static_cast<std::uint32_t>(d.latent));
  c.set("attention.key_length_mla", static_cast<std::uint32_t>(d.n_nope + d.n_rot));
  c.rules.push_back({c.config.has("q_lora_rank") ? std::span<const TensorRule>(low_rank_q) : direct_q});
  c.head_dim = static_cast<std::uint32_t>(d.n_rot);  // of which the rotation takes all
  write_rope(c);
}

void write_experts(Conversion& c) {
  const std::uint32_t n_dense = c.config.size_or("first_k_dense_replace", 0),
                      n_shared = c.config.size_or("n_shared_experts", 0);
  c.set("leading_dense_block_count", n_dense);
  c.set("expert_weights_norm", c.config.flag_or("norm_topk_prob", false));
  c.rules.push_back({gated_ffn, 0, n_dense});
  c.rules.push_back({mlp_experts, n_dense});
  if (n_shared == 0) return;
  c.set("expert_shared_count", n_shared);
  c.rules.push_back({deepseek_shared_experts, n_dense});
}

void write_v2(Conversion& c) {
  write_latent_attention(c);
  write_experts(c);
  c.config.expect("topk_method",
                  c.config.size_or("n_group", 1) == 1 ? "greedy|group_limited_greedy|null" : "greedy|null");
}

void write_v3(Conversion& c) {
  constexpr std::uint32_t sigmoid = 2, max_ahead = 64;
  write_latent_attention(c);
  write_experts(c);
  c.set("expert_gating_func", sigmoid);
  c.rules.push_back({selection_bias, c.config.size_or("first_k_dense_replace", 0)});
  const std::uint32_t n_groups = c.config.size("n_group"), n_experts = c.config.size("n_routed_experts");
  if (n_experts % n_groups != 0) c.config.wrong("n_group", cat("a divisor of the ", n_experts, " experts"));
  if (n_groups > 1) {
    c.set("expert_group_count", n_groups);
    c.set("expert_group_used_count", c.config.size("topk_group"));
  }
  const std::uint32_t n_ahead = c.config.size_or("num_nextn_predict_layers", 0);
  if (n_ahead > max_ahead) return c.config.wrong("num_nextn_predict_layers", cat("up to ", max_ahead));
  for (std::uint32_t n = 0; n < n_ahead; ++n)
    c.left_out.push_back(cat("model.layers.", std::uint64_t{c.n_layers} + n, "."));
}

// Per head the rows of k and then those of v. Those of k are written as columns: the query goes through them
// to the latent, not the latent to the keys.
Result<void> fit_keys_and_values(Conversion& c, std::string_view to, OutputTensor& tensor) {
  const HeadDims d = head_dims(c.config);
  const std::uint64_t rows = (d.n_nope + d.v) * c.n_heads;
  if (tensor.dims != std::vector<std::uint64_t>{d.latent, rows}) {
    return wrong_shape(*tensor.parts.front(),
                       cat("[", rows, ", ", d.latent, "], (qk_nope_head_dim + v_head_dim) * ",
                           "num_attention_heads by kv_lora_rank"));
  }
  Gather gather{.stored_elements = (d.n_nope + d.v) * d.latent};
  if (to == "blk.#.attn_k_b") {
    tensor.dims = {d.n_nope, d.latent, c.n_heads};
    gather.row_step = 1;
    gather.col_step = d.latent;
  } else {
    tensor.dims = {d.latent, d.v, c.n_heads};
    gather.first = d.n_nope * d.latent;
    gather.row_step = d.latent;
    gather.col_step = 1;
  }
  gather.slice_rows = tensor.dims[1];
  tensor.gather = gather;
  return {};
}

FamilyRule deepseek_rule(std::string_view name, std::span<const Expectation> expected,
                         std::string_view defaults, void (*more)(Conversion&)) {
  return {.names = {name},
          .architecture = "deepseek2",
          .tensors = {frame, pre_norms, latent_attention},
          .keys = {deepseek_keys},
          .expected = {deepseek_switches, expected},
          .defaults = defaults,
          .rope = {.rotates = false, .latent = true},
          .more = more,
          .fit = fit_keys_and_values};
}

}  // namespace

FamilyRule deepseek_v2_rule() {
  return deepseek_rule("DeepseekV2ForCausalLM", v2_switches, v2_defaults, write_v2);
}
FamilyRule deepseek_v3_rule() {
  return deepseek_rule("DeepseekV3ForCausalLM", v3_switches, v3_defaults, write_v3);
}

}  // namespace quern::detail::checkpoints
