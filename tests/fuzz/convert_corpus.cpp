// Writes inputs for the conversion's fuzz target: the smallest models of a few families, whose tensors go
// through it in different ways.
//
//   make_convert_corpus FOLDER
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <string>
#include <vector>

#include "tests/support/safetensors_bytes.h"

namespace {

using quern::test::SafetensorsBytes;

struct Shape {
  std::string name;
  std::vector<std::uint64_t> dims;
};

std::string checkpoint(std::initializer_list<Shape> shapes) {
  SafetensorsBytes file;
  for (const Shape& shape : shapes) {
    std::size_t n = 1;
    for (const std::uint64_t dim : shape.dims) n *= dim;
    if (shape.name.ends_with("_blocks") || shape.name.ends_with("_scales")) {
      file.tensor(shape.name, "U8", shape.dims, std::string(n, '\x7f'));
      continue;
    }
    const bool norm = shape.dims.size() == 1;
    const std::string bytes(2 * n, norm ? '\x3f' : '\x3c');
    file.tensor(shape.name, norm ? "BF16" : "F16", shape.dims, bytes);
  }
  return file.bytes();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: make_convert_corpus FOLDER\n");
    return 2;
  }
  const std::filesystem::path folder = argv[1];
  std::filesystem::create_directories(folder);
  const auto write = [&](const char* name, const std::string& config, std::initializer_list<Shape> shapes) {
    std::ofstream(folder / name, std::ios::binary) << config << '\0' << checkpoint(shapes);
  };
  const std::string sizes = R"("hidden_size":8,"num_hidden_layers":1,"num_attention_heads":2,
"num_key_value_heads":1,"intermediate_size":4,"max_position_embeddings":16,"rms_norm_eps":1e-5,"vocab_size":4)";
  const std::string layer = "model.layers.0.", attn = layer + "self_attn.", mlp = layer + "mlp.";
  const Shape frame[] = {{"model.embed_tokens.weight", {4, 8}},
                         {"model.norm.weight", {8}},
                         {layer + "input_layernorm.weight", {8}},
                         {layer + "post_attention_layernorm.weight", {8}}};
  write("llama",
        R"({"architectures":["LlamaForCausalLM"],"hidden_act":"silu","tie_word_embeddings":true,
"rope_theta":1e4,"rope_scaling":{"rope_type":"llama3","factor":8,"low_freq_factor":1,"high_freq_factor":4,
"original_max_position_embeddings":8},)" +
            sizes + "}",
        {frame[0],
         frame[1],
         frame[2],
         frame[3],
         {attn + "q_proj.weight", {8, 8}},
         {attn + "k_proj.weight", {4, 8}},
         {attn + "v_proj.weight", {4, 8}},
         {attn + "o_proj.weight", {8, 8}},
         {mlp + "gate_proj.weight", {4, 8}},
         {mlp + "up_proj.weight", {4, 8}},
         {mlp + "down_proj.weight", {8, 4}}});
  write("qwen3moe",
        R"({"architectures":["Qwen3MoeForCausalLM"],"hidden_act":"silu","tie_word_embeddings":true,
"rope_theta":1e4,"head_dim":4,"num_experts":2,"num_experts_per_tok":1,"moe_intermediate_size":4,
"norm_topk_prob":true,)" +
            sizes + "}",
        {frame[0],
         frame[1],
         frame[2],
         frame[3],
         {attn + "q_proj.weight", {8, 8}},
         {attn + "k_proj.weight", {4, 8}},
         {attn + "v_proj.weight", {4, 8}},
         {attn + "o_proj.weight", {8, 8}},
         {attn + "q_norm.weight", {4}},
         {attn + "k_norm.weight", {4}},
         {mlp + "gate.weight", {2, 8}},
         {mlp + "experts.0.gate_proj.weight", {4, 8}},
         {mlp + "experts.0.up_proj.weight", {4, 8}},
         {mlp + "experts.0.down_proj.weight", {8, 4}},
         {mlp + "experts.1.gate_proj.weight", {4, 8}},
         {mlp + "experts.1.up_proj.weight", {4, 8}},
         {mlp + "experts.1.down_proj.weight", {8, 4}}});
  write("gpt2",
        R"({"architectures":["GPT2LMHeadModel"],"activation_function":"gelu_new","n_embd":8,"n_layer":1,
"n_head":2,"n_positions":16,"layer_norm_epsilon":1e-5,"n_inner":4,"vocab_size":4})",
        {{"wte.weight", {4, 8}},
         {"wpe.weight", {16, 8}},
         {"ln_f.weight", {8}},
         {"ln_f.bias", {8}},
         {"h.0.ln_1.weight", {8}},
         {"h.0.ln_1.bias", {8}},
         {"h.0.attn.c_attn.weight", {8, 24}},
         {"h.0.attn.c_attn.bias", {24}},
         {"h.0.attn.c_proj.weight", {8, 8}},
         {"h.0.attn.c_proj.bias", {8}},
         {"h.0.ln_2.weight", {8}},
         {"h.0.ln_2.bias", {8}},
         {"h.0.mlp.c_fc.weight", {8, 4}},
         {"h.0.mlp.c_fc.bias", {4}},
         {"h.0.mlp.c_proj.weight", {4, 8}},
         {"h.0.mlp.c_proj.bias", {8}}});
  write("phi3",
        R"({"architectures":["Phi3ForCausalLM"],"hidden_act":"silu","tie_word_embeddings":true,
"rope_theta":1e4,"original_max_position_embeddings":8,"rope_scaling":{"type":"longrope",
"long_factor":[1.5,2],"short_factor":[1,1]},)" +
            sizes + "}",
        {frame[0],
         frame[1],
         frame[2],
         frame[3],
         {attn + "qkv_proj.weight", {16, 8}},
         {attn + "o_proj.weight", {8, 8}},
         {mlp + "gate_up_proj.weight", {8, 8}},
         {mlp + "down_proj.weight", {8, 4}}});
  write("falcon", R"({"architectures":["FalconForCausalLM"],"hidden_size":8,"num_hidden_layers":1,
"num_attention_heads":2,"num_kv_heads":1,"new_decoder_architecture":true,"max_position_embeddings":16,
"layer_norm_epsilon":1e-5,"ffn_hidden_size":4,"vocab_size":4,"bias":false,"parallel_attn":true})",
        {{"transformer.word_embeddings.weight", {4, 8}},
         {"transformer.ln_f.weight", {8}},
         {"transformer.ln_f.bias", {8}},
         {"transformer.h.0.ln_attn.weight", {8}},
         {"transformer.h.0.ln_attn.bias", {8}},
         {"transformer.h.0.ln_mlp.weight", {8}},
         {"transformer.h.0.ln_mlp.bias", {8}},
         {"transformer.h.0.self_attention.query_key_value.weight", {16, 8}},
         {"transformer.h.0.self_attention.dense.weight", {8, 8}},
         {"transformer.h.0.mlp.dense_h_to_4h.weight", {4, 8}},
         {"transformer.h.0.mlp.dense_4h_to_h.weight", {8, 4}}});
  const std::string mixer = "backbone.layers.0.mixer.";
  write("mamba2",
        R"({"architectures":["Mamba2ForCausalLM"],"hidden_size":8,"num_hidden_layers":1,"num_heads":4,
"head_dim":4,"expand":2,"n_groups":2,"state_size":4,"conv_kernel":4,"tie_word_embeddings":true,
"time_step_limit":[0.0,Infinity],"vocab_size":4})",
        {{"backbone.embeddings.weight", {4, 8}},
         {"backbone.norm_f.weight", {8}},
         {"backbone.layers.0.norm.weight", {8}},
         {mixer + "in_proj.weight", {52, 8}},
         {mixer + "conv1d.weight", {32, 1, 4}},
         {mixer + "conv1d.bias", {32}},
         {mixer + "dt_bias", {4}},
         {mixer + "A_log", {4}},
         {mixer + "D", {4}},
         {mixer + "norm.weight", {16}},
         {mixer + "out_proj.weight", {8, 16}}});
  write("deepseek2",
        R"({"architectures":["DeepseekV3ForCausalLM"],"tie_word_embeddings":true,"rope_theta":1e4,
"kv_lora_rank":4,"qk_nope_head_dim":4,"qk_rope_head_dim":2,"v_head_dim":4,"first_k_dense_replace":0,
"moe_intermediate_size":4,"n_routed_experts":2,"n_shared_experts":1,"num_experts_per_tok":1,"n_group":1,
"num_nextn_predict_layers":1,"rope_scaling":{"type":"yarn","factor":4,"mscale":1,"mscale_all_dim":1,
"original_max_position_embeddings":8},)" +
            sizes + "}",
        {frame[0],
         frame[1],
         frame[2],
         frame[3],
         {attn + "q_proj.weight", {12, 8}},
         {attn + "kv_a_proj_with_mqa.weight", {6, 8}},
         {attn + "kv_a_layernorm.weight", {4}},
         {attn + "kv_b_proj.weight", {16, 4}},
         {attn + "o_proj.weight", {8, 8}},
         {mlp + "gate.weight", {2, 8}},
         {mlp + "gate.e_score_correction_bias", {2}},
         {mlp + "experts.0.gate_proj.weight", {4, 8}},
         {mlp + "experts.0.up_proj.weight", {4, 8}},
         {mlp + "experts.0.down_proj.weight", {8, 4}},
         {mlp + "experts.1.gate_proj.weight", {4, 8}},
         {mlp + "experts.1.up_proj.weight", {4, 8}},
         {mlp + "experts.1.down_proj.weight", {8, 4}},
         {mlp + "shared_experts.gate_proj.weight", {4, 8}},
         {mlp + "shared_experts.up_proj.weight", {4, 8}},
         {mlp + "shared_experts.down_proj.weight", {8, 4}}});
  write("gpt-oss", R"({"architectures":["GptOssForCausalLM"],"hidden_size":32,"num_hidden_layers":1,
"num_attention_heads":2,"num_key_value_heads":1,"head_dim":4,"intermediate_size":32,"num_local_experts":1,
"num_experts_per_tok":1,"max_position_embeddings":16,"tie_word_embeddings":true,"vocab_size":4,"sliding_window":8,
"quantization_config":{"quant_method":"mxfp4"}})",
        {{"model.embed_tokens.weight", {4, 32}},
         {"model.norm.weight", {32}},
         {layer + "input_layernorm.weight", {32}},
         {layer + "post_attention_layernorm.weight", {32}},
         {attn + "q_proj.weight", {8, 32}},
         {attn + "q_proj.bias", {8}},
         {attn + "k_proj.weight", {4, 32}},
         {attn + "k_proj.bias", {4}},
         {attn + "v_proj.weight", {4, 32}},
         {attn + "v_proj.bias", {4}},
         {attn + "o_proj.weight", {32, 8}},
         {attn + "o_proj.bias", {32}},
         {attn + "sinks", {2}},
         {mlp + "router.weight", {1, 32}},
         {mlp + "router.bias", {1}},
         {mlp + "experts.gate_up_proj_bias", {1, 64}},
         {mlp + "experts.down_proj_bias", {1, 32}},
         {mlp + "experts.gate_up_proj_blocks", {1, 64, 1, 16}},
         {mlp + "experts.gate_up_proj_scales", {1, 64, 1}},
         {mlp + "experts.down_proj_blocks", {1, 32, 1, 16}},
         {mlp + "experts.down_proj_scales", {1, 32, 1}}});
  return 0;
}
