// Every family of checkpoints that converts: rows of names, and the switches that must stand as Quern
// computes them. Adding one whose arithmetic is there already is adding its rows.
#include "formats/try.h"
#include "src/convert/shared_rules.h"

namespace quern::detail::checkpoints {
namespace {

// Names that most families share.
constexpr TensorRule post_norms[] = {{"layers.#.post_attention_layernorm", "blk.#.post_attention_norm"},
                                     {"layers.#.post_feedforward_layernorm", "blk.#.post_ffw_norm"}};
constexpr TensorRule attention_perhaps_biased[] = {{"layers.#.self_attn.q_proj", "blk.#.attn_q", copy, maybe},
                                                   {"layers.#.self_attn.k_proj", "blk.#.attn_k", copy, maybe},
                                                   {"layers.#.self_attn.v_proj", "blk.#.attn_v", copy, maybe},
                                                   {"layers.#.self_attn.o_proj", "blk.#.attn_output"}};
constexpr TensorRule interleaved_attention[] = {
    {"layers.#.self_attn.q_proj", "blk.#.attn_q", interleave_q, maybe},
    {"layers.#.self_attn.k_proj", "blk.#.attn_k", interleave_k, maybe},
    {"layers.#.self_attn.v_proj", "blk.#.attn_v", copy, maybe},
    {"layers.#.self_attn.o_proj", "blk.#.attn_output", copy, maybe}};
constexpr TensorRule qk_norms[] = {{"layers.#.self_attn.q_norm", "blk.#.attn_q_norm"},
                                   {"layers.#.self_attn.k_norm", "blk.#.attn_k_norm"}};
constexpr TensorRule gated_ffn_biases[] = {{"layers.#.mlp.gate_proj", "blk.#.ffn_gate", copy, maybe},
                                           {"layers.#.mlp.up_proj", "blk.#.ffn_up", copy, maybe},
                                           {"layers.#.mlp.down_proj", "blk.#.ffn_down", copy, maybe}};

constexpr Expectation silu[] = {{"hidden_act", "silu|swish"}};
constexpr Expectation gelu[] = {{"hidden_act", "gelu_pytorch_tanh|gelu_new|gelu_fast|gelu"}};
constexpr Expectation causal_without_bias[] = {{"attention_bias", "false|null"}};
constexpr std::string_view tied_by_default = R"({"tie_word_embeddings":true})";

// llama.
constexpr TensorRule mixtral_experts[] = {{"layers.#.block_sparse_moe.gate", "blk.#.ffn_gate_inp"},
                                          {"layers.#.block_sparse_moe.experts.*.w1", "blk.#.ffn_gate_exps"},
                                          {"layers.#.block_sparse_moe.experts.*.w3", "blk.#.ffn_up_exps"},
                                          {"layers.#.block_sparse_moe.experts.*.w2", "blk.#.ffn_down_exps"}};
constexpr KeyRule mixtral_keys[] = {{"num_local_experts", "expert_count", count},
                                    {"num_experts_per_tok", "expert_used_count", count}};
constexpr TensorRule internlm2_layers[] = {{"tok_embeddings", "token_embd"},
                                           {"norm", "output_norm"},
                                           {"layers.#.attention_norm", "blk.#.attn_norm"},
                                           {"layers.#.ffn_norm", "blk.#.ffn_norm"},
                                           {"layers.#.attention.wqkv", "blk.#.attn_q", group_q},
                                           {"layers.#.attention.wqkv", "blk.#.attn_k", group_k},
                                           {"layers.#.attention.wqkv", "blk.#.attn_v", group_v},
                                           {"layers.#.attention.wo", "blk.#.attn_output"},
                                           {"layers.#.feed_forward.w1", "blk.#.ffn_gate"},
                                           {"layers.#.feed_forward.w3", "blk.#.ffn_up"},
                                           {"layers.#.feed_forward.w2", "blk.#.ffn_down"}};

// smollm3: the arithmetic leaves out the rotation of every fourth layer.
void check_smollm3(Conversion& c) {
  if (!c.config.has("no_rope_layers")) return c.config.expect("no_rope_layer_interval", "4|null");
  const std::vector<double> rotates = c.config.numbers("no_rope_layers");
  bool same = rotates.size() == c.n_layers;
  for (std::size_t n = 0; same && n < rotates.size(); ++n) same = (rotates[n] == 0) == ((n + 1) % 4 == 0);
  if (!same)
    c.config.unsupported("no_rope_layers", "another pattern",
                         "0 for every fourth layer and 1 for the others");
}

constexpr KeyRule granite_keys[] = {{"embedding_multiplier", "embedding_scale", number},
                                    {"attention_multiplier", "attention.scale", number},
                                    {"residual_multiplier", "residual_scale", number},
                                    {"logits_scaling", "logit_scale", number}};
constexpr TensorRule granite_experts[] = {
    {"layers.#.block_sparse_moe.router.layer", "blk.#.ffn_gate_inp"},
    {"layers.#.block_sparse_moe.input_linear", "blk.#.ffn_gate_exps", first_half},
    {"layers.#.block_sparse_moe.input_linear", "blk.#.ffn_up_exps", second_half},
    {"layers.#.block_sparse_moe.output_linear", "blk.#.ffn_down_exps"},
    {"layers.#.shared_mlp.input_linear", "blk.#.ffn_gate_shexp", first_half, never, maybe},
    {"layers.#.shared_mlp.input_linear", "blk.#.ffn_up_shexp", second_half, never, maybe},
    {"layers.#.shared_mlp.output_linear", "blk.#.ffn_down_shexp", copy, never, maybe}};
constexpr KeyRule granite_moe_keys[] = {
    {"num_local_experts", "expert_count", count},
    {"num_experts_per_tok", "expert_used_count", count},
    {"shared_intermediate_size", "expert_shared_feed_forward_length", count, true}};

// qwen.
constexpr TensorRule biased_qkv_attention[] = {{"layers.#.self_attn.q_proj", "blk.#.attn_q", copy, always},
                                               {"layers.#.self_attn.k_proj", "blk.#.attn_k", copy, always},
                                               {"layers.#.self_attn.v_proj", "blk.#.attn_v", copy, always},
                                               {"layers.#.self_attn.o_proj", "blk.#.attn_output"}};
constexpr Expectation no_renormalization[] = {{"norm_topk_prob", "false|null"}};
constexpr Expectation renormalization[] = {{"norm_topk_prob", "true"}};

// gemma: the checkpoint's norms hold the weight less one.
constexpr TensorRule gemma_layers[] = {{"embed_tokens", "token_embd"},
                                       {"norm", "output_norm", plus_one},
                                       {"layers.#.input_layernorm", "blk.#.attn_norm", plus_one}};
constexpr TensorRule gemma_norm[] = {{"layers.#.post_attention_layernorm", "blk.#.ffn_norm", plus_one}};
constexpr TensorRule gemma_norms_around[] = {
    {"layers.#.post_attention_layernorm", "blk.#.post_attention_norm", plus_one},
    {"layers.#.pre_feedforward_layernorm", "blk.#.ffn_norm", plus_one},
    {"layers.#.post_feedforward_layernorm", "blk.#.post_ffw_norm", plus_one}};
constexpr TensorRule gemma_qk_norms[] = {{"layers.#.self_attn.q_norm", "blk.#.attn_q_norm", plus_one},
                                         {"layers.#.self_attn.k_norm", "blk.#.attn_k_norm", plus_one}};
constexpr KeyRule gemma_caps[] = {{"attn_logit_softcapping", "attn_logit_softcapping", number, true},
                                  {"final_logit_softcapping", "final_logit_softcapping", number, true}};
constexpr Expectation gemma_act[] = {{"hidden_activation", "gelu_pytorch_tanh|null"}};
constexpr KeyRule gemma3_keys[] = {{"final_logit_softcapping", "final_logit_softcapping", number, true}};
constexpr Expectation no_score_cap[] = {{"attn_logit_softcapping", "null"}};
constexpr Expectation looks_back[] = {{"use_bidirectional_attention", "false|null"}};
constexpr Expectation looks_both_ways[] = {{"use_bidirectional_attention", "true"}};

// Scores are scaled by the head size, but in the 27B models by the width over the heads.
void check_gemma_scale(Conversion& c) {
  const std::uint32_t large_n_layers = c.family.architecture == "gemma2"   ? 46
                                       : c.family.architecture == "gemma3" ? 62
                                                                           : 0;
  const double expected =
      c.n_layers == large_n_layers ? double(c.config.size(c.family.sizes.dim) / c.n_heads) : c.head_dim;
  const double scalar = c.config.number_or("query_pre_attn_scalar", expected);
  if (scalar != expected)
    c.config.unsupported("query_pre_attn_scalar", formats::cat(scalar),
                         formats::cat(expected, " for a model of this size"));
}

// A gemma2 file without the caps would be given those of the released models.
void check_gemma2(Conversion& c) {
  check_gemma_scale(c);
  c.config.number("attn_logit_softcapping");
  c.config.number("final_logit_softcapping");
}

void write_gemma_embedding(Conversion& c) {
  check_gemma_scale(c);
  if (c.config.size_or("sliding_window", 0) == 0)
    c.config.unsupported("sliding_window", "absent or 0", "the width of the windows");
  c.set("attention.causal", false);
}

constexpr std::string_view gemma3_defaults = R"({"tie_word_embeddings":true,"num_attention_heads":8,
    "num_key_value_heads":4,"head_dim":256,"max_position_embeddings":131072,"rms_norm_eps":1e-6,"rope_theta":1000000,
    "rope_local_base_freq":10000,"query_pre_attn_scalar":256,"sliding_window":4096})";

// phi.
constexpr TensorRule phi2_layers[] = {{"embed_tokens", "token_embd"},
                                      {"final_layernorm", "output_norm", copy, always},
                                      {"layers.#.input_layernorm", "blk.#.attn_norm", copy, always},
                                      {"layers.#.self_attn.q_proj", "blk.#.attn_q", copy, always},
                                      {"layers.#.self_attn.k_proj", "blk.#.attn_k", copy, always},
                                      {"layers.#.self_attn.v_proj", "blk.#.attn_v", copy, always},
                                      {"layers.#.self_attn.dense", "blk.#.attn_output", copy, always},
                                      {"layers.#.mlp.fc1", "blk.#.ffn_up", copy, always},
                                      {"layers.#.mlp.fc2", "blk.#.ffn_down", copy, always}};
constexpr Expectation no_qk_layernorm[] = {{"qk_layernorm", "false|null"}};
constexpr TensorRule phi3_layers[] = {{"layers.#.self_attn.qkv_proj", "blk.#.attn_qkv"},
                                      {"layers.#.self_attn.o_proj", "blk.#.attn_output"},
                                      {"layers.#.mlp.gate_up_proj", "blk.#.ffn_up"},
                                      {"layers.#.mlp.down_proj", "blk.#.ffn_down"}};

// LayerNorms with biases, a plain gelu FFN.
constexpr TensorRule starcoder2_layers[] = {
    {"embed_tokens", "token_embd"},
    {"norm", "output_norm", copy, always},
    {"layers.#.input_layernorm", "blk.#.attn_norm", copy, always},
    {"layers.#.post_attention_layernorm", "blk.#.ffn_norm", copy, always},
    {"layers.#.self_attn.q_proj", "blk.#.attn_q", copy, always},
    {"layers.#.self_attn.k_proj", "blk.#.attn_k", copy, always},
    {"layers.#.self_attn.v_proj", "blk.#.attn_v", copy, always},
    {"layers.#.self_attn.o_proj", "blk.#.attn_output", copy, always},
    {"layers.#.mlp.c_fc", "blk.#.ffn_up", copy, always},
    {"layers.#.mlp.c_proj", "blk.#.ffn_down", copy, always}};
constexpr TensorRule gpt2_layers[] = {{"wte", "token_embd"},
                                      {"wpe", "position_embd"},
                                      {"ln_f", "output_norm", copy, always},
                                      {"h.#.ln_1", "blk.#.attn_norm", copy, always},
                                      {"h.#.attn.c_attn", "blk.#.attn_qkv", transpose, always},
                                      {"h.#.attn.c_proj", "blk.#.attn_output", transpose, always},
                                      {"h.#.ln_2", "blk.#.ffn_norm", copy, always},
                                      {"h.#.mlp.c_fc", "blk.#.ffn_up", transpose, always},
                                      {"h.#.mlp.c_proj", "blk.#.ffn_down", transpose, always}};
constexpr Expectation gpt2_switches[] = {
    {"activation_function", "gelu_new|gelu_pytorch_tanh|gelu_fast|gelu|null"},
    {"scale_attn_weights", "true|null"},
    {"scale_attn_by_inverse_layer_idx", "false|null"},
    {"add_cross_attention", "false|null"}};
void write_gpt2(Conversion& c) {
  c.set("feed_forward_length", c.config.size_or("n_inner", 4 * c.config.size(c.family.sizes.dim)));
}
constexpr TensorRule gptneox_layers[] = {
    {"embed_in", "token_embd"},
    {"final_layer_norm", "output_norm", copy, always},
    {"layers.#.input_layernorm", "blk.#.attn_norm", copy, always},
    {"layers.#.post_attention_layernorm", "blk.#.ffn_norm", copy, always},
    {"layers.#.attention.query_key_value", "blk.#.attn_qkv", ungroup, always},
    {"layers.#.attention.dense", "blk.#.attn_output", copy, always},
    {"layers.#.mlp.dense_h_to_4h", "blk.#.ffn_up", copy, always},
    {"layers.#.mlp.dense_4h_to_h", "blk.#.ffn_down", copy, always}};
constexpr KeyRule gptneox_keys[] = {{"use_parallel_residual", "use_parallel_residual", flag}};
constexpr Expectation gptneox_switches[] = {{"attention_bias", "true|null"}};
constexpr Expectation starcoder2_switches[] = {{"use_bias", "true|null"}};

// falcon: the 40B model has two norms; the 7B model one, called input_layernorm.
constexpr TensorRule falcon_layers[] = {{"word_embeddings", "token_embd"},
                                        {"ln_f", "output_norm", copy, always},
                                        {"h.#.input_layernorm", "blk.#.attn_norm", copy, maybe, maybe},
                                        {"h.#.ln_mlp", "blk.#.attn_norm", copy, maybe, maybe},
                                        {"h.#.ln_attn", "blk.#.attn_norm_2", copy, maybe, maybe},
                                        {"h.#.self_attention.query_key_value", "blk.#.attn_qkv", ungroup},
                                        {"h.#.self_attention.dense", "blk.#.attn_output"},
                                        {"h.#.mlp.dense_h_to_4h", "blk.#.ffn_up"},
                                        {"h.#.mlp.dense_4h_to_h", "blk.#.ffn_down"}};
constexpr Expectation falcon_switches[] = {{"alibi", "false|null"},
                                           {"bias", "false|null"},
                                           {"parallel_attn", "true|null"},
                                           {"activation", "gelu|null"}};
void write_falcon(Conversion& c) {
  c.set("feed_forward_length", c.config.size_or("ffn_hidden_size", 4 * c.config.size(c.family.sizes.dim)));
}

constexpr TensorRule stablelm_layers[] = {
    {"embed_tokens", "token_embd"},
    {"norm", "output_norm", copy, always},
    {"layers.#.input_layernorm", "blk.#.attn_norm", copy, always},
    {"layers.#.post_attention_layernorm", "blk.#.ffn_norm", copy, maybe, maybe},
    {"layers.#.self_attn.q_layernorm.norms.*", "blk.#.attn_q_norm", copy, never, maybe},
    {"layers.#.self_attn.k_layernorm.norms.*", "blk.#.attn_k_norm", copy, never, maybe}};
// Which of the two forms a file is computed in is told by the norm before the FFN alone.
void check_stablelm(Conversion& c) {
  c.config.expect("use_parallel_residual", c.config.flag_or("qk_layernorm", false) ? "true" : "false|null");
}

// cohere.
constexpr TensorRule one_norm[] = {{"layers.#.input_layernorm", "blk.#.attn_norm"}};
constexpr TensorRule cohere_qk_norms[] = {
    {"layers.#.self_attn.q_norm", "blk.#.attn_q_norm", copy, never, maybe},
    {"layers.#.self_attn.k_norm", "blk.#.attn_k_norm", copy, never, maybe}};
constexpr KeyRule logit_scale[] = {{"logit_scale", "logit_scale", number}};
// Quern normalises q and k where the model is as large as those that were trained so.
void check_command_r(Conversion& c) {
  c.config.expect("use_qk_norm", c.n_layers >= 64 ? "true" : "false|null");
}
constexpr Expectation cohere2_switches[] = {{"use_qk_norm", "false|null"},
                                            {"use_gated_activation", "true|null"},
                                            {"use_parallel_block", "true|null"}};

// exaone4: only the model of this size has windows.
void check_exaone4(Conversion& c) {
  if (c.n_layers != 64) c.config.expect("sliding_window", "null");
}

constexpr TensorRule glm4_layers[] = {{"layers.#.input_layernorm", "blk.#.attn_norm"},
                                      {"layers.#.post_self_attn_layernorm", "blk.#.post_attention_norm"},
                                      {"layers.#.post_attention_layernorm", "blk.#.ffn_norm"},
                                      {"layers.#.post_mlp_layernorm", "blk.#.post_ffw_norm"},
                                      {"layers.#.mlp.gate_up_proj", "blk.#.ffn_up"},
                                      {"layers.#.mlp.down_proj", "blk.#.ffn_down"}};

}  // namespace

std::span<const FamilyRule> family_rules() {
  constexpr SizeNames layer_norm{.epsilon = "layer_norm_eps"};
  constexpr RopeTraits with_divisors{.llama3 = true, .longrope = true};
  static const FamilyRule rules[] = {
      {.names = {"LlamaForCausalLM"},
       .architecture = "llama",
       .tensors = {frame, pre_norms, interleaved_attention, gated_ffn_biases},
       .expected = {silu},
       .rope = with_divisors},
      {.names = {"MistralForCausalLM"},
       .architecture = "llama",
       .tensors = {frame, pre_norms, interleaved_attention, gated_ffn},
       .expected = {silu},
       .rope = with_divisors,
       .window = Window::caps},
      {.names = {"MixtralForCausalLM"},
       .architecture = "llama",
       .tensors = {frame, pre_norms, interleaved_attention, mixtral_experts},
       .keys = {mixtral_keys},
       .expected = {silu},
       .rope = with_divisors,
       .window = Window::caps},
      {.names = {"InternLM2ForCausalLM"},
       .architecture = "internlm2",
       .tensors = {internlm2_layers},
       .expected = {silu},
       .output = Output::own,
       .head = "output",
       .embedding = "tok_embeddings"},
      {.names = {"SmolLM3ForCausalLM"},
       .architecture = "smollm3",
       .tensors = {frame, pre_norms, interleaved_attention, gated_ffn},
       .expected = {silu},
       .defaults = R"({"tie_word_embeddings":true,"rope_theta":2000000})",
       .window = Window::off,
       .more = check_smollm3},
      {.names = {"GraniteForCausalLM"},
       .architecture = "granite",
       .tensors = {frame, pre_norms, interleaved_attention, gated_ffn_biases},
       .keys = {granite_keys},
       .expected = {silu},
       .rope = with_divisors},
      {.names = {"GraniteMoeForCausalLM", "GraniteMoeSharedForCausalLM"},
       .architecture = "granitemoe",
       .tensors = {frame, pre_norms, interleaved_attention, granite_experts},
       .keys = {granite_keys, granite_moe_keys},
       .expected = {silu}},
      {.names = {"Qwen2ForCausalLM"},
       .architecture = "qwen2",
       .tensors = {frame, pre_norms, biased_qkv_attention, gated_ffn},
       .expected = {silu},
       .window = Window::off},
      {.names = {"Qwen2MoeForCausalLM"},
       .architecture = "qwen2moe",
       .tensors = {frame, pre_norms, biased_qkv_attention, mlp_experts, shared_expert},
       .keys = {expert_widths, shared_expert_width},
       .expected = {silu, experts_everywhere, no_renormalization},
       .output = Output::own,
       .window = Window::off},
      {.names = {"Qwen3ForCausalLM"},
       .architecture = "qwen3",
       .tensors = {frame, pre_norms, attention, qk_norms, gated_ffn},
       .expected = {silu, causal_without_bias},
       .window = Window::off},
      {.names = {"Qwen3MoeForCausalLM"},
       .architecture = "qwen3moe",
       .tensors = {frame, pre_norms, attention, qk_norms, mlp_experts},
       .keys = {expert_widths},
       .expected = {silu, causal_without_bias, experts_everywhere, renormalization},
       .window = Window::off},
      {.names = {"GemmaForCausalLM"},
       .architecture = "gemma",
       .tensors = {gemma_layers, gemma_norm, attention, gated_ffn},
       .expected = {gemma_act},
       .defaults = tied_by_default,
       .output = Output::tied},
      {.names = {"Gemma2ForCausalLM"},
       .architecture = "gemma2",
       .tensors = {gemma_layers, gemma_norms_around, attention, gated_ffn},
       .keys = {gemma_caps},
       .expected = {gemma_act},
       .defaults = tied_by_default,
       .output = Output::tied,
       .window = Window::written,
       .window_period = 2,
       .more = check_gemma2},
      {.names = {"Gemma3ForCausalLM", "Gemma3ForConditionalGeneration"},
       .architecture = "gemma3",
       .tensors = {gemma_layers, gemma_norms_around, gemma_qk_norms, attention, gated_ffn},
       .keys = {gemma3_keys},
       .expected = {gemma_act, no_score_cap, looks_back},
       .defaults = gemma3_defaults,
       .rope = {.local_theta = "rope_local_base_freq"},
       .window = Window::written,
       .window_period = 6,
       .prefixes = {"model.", "", "language_model.model.", "model.language_model."},
       .foreign = {"vision_tower.", "multi_modal_projector.", "model.vision_tower.",
                   "model.multi_modal_projector."},
       .more = check_gemma_scale},
      {.names = {"Gemma3TextModel"},
       .architecture = "gemma-embedding",
       .tensors = {gemma_layers, gemma_norms_around, gemma_qk_norms, attention, gated_ffn},
       .expected = {gemma_act, no_score_cap, looks_both_ways},
       .defaults = gemma3_defaults,
       .output = Output::none,
       .rope = {.local_theta = "rope_local_base_freq"},
       .window = Window::written,
       .window_period = 6,
       .prefixes = {"", "model."},
       .dense_modules = {"dense_2", "dense_3"},
       .more = write_gemma_embedding},
      {.names = {"PhiForCausalLM"},
       .architecture = "phi2",
       .tensors = {phi2_layers},
       .expected = {gelu, no_qk_layernorm},
       .sizes = layer_norm,
       .defaults = R"({"partial_rotary_factor":0.5})",
       .rms = false,
       .output = Output::own,
       .output_bias = always},
      {.names = {"Phi3ForCausalLM"},
       .architecture = "phi3",
       .tensors = {frame, pre_norms, phi3_layers},
       .expected = {silu},
       .rope = {.longrope = true},
       .window = Window::noted},
      {.names = {"Olmo2ForCausalLM"},
       .architecture = "olmo2",
       .tensors = {frame, attention, qk_norms, post_norms, gated_ffn},
       .expected = {silu, causal_without_bias},
       .output = Output::own},
      {.names = {"Olmo3ForCausalLM"},
       .architecture = "olmo2",
       .tensors = {frame, attention, qk_norms, post_norms, gated_ffn},
       .expected = {silu, causal_without_bias},
       .output = Output::own,
       .window = Window::written,
       .window_period = 4},
      {.names = {"Exaone4ForCausalLM"},
       .architecture = "exaone4",
       .tensors = {frame, attention, qk_norms, post_norms, gated_ffn},
       .expected = {silu},
       .rope = {.llama3 = true},
       .window = Window::written,
       .window_period = 4,
       .more = check_exaone4},
      {.names = {"Starcoder2ForCausalLM"},
       .architecture = "starcoder2",
       .tensors = {starcoder2_layers},
       .expected = {gelu, starcoder2_switches},
       .sizes = {.epsilon = "norm_epsilon"},
       .defaults = tied_by_default,
       .rms = false,
       .window = Window::caps},
      {.names = {"GPT2LMHeadModel"},
       .architecture = "gpt2",
       .tensors = {gpt2_layers},
       .expected = {gpt2_switches},
       .sizes = {.context = "n_positions",
                 .dim = "n_embd",
                 .layers = "n_layer",
                 .hidden = "",
                 .heads = "n_head",
                 .kv_heads = "",
                 .epsilon = "layer_norm_epsilon"},
       .defaults = R"({"tie_word_embeddings":true,"layer_norm_epsilon":1e-5})",
       .rms = false,
       .embedding = "wte",
       .rope = {.rotates = false},
       .prefixes = {"transformer.", ""},
       .ignored = {".attn.bias", ".attn.masked_bias"},
       .more = write_gpt2},
      {.names = {"GPTNeoXForCausalLM"},
       .architecture = "gptneox",
       .tensors = {gptneox_layers},
       .keys = {gptneox_keys},
       .expected = {gelu, gptneox_switches},
       .sizes = {.kv_heads = "",
                 .epsilon = "layer_norm_eps",
                 .theta = "rotary_emb_base",
                 .rotary_share = "rotary_pct"},
       .defaults = R"({"rotary_pct":0.25,"use_parallel_residual":true,"layer_norm_eps":1e-5})",
       .rms = false,
       .output = Output::own,
       .head = "embed_out",
       .embedding = "embed_in",
       .prefixes = {"gpt_neox.", ""},
       .ignored = {".attention.bias", ".attention.masked_bias", ".rotary_emb.inv_freq"}},
      {.names = {"FalconForCausalLM"},
       .architecture = "falcon",
       .tensors = {falcon_layers},
       .expected = {falcon_switches},
       .sizes = {.hidden = "", .kv_heads = "num_kv_heads", .epsilon = "layer_norm_epsilon"},
       .defaults = R"({"tie_word_embeddings":true,"max_position_embeddings":2048,"multi_query":true})",
       .rms = false,
       .embedding = "word_embeddings",
       .prefixes = {"transformer.", ""},
       .more = write_falcon},
      {.names = {"StableLmForCausalLM"},
       .architecture = "stablelm",
       .tensors = {stablelm_layers, attention_perhaps_biased, gated_ffn},
       .expected = {silu},
       .sizes = layer_norm,
       .defaults = R"({"partial_rotary_factor":0.25})",
       .rms = false,
       .output = Output::own,
       .more = check_stablelm},
      {.names = {"CohereForCausalLM"},
       .architecture = "command-r",
       .tensors = {frame, one_norm, attention, cohere_qk_norms, gated_ffn},
       .keys = {logit_scale},
       .expected = {silu, causal_without_bias},
       .sizes = layer_norm,
       .defaults = tied_by_default,
       .rms = false,
       .output = Output::tied,
       .more = check_command_r},
      {.names = {"Cohere2ForCausalLM"},
       .architecture = "cohere2",
       .tensors = {frame, one_norm, attention, gated_ffn},
       .keys = {logit_scale},
       .expected = {silu, causal_without_bias, cohere2_switches},
       .sizes = layer_norm,
       .defaults = tied_by_default,
       .rms = false,
       .output = Output::tied,
       .window = Window::written,
       .window_period = 4},
      {.names = {"Glm4ForCausalLM"},
       .architecture = "glm4",
       .tensors = {frame, attention_perhaps_biased, glm4_layers},
       .expected = {silu},
       .defaults = R"({"partial_rotary_factor":0.5})"},
      lfm2_rule(),
      lfm2_moe_rule(),
      bert_rule(),
      nomic_bert_rule(),
      jina_bert_rule(),
      modern_bert_rule(),
      modern_bert_ranking_rule(),
      t5_rule(),
      t5_encoder_rule(),
      qwen3next_rule(),
      qwen35_rule(),
      qwen35moe_rule(),
      mamba2_rule(),
      falcon_h1_rule(),
      mpt_rule(),
      deepseek_v2_rule(),
      deepseek_v3_rule(),
      gpt_oss_rule(),
  };
  return rules;
}

}  // namespace quern::detail::checkpoints
