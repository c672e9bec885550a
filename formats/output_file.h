#pragma once
// A file that appears under its name whole or not at all.
#include <cstddef>
#include <filesystem>
#include <span>

#include "quern/result.h"

namespace quern::formats {

/// Written under a temporary name in the same folder and renamed by commit(); removed again if that never
/// comes. One thread at a time.
class OutputFile {
 public:
  static Result<OutputFile> create(const std::filesystem::path& path);
  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&& other) noexcept;
  ~OutputFile();

  Result<void> write(std::span<const std::byte> bytes);
  /// Waits until the disk has everything, then takes the place of whatever had the name. Nothing can follow.
  Result<void> commit();

 private:
  OutputFile() = default;

  std::filesystem::path path_;
  std::filesystem::path temporary_;
  int descriptor_ = -1;
};

}  // namespace quern::formats
