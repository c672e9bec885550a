#include "common/output_file.h"

#include <bit>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <utility>

namespace examples {

static_assert(std::endian::native == std::endian::little, "floats are written as they lie in memory");

OutputFile::OutputFile(const std::string& path)
    : path_(path), file_(path == "-" ? stdout : std::fopen(path.c_str(), "wb")) {
  if (file_ == nullptr) fail();
}

OutputFile::~OutputFile() {
  if (file_ == nullptr || file_ == stdout) return;
  std::fclose(file_);
  std::error_code ignored;
  if (std::filesystem::is_regular_file(path_, ignored)) std::filesystem::remove(path_, ignored);
}

void OutputFile::write(std::string_view bytes) { write(bytes.data(), bytes.size()); }
void OutputFile::write(std::span<const float> values) { write(values.data(), values.size_bytes()); }

void OutputFile::write(const void* bytes, std::size_t n) {
  if (std::fwrite(bytes, 1, n, file_) != n) fail();
}

void OutputFile::close() {
  std::FILE* file = std::exchange(file_, nullptr);
  if ((file == stdout ? std::fflush(file) : std::fclose(file)) != 0) fail();
}

void OutputFile::fail() const {
  throw std::runtime_error((path_ == "-" ? "standard output" : path_) + ": " + std::strerror(errno));
}

}  // namespace examples
