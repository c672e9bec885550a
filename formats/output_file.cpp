#include "formats/output_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <utility>

#include "formats/io_error.h"
#include "formats/try.h"

namespace quern::formats {
Result<OutputFile> OutputFile::create(const std::filesystem::path& path) {
  constexpr int max_attempts = 100;  // two writers in one process, or what a killed one left behind
  OutputFile file;
  file.path_ = path;
  for (int attempt = 0; file.descriptor_ < 0; ++attempt) {
    std::filesystem::path temporary = path;
    temporary += cat(".", ::getpid(), "-", attempt, ".partial");
    file.descriptor_ = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (file.descriptor_ >= 0)
      file.temporary_ = std::move(temporary);
    else if (errno != EINTR && (errno != EEXIST || attempt == max_attempts))
      return io_error(path, "create", errno);
  }
  return file;
}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::move(other.temporary_)),
      descriptor_(std::exchange(other.descriptor_, -1)) {}

OutputFile& OutputFile::operator=(OutputFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(temporary_, other.temporary_);
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

OutputFile::~OutputFile() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  ::unlink(temporary_.c_str());
}

Result<void> OutputFile::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(descriptor_, bytes.data(), std::min(bytes.size(), std::size_t{1} << 30));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return io_error(path_, "write", errno);
    bytes = bytes.subspan(static_cast<std::size_t>(put));
  }
  return {};
}

Result<void> OutputFile::commit() {
  if (::fsync(descriptor_) != 0) return io_error(path_, "write", errno);
  if (std::rename(temporary_.c_str(), path_.c_str()) != 0) return io_error(path_, "create", errno);
  ::close(std::exchange(descriptor_, -1));
  return {};
}

}  // namespace quern::formats
