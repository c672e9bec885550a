#pragma once
// mamba2 and falcon-h1, and mpt: how their golden models would have been called.
#include "src/base/math.h"
#include "tests/convert/hf_folder.h"

namespace quern::test {

/// Every value divided by the factor that config.json names: powers of two, so that nothing is rounded.
inline Name divided(std::string gguf, std::string hf, float factor) {
  return {std::move(gguf), std::move(hf), Undo::copy, [factor](const std::vector<HfTensor>& found) {
            HfTensor t = found.front();
            for (float& value : t.values) value /= factor;
            return t;
          }};
}

/// A matrix of one column, or with a row for each group, as the vector it was.
inline HfTensor flat(const std::vector<HfTensor>& found) {
  return {{found.front().values.size()}, found.front().values};
}

inline float decay_logarithm(float a) { return static_cast<float>(detail::ln(-double(a))); }
inline HfTensor decay_logarithms(const std::vector<HfTensor>& found) {
  HfTensor t = flat(found);
  for (float& value : t.values) value = decay_logarithm(value);
  return t;
}
inline float decay_there_and_back(float a) {
  return static_cast<float>(-detail::exp(double(decay_logarithm(a))));
}

inline std::vector<Name> state_space_names(const std::string& b, const std::string& mixer) {
  return {{b + "ssm_conv1d", mixer + "conv1d", Undo::middle_dim},
          {b + "ssm_dt.bias", mixer + "dt_bias"},
          {b + "ssm_a", mixer + "A_log", Undo::copy, decay_logarithms, decay_there_and_back},
          {b + "ssm_d", mixer + "D", Undo::copy, flat},
          {b + "ssm_norm", mixer + "norm", Undo::copy, flat}};
}

inline Dialect mamba2_dialect() {
  const std::string b = "blk.#.", l = "backbone.layers.#.";
  std::vector<Name> names = state_space_names(b, l + "mixer.");
  for (const auto& [gguf, hf] :
       {std::pair{"ssm_in", "mixer.in_proj"}, {"ssm_out", "mixer.out_proj"}, {"attn_norm", "norm"}})
    names.push_back({b + gguf, l + hf});
  names.push_back({"token_embd", "backbone.embeddings"});
  names.push_back({"output_norm", "backbone.norm_f"});
  return {"Mamba2ForCausalLM",
          names,
          {{"layer_norm_epsilon", 0.001},
           {"conv_kernel", 4},
           {"state_size", 16},
           {"num_heads", 8},
           {"num_attention_heads", nullptr},
           {"head_dim", 16},
           {"n_groups", 2},
           {"expand", 2},
           {"use_bias", false},
           {"use_conv_bias", true},
           {"rms_norm", true},
           {"norm_before_gate", true},
           {"time_step_limit", {0.0, {{"__float__", "Infinity"}}}}}};
}

/// With a factor of its own at each place where the family has one.
inline Dialect falcon_h1_dialect() {
  const std::string b = "blk.#.", l = "model.layers.#.", attention = l + "self_attn.", mamba = l + "mamba.";
  const float in = 0.5f, out = 4, key = 0.25f, ssm_in = 2, ssm_out = 0.125f, gate = 8, down = 0.0625f,
              embed = 16, head = 0.03125f;
  const std::vector<float> ssm = {32, 0.5f, 4, 0.25f, 64};
  std::vector<Name> names = state_space_names(b, mamba);
  names.push_back(divided("token_embd", "model.embed_tokens", embed));
  names.push_back(divided("output", "lm_head", head));
  names.push_back(divided(b + "attn_q", attention + "q_proj", in));
  names.push_back(divided(b + "attn_k", attention + "k_proj", in * key));
  names.push_back(divided(b + "attn_v", attention + "v_proj", in));
  names.push_back(divided(b + "attn_output", attention + "o_proj", out));
  names.push_back(divided(b + "ssm_out", mamba + "out_proj", ssm_out));
  names.push_back(divided(b + "ffn_gate", l + "feed_forward.gate_proj", gate));
  names.push_back(divided(b + "ffn_down", l + "feed_forward.down_proj", down));
  names.push_back({b + "ffn_up", l + "feed_forward.up_proj"});
  names.push_back({b + "attn_norm", l + "input_layernorm"});
  names.push_back({b + "ffn_norm", l + "pre_ff_layernorm.weight"});
  names.push_back({"output_norm", "model.final_layernorm"});
  names.push_back({b + "ssm_in", mamba + "in_proj", Undo::copy, [=](const std::vector<HfTensor>& found) {
                     HfTensor t = found.front();
                     const std::size_t ends[] = {64, 128, 144, 160, 164}, cols = t.shape[1];
                     for (std::size_t i = 0, part = 0; i < t.values.size(); ++i) {
                       if (i / cols == ends[part]) ++part;
                       t.values[i] /= ssm_in * ssm[part];
                     }
                     return t;
                   }});
  return {"FalconH1ForCausalLM",
          names,
          {{"mamba_d_ssm", 64},
           {"mamba_d_state", 16},
           {"mamba_n_heads", 4},
           {"mamba_d_head", 16},
           {"mamba_n_groups", 1},
           {"mamba_d_conv", 4},
           {"mamba_rms_norm", false},
           {"embedding_multiplier", embed},
           {"lm_head_multiplier", head},
           {"attention_in_multiplier", in},
           {"attention_out_multiplier", out},
           {"key_multiplier", key},
           {"ssm_in_multiplier", ssm_in},
           {"ssm_out_multiplier", ssm_out},
           {"ssm_multipliers", ssm},
           {"mlp_multipliers", {gate, down}}}};
}

inline Dialect mpt_dialect() {
  const std::string b = "blk.#.", l = "transformer.blocks.#.";
  return {"MPTForCausalLM",
          {{"token_embd", "transformer.wte"},
           {"output_norm", "transformer.norm_f"},
           {b + "attn_norm", l + "norm_1"},
           {b + "attn_qkv", l + "attn.Wqkv"},
           {b + "attn_output", l + "attn.out_proj"},
           {b + "ffn_norm", l + "norm_2"},
           {b + "ffn_up", l + "ffn.up_proj"},
           {b + "ffn_down", l + "ffn.down_proj"}},
          {{"d_model", 96},
           {"n_heads", 6},
           {"n_layers", 3},
           {"max_seq_len", 512},
           {"expansion_ratio", 128.0 / 96},
           {"layer_norm_epsilon", 0.001},
           {"no_bias", true},
           {"learned_pos_emb", true},
           {"norm_type", "low_precision_layernorm"},
           {"attn_config",
            {{"alibi", true},
             {"alibi_bias_max", 8},
             {"attn_type", "multihead_attention"},
             {"attn_impl", "torch"},
             {"clip_qkv", 1.5},
             {"prefix_lm", false},
             {"qk_ln", false},
             {"softmax_scale", nullptr}}}}};
}

inline void add_state_space_dialects(std::map<std::string, Dialect>& d) {
  d["mamba2"] = mamba2_dialect();
  d["falcon-h1"] = falcon_h1_dialect();
  d["mpt"] = mpt_dialect();
}

}  // namespace quern::test
