#pragma once
// The golden llama model, through the public API.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <vector>

#include "quern/quern.h"

namespace quern::test {

inline std::filesystem::path golden_path(const std::string& name) {
  return std::filesystem::path(QUERN_TEST_DATA_DIR) / "models" / name;
}

struct Golden {
  std::vector<Token> prompt, greedy;
  std::vector<float> logits;  ///< [prompt + greedy, n_vocab]

  static Golden load(const std::string& name) {
    Golden golden;
    const auto json = nlohmann::json::parse(std::ifstream(golden_path(name + ".tokens.json")));
    golden.prompt = json.at("prompt").get<std::vector<Token>>();
    golden.greedy = json.at("greedy").get<std::vector<Token>>();
    const auto path = golden_path(name + ".logits.f32");
    golden.logits.resize(std::filesystem::file_size(path) / sizeof(float));
    std::ifstream(path, std::ios::binary)
        .read(reinterpret_cast<char*>(golden.logits.data()),
              static_cast<std::streamsize>(golden.logits.size() * sizeof(float)));
    return golden;
  }
};

inline Model golden_model() { return Model::open(golden_path("llama.gguf")).value(); }

inline SessionOptions small_session(int threads = 1) {
  return {.n_ctx = 128, .kv_type = KvType::f32, .threads = threads};
}

/// Greedy, and not to be ended by the random weights' choice of an end token.
inline GenerateOptions greedy(int max_tokens) {
  return {.max_tokens = max_tokens, .sampler = {.temperature = 0, .ignore_eos = true}};
}

inline std::vector<Token> held(const Session& session) {
  return {session.tokens().begin(), session.tokens().end()};
}

}  // namespace quern::test
