// Writes the good inputs of the engine target. usage: make_engine_corpus FOLDER
#include <cstdio>
#include <string>

#include "tests/support/tiny_model.h"

namespace {

using quern::test::TensorType;
using quern::test::TinyModel;

TinyModel experts() {
  TinyModel model;
  model.use_experts();
  return model;
}

TinyModel quantized() {
  TinyModel model;
  for (auto& [name, shape] : model.tensors)
    if (shape.dims.size() > 1) shape.type = TensorType::q4_0;
  return model;
}

TinyModel yarn() {
  TinyModel model;
  model.keys["rope.scaling.type"] = std::string("yarn");
  model.keys["rope.scaling.factor"] = 4.0f;
  model.keys["rope.scaling.original_context_length"] = 32u;
  return model;
}

TinyModel qwen3() {
  TinyModel model;
  model.architecture = "qwen3";
  for (const std::string block : {"blk.0.", "blk.1."})
    for (const char* name : {"attn_q_norm.weight", "attn_k_norm.weight"}) model.tensors[block + name] = {{8}};
  return model;
}

TinyModel gemma2() {
  TinyModel model;
  model.architecture = "gemma2";
  model.keys["attention.sliding_window"] = 2u;
  for (const std::string block : {"blk.0.", "blk.1."})
    for (const char* name : {"post_attention_norm.weight", "post_ffw_norm.weight"})
      model.tensors[block + name] = {{32}};
  return model;
}

// A short convolution, then attention.
TinyModel lfm2() {
  TinyModel model;
  model.architecture = "lfm2";
  model.keys["attention.head_count_kv"] = std::vector<std::uint32_t>{0, 2};
  model.keys["shortconv.l_cache"] = 3u;
  model.tensors.erase("output_norm.weight");
  model.tensors["token_embd_norm.weight"] = {{32}};
  for (const char* name : {"attn_q.weight", "attn_k.weight", "attn_v.weight", "attn_output.weight"})
    model.tensors.erase(std::string("blk.0.") + name);
  model.tensors["blk.0.shortconv.in_proj.weight"] = {{32, 96}};
  model.tensors["blk.0.shortconv.conv.weight"] = {{3, 32}};
  model.tensors["blk.0.shortconv.out_proj.weight"] = {{32, 32}};
  for (const char* name : {"attn_q_norm.weight", "attn_k_norm.weight"})
    model.tensors[std::string("blk.1.") + name] = {{8}};
  return model;
}

// A gated delta net of 2 key heads and 4 value heads of 8, then gated attention.
TinyModel qwen35() {
  TinyModel model;
  model.architecture = "qwen35";
  for (const auto& [key, value] : {std::pair{"full_attention_interval", 2u},
                                   {"ssm.conv_kernel", 4u},
                                   {"ssm.state_size", 8u},
                                   {"ssm.group_count", 2u},
                                   {"ssm.time_step_rank", 4u},
                                   {"ssm.inner_size", 32u}})
    model.keys[key] = value;
  model.keys["rope.dimension_sections"] = std::vector<std::uint32_t>{2, 1, 1, 0};
  for (const std::string block : {"blk.0.", "blk.1."}) {
    model.tensors.erase(block + "ffn_norm.weight");
    model.tensors[block + "post_attention_norm.weight"] = {{32}};
  }
  for (const char* name : {"attn_q.weight", "attn_k.weight", "attn_v.weight", "attn_output.weight"})
    model.tensors.erase(std::string("blk.0.") + name);
  for (const auto& [name, dims] : {std::pair{"attn_qkv.weight", std::vector<std::uint64_t>{32, 64}},
                                   {"attn_gate.weight", {32, 32}},
                                   {"ssm_conv1d.weight", {4, 64}},
                                   {"ssm_dt.bias", {4}},
                                   {"ssm_a", {4}},
                                   {"ssm_beta.weight", {32, 4}},
                                   {"ssm_alpha.weight", {32, 4}},
                                   {"ssm_norm.weight", {8}},
                                   {"ssm_out.weight", {32, 32}}})
    model.tensors[std::string("blk.0.") + name] = {dims};
  model.tensors["blk.1.attn_q.weight"] = {{32, 64}};
  for (const char* name : {"attn_q_norm.weight", "attn_k_norm.weight"})
    model.tensors[std::string("blk.1.") + name] = {{8}};
  return model;
}

// Attention and a state space of 4 heads of 8 side by side.
TinyModel falcon_h1() {
  TinyModel model;
  model.architecture = "falcon-h1";
  for (const auto& [key, value] : {std::pair{"ssm.conv_kernel", 4u},
                                   {"ssm.state_size", 8u},
                                   {"ssm.group_count", 2u},
                                   {"ssm.time_step_rank", 4u},
                                   {"ssm.inner_size", 32u}})
    model.keys[key] = value;
  for (const std::string block : {"blk.0.", "blk.1."}) {
    model.tensors.erase(block + "ffn_norm.weight");
    for (const auto& [name, dims] : {std::pair{"ffn_norm", std::vector<std::uint64_t>{32}},
                                     {"ssm_in.weight", {32, 100}},
                                     {"ssm_conv1d.weight", {4, 64}},
                                     {"ssm_conv1d.bias", {64}},
                                     {"ssm_dt.bias", {4}},
                                     {"ssm_a", {1, 4}},
                                     {"ssm_d", {1, 4}},
                                     {"ssm_norm.weight", {16, 2}},
                                     {"ssm_out.weight", {32, 32}}})
      model.tensors[block + name] = {dims};
  }
  return model;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: make_engine_corpus FOLDER\n");
    return 2;
  }
  const std::filesystem::path folder = argv[1];
  const std::pair<const char*, TinyModel> models[] = {{"llama", TinyModel()},
                                                      {"experts", experts()},
                                                      {"quantized", quantized()},
                                                      {"yarn", yarn()},
                                                      {"qwen3", qwen3()},
                                                      {"gemma2", gemma2()},
                                                      {"lfm2", lfm2()},
                                                      {"qwen35", qwen35()},
                                                      {"falcon_h1", falcon_h1()},
                                                      {"latent", TinyModel::latent()},
                                                      {"whole_texts", TinyModel::whole_texts()},
                                                      {"encoder_decoder", TinyModel::encoder_decoder()}};
  for (const auto& [name, model] : models)
    quern::test::write_file(folder / (std::string(name) + ".gguf"), model.bytes());
  return 0;
}
