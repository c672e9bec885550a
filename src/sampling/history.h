#pragma once
// The tokens of a sequence so far, and how often each occurs in the window that the penalties look at.
#include <cstddef>
#include <span>
#include <unordered_map>
#include <vector>

#include "quern/token.h"

namespace quern::detail {

/// Adding and taking back a token costs the same whatever the window. Not thread-safe.
class History {
 public:
  struct Counts {
    int all = 0;        ///< in prompt and generated text
    int generated = 0;  ///< in generated text
  };

  /// Counts the last `window` tokens; -1: all.
  explicit History(int window) : window_(window) {}

  /// Both change nothing if they throw for want of memory.
  void start(std::span<const Token> prompt);
  void append(Token token);
  /// Keeps the first n. Requires: n <= size.
  void truncate(std::size_t n);

  std::span<const Token> tokens() const { return tokens_; }
  std::size_t n_generated() const { return tokens_.size() - n_prompt_; }
  /// The tokens in the window; each occurs.
  const std::unordered_map<Token, Counts>& counts() const { return counts_; }

 private:
  void count_prompt(std::span<const Token> prompt);
  void count(std::size_t index, int change);
  /// Whether tokens have left the window.
  bool slides(std::size_t size) const { return window_ >= 0 && size > static_cast<std::size_t>(window_); }

  int window_;
  std::vector<Token> tokens_;
  std::size_t n_prompt_ = 0;
  std::unordered_map<Token, Counts> counts_;
};

}  // namespace quern::detail
