#pragma once
// A Hugging Face folder in memory, made from a golden model, sound unless a test changes something.
#include <fstream>

#include "tests/convert/dialects.h"
#include "tests/convert/hf_tokenizer.h"
#include "tests/engine/golden.h"

namespace quern::test {

struct MadeFolder {
  std::map<std::string, HfTensor> tensors;
  json config, tokenizer, tokenizer_config;
  json pooling = nullptr, generation = nullptr;
  json modules = nullptr;                 ///< modules.json
  std::map<std::string, HfTensor> dense;  ///< matrices of modules by folder
  json dense_config = {{"bias", false}, {"activation_function", "torch.nn.modules.linear.Identity"}};
  std::string chat_template = {};

  MadeFolder(const formats::ModelFile& model, const Dialect& dialect) {
    const std::uint64_t heads = count_of(model, "attention.head_count");
    const Heads shape = {heads, count_of(model, "attention.head_count_kv", heads),
                         count_of(model, "attention.key_length",
                                  count_of(model, "embedding_length") / std::max<std::uint64_t>(heads, 1))};
    tensors = undone(model, dialect, shape);
    config = common_config(model, dialect);
    HfTokenizer made = hf_tokenizer(model.metadata());
    tokenizer = std::move(made.tokenizer);
    tokenizer_config = std::move(made.config);
    if (const auto mode = count_of(model, "pooling_type"); mode != 0)
      pooling = {{"pooling_mode_mean_tokens", mode == 1}, {"pooling_mode_cls_token", mode == 2}};
  }

  void write(const std::filesystem::path& folder) const {
    const auto put = [&](const std::filesystem::path& name, const json& value) {
      if (value.is_null()) return;
      std::filesystem::create_directories((folder / name).parent_path());
      std::ofstream(folder / name) << value;
    };
    put("config.json", config);
    put("tokenizer.json", tokenizer);
    put("tokenizer_config.json", tokenizer_config);
    put("1_Pooling/config.json", pooling);
    put("generation_config.json", generation);
    put("modules.json", modules);
    for (const auto& [name, matrix] : dense) {
      json sizes = {{"in_features", matrix.shape[1]}, {"out_features", matrix.shape[0]}};
      sizes.update(dense_config);
      put(std::filesystem::path(name) / "config.json", sizes);
      SafetensorsBytes bytes;
      bytes.tensor("linear.weight", matrix.shape, matrix.values);
      bytes.write((folder / name / "model.safetensors").string());
    }
    if (!chat_template.empty()) std::ofstream(folder / "chat_template.jinja") << chat_template;
    write_shards(folder, tensors);
  }
};

/// A golden model; nothing where its file is not here.
inline std::optional<MadeFolder> made_golden(const std::string& name) {
  const auto golden = load_golden("models", name);
  if (!golden) return std::nullopt;
  return MadeFolder(formats::ModelFile::open(golden->gguf).value(), dialects().at(name));
}

/// The golden llama model, which is in the tree.
inline MadeFolder made_llama() {
  const auto path = std::filesystem::path(QUERN_TEST_DATA_DIR) / "models" / "llama.gguf";
  return MadeFolder(formats::ModelFile::open(path).value(), dialects().at("llama"));
}

}  // namespace quern::test
