#include "common/vector_writer.h"

#include <charconv>

namespace examples {
namespace {

/// Of NumPy's format version 1.0: magic, length of what follows, a Python dictionary padded to 64 bytes.
std::string npy_header(std::size_t n_rows, std::size_t n_cols) {
  std::string fields = "{'descr': '<f4', 'fortran_order': False, 'shape': (" + std::to_string(n_rows) + ", " +
                       std::to_string(n_cols) + "), }";
  constexpr std::size_t preamble = 10, alignment = 64;
  fields.resize((preamble + fields.size() + 1 + alignment - 1) / alignment * alignment - preamble - 1, ' ');
  fields += '\n';
  std::string out = "\x93NUMPY";
  out += {1, 0, static_cast<char>(fields.size() % 256), static_cast<char>(fields.size() / 256)};
  return out + fields;
}

}  // namespace

std::string decimal(float value) {
  char digits[32];
  return {digits, std::to_chars(digits, digits + sizeof digits, value).ptr};
}

std::string json_array(std::span<const float> values) {
  std::string out = "[";
  for (const float value : values) {
    if (out.size() > 1) out += ',';
    out += decimal(value);
  }
  return out + "]";
}

VectorWriter::VectorWriter(const std::string& path, const std::string& format,
                           const quern::Embedder& embedder, const quern::EmbedOptions& options,
                           std::size_t n_texts)
    : file_(path), json_(format == "json") {
  if (format == "npy") file_.write(npy_header(n_texts, static_cast<std::size_t>(embedder.dim())));
  if (json_)
    file_.write("{\"dim\":" + std::to_string(embedder.dim()) + ",\"pooling\":\"" +
                to_string(embedder.pooling()) +
                "\",\"normalized\":" + (options.normalize ? "true" : "false") + ",\"embeddings\":[");
}

void VectorWriter::write(const quern::Embeddings& vectors) {
  if (!json_) file_.write(vectors.values);
  for (std::size_t i = 0; json_ && i < vectors.size(); ++i)
    file_.write((n_written_++ == 0 ? "\n" : ",\n") + json_array(vectors[i]));
}

void VectorWriter::close() {
  if (json_) file_.write("\n]}\n");
  file_.close();
}

}  // namespace examples
