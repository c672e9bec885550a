#pragma once
// deepseek2 and gpt-oss: how their golden models would have been called.
#include "tests/convert/hf_folder.h"

namespace quern::test {

/// attn_k_b [heads, latent, nope] and attn_v_b [heads, v, latent] as one matrix: per head the rows of k, then
/// those of v.
inline HfTensor joint_kv(const std::vector<HfTensor>& found) {
  const HfTensor &k = found[0], &v = found[1];
  const std::uint64_t heads = k.shape[0], latent = k.shape[1], nope = k.shape[2], v_dim = v.shape[1];
  HfTensor out{{heads * (nope + v_dim), latent}, {}};
  for (std::uint64_t h = 0; h < heads; ++h) {
    for (std::uint64_t n = 0; n < nope; ++n)
      for (std::uint64_t j = 0; j < latent; ++j) out.values.push_back(k.values[(h * latent + j) * nope + n]);
    const auto first = v.values.begin() + static_cast<std::ptrdiff_t>(h * v_dim * latent);
    out.values.insert(out.values.end(), first, first + static_cast<std::ptrdiff_t>(v_dim * latent));
  }
  return out;
}

inline std::vector<Name> deepseek2_names() {
  const std::string b = "blk.#.", l = "model.layers.#.", a = l + "self_attn.", m = l + "mlp.";
  return {{"token_embd", "model.embed_tokens"},
          {"output_norm", "model.norm"},
          {"output", "lm_head"},
          {b + "attn_norm", l + "input_layernorm"},
          {b + "ffn_norm", l + "post_attention_layernorm"},
          {b + "attn_q", a + "q_proj"},
          {b + "attn_q_a", a + "q_a_proj"},
          {b + "attn_q_a_norm", a + "q_a_layernorm"},
          {b + "attn_q_b", a + "q_b_proj"},
          {b + "attn_kv_a_mqa", a + "kv_a_proj_with_mqa"},
          {b + "attn_kv_a_norm", a + "kv_a_layernorm"},
          {b + "attn_kv_b", a + "kv_b_proj"},
          {b + "attn_k_b.weight+" + b + "attn_v_b.weight", a + "kv_b_proj.weight", Undo::copy, joint_kv},
          {b + "attn_output", a + "o_proj"},
          {b + "ffn_gate", m + "gate_proj"},
          {b + "ffn_up", m + "up_proj"},
          {b + "ffn_down", m + "down_proj"},
          {b + "ffn_gate_inp", m + "gate"},
          {b + "exp_probs_b.bias", m + "gate.e_score_correction_bias"},
          {b + "ffn_gate_exps", m + "experts.*.gate_proj", Undo::parts},
          {b + "ffn_up_exps", m + "experts.*.up_proj", Undo::parts},
          {b + "ffn_down_exps", m + "experts.*.down_proj", Undo::parts},
          {b + "ffn_gate_shexp", m + "shared_experts.gate_proj"},
          {b + "ffn_up_shexp", m + "shared_experts.up_proj"},
          {b + "ffn_down_shexp", m + "shared_experts.down_proj"}};
}

inline json deepseek2_yarn() {
  return {{"type", "yarn"},         {"factor", 4.0},  {"original_max_position_embeddings", 64},
          {"beta_fast", 32},        {"beta_slow", 1}, {"mscale", 0.707},
          {"mscale_all_dim", 0.707}};
}

inline Dialect deepseek_v3_dialect() {
  return {"DeepseekV3ForCausalLM",
          deepseek2_names(),
          {{"num_key_value_heads", 4},
           {"head_dim", nullptr},
           {"q_lora_rank", 48},
           {"kv_lora_rank", 32},
           {"qk_nope_head_dim", 16},
           {"qk_rope_head_dim", 16},
           {"v_head_dim", 24},
           {"first_k_dense_replace", 1},
           {"moe_intermediate_size", 32},
           {"moe_layer_freq", 1},
           {"n_routed_experts", 8},
           {"n_shared_experts", 1},
           {"num_experts_per_tok", 3},
           {"n_group", 4},
           {"topk_group", 2},
           {"topk_method", "noaux_tc"},
           {"scoring_func", "sigmoid"},
           {"norm_topk_prob", true},
           {"routed_scaling_factor", 2.5},
           {"num_nextn_predict_layers", 1},
           {"rope_scaling", deepseek2_yarn()}}};
}

inline Dialect deepseek_v2_lite_dialect() {
  return {"DeepseekV2ForCausalLM",
          deepseek2_names(),
          {{"num_key_value_heads", 2},
           {"head_dim", nullptr},
           {"q_lora_rank", nullptr},
           {"kv_lora_rank", 16},
           {"qk_nope_head_dim", 8},
           {"qk_rope_head_dim", 8},
           {"v_head_dim", 8},
           {"first_k_dense_replace", 1},
           {"moe_intermediate_size", 32},
           {"n_routed_experts", 3},
           {"n_shared_experts", 2},
           {"num_experts_per_tok", 2},
           {"n_group", 1},
           {"topk_group", 1},
           {"topk_method", "greedy"},
           {"scoring_func", "softmax"},
           {"norm_topk_prob", false},
           {"routed_scaling_factor", 1.0},
           {"rope_scaling", deepseek2_yarn()}}};
}

/// Gates and ups in turn, [experts, columns, 2 * hidden]; of biases [experts, 2 * hidden].
inline HfTensor in_turn(const std::vector<HfTensor>& found) {
  const std::uint64_t experts = found[0].shape[0], hidden = found[0].shape[1],
                      cols = found[0].values.size() / experts / hidden;
  HfTensor out = found[0];
  out.shape = {experts, cols, 2 * hidden};
  if (found[0].shape.size() == 2) out.shape = {experts, 2 * hidden};
  out.values.resize(2 * found[0].values.size());
  for (std::uint64_t x = 0; x < experts; ++x)
    for (std::uint64_t f = 0; f < 2 * hidden; ++f)
      for (std::uint64_t c = 0; c < cols; ++c)
        out.values[(x * cols + c) * 2 * hidden + f] = found[f % 2].values[(x * hidden + f / 2) * cols + c];
  return out;
}

/// [experts, columns, rows]
inline HfTensor columns_first(const std::vector<HfTensor>& found) {
  HfTensor out = found[0];
  std::swap(out.shape[1], out.shape[2]);
  const std::uint64_t rows = found[0].shape[1], cols = found[0].shape[2];
  for (std::uint64_t i = 0; i < out.values.size(); ++i)
    out.values[(i / (rows * cols) * cols + i % cols) * rows + i / cols % rows] = found[0].values[i];
  return out;
}

/// The blocks of MXFP4 tensors, 17 bytes each, whose rows follow each other in turn.
inline std::vector<std::string> blocks_in_turn(const std::vector<HfTensor>& found) {
  std::vector<std::string> blocks;
  const std::uint64_t in_row = found[0].shape[2] / 32;
  for (std::uint64_t i = 0; i < found[0].bytes.size() / 17; i += in_row)
    for (const HfTensor& t : found)
      for (std::uint64_t k = i; k < i + in_row; ++k) blocks.push_back(t.bytes.substr(17 * k, 17));
  return blocks;
}
/// Neighbours in one byte.
inline HfTensor mxfp4_blocks(const std::vector<HfTensor>& found) {
  const auto& s = found[0].shape;
  HfTensor out{{s[0], s[1] * found.size(), s[2] / 32, 16}, {}, {}};
  for (const std::string& block : blocks_in_turn(found))
    for (std::size_t i = 0; i < 32; i += 2) {
      const auto code = [&](std::size_t k) {
        const auto byte = static_cast<unsigned char>(block[1 + k % 16]);
        return k < 16 ? byte & 15 : byte >> 4;
      };
      out.bytes += static_cast<char>(code(i) | code(i + 1) << 4);
    }
  return out;
}
inline HfTensor mxfp4_scales(const std::vector<HfTensor>& found) {
  const auto& s = found[0].shape;
  HfTensor out{{s[0], s[1] * found.size(), s[2] / 32}, {}, {}};
  for (const std::string& block : blocks_in_turn(found)) out.bytes += block[0];
  return out;
}

inline Dialect gpt_oss_dialect(bool mxfp4) {
  const std::string b = "blk.#.", l = "model.layers.#.", a = l + "self_attn.", e = l + "mlp.experts.";
  const std::string gate_up = b + "ffn_gate_exps.weight+" + b + "ffn_up_exps.weight";
  std::vector<Name> names = {
      {"token_embd", "model.embed_tokens"},
      {"output_norm", "model.norm"},
      {"output", "lm_head"},
      {b + "attn_norm", l + "input_layernorm"},
      {b + "attn_q", a + "q_proj"},
      {b + "attn_k", a + "k_proj"},
      {b + "attn_v", a + "v_proj"},
      {b + "attn_output", a + "o_proj"},
      {b + "attn_sinks.weight", a + "sinks"},
      {b + "post_attention_norm", l + "post_attention_layernorm"},
      {b + "ffn_gate_inp", l + "mlp.router"},
      {b + "ffn_gate_exps.bias+" + b + "ffn_up_exps.bias", e + "gate_up_proj_bias", Undo::copy, in_turn},
      {b + "ffn_down_exps.bias", e + "down_proj_bias"}};
  json types = json::array();
  for (int n = 0; n < (mxfp4 ? 3 : 4); ++n)
    types.push_back(n % 2 == 0 ? "sliding_attention" : "full_attention");
  json patch = {{"num_local_experts", mxfp4 ? 4 : 6},
                {"num_experts_per_tok", mxfp4 ? 2 : 3},
                {"sliding_window", 12},
                {"layer_types", types},
                {"attention_bias", true},
                {"swiglu_limit", 7.0},
                {"rope_scaling",
                 {{"rope_type", "yarn"},
                  {"factor", 8.0},
                  {"beta_fast", 32.0},
                  {"beta_slow", 1.0},
                  {"truncate", false},
                  {"original_max_position_embeddings", 64}}}};
  if (mxfp4) {
    names.push_back({gate_up, e + "gate_up_proj_blocks", Undo::copy, mxfp4_blocks});
    names.push_back({gate_up, e + "gate_up_proj_scales", Undo::copy, mxfp4_scales});
    names.push_back({b + "ffn_down_exps.weight", e + "down_proj_blocks", Undo::copy, mxfp4_blocks});
    names.push_back({b + "ffn_down_exps.weight", e + "down_proj_scales", Undo::copy, mxfp4_scales});
    patch["quantization_config"] = {{"quant_method", "mxfp4"}, {"modules_to_not_convert", {"lm_head"}}};
  } else {
    names.push_back({gate_up, e + "gate_up_proj", Undo::copy, in_turn});
    names.push_back({b + "ffn_down_exps.weight", e + "down_proj", Undo::copy, columns_first});
  }
  return {"GptOssForCausalLM", names, patch};
}

inline void add_expert_dialects(std::map<std::string, Dialect>& d) {
  d["deepseek2"] = deepseek_v3_dialect();
  d["gpt-oss"] = gpt_oss_dialect(false);
  d["gpt-oss-mxfp4"] = gpt_oss_dialect(true);
}

}  // namespace quern::test
