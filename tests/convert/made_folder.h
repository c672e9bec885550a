#pragma once
// A Hugging Face folder in memory, made from a golden model, sound unless a test changes something.
#include <fstream>

#include "tests/convert/dialects.h"
#include "tests/convert/hf_tokenizer.h"

namespace quern::test {

struct MadeFolder {
  std::map<std::string, HfTensor> tensors;
  json config, tokenizer, tokenizer_config;
  json pooling = nullptr, generation = nullptr;
  std::string chat_template = {};

  MadeFolder(const formats::ModelFile& model, const Dialect& dialect) {
    const std::uint64_t heads = count_of(model, "attention.head_count");
    const Heads shape = {
        heads, count_of(model, "attention.head_count_kv", heads),
        count_of(model, "attention.key_length", count_of(model, "embedding_length") / heads)};
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
    if (!chat_template.empty()) std::ofstream(folder / "chat_template.jinja") << chat_template;
    write_shards(folder, tensors);
  }
};

/// The golden llama model, which is in the tree.
inline MadeFolder made_llama() {
  const auto path = std::filesystem::path(QUERN_TEST_DATA_DIR) / "models" / "llama.gguf";
  return MadeFolder(formats::ModelFile::open(path).value(), dialects().at("llama"));
}

}  // namespace quern::test
