#pragma once
// How the golden models with delta nets would have been called by the library that trains them.
#include "tests/convert/dialects_state_space.h"

namespace quern::test {

/// Of each delta net: key heads, value heads for each of them, values of a head.
struct DeltaShape {
  std::uint64_t key_heads, per_key_head, head_dim;
};

inline HfTensor rows_of(const HfTensor& in, std::uint64_t first, std::uint64_t n) {
  const std::uint64_t cols = row_length(in);
  HfTensor out{in.shape, {}};
  out.shape[0] = n;
  const auto begin = in.values.begin() + static_cast<std::ptrdiff_t>(first * cols);
  out.values.assign(begin, begin + static_cast<std::ptrdiff_t>(n * cols));
  return out;
}

/// qwen3next: by key head q, k, its v and its z.
inline HfTensor grouped_inputs(const std::vector<HfTensor>& found, const DeltaShape& s) {
  const std::uint64_t d = s.head_dim, wide = s.per_key_head * d, keys = s.key_heads * d;
  std::vector<HfTensor> pieces;
  for (std::uint64_t k = 0; k < s.key_heads; ++k) {
    pieces.push_back(rows_of(found[0], k * d, d));
    pieces.push_back(rows_of(found[0], keys + k * d, d));
    pieces.push_back(rows_of(found[0], 2 * keys + k * wide, wide));
    pieces.push_back(rows_of(found[1], k * wide, wide));
  }
  return joined_rows(pieces);
}

/// qwen35: rows of value heads, `size` each, from tiled to grouped, behind `n_before` others.
inline HfTensor untiled(const HfTensor& in, const DeltaShape& s, std::uint64_t n_before, std::uint64_t size) {
  return reordered(in, [&](std::uint64_t row) {
    if (row < n_before) return row;
    const std::uint64_t head = (row - n_before) / size, i = (row - n_before) % size;
    const std::uint64_t key_head = head / s.per_key_head, r = head % s.per_key_head;
    return n_before + (r * s.key_heads + key_head) * size + i;
  });
}

inline std::vector<Name> delta_net_names(bool grouped, const DeltaShape& s, const std::string& model) {
  const std::string b = "blk.#.", l = model + "layers.#.", delta = l + "linear_attn.", a = l + "self_attn.";
  const std::uint64_t d = s.head_dim, keys = 2 * s.key_heads * d;
  std::vector<Name> names = {{"token_embd", model + "embed_tokens"},
                             {"output_norm", model + "norm", Undo::less_one},
                             {"output", "lm_head"},
                             {b + "attn_norm", l + "input_layernorm", Undo::less_one},
                             {b + "post_attention_norm", l + "post_attention_layernorm", Undo::less_one},
                             {b + "attn_q", a + "q_proj"},
                             {b + "attn_k", a + "k_proj"},
                             {b + "attn_v", a + "v_proj"},
                             {b + "attn_output", a + "o_proj"},
                             {b + "attn_q_norm", a + "q_norm", Undo::less_one},
                             {b + "attn_k_norm", a + "k_norm", Undo::less_one},
                             {b + "ssm_norm", delta + "norm"}};
  if (grouped) {
    const std::vector<Name> more = {
        {b + "attn_qkv+" + b + "attn_gate", delta + "in_proj_qkvz", Undo::copy,
         [s](const std::vector<HfTensor>& found) {
           return found.size() == 2 ? grouped_inputs(found, s) : found.front();
         }},
        {b + "ssm_ba", delta + "in_proj_ba"},
        {b + "ssm_conv1d", delta + "conv1d", Undo::middle_dim},
        {b + "ssm_dt.bias", delta + "dt_bias"},
        {b + "ssm_a", delta + "A_log", Undo::copy, decay_logarithms, decay_there_and_back},
        {b + "ssm_out", delta + "out_proj"}};
    names.insert(names.end(), more.begin(), more.end());
    return names;
  }
  const auto heads = [s](std::uint64_t n_before, std::uint64_t size) {
    return [=](const std::vector<HfTensor>& found) { return untiled(found.front(), s, n_before, size); };
  };
  const std::vector<Name> more = {
      {b + "attn_qkv", delta + "in_proj_qkv", Undo::copy, heads(keys, d)},
      {b + "attn_gate", delta + "in_proj_z", Undo::copy, heads(0, d)},
      {b + "ssm_beta", delta + "in_proj_b", Undo::copy, heads(0, 1)},
      {b + "ssm_alpha", delta + "in_proj_a", Undo::copy, heads(0, 1)},
      {b + "ssm_conv1d", delta + "conv1d", Undo::middle_dim, heads(keys, d)},
      {b + "ssm_dt.bias", delta + "dt_bias", Undo::copy, heads(0, 1)},
      {b + "ssm_a", delta + "A_log", Undo::copy,
       [=](const std::vector<HfTensor>& found) { return heads(0, 1)({decay_logarithms(found)}); },
       decay_there_and_back},
      {b + "ssm_out", delta + "out_proj", Undo::copy, [s, d](const std::vector<HfTensor>& found) {
         return transposed(untiled(transposed(found.front()), s, 0, d));
       }}};
  names.insert(names.end(), more.begin(), more.end());
  return names;
}

inline void add_delta_net_dialects(std::map<std::string, Dialect>& d) {
  using enum Undo;
  const std::string b = "blk.#.";
  const auto shared_expert = [&](const std::string& l) {
    return std::vector<Name>{{b + "ffn_gate_inp", l + "mlp.gate"},
                             {b + "ffn_gate_shexp", l + "mlp.shared_expert.gate_proj"},
                             {b + "ffn_up_shexp", l + "mlp.shared_expert.up_proj"},
                             {b + "ffn_down_shexp", l + "mlp.shared_expert.down_proj"},
                             {b + "ffn_gate_inp_shexp", l + "mlp.shared_expert_gate", extra_dim}};
  };
  const auto add = [](std::vector<Name>& names, const std::vector<Name>& more) {
    names.insert(names.end(), more.begin(), more.end());
  };
  const auto sizes = [](const DeltaShape& s) {
    return json{{"linear_conv_kernel_dim", 4},
                {"linear_num_key_heads", s.key_heads},
                {"linear_num_value_heads", s.key_heads * s.per_key_head},
                {"linear_key_head_dim", s.head_dim},
                {"linear_value_head_dim", s.head_dim},
                {"attention_bias", false},
                {"full_attention_interval", 4}};
  };
  const DeltaShape shape = {2, 2, 16}, small = {2, 2, 8};
  {
    const std::string model = "model.", l = model + "layers.#.";
    std::vector<Name> names = delta_net_names(true, shape, model);
    add(names, shared_expert(l));
    add(names, {{b + "ffn_gate_exps", l + "mlp.experts.*.gate_proj", parts},
                {b + "ffn_up_exps", l + "mlp.experts.*.up_proj", parts},
                {b + "ffn_down_exps", l + "mlp.experts.*.down_proj", parts}});
    json config = sizes(shape);
    config.update({{"partial_rotary_factor", 0.5},
                   {"num_experts", 4},
                   {"num_experts_per_tok", 2},
                   {"moe_intermediate_size", 32},
                   {"shared_expert_intermediate_size", 32},
                   {"norm_topk_prob", true},
                   {"decoder_sparse_step", 1},
                   {"mlp_only_layers", json::array()}});
    d["qwen3next"] = {"Qwen3NextForCausalLM", names, config};
  }
  const std::string model = "model.language_model.", l = model + "layers.#.";
  const auto rope = [](const json& sections) {
    return json{{"rope_type", "default"},
                {"rope_theta", 1e6},
                {"partial_rotary_factor", 0.5},
                {"mrope_interleaved", true},
                {"mrope_section", sections}};
  };
  std::vector<Name> dense = delta_net_names(false, shape, model);
  add(dense, {{b + "ffn_gate", l + "mlp.gate_proj"},
              {b + "ffn_up", l + "mlp.up_proj"},
              {b + "ffn_down", l + "mlp.down_proj"}});
  const std::string near = "linear_attention", all = "full_attention";
  json config = sizes(shape);
  config.update({{"rope_parameters", rope({3, 3, 2})},
                 {"rope_theta", nullptr},
                 {"attn_output_gate", true},
                 {"layer_types", {near, near, near, all, near}}});
  d["qwen35"] = {"Qwen3_5ForConditionalGeneration", dense, config};
  // Experts as released: all in one tensor, gate and up too.
  std::vector<Name> experts = delta_net_names(false, small, model);
  add(experts, shared_expert(l));
  add(experts,
      {{b + "ffn_gate_exps.weight+" + b + "ffn_up_exps.weight", l + "mlp.experts.gate_up_proj", join_rows},
       {b + "ffn_down_exps.weight", l + "mlp.experts.down_proj"}});
  json moe = sizes(small);
  moe.update({{"rope_parameters", rope({2, 1, 1})},
              {"rope_theta", nullptr},
              {"num_experts", 6},
              {"num_experts_per_tok", 2},
              {"moe_intermediate_size", 16},
              {"shared_expert_intermediate_size", 24}});
  d["qwen35moe"] = {"Qwen3_5MoeForConditionalGeneration", experts, moe};
}

}  // namespace quern::test
