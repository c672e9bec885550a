#pragma once
// A file that a program writes.
#include <cstdio>
#include <span>
#include <string>
#include <string_view>

namespace examples {

/// Whole or not there: unless it was closed, it goes away again (devices stay, of course). All calls throw
/// std::runtime_error.
class OutputFile {
 public:
  /// "-" is standard output.
  explicit OutputFile(const std::string& path);
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  ~OutputFile();

  void write(std::string_view bytes);
  /// Little-endian.
  void write(std::span<const float> values);
  void close();

 private:
  void write(const void* bytes, std::size_t n);
  [[noreturn]] void fail() const;
  std::string path_;
  std::FILE* file_;
};

}  // namespace examples
