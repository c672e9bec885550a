#include "src/sampling/masks.h"

#include <algorithm>
#include <cmath>

namespace quern::detail {

HardMask::HardMask(const SamplerOptions& options, const SamplerVocabulary& vocabulary)
    : end_tokens_(vocabulary.end_tokens),
      stop_tokens_(options.stop_tokens),
      bad_words_(options.bad_words),
      min_tokens_(static_cast<std::size_t>(options.min_tokens)),
      ignore_eos_(options.ignore_eos) {
  const auto n_vocab = static_cast<std::size_t>(vocabulary.n_vocab);
  const std::size_t n_tokens =
      vocabulary.n_tokens < 0 ? n_vocab : static_cast<std::size_t>(vocabulary.n_tokens);
  always_ = first_bits(n_tokens, n_vocab);
  if (options.allowed) {
    TokenBits listed = first_bits(0, n_vocab);
    for (const Token t : *options.allowed) set_bit(listed, t);
    for (std::size_t i = 0; i < always_.size(); ++i) always_[i] &= listed[i];
  }
  for (const Token t : options.banned) clear_bit(always_, t);
  for (const Token t : vocabulary.suppressed) clear_bit(always_, t);
  for (const LogitBias& b : options.logit_bias) {
    if (std::isinf(b.bias)) clear_bit(always_, b.token);
  }
  ends_ = first_bits(0, n_vocab);
  for (const Token t : end_tokens_) set_bit(ends_, t);
}

bool HardMask::only_end_tokens(std::span<const std::uint64_t> grammar) const {
  for (std::size_t i = 0; i < grammar.size(); ++i) {
    if ((grammar[i] & ~ends_[i]) != 0) return false;
  }
  return true;
}

const TokenBits& HardMask::allowed(std::span<const Token> history, std::size_t n_generated,
                                   std::span<const std::uint64_t> grammar) {
  now_ = always_;
  for (std::size_t i = 0; i < grammar.size(); ++i) now_[i] &= grammar[i];
  for (const std::vector<Token>& word : bad_words_) {
    const std::size_t n = word.size() - 1;
    if (n <= history.size() &&
        std::equal(word.begin(), word.end() - 1, history.end() - static_cast<long>(n))) {
      clear_bit(now_, word.back());
    }
  }
  const bool too_early = n_generated < min_tokens_;
  if ((too_early || ignore_eos_) && (grammar.empty() || !only_end_tokens(grammar))) {
    for (const Token t : end_tokens_) clear_bit(now_, t);
    if (too_early) {
      for (const Token t : stop_tokens_) clear_bit(now_, t);
    }
  }
  return now_;
}

}  // namespace quern::detail
