#pragma once
// How the golden encoders would have been called by the libraries that train them.
#include "tests/convert/hf_folder.h"

namespace quern::test {

inline void add_encoder_dialects(std::map<std::string, Dialect>& d) {
  using enum Undo;
  const std::string b = "blk.#.", e = "encoder.layer.#.", n = "encoder.layers.#.";
  std::vector<Name> bert = {{"token_embd", "embeddings.word_embeddings"},
                            {"token_types", "embeddings.token_type_embeddings"},
                            {"token_embd_norm", "embeddings.LayerNorm"},
                            {b + "attn_q", e + "attention.self.query"},
                            {b + "attn_k", e + "attention.self.key"},
                            {b + "attn_v", e + "attention.self.value"},
                            {b + "attn_output", e + "attention.output.dense"},
                            {b + "attn_output_norm", e + "attention.output.LayerNorm"}};
  std::vector<Name> jina = bert;
  bert.insert(bert.end(), {{"position_embd", "embeddings.position_embeddings"},
                           {b + "ffn_up", e + "intermediate.dense"},
                           {b + "ffn_down", e + "output.dense"},
                           {b + "layer_output_norm", e + "output.LayerNorm"}});
  d["bert"] = {"BertModel", bert, {{"hidden_act", "gelu"}, {"type_vocab_size", 2}}};
  jina.insert(jina.end(), {{b + "ffn_gate+" + b + "ffn_up", e + "mlp.gated_layers", join_rows},
                           {b + "ffn_down", e + "mlp.wo"},
                           {b + "layer_output_norm", e + "mlp.layernorm"}});
  d["jina-bert-v2"] = {"JinaBertForMaskedLM",
                       jina,
                       {{"hidden_act", "gelu"},
                        {"type_vocab_size", 2},
                        {"position_embedding_type", "alibi"},
                        {"feed_forward_type", "geglu"},
                        {"emb_pooler", "mean"}}};
  d["nomic-bert"] = {"NomicBertModel",
                     {{"token_embd", "embeddings.word_embeddings"},
                      {"token_types", "embeddings.token_type_embeddings"},
                      {"token_embd_norm", "emb_ln"},
                      {b + "attn_qkv", n + "attn.Wqkv"},
                      {b + "attn_output", n + "attn.out_proj"},
                      {b + "attn_output_norm", n + "norm1"},
                      {b + "ffn_up", n + "mlp.fc11"},
                      {b + "ffn_gate", n + "mlp.fc12"},
                      {b + "ffn_down", n + "mlp.fc2"},
                      {b + "layer_output_norm", n + "norm2"}},
                     {{"activation_function", "swiglu"},
                      {"causal", false},
                      {"layer_norm_epsilon", 0.001},
                      {"max_trained_positions", 256},
                      {"mlp_fc1_bias", false},
                      {"mlp_fc2_bias", false},
                      {"n_embd", 64},
                      {"n_head", 4},
                      {"n_inner", 96},
                      {"n_layer", 3},
                      {"n_positions", 256},
                      {"parallel_block", false},
                      {"prenorm", false},
                      {"qkv_proj_bias", false},
                      {"rotary_emb_base", 1000},
                      {"rotary_emb_fraction", 1.0},
                      {"rotary_emb_interleaved", false},
                      {"rotary_emb_scale_base", nullptr},
                      {"rotary_scaling_factor", nullptr},
                      {"type_vocab_size", 2},
                      {"use_rms_norm", false}}};
  const std::string l = "model.layers.#.";
  d["modern-bert"] = {"ModernBertForMaskedLM",
                      {{"token_embd", "model.embeddings.tok_embeddings"},
                       {"token_embd_norm", "model.embeddings.norm"},
                       {"output_norm", "model.final_norm"},
                       {b + "attn_norm", l + "attn_norm"},
                       {b + "attn_qkv", l + "attn.Wqkv"},
                       {b + "attn_output", l + "attn.Wo"},
                       {b + "ffn_norm", l + "mlp_norm"},
                       {b + "ffn_up", l + "mlp.Wi"},
                       {b + "ffn_down", l + "mlp.Wo"}},
                      {{"attention_bias", false},
                       {"mlp_bias", false},
                       {"norm_bias", false},
                       {"norm_eps", 0.001},
                       {"hidden_activation", "gelu"},
                       {"local_attention", 16},
                       {"global_attn_every_n_layers", 3},
                       {"global_rope_theta", 160000.0},
                       {"local_rope_theta", 10000.0},
                       {"rope_theta", nullptr}}};
}

}  // namespace quern::test
