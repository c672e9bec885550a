// Any bytes as a safetensors file: an error that a person can read, or tensors that can all be read, lie
// apart and cover the data.
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "formats/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace quern::formats;
  const auto require = [](bool holds) {
    if (!holds) __builtin_trap();
  };
  const auto file = Safetensors::from_bytes(std::as_bytes(std::span(data, size)));
  if (!file) {
    require(!file.error().message.empty() && file.error().message.size() < 4096);
    return 0;
  }
  std::vector<bool> covered(size);
  for (const SafeTensor& tensor : file->tensors()) {
    require(file->find(tensor.name) == &tensor);
    require(tensor.n_bytes <= size && tensor.file_offset <= size - tensor.n_bytes);
    std::uint64_t n_elements = 1;
    for (const std::uint64_t dim : tensor.dims) n_elements *= dim;
    require(n_elements == tensor.n_elements() && tensor.n_bytes == n_elements * value_bytes(tensor.type));
    std::vector<std::byte> bytes(tensor.n_bytes);
    require(file->read(tensor, 0, bytes).has_value());
    for (std::uint64_t i = 0; i < tensor.n_bytes; ++i) {
      require(!covered[tensor.file_offset + i]);
      covered[tensor.file_offset + i] = true;
    }
    if (!is_float(tensor.type)) continue;
    std::vector<float> values(tensor.n_elements());
    to_floats(tensor.type, bytes, values);
  }
  std::uint64_t n_covered = 0;
  for (const bool is_covered : covered) n_covered += is_covered;
  require(n_covered == file->data_bytes());
  return 0;
}
