#pragma once
// DRY ("don't repeat yourself"): a token that would prolong a repetition loses the more, the longer it
// already is.
#include <cstddef>
#include <span>
#include <unordered_map>
#include <vector>

#include "quern/sampling.h"
#include "src/sampling/candidates.h"

namespace quern::detail {

/// Sequences of tokens across which no repetition is looked for.
class DryBreakers {
 public:
  /// Requires: the sequence is not empty.
  void add(std::span<const Token> sequence);
  /// Adds all of another.
  void add(const DryBreakers& other);

  /// Whether the token alone is one.
  bool contains(Token token) const;
  /// How many tokens of the window's end a repetition may reach back: up to the nearest breaker, whole or
  /// without its head. The window's length if there is none.
  std::size_t reach(std::span<const Token> window) const;

 private:
  std::unordered_map<Token, std::vector<std::vector<Token>>> tails_;  ///< by head; no tail twice
};

/// Applies the penalty of the options for this history. Not thread-safe.
class Dry {
 public:
  Dry(const SamplerOptions& options, DryBreakers breakers);
  void penalize(Candidates& candidates, std::span<const Token> history);

 private:
  double penalty(std::size_t length) const;

  double multiplier_, base_;
  std::size_t allowed_length_;
  int window_;
  double max_exponent_;
  DryBreakers breakers_;
  std::vector<std::size_t> matches_;
  std::unordered_map<Token, std::size_t> longest_;
};

/// For each i < n the length of the longest common suffix of window[0..i] and the window; n for the last.
void common_suffix_lengths(std::span<const Token> window, std::vector<std::size_t>& lengths);

}  // namespace quern::detail
