#pragma once
// A golden model with more in it: keys and F32 tensors that its file does not have.
#include <cmath>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "formats/gguf_writer.h"
#include "formats/model_file.h"
#include "tests/support/scratch_folder.h"

namespace quern::test {

struct ExtraTensor {
  std::string name;
  std::vector<std::uint64_t> dims;
  std::vector<float> values{};
};

class ExtendedModel {
 public:
  /// The tensors' values are made up. `change` may set more keys.
  ExtendedModel(const std::filesystem::path& original, std::vector<ExtraTensor> tensors,
                const std::function<void(formats::GgufContents&)>& change)
      : path_(folder_ / "extended.gguf"), tensors_(std::move(tensors)) {
    const auto file = formats::ModelFile::open(original).value();
    formats::GgufContents contents;
    contents.copy(file.metadata());
    change(contents);
    for (const formats::Tensor& tensor : file.tensors())
      contents.add_tensor(tensor.name, tensor.type, std::span(tensor.dims).first(tensor.n_dims));
    std::size_t seed = 0;
    for (ExtraTensor& tensor : tensors_) {
      contents.add_tensor(tensor.name, formats::TensorType::f32, tensor.dims);
      std::size_t n = 1;
      for (const std::uint64_t dim : tensor.dims) n *= dim;
      ++seed;
      for (std::size_t i = 0; i < n; ++i) tensor.values.push_back(std::sin(float(i * 7 + seed)) / 8);
    }
    auto writer = formats::GgufWriter::create(path_, contents).value();
    for (const formats::Tensor& tensor : file.tensors())
      writer.write({tensor.data, static_cast<std::size_t>(tensor.n_bytes)}).value();
    for (const ExtraTensor& tensor : tensors_) writer.write(std::as_bytes(std::span(tensor.values))).value();
    writer.finish().value();
  }
  const std::filesystem::path& path() const { return path_; }

  const std::vector<float>& values(const std::string& name) const {
    for (const ExtraTensor& tensor : tensors_)
      if (tensor.name == name) return tensor.values;
    throw std::runtime_error("no extra tensor " + name);
  }
  /// name.weight * x + name.bias, where there is one.
  std::vector<double> apply(const std::string& name, const std::vector<double>& x) const {
    const std::vector<float>& weight = values(name + ".weight");
    std::vector<double> y(weight.size() / x.size());
    for (const ExtraTensor& tensor : tensors_)
      if (tensor.name == name + ".bias") y.assign(tensor.values.begin(), tensor.values.end());
    for (std::size_t r = 0; r < y.size(); ++r)
      for (std::size_t c = 0; c < x.size(); ++c) y[r] += double(weight[r * x.size() + c]) * x[c];
    return y;
  }

 private:
  ScratchFolder folder_;
  std::filesystem::path path_;
  std::vector<ExtraTensor> tensors_;
};

}  // namespace quern::test
