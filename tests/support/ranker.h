#pragma once
// A model that ranks, made from the golden bert.
#include <cmath>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "formats/gguf_writer.h"
#include "formats/model_file.h"
#include "tests/support/scratch_folder.h"

namespace quern::test {

/// bert with layers that rank: `cls` (with tanh) of small weights and an output row for each label.
class Ranker {
 public:
  explicit Ranker(std::size_t n_labels, std::string_view form = {}) : path_(folder_ / "ranker.gguf") {
    const auto golden = std::filesystem::path(QUERN_TEST_DATA_DIR) / "models" / "bert.gguf";
    const auto file = formats::ModelFile::open(golden).value();
    formats::GgufContents contents;
    contents.copy(file.metadata());
    contents.set("bert.pooling_type", std::uint32_t{4});
    if (!form.empty()) contents.set("tokenizer.chat_template.rerank", form);
    std::vector<std::string> labels;
    for (std::size_t i = 0; i < n_labels; ++i) labels.push_back("label " + std::to_string(i));
    if (n_labels != 1) contents.set("bert.classifier.output_labels", labels);
    for (const formats::Tensor& tensor : file.tensors())
      contents.add_tensor(tensor.name, tensor.type, std::span(tensor.dims).first(tensor.n_dims));
    contents.add_tensor("cls.weight", formats::TensorType::f32, {dim, dim});
    contents.add_tensor("cls.bias", formats::TensorType::f32, {dim});
    contents.add_tensor("cls.output.weight", formats::TensorType::f32, {dim, n_labels});
    contents.add_tensor("cls.output.bias", formats::TensorType::f32, {n_labels});
    const auto fill = [](std::size_t n, int seed) {
      std::vector<float> values(n);
      for (std::size_t i = 0; i < n; ++i) values[i] = std::sin(float(i * 7 + std::size_t(seed))) / 8;
      return values;
    };
    cls = fill(dim * dim, 1), cls_bias = fill(dim, 2), output = fill(dim * n_labels, 3),
    output_bias = fill(n_labels, 4);
    auto writer = formats::GgufWriter::create(path_, contents).value();
    for (const formats::Tensor& tensor : file.tensors())
      writer.write({tensor.data, static_cast<std::size_t>(tensor.n_bytes)}).value();
    for (const auto* values : {&cls, &cls_bias, &output, &output_bias})
      writer.write(std::as_bytes(std::span(*values))).value();
    writer.finish().value();
  }
  const std::filesystem::path& path() const { return path_; }
  /// The scores of every label, from the first token's hidden state.
  std::vector<double> scores(std::span<const float> hidden) const {
    std::vector<double> inner(dim), out(output_bias.size());
    for (std::size_t r = 0; r < dim; ++r) {
      inner[r] = cls_bias[r];
      for (std::size_t c = 0; c < dim; ++c) inner[r] += double(cls[r * dim + c]) * hidden[c];
      inner[r] = std::tanh(inner[r]);
    }
    for (std::size_t r = 0; r < out.size(); ++r) {
      out[r] = output_bias[r];
      for (std::size_t c = 0; c < dim; ++c) out[r] += double(output[r * dim + c]) * inner[c];
    }
    return out;
  }

 private:
  static constexpr std::size_t dim = 64;
  ScratchFolder folder_;
  std::filesystem::path path_;
  std::vector<float> cls, cls_bias, output, output_bias;
};

}  // namespace quern::test
