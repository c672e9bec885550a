#pragma once
// The 256 characters in which byte-level vocabularies write bytes: printable Latin-1 stands for itself, the
// other 68 bytes, in ascending order, are U+0100 and up (space is U+0120, newline U+010A).
#include <array>
#include <cstdint>

namespace quern::detail {

inline constexpr auto character_of_byte = [] {
  std::array<char16_t, 256> characters{};
  char16_t next = 0x100;
  for (unsigned byte = 0; byte < 256; ++byte) {
    const bool itself = (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
    characters[byte] = itself ? static_cast<char16_t>(byte) : next++;
  }
  return characters;
}();

// The byte that a character stands for; -1 if it stands for none.
inline constexpr auto byte_of_character = [] {
  std::array<std::int16_t, 0x144> bytes{};
  bytes.fill(-1);
  for (unsigned byte = 0; byte < 256; ++byte)
    bytes[character_of_byte[byte]] = static_cast<std::int16_t>(byte);
  return bytes;
}();

}  // namespace quern::detail
