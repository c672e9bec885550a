#pragma once
// Vectors of texts as JSON, raw floats, or a file of NumPy.
#include <cstddef>
#include <span>
#include <string>

#include "common/output_file.h"
#include "quern/embedding.h"

namespace examples {

/// The shortest digits that read back to the same number.
std::string decimal(float value);
/// "[0.5,-1]"
std::string json_array(std::span<const float> values);

/// Writes vectors as they come. Throws std::runtime_error; unless it was closed, there is no file.
class VectorWriter {
 public:
  /// Format "json", "f32" (raw, little-endian), or "npy", whose header says how many texts there are.
  VectorWriter(const std::string& path, const std::string& format, const quern::Embedder& embedder,
               const quern::EmbedOptions& options, std::size_t n_texts);
  void write(const quern::Embeddings& vectors);
  void close();

 private:
  OutputFile file_;
  bool json_;
  std::size_t n_written_ = 0;
};

}  // namespace examples
