#pragma once
// Which tokens may be chosen at all, before any step looks at a logit.
#include <cstdint>
#include <span>
#include <vector>

#include "quern/sampling.h"
#include "src/sampling/token_bits.h"

namespace quern::detail {

class HardMask {
 public:
  /// Requires: the options are valid for the vocabulary.
  HardMask(const SamplerOptions& options, const SamplerVocabulary& vocabulary);

  /// The tokens allowed after this history, of which n_generated are generated. `grammar` may be empty, else
  /// it has a bit for each token. Valid until the next call.
  const TokenBits& allowed(std::span<const Token> history, std::size_t n_generated,
                           std::span<const std::uint64_t> grammar);

 private:
  bool only_end_tokens(std::span<const std::uint64_t> grammar) const;

  TokenBits always_;  ///< allowed whatever the history
  TokenBits ends_;    ///< the end tokens
  std::vector<Token> end_tokens_, stop_tokens_;
  std::vector<std::vector<Token>> bad_words_;
  std::size_t min_tokens_;
  bool ignore_eos_;
  TokenBits now_;
};

}  // namespace quern::detail
