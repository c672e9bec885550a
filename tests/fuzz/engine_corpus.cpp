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
                                                      {"latent", TinyModel::latent()},
                                                      {"whole_texts", TinyModel::whole_texts()},
                                                      {"encoder_decoder", TinyModel::encoder_decoder()}};
  for (const auto& [name, model] : models)
    quern::test::write_file(folder / (std::string(name) + ".gguf"), model.bytes());
  return 0;
}
