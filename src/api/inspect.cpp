#include "quern/inspect.h"

#include <algorithm>
#include <type_traits>
#include <variant>

#include "formats/model_file.h"
#include "formats/try.h"
#include "src/api/edge.h"
#include "src/tokenizer/stream_decoder.h"

namespace quern {
namespace {

using formats::cat;
using formats::MetadataArray;
using formats::MetadataEntry;

constexpr std::size_t max_text_bytes = 200;
constexpr std::uint64_t max_elements = 8;

/// The text with U+FFFD in place of what is no character.
std::string repaired_utf8(std::string_view text) {
  detail::Utf8Stream stream(detail::Utf8Stream::Invalid::replace);
  std::string repaired = stream.push(text);
  return repaired += stream.finish();
}

/// Text from a file, fit for a terminal: whole characters, control characters spelt out, cut if it is long.
std::string shown(std::string_view text) {
  constexpr const char* hex = "0123456789abcdef";
  std::size_t cut = std::min(text.size(), max_text_bytes);
  while (cut > 0 && cut < text.size() && (static_cast<unsigned char>(text[cut]) & 0xC0) == 0x80) --cut;
  std::string out;
  for (const char c : repaired_utf8(text.substr(0, cut))) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (byte < 0x20 || byte == 0x7f) {
      out += cat("\\x", hex[byte >> 4], hex[byte & 15]);
    } else {
      out += c;
    }
  }
  return cut == text.size() ? out : cat(out, "... (", text.size(), " bytes)");
}

std::string shown(const MetadataArray& array) {
  std::string out = "[";
  for (std::uint64_t i = 0; i < std::min(array.size, max_elements); ++i) {
    if (i > 0) out += ", ";
    out += array.element_type == formats::ValueType::string ? cat('"', shown(array.strings[i]), '"')
                                                            : element_text(array, i);
  }
  return out + (array.size > max_elements ? cat(", ... ", array.size, " in all]") : std::string("]"));
}

MetadataItem described(const MetadataEntry& entry) {
  MetadataItem item{.key = shown(entry.key), .type = std::string(to_string(entry.type)), .value = {}};
  if (const auto* array = std::get_if<MetadataArray>(&entry.value)) {
    item.type = cat("array of ", to_string(array->element_type));
    item.n_elements = array->size;
    item.value = shown(*array);
  } else if (const auto* text = std::get_if<std::string_view>(&entry.value)) {
    item.value = shown(*text);
  } else if (entry.type == formats::ValueType::f32) {
    item.value =
        cat(static_cast<float>(std::get<double>(entry.value)));  // the fewest digits that tell it apart
  } else {
    item.value = std::visit(
        [](const auto& value) {
          if constexpr (std::is_arithmetic_v<std::remove_cvref_t<decltype(value)>>) return cat(value);
          return std::string();
        },
        entry.value);
  }
  return item;
}

}  // namespace

Result<FileReport> inspect(const std::filesystem::path& gguf) {
  return detail::at_edge([&]() -> Result<FileReport> {
    QUERN_TRY(const formats::ModelFile file,
              formats::ModelFile::open(gguf, {.access = formats::ModelFileOptions::Access::header_only}));
    FileReport report{
        .version = file.version(), .n_shards = file.n_shards(), .file_bytes = file.file_bytes()};
    for (const MetadataEntry& entry : file.metadata().entries()) report.metadata.push_back(described(entry));
    for (const formats::Tensor& tensor : file.tensors())
      report.tensors.push_back({.name = shown(tensor.name),
                                .type = std::string(formats::tensor_type_info(tensor.type).name),
                                .dims = {tensor.dims.begin(), tensor.dims.begin() + tensor.n_dims},
                                .n_bytes = tensor.n_bytes,
                                .file_offset = tensor.file_offset});
    return report;
  });
}

}  // namespace quern
