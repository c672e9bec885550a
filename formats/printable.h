#pragma once
// Names from a file, made fit for a message: a hostile key may be 64 KiB of escape sequences.
#include <string>
#include <string_view>

namespace quern::formats {

/// `text` with every byte outside printable ASCII as \xNN, cut after 120 bytes with "...".
inline std::string printable(std::string_view text) {
  constexpr std::size_t max_bytes = 120;
  constexpr const char* hex = "0123456789abcdef";
  std::string out;
  for (const char c : text.substr(0, max_bytes)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f) {
      out += c;
    } else {
      out += "\\x";
      out += hex[byte >> 4];
      out += hex[byte & 15];
    }
  }
  if (text.size() > max_bytes) out += "...";
  return out;
}

}  // namespace quern::formats
