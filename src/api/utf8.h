#pragma once
// Text that the API promises to be whole characters.
#include <string>
#include <string_view>

#include "src/tokenizer/stream_decoder.h"

namespace quern::detail {

/// The text with U+FFFD in place of what is no character.
inline std::string repaired_utf8(std::string_view text) {
  Utf8Stream stream(Utf8Stream::Invalid::replace);
  std::string repaired = stream.push(text);
  return repaired += stream.finish();
}

inline bool is_utf8(std::string_view text) { return repaired_utf8(text) == text; }

}  // namespace quern::detail
