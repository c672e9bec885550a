#pragma once
// Where the bytes of a model come from: memory, a file, or a pipe; and a view of all of them in place.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "quern/result.h"

namespace quern::formats {

/// All bytes of a source in place, and what keeps them there (null: the caller does).
struct ByteView {
  std::span<const std::byte> bytes{};
  std::shared_ptr<const void> owner{};
  bool mapped = false;
};

/// Random access to a fixed number of bytes. Safe from any number of threads.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  virtual std::uint64_t size() const = 0;
  /// Copies bytes [offset, offset + out.size()). Requires: they lie within size().
  virtual Result<void> read(std::uint64_t offset, std::span<std::byte> out) const = 0;
  /// All bytes in place, or an error where the system cannot map them.
  virtual Result<ByteView> view() const = 0;
};

/// Bytes in memory, which must outlive the source and its views.
class MemorySource final : public ByteSource {
 public:
  explicit MemorySource(std::span<const std::byte> bytes) : bytes_(bytes) {}
  std::uint64_t size() const override { return bytes_.size(); }
  Result<void> read(std::uint64_t offset, std::span<std::byte> out) const override;
  Result<ByteView> view() const override { return ByteView{.bytes = bytes_}; }

 private:
  std::span<const std::byte> bytes_;
};

/// A file on disk, or a pipe, which is read to its end when it is opened. Views outlive the InputFile.
///
/// A view of a file is a private, read-only mapping without advice to the kernel: its normal read-ahead suits
/// weights, which are read front to back once a token. MADV_SEQUENTIAL would drop pages that the next token
/// needs, MADV_RANDOM would fault them in one by one, and MADV_WILLNEED fetches one read-ahead window
/// and no more (8 MiB of 512 on Linux 6.18): none is worth a call. A file that another process shortens while
/// it is mapped ends this process with SIGBUS; where that may happen, read() instead.
class InputFile final : public ByteSource {
 public:
  /// Fails with ErrorCode::io, the path and the system's reason; for directories and devices too.
  static Result<InputFile> open(const std::filesystem::path& path);
  InputFile(InputFile&& other) noexcept;
  InputFile& operator=(InputFile&& other) noexcept;
  ~InputFile() override;

  std::uint64_t size() const override { return size_; }
  Result<void> read(std::uint64_t offset, std::span<std::byte> out) const override;
  Result<ByteView> view() const override;

 private:
  explicit InputFile(int descriptor) : descriptor_(descriptor) {}
  Result<void> read_stream();

  std::filesystem::path path_;
  int descriptor_ = -1;
  std::uint64_t size_ = 0;
  std::shared_ptr<const std::vector<std::byte>> stream_;  ///< contents of a pipe, else null
};

}  // namespace quern::formats
