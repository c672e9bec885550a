#pragma once
// The tokens <0x00> ... <0xFF>, which write bytes that no other token writes.
#include <array>
#include <cstdint>
#include <string_view>

#include "src/tokenizer/vocabulary.h"

namespace quern::detail {

class ByteFallback {
 public:
  explicit ByteFallback(const Vocabulary& vocabulary) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    char text[] = "<0x00>";
    for (unsigned byte = 0; byte < 256; ++byte) {
      text[3] = digits[byte / 16];
      text[4] = digits[byte % 16];
      tokens_[byte] = vocabulary.find(text);
    }
  }

  // The token of a byte, or no_token.
  Token token(char byte) const { return tokens_[static_cast<std::uint8_t>(byte)]; }

 private:
  std::array<Token, 256> tokens_{};
};

}  // namespace quern::detail
