// Any bytes as a GGUF file: an error that a person can read, or a model whose every view is sound.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "formats/gguf_writer.h"
#include "formats/model_file.h"

namespace {

using namespace quern::formats;

void require(bool holds) {
  if (!holds) __builtin_trap();
}

template <typename T>
void require_named(const quern::Result<T>& result) {
  require(result.has_value() || (!result.error().message.empty() && result.error().message.size() < 4096));
}

void read_every_value(const Metadata& metadata) {
  for (const MetadataEntry& entry : metadata.entries()) {
    require(metadata.find(entry.key) == &entry);
    require_named(metadata.unsigned_integer(entry.key));
    require_named(metadata.unsigned_integer(entry.key, 100));
    require_named(metadata.number(entry.key));
    require_named(metadata.boolean(entry.key));
    require_named(metadata.string(entry.key));
    require_named(metadata.integers(entry.key));
    require_named(metadata.numbers(entry.key));
    if (const auto texts = metadata.strings(entry.key)) {
      std::size_t n_bytes = 0;
      for (const std::string_view text : *texts) n_bytes += std::string(text).size();
      require(n_bytes < (std::size_t{1} << 40));
    }
  }
}

void read_every_tensor(const ModelFile& model, std::size_t file_bytes) {
  for (const Tensor& tensor : model.tensors()) {
    require(model.find(tensor.name) == &tensor);
    require(tensor.n_bytes > 0 && tensor.n_bytes <= file_bytes &&
            tensor.file_offset <= file_bytes - tensor.n_bytes);
    require(tensor.row_bytes() * tensor.n_rows() == tensor.n_bytes);
    // The sanitizers see whether the first and last byte are there.
    const volatile std::byte* data = tensor.data;
    require((data[0] | data[tensor.n_bytes - 1] | std::byte{1}) != std::byte{0});
  }
}

// What the writer makes of the metadata reads back as the same keys and types.
void write_and_read(const Metadata& metadata) {
  GgufContents contents;
  contents.copy(metadata);
  const auto encoded = contents.encode();
  require(encoded.has_value());
  const auto again = ModelFile::from_bytes(encoded->header);
  require(again.has_value());
  for (const MetadataEntry& entry : again->metadata().entries()) {
    const MetadataEntry* original = metadata.find(entry.key);
    require(original && original->type == entry.type);
    if (const auto* text = std::get_if<std::string_view>(&entry.value))
      require(*text == std::get<std::string_view>(original->value));
    if (const auto* array = std::get_if<MetadataArray>(&entry.value)) {
      const auto& other = std::get<MetadataArray>(original->value);
      require(
          array->size == other.size && array->strings == other.strings &&
          std::equal(array->packed.begin(), array->packed.end(), other.packed.begin(), other.packed.end()));
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  const auto model = ModelFile::from_bytes(bytes);
  require_named(model);
  if (!model) return 0;
  read_every_value(model->metadata());
  read_every_tensor(*model, size);
  write_and_read(model->metadata());
  return 0;
}
