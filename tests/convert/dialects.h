#pragma once
// How each golden model would have been called by the library that trains its family.
#include <cmath>

#include "tests/convert/dialects_delta_net.h"
#include "tests/convert/dialects_encoders.h"
#include "tests/convert/dialects_experts.h"
#include "tests/convert/dialects_state_space.h"
#include "tests/convert/dialects_t5.h"
#include "tests/convert/hf_folder.h"

namespace quern::test {

inline std::vector<Name> joined(std::initializer_list<std::vector<Name>> lists) {
  std::vector<Name> all;
  for (const auto& list : lists) all.insert(all.end(), list.begin(), list.end());
  return all;
}

inline std::map<std::string, Dialect> dialects() {
  using enum Undo;
  const std::vector<Name> frame = {
      {"token_embd", "model.embed_tokens"}, {"output_norm", "model.norm"}, {"output", "lm_head"}};
  const std::string l = "model.layers.#.", b = "blk.#.";
  const std::vector<Name> pre = {{b + "attn_norm", l + "input_layernorm"},
                                 {b + "ffn_norm", l + "post_attention_layernorm"}};
  const std::vector<Name> post = {{b + "post_attention_norm", l + "post_attention_layernorm"},
                                  {b + "post_ffw_norm", l + "post_feedforward_layernorm"}};
  const auto attention = [&](Undo qk) {
    return std::vector<Name>{{b + "attn_q", l + "self_attn.q_proj", qk},
                             {b + "attn_k", l + "self_attn.k_proj", qk},
                             {b + "attn_v", l + "self_attn.v_proj"},
                             {b + "attn_output", l + "self_attn.o_proj"}};
  };
  const std::vector<Name> qk_norms = {{b + "attn_q_norm", l + "self_attn.q_norm"},
                                      {b + "attn_k_norm", l + "self_attn.k_norm"}};
  const std::vector<Name> ffn = {{b + "ffn_gate", l + "mlp.gate_proj"},
                                 {b + "ffn_up", l + "mlp.up_proj"},
                                 {b + "ffn_down", l + "mlp.down_proj"}};
  const std::vector<Name> experts = {{b + "ffn_gate_inp", l + "mlp.gate"},
                                     {b + "ffn_gate_exps", l + "mlp.experts.*.gate_proj", parts},
                                     {b + "ffn_up_exps", l + "mlp.experts.*.up_proj", parts},
                                     {b + "ffn_down_exps", l + "mlp.experts.*.down_proj", parts}};
  const auto llama = joined({frame, pre, attention(halves), ffn});
  const auto plain = joined({frame, pre, attention(copy), ffn});
  const json gelu = {{"hidden_act", "gelu_pytorch_tanh"}};
  const json none = json::object();
  const auto rope = [](const json& scaling) { return json{{"rope_scaling", scaling}}; };

  std::map<std::string, Dialect> d;
  d["llama"] = {"LlamaForCausalLM", llama, none};
  d["smollm"] = d["llama-headdim-bias"] = d["llama"];
  d["llama-linear"] = {"LlamaForCausalLM", llama, rope({{"type", "linear"}, {"factor", 4.0}})};
  d["llama-yarn"] = {"MistralForCausalLM", llama,
                     rope({{"rope_type", "yarn"},
                           {"factor", 4.0},
                           {"original_max_position_embeddings", 32},
                           {"beta_fast", 32},
                           {"beta_slow", 1}})};
  const auto llama3 = [&](double factor) {
    return rope({{"rope_type", "llama3"},
                 {"factor", factor},
                 {"low_freq_factor", 1.0},
                 {"high_freq_factor", 4.0},
                 {"original_max_position_embeddings", 64}});
  };
  d["llama-rope-factors"] = {"LlamaForCausalLM", llama, llama3(8)};
  d["mixtral"] = {"MixtralForCausalLM",
                  joined({frame,
                          pre,
                          attention(halves),
                          {{b + "ffn_gate_inp", l + "block_sparse_moe.gate"},
                           {b + "ffn_gate_exps", l + "block_sparse_moe.experts.*.w1", parts},
                           {b + "ffn_up_exps", l + "block_sparse_moe.experts.*.w3", parts},
                           {b + "ffn_down_exps", l + "block_sparse_moe.experts.*.w2", parts}}}),
                  {{"num_local_experts", 8}, {"num_experts_per_tok", 2}, {"sliding_window", nullptr}}};
  d["internlm2"] = {"InternLM2ForCausalLM",
                    {{"token_embd", "model.tok_embeddings"},
                     {"output_norm", "model.norm"},
                     {"output", "output"},
                     {b + "attn_norm", l + "attention_norm"},
                     {b + "ffn_norm", l + "ffn_norm"},
                     {b + "attn_q+" + b + "attn_k+" + b + "attn_v", l + "attention.wqkv", join_groups},
                     {b + "attn_output", l + "attention.wo"},
                     {b + "ffn_gate", l + "feed_forward.w1"},
                     {b + "ffn_up", l + "feed_forward.w3"},
                     {b + "ffn_down", l + "feed_forward.w2"}},
                    {{"bias", false}}};
  d["smollm3"] = {
      "SmolLM3ForCausalLM", llama, {{"no_rope_layers", {1, 1, 1, 0, 1}}, {"use_sliding_window", false}}};
  const json granite = {{"embedding_multiplier", 3.0},
                        {"attention_multiplier", 0.15000000596046448},
                        {"residual_multiplier", 0.5},
                        {"logits_scaling", 6.0}};
  d["granite"] = {"GraniteForCausalLM", llama, granite};
  json granite_moe = granite;
  granite_moe.update(
      {{"num_local_experts", 6}, {"num_experts_per_tok", 3}, {"shared_intermediate_size", 96}});
  d["granitemoe"] = {
      "GraniteMoeSharedForCausalLM",
      joined({frame,
              pre,
              attention(halves),
              {{b + "ffn_gate_inp", l + "block_sparse_moe.router.layer"},
               {b + "ffn_gate_exps+" + b + "ffn_up_exps", l + "block_sparse_moe.input_linear", join_rows},
               {b + "ffn_down_exps", l + "block_sparse_moe.output_linear"},
               {b + "ffn_gate_shexp+" + b + "ffn_up_shexp", l + "shared_mlp.input_linear", join_rows},
               {b + "ffn_down_shexp", l + "shared_mlp.output_linear"}}}),
      granite_moe};
  d["qwen2"] = {"Qwen2ForCausalLM",
                plain,
                {{"use_sliding_window", false}, {"sliding_window", 32}, {"max_window_layers", 3}}};
  d["qwen2moe"] = {"Qwen2MoeForCausalLM",
                   joined({frame,
                           pre,
                           attention(copy),
                           experts,
                           {{b + "ffn_gate_shexp", l + "mlp.shared_expert.gate_proj"},
                            {b + "ffn_up_shexp", l + "mlp.shared_expert.up_proj"},
                            {b + "ffn_down_shexp", l + "mlp.shared_expert.down_proj"},
                            {b + "ffn_gate_inp_shexp", l + "mlp.shared_expert_gate", extra_dim}}}),
                   {{"num_experts", 6},
                    {"num_experts_per_tok", 2},
                    {"moe_intermediate_size", 32},
                    {"shared_expert_intermediate_size", 96},
                    {"norm_topk_prob", false},
                    {"decoder_sparse_step", 1},
                    {"mlp_only_layers", json::array()}}};
  d["qwen3"] = {"Qwen3ForCausalLM",
                joined({plain, qk_norms}),
                {{"layer_types", {"full_attention", "full_attention", "full_attention"}}}};
  d["qwen3moe"] = {"Qwen3MoeForCausalLM",
                   joined({frame, pre, attention(copy), qk_norms, experts}),
                   {{"num_experts", 8},
                    {"num_experts_per_tok", 2},
                    {"moe_intermediate_size", 32},
                    {"norm_topk_prob", true}}};
  const std::vector<Name> gemma_frame = {{"token_embd", "model.embed_tokens"},
                                         {"output_norm", "model.norm", less_one},
                                         {b + "attn_norm", l + "input_layernorm", less_one}};
  const std::vector<Name> around = {{b + "post_attention_norm", l + "post_attention_layernorm", less_one},
                                    {b + "ffn_norm", l + "pre_feedforward_layernorm", less_one},
                                    {b + "post_ffw_norm", l + "post_feedforward_layernorm", less_one}};
  json gemma_act = {{"hidden_act", "gelu_pytorch_tanh"}, {"hidden_activation", "gelu_pytorch_tanh"}};
  d["gemma"] = {
      "GemmaForCausalLM",
      joined(
          {gemma_frame, {{b + "ffn_norm", l + "post_attention_layernorm", less_one}}, attention(copy), ffn}),
      gemma_act};
  json gemma2 = gemma_act, gemma3 = gemma_act;
  gemma2.update({{"sliding_window", 16},
                 {"attn_logit_softcapping", 4.0},
                 {"final_logit_softcapping", 8.0},
                 {"query_pre_attn_scalar", 32}});
  d["gemma2"] = {"Gemma2ForCausalLM", joined({gemma_frame, around, attention(copy), ffn}), gemma2};
  gemma3.update({{"sliding_window", 16},
                 {"query_pre_attn_scalar", 32},
                 {"sliding_window_pattern", 6},
                 {"rope_local_base_freq", 10000.0},
                 {"rope_scaling", {{"rope_type", "linear"}, {"factor", 8.0}}}});
  d["gemma3"] = {"Gemma3ForCausalLM",
                 joined({gemma_frame,
                         around,
                         attention(copy),
                         ffn,
                         {{b + "attn_q_norm", l + "self_attn.q_norm", less_one},
                          {b + "attn_k_norm", l + "self_attn.k_norm", less_one}}}),
                 gemma3};
  json embedding = gemma3;
  embedding.erase("rope_scaling");
  embedding["use_bidirectional_attention"] = true;
  std::vector<Name> bare = d["gemma3"].names;  // without the prefix "model."
  for (Name& name : bare) name.hf = name.hf.substr(name.hf.find("model.") == 0 ? 6 : 0);
  d["gemma-embedding"] = {"Gemma3TextModel", bare, embedding};
  const std::vector<Name> phi3 = {{b + "attn_qkv", l + "self_attn.qkv_proj"},
                                  {b + "attn_output", l + "self_attn.o_proj"},
                                  {b + "ffn_up", l + "mlp.gate_up_proj"},
                                  {b + "ffn_down", l + "mlp.down_proj"}};
  const auto longrope = [](int n) {
    json longs = json::array(), shorts = json::array();
    for (int i = 0; i < n; ++i) {
      longs.push_back(1 + 2.5 * i);
      shorts.push_back(1 + 0.15 * i);
    }
    return json{{"type", "longrope"},
                {"long_factor", longs},
                {"short_factor", shorts},
                {"attention_factor", 1.1901999711990356}};
  };
  d["phi3"] = {
      "Phi3ForCausalLM",
      joined({frame, pre, phi3}),
      {{"rope_scaling", longrope(8)}, {"original_max_position_embeddings", 512}, {"sliding_window", 8}}};
  d["phi3-long"] = {"Phi3ForCausalLM",
                    joined({frame, pre, phi3}),
                    {{"rope_scaling", longrope(6)},
                     {"original_max_position_embeddings", 64},
                     {"sliding_window", 8},
                     {"partial_rotary_factor", 0.75}}};
  d["olmo2"] = {"Olmo2ForCausalLM", joined({frame, attention(copy), qk_norms, post, ffn}), none};
  d["olmo3"] = {"Olmo3ForCausalLM",
                joined({frame, attention(copy), qk_norms, post, ffn}),
                {{"sliding_window", 16},
                 {"layer_types",
                  {"sliding_attention", "sliding_attention", "sliding_attention", "full_attention",
                   "sliding_attention"}},
                 {"rope_scaling",
                  {{"rope_type", "yarn"},
                   {"factor", 8.0},
                   {"original_max_position_embeddings", 64},
                   {"attention_factor", 1.2079441547393799 * (1 + 0.1 * std::log(8.0))}}}}};
  d["exaone4"] = {"Exaone4ForCausalLM", joined({frame, attention(copy), qk_norms, post, ffn}), llama3(16)};
  const std::vector<Name> biased = {{b + "ffn_up", l + "mlp.c_fc"}, {b + "ffn_down", l + "mlp.c_proj"}};
  json starcoder2 = gelu;
  starcoder2.update({{"norm_epsilon", 0.001}, {"use_bias", true}, {"sliding_window", nullptr}});
  d["starcoder2"] = {"Starcoder2ForCausalLM", joined({frame, pre, attention(copy), biased}), starcoder2};
  const std::string h = "transformer.h.#.";
  d["gpt2"] = {"GPT2LMHeadModel",
               {{"token_embd", "transformer.wte"},
                {"position_embd", "transformer.wpe"},
                {"output_norm", "transformer.ln_f"},
                {"output", "lm_head"},
                {b + "attn_norm", h + "ln_1"},
                {b + "attn_qkv", h + "attn.c_attn", transpose},
                {b + "attn_output", h + "attn.c_proj", transpose},
                {b + "ffn_norm", h + "ln_2"},
                {b + "ffn_up", h + "mlp.c_fc", transpose},
                {b + "ffn_down", h + "mlp.c_proj", transpose}},
               {{"n_embd", 64},
                {"n_layer", 3},
                {"n_head", 4},
                {"n_positions", 256},
                {"n_inner", nullptr},
                {"layer_norm_epsilon", 0.001},
                {"activation_function", "gelu_new"}}};
  const std::string g = "gpt_neox.layers.#.";
  const std::vector<Name> neox = {{"token_embd", "gpt_neox.embed_in"},
                                  {"output_norm", "gpt_neox.final_layer_norm"},
                                  {"output", "embed_out"},
                                  {b + "attn_norm", g + "input_layernorm"},
                                  {b + "ffn_norm", g + "post_attention_layernorm"},
                                  {b + "attn_qkv", g + "attention.query_key_value", regroup},
                                  {b + "attn_output", g + "attention.dense"},
                                  {b + "ffn_up", g + "mlp.dense_h_to_4h"},
                                  {b + "ffn_down", g + "mlp.dense_4h_to_h"}};
  d["gptneox"] = {"GPTNeoXForCausalLM",
                  neox,
                  {{"hidden_act", "gelu"}, {"use_parallel_residual", true}, {"rotary_pct", 0.25}}};
  d["gptneox-seq"] = {"GPTNeoXForCausalLM",
                      neox,
                      {{"hidden_act", "gelu"}, {"use_parallel_residual", false}, {"rotary_pct", 1.0}}};
  const auto falcon = [&](std::vector<Name> norms) {
    return joined({{{"token_embd", "transformer.word_embeddings"},
                    {"output_norm", "transformer.ln_f"},
                    {"output", "lm_head"},
                    {b + "attn_qkv", h + "self_attention.query_key_value", regroup},
                    {b + "attn_output", h + "self_attention.dense"},
                    {b + "ffn_up", h + "mlp.dense_h_to_4h"},
                    {b + "ffn_down", h + "mlp.dense_4h_to_h"}},
                   std::move(norms)});
  };
  json falcon_config = {{"layer_norm_epsilon", 0.001},
                        {"ffn_hidden_size", 128},
                        {"multi_query", true},
                        {"new_decoder_architecture", false},
                        {"alibi", false},
                        {"bias", false},
                        {"parallel_attn", true}};
  d["falcon"] = {"FalconForCausalLM", falcon({{b + "attn_norm", h + "input_layernorm"}}), falcon_config};
  falcon_config.update({{"new_decoder_architecture", true}, {"num_kv_heads", 2}});
  d["falcon-40b"] = {"FalconForCausalLM",
                     falcon({{b + "attn_norm", h + "ln_mlp"}, {b + "attn_norm_2", h + "ln_attn"}}),
                     falcon_config};
  const auto stablelm = joined({plain,
                                {{b + "attn_q_norm", l + "self_attn.q_layernorm.norms.*", parts},
                                 {b + "attn_k_norm", l + "self_attn.k_layernorm.norms.*", parts}}});
  d["stablelm"] = {
      "StableLmForCausalLM", stablelm, {{"partial_rotary_factor", 0.25}, {"use_qkv_bias", true}}};
  d["stablelm-2-12b"] = {
      "StableLmForCausalLM",
      stablelm,
      {{"partial_rotary_factor", 0.25}, {"use_parallel_residual", true}, {"qk_layernorm", true}}};
  const auto cohere = joined({frame, {{b + "attn_norm", l + "input_layernorm"}}, attention(copy), ffn});
  d["command-r"] = {"CohereForCausalLM", cohere, {{"logit_scale", 0.25}, {"use_qk_norm", false}}};
  d["cohere2"] = {"Cohere2ForCausalLM",
                  cohere,
                  {{"logit_scale", 0.25}, {"sliding_window", 16}, {"sliding_window_pattern", 4}}};
  d["glm4"] = {"Glm4ForCausalLM",
               joined({frame,
                       attention(copy),
                       {{b + "attn_norm", l + "input_layernorm"},
                        {b + "post_attention_norm", l + "post_self_attn_layernorm"},
                        {b + "ffn_norm", l + "post_attention_layernorm"},
                        {b + "post_ffw_norm", l + "post_mlp_layernorm"},
                        {b + "ffn_up", l + "mlp.gate_up_proj"},
                        {b + "ffn_down", l + "mlp.down_proj"}}}),
               {{"partial_rotary_factor", 0.5}}};
  const std::string s = l + "self_attn.", f = l + "feed_forward.";
  const std::vector<Name> lfm2 = {{"token_embd", "model.embed_tokens"},
                                  {"token_embd_norm", "model.embedding_norm"},
                                  {"output", "lm_head"},
                                  {b + "attn_norm", l + "operator_norm"},
                                  {b + "ffn_norm", l + "ffn_norm"},
                                  {b + "attn_q", s + "q_proj"},
                                  {b + "attn_k", s + "k_proj"},
                                  {b + "attn_v", s + "v_proj"},
                                  {b + "attn_output", s + "out_proj"},
                                  {b + "attn_q_norm", s + "q_layernorm"},
                                  {b + "attn_k_norm", s + "k_layernorm"},
                                  {b + "shortconv.in_proj", l + "conv.in_proj"},
                                  {b + "shortconv.conv", l + "conv.conv", middle_dim},
                                  {b + "shortconv.out_proj", l + "conv.out_proj"},
                                  {b + "ffn_gate", f + "w1"},
                                  {b + "ffn_up", f + "w3"},
                                  {b + "ffn_down", f + "w2"}};
  const std::string c = "conv", a = "full_attention";
  d["lfm2"] = {"Lfm2ForCausalLM",
               lfm2,
               {{"norm_eps", 0.001},
                {"conv_L_cache", 3},
                {"num_key_value_heads", 2},
                {"layer_types", {c, c, a, c, a}},
                {"conv_bias", false},
                {"block_ff_dim", 150},
                {"block_ffn_dim_multiplier", 1.2},
                {"block_multiple_of", 64}}};
  d["lfm2moe"] = {"Lfm2MoeForCausalLM",
                  joined({lfm2,
                          {{b + "ffn_gate_inp", f + "gate"},
                           {b + "exp_probs_b.bias", f + "expert_bias"},
                           {b + "ffn_gate_exps", f + "experts.*.w1", parts},
                           {b + "ffn_up_exps", f + "experts.*.w3", parts},
                           {b + "ffn_down_exps", f + "experts.*.w2", parts}}}),
                  {{"norm_eps", 0.001},
                   {"conv_L_cache", 3},
                   {"num_key_value_heads", 1},
                   {"full_attn_idxs", {1, 3}},
                   {"num_dense_layers", 1},
                   {"num_experts", 6},
                   {"num_experts_per_tok", 2},
                   {"moe_intermediate_size", 16},
                   {"norm_topk_prob", true},
                   {"routed_scaling_factor", 1.0}}};
  add_encoder_dialects(d);
  add_t5_dialects(d);
  add_delta_net_dialects(d);
  const std::string e = "encoder.layer.#.";
  d["bert"] = {"BertModel",
               {{"token_embd", "embeddings.word_embeddings"},
                {"token_types", "embeddings.token_type_embeddings"},
                {"position_embd", "embeddings.position_embeddings"},
                {"token_embd_norm", "embeddings.LayerNorm"},
                {b + "attn_q", e + "attention.self.query"},
                {b + "attn_k", e + "attention.self.key"},
                {b + "attn_v", e + "attention.self.value"},
                {b + "attn_output", e + "attention.output.dense"},
                {b + "attn_output_norm", e + "attention.output.LayerNorm"},
                {b + "ffn_up", e + "intermediate.dense"},
                {b + "ffn_down", e + "output.dense"},
                {b + "layer_output_norm", e + "output.LayerNorm"}},
               {{"hidden_act", "gelu"}, {"type_vocab_size", 2}}};
  add_state_space_dialects(d);
  add_expert_dialects(d);
  return d;
}

}  // namespace quern::test
