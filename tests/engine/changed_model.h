#pragma once
// Golden models with other keys and tensors, as far as their specs.
#include <filesystem>
#include <functional>
#include <map>
#include <string>

#include "formats/gguf_writer.h"
#include "formats/model_file.h"
#include "src/architectures/model_spec.h"

namespace quern::test {

/// The golden models of this machine by name: those in the tree, and all where the shared folder is there.
inline std::map<std::string, std::filesystem::path> golden_models() {
  std::map<std::string, std::filesystem::path> paths;
  for (const auto& folder : {std::filesystem::path(QUERN_TEST_DATA_DIR) / "models",
                             std::filesystem::path(QUERN_SHARED_DIR) / "golden" / "models"}) {
    if (!std::filesystem::exists(folder)) continue;
    for (const auto& entry : std::filesystem::directory_iterator(folder))
      if (entry.path().extension() == ".gguf") paths.emplace(entry.path().stem(), entry.path());
  }
  return paths;
}

/// The spec of a model with other keys and without one tensor; its weights are zeros.
inline Result<detail::ModelSpec> changed(const formats::ModelFile& file,
                                         const std::function<void(formats::GgufContents&)>& change,
                                         std::string_view without = {}) {
  formats::GgufContents contents;
  contents.copy(file.metadata());
  for (const formats::Tensor& tensor : file.tensors())
    if (tensor.name != without)
      contents.add_tensor(tensor.name, tensor.type, std::span(tensor.dims).first(tensor.n_dims));
  change(contents);
  const auto encoded = contents.encode().value();
  std::vector<std::byte> bytes = encoded.header;
  for (const std::uint64_t n : encoded.tensor_bytes)
    bytes.resize(bytes.size() + (n + encoded.alignment - 1) / encoded.alignment * encoded.alignment);
  return detail::read_model_spec(formats::ModelFile::from_bytes(bytes).value());
}

}  // namespace quern::test
