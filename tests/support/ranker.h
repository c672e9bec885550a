#pragma once
// A model that ranks, made from the golden bert.
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/extended_model.h"

namespace quern::test {

/// `cls`, tanh, and an output row for each label.
class Ranker {
 public:
  explicit Ranker(std::size_t n_labels, std::string_view form = {})
      : model_(std::filesystem::path(QUERN_TEST_DATA_DIR) / "models" / "bert.gguf",
               {{"cls.weight", {dim, dim}},
                {"cls.bias", {dim}},
                {"cls.output.weight", {dim, n_labels}},
                {"cls.output.bias", {n_labels}}},
               [&](formats::GgufContents& contents) {
                 contents.set("bert.pooling_type", std::uint32_t{4});
                 if (!form.empty()) contents.set("tokenizer.chat_template.rerank", form);
                 const std::vector<std::string> labels(n_labels, "label");
                 if (n_labels != 1) contents.set("bert.classifier.output_labels", labels);
               }) {}
  const std::filesystem::path& path() const { return model_.path(); }
  /// The scores of every label, from the first token's hidden state.
  std::vector<double> scores(std::span<const float> hidden) const {
    std::vector<double> inner = model_.apply("cls", {hidden.begin(), hidden.end()});
    for (double& value : inner) value = std::tanh(value);
    return model_.apply("cls.output", inner);
  }

 private:
  static constexpr std::size_t dim = 64;
  ExtendedModel model_;
};

}  // namespace quern::test
