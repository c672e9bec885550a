#pragma once
// One bit for each token of a vocabulary, in words of 64; bits past the end are 0.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "quern/token.h"

namespace quern::detail {

using TokenBits = std::vector<std::uint64_t>;

constexpr std::size_t n_bit_words(std::size_t n_tokens) { return (n_tokens + 63) / 64; }

inline std::uint64_t bit_of(Token id) { return std::uint64_t{1} << (id % 64); }
inline bool has_bit(const TokenBits& bits, Token id) { return (bits[id / 64] & bit_of(id)) != 0; }
inline void set_bit(TokenBits& bits, Token id) { bits[id / 64] |= bit_of(id); }
inline void clear_bit(TokenBits& bits, Token id) { bits[id / 64] &= ~bit_of(id); }

/// The first n_set of n_tokens bits 1, the others 0. Requires: n_set <= n_tokens.
inline TokenBits first_bits(std::size_t n_set, std::size_t n_tokens) {
  TokenBits bits(n_bit_words(n_tokens), 0);
  for (std::size_t i = 0; i < n_set / 64; ++i) bits[i] = ~std::uint64_t{0};
  if (n_set % 64 != 0) bits[n_set / 64] = (std::uint64_t{1} << (n_set % 64)) - 1;
  return bits;
}

}  // namespace quern::detail
