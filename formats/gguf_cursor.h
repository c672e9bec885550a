#pragma once
// Reads the packed part of a GGUF file front to back. Every read is checked against the bytes that are left,
// and what it returns lies in private pieces that stay where they are: what was checked cannot change
// afterwards.
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "formats/mapped_file.h"
#include "formats/try.h"
#include "quern/result.h"

namespace quern::formats {

class GgufCursor {
 public:
  struct Pieces {
    std::vector<std::unique_ptr<std::byte[]>> memory;  ///< never moved once read
    std::uint64_t n_bytes = 0;
  };

  /// Both must outlive the cursor; `pieces` receives what is read.
  GgufCursor(const ByteSource& source, Pieces& pieces) : source_(source), pieces_(pieces) {}

  std::uint64_t position() const { return position_; }
  std::uint64_t remaining() const { return source_.size() - position_; }

  /// What the following reads belong to, for messages: "key", "general.name". The views must outlive those
  /// reads.
  void set_subject(std::string_view noun, std::string_view name) {
    noun_ = noun;
    name_ = name;
  }

  /// The next n bytes; `what` names them where they are missing.
  Result<const std::byte*> take(std::uint64_t n, std::string_view what) {
    last_ = position_;
    if (n > held_) QUERN_CHECK(refill(n, what));
    const std::byte* bytes = next_;
    next_ += n;
    held_ -= n;
    position_ += n;
    return bytes;
  }

  template <typename T>
  Result<T> number(std::string_view what) {
    QUERN_TRY(const std::byte* bytes, take(sizeof(T), what));
    T value;
    std::memcpy(&value, bytes, sizeof value);
    return value;
  }

  /// A length and as many bytes. Longer than max_bytes is an error before anything is read.
  Result<std::string_view> string(std::uint64_t max_bytes, std::string_view what);

  /// An error about the subject, at the bytes that were read last: "key 'x' has ... (at byte 52)".
  Error error(ErrorCode code, std::string_view what) const;
  Error corrupt(std::string_view what) const { return error(ErrorCode::corrupt, what); }

 private:
  Result<void> refill(std::uint64_t n, std::string_view what);

  const ByteSource& source_;
  Pieces& pieces_;
  const std::byte* next_ = nullptr;  ///< in the last piece
  std::uint64_t held_ = 0;           ///< bytes from next_ on
  std::uint64_t position_ = 0;       ///< of next_, in the file
  std::uint64_t last_ = 0;           ///< where the last read began
  std::string_view noun_{};
  std::string_view name_{};
};

}  // namespace quern::formats
