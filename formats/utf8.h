#pragma once
// UTF-8 as it has to be (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace quern::formats {

struct Utf8Sequence {
  std::size_t n_bytes;  ///< how many of the bytes belong together
  enum { character, unfinished, invalid } kind;
};

/// What the bytes begin with, by the table of well-formed sequences (The Unicode Standard, table 3-7).
/// Requires: not empty.
inline Utf8Sequence first_utf8(std::string_view bytes) {
  const auto lead = static_cast<std::uint8_t>(bytes[0]);
  if (lead < 0x80) return {1, Utf8Sequence::character};
  if (lead < 0xC2 || lead > 0xF4) return {1, Utf8Sequence::invalid};
  const std::size_t wanted = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  // The second byte has a narrower range where the form would be overlong, a surrogate or above U+10FFFF.
  std::uint8_t least = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  std::uint8_t most = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  for (std::size_t i = 1; i < wanted; ++i) {
    if (i == bytes.size()) return {i, Utf8Sequence::unfinished};
    const auto byte = static_cast<std::uint8_t>(bytes[i]);
    if (byte < least || byte > most) return {i, Utf8Sequence::invalid};
    least = 0x80, most = 0xBF;
  }
  return {wanted, Utf8Sequence::character};
}

/// Bytes of the character at the start of the text; 0: there is none. Requires: not empty.
inline std::size_t utf8_length(std::string_view text) {
  const Utf8Sequence first = first_utf8(text);
  return first.kind == Utf8Sequence::character ? first.n_bytes : 0;
}

inline bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t n = utf8_length(text);
    if (n == 0) return false;
    text.remove_prefix(n);
  }
  return true;
}

/// Writes the character, in one to four bytes; what follows them.
inline char* write_utf8(char* out, char32_t code) {
  const auto put = [&](char32_t byte) { *out++ = static_cast<char>(byte); };
  const auto tail = [&](int shift) { put(0x80 | (code >> shift & 0x3F)); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | code >> 6);
    tail(0);
  } else if (code < 0x10000) {
    put(0xE0 | code >> 12);
    tail(6), tail(0);
  } else {
    put(0xF0 | code >> 18);
    tail(12), tail(6), tail(0);
  }
  return out;
}

inline void append_utf8(std::string& out, char32_t code) {
  char bytes[4];
  out.append(bytes, write_utf8(bytes, code));
}

}  // namespace quern::formats
