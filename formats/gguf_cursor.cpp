#include "formats/gguf_cursor.h"

#include <algorithm>

#include "formats/gguf_layout.h"
#include "formats/printable.h"

namespace quern::formats {

Result<void> GgufCursor::refill(std::uint64_t n, std::string_view what) {
  if (n > remaining())
    return corrupt(cat("needs ", n, " bytes for ", what, ", but the file has only ", remaining(),
                       " more: ", n - remaining(), " bytes are missing"));
  if (n > gguf::max_metadata_bytes - position_)
    return error(ErrorCode::unsupported,
                 cat("brings the metadata over ", gguf::max_metadata_bytes, " bytes"));
  // A piece of 64 KiB, then of 1 MiB, or whatever one value needs, and never more than the file has. The tail
  // of the piece before is copied to the front, so that a value is always whole; the old piece stays for
  // those who look into it.
  const std::uint64_t usual_bytes = std::uint64_t{1} << (pieces_.memory.empty() ? 16 : 20);
  const std::uint64_t n_bytes = std::min(remaining(), std::max(n, usual_bytes));
  auto piece = std::make_unique_for_overwrite<std::byte[]>(n_bytes);
  if (held_ > 0) std::memcpy(piece.get(), next_, held_);
  QUERN_CHECK(
      source_.read(position_ + held_, {piece.get() + held_, static_cast<std::size_t>(n_bytes - held_)}));
  next_ = piece.get();
  held_ = n_bytes;
  pieces_.memory.push_back(std::move(piece));
  pieces_.n_bytes += n_bytes;
  return {};
}

Result<std::string_view> GgufCursor::string(std::uint64_t max_bytes, std::string_view what) {
  QUERN_TRY(const std::uint64_t n, number<std::uint64_t>(what));
  if (n > remaining())
    return corrupt(
        cat("gives ", n, " bytes as the length of ", what, ", but the file has only ", remaining(), " more"));
  if (n > max_bytes)
    return error(ErrorCode::unsupported,
                 cat("gives ", n, " bytes as the length of ", what, ", expected at most ", max_bytes));
  QUERN_TRY(const std::byte* bytes, take(n, what));
  return std::string_view(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(n));
}

Error GgufCursor::error(ErrorCode code, std::string_view what) const {
  const std::string name = printable(name_);
  const std::string subject = name.empty() ? std::string(noun_) : cat(noun_, " '", name, "'");
  return Error{code, cat(subject, " ", what, " (at byte ", last_, ")"), name};
}

}  // namespace quern::formats
