#pragma once
// Golden models: a GGUF file, token ids, and the logits that an exact forward pass gives for each of them.
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "quern/token.h"
#include "src/runtime/sequence.h"

namespace quern::test {

struct Golden {
  std::filesystem::path gguf;
  std::size_t n_ctx = 0;
  std::vector<Token> prompt, greedy, tokens;  // tokens: prompt, then greedy
  std::vector<float> logits;                  // [tokens, n_vocab]; of encoders the pooled vector
  std::vector<float> hidden;                  // of encoders, [tokens, dim]
  std::span<const float> row(std::size_t i) const {
    const std::size_t n_vocab = logits.size() / tokens.size();
    return {logits.data() + i * n_vocab, n_vocab};
  }
};

inline std::vector<float> read_floats(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::vector<float> values(std::filesystem::file_size(path) / sizeof(float));
  file.read(reinterpret_cast<char*>(values.data()),
            static_cast<std::streamsize>(values.size() * sizeof(float)));
  return values;
}

/// kind: "models" or "quantized". Looks in tests/data first, then in the shared folder; nothing where neither
/// has it.
inline std::optional<Golden> load_golden(const std::string& kind, const std::string& name) {
  const std::filesystem::path folders[] = {std::filesystem::path(QUERN_TEST_DATA_DIR) / kind,
                                           std::filesystem::path(QUERN_SHARED_DIR) / "golden" / kind};
  for (const auto& folder : folders) {
    Golden golden;
    golden.gguf = folder / (name + ".gguf");
    if (!std::filesystem::exists(golden.gguf)) continue;
    const auto tokens = nlohmann::json::parse(std::ifstream(folder / (name + ".tokens.json")));
    golden.n_ctx = tokens.value("n_ctx", 256);
    golden.prompt = tokens.at("prompt").get<std::vector<Token>>();
    golden.greedy = tokens.at("greedy").get<std::vector<Token>>();
    golden.tokens = golden.prompt;
    golden.tokens.insert(golden.tokens.end(), golden.greedy.begin(), golden.greedy.end());
    golden.logits = read_floats(folder / (name + ".logits.f32"));
    if (const auto hidden = folder / (name + ".hidden.f32"); std::filesystem::exists(hidden))
      golden.hidden = read_floats(hidden);
    return golden;
  }
  return {};
}

/// The logits after every token, [tokens, n_vocab].
inline std::vector<float> logits_of(detail::Sequence& sequence, std::span<const Token> tokens) {
  std::vector<float> logits;
  sequence
      .evaluate_each(tokens,
                     [&](std::size_t, std::span<const float> row) {
                       logits.insert(logits.end(), row.begin(), row.end());
                     })
      .value();
  return logits;
}

inline double max_abs_difference(std::span<const float> a, std::span<const float> b) {
  double largest = a.size() == b.size() ? 0 : INFINITY;
  for (std::size_t i = 0; i < a.size() && i < b.size(); ++i) {
    const double difference = std::fabs(double(a[i]) - b[i]);
    if (!(difference <= largest)) largest = difference;  // NaN too
  }
  return largest;
}

/// Kullback-Leibler divergence of softmax(q) from softmax(p).
inline double divergence(std::span<const float> p, std::span<const float> q) {
  const auto log_sum = [](std::span<const float> x) {
    double top = -INFINITY, sum = 0;
    for (const float v : x) top = std::max(top, double(v));
    for (const float v : x) sum += std::exp(v - top);
    return top + std::log(sum);
  };
  const double lp = log_sum(p), lq = log_sum(q);
  double kl = 0;
  for (std::size_t i = 0; i < p.size(); ++i) kl += std::exp(p[i] - lp) * ((p[i] - lp) - (q[i] - lq));
  return kl;
}

inline Token best_token(std::span<const float> logits) {
  return static_cast<Token>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

}  // namespace quern::test
