#include "src/sampling/breakers.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace quern::detail {
namespace {

constexpr std::size_t max_breaker_bytes = 40;
constexpr std::size_t max_tail_tokens = 20;
// Requests choose the breakers; without a limit they could fill the memory.
constexpr std::size_t max_cached = 256;

}  // namespace

DryBreakers find_breakers(std::string_view text, const SamplerVocabulary& vocabulary) {
  const std::string_view breaker = text.substr(0, max_breaker_bytes);
  // The tokens after a head that ends in the first n bytes.
  std::vector<std::vector<Token>> tails(breaker.size());
  for (std::size_t n = 1; n < breaker.size() && vocabulary.encode; ++n) {
    tails[n] = vocabulary.encode(breaker.substr(n));
    if (tails[n].size() > max_tail_tokens) tails[n].resize(max_tail_tokens);
  }
  DryBreakers found;
  std::vector<Token> sequence;
  const int n_tokens = vocabulary.n_tokens < 0 ? vocabulary.n_vocab : vocabulary.n_tokens;
  for (Token t = 0; t < n_tokens; ++t) {
    const std::string_view token = vocabulary.text(t);
    if (token.find(breaker) != std::string_view::npos) {
      found.add({&t, 1});
      continue;
    }
    for (std::size_t n = 1; n < breaker.size(); ++n) {
      if (tails[n].empty() || !token.ends_with(breaker.substr(0, n))) continue;
      sequence.assign(1, t);
      sequence.insert(sequence.end(), tails[n].begin(), tails[n].end());
      found.add(sequence);
    }
  }
  return found;
}

std::shared_ptr<const DryBreakers> BreakerCache::get(const std::string& text,
                                                     const SamplerVocabulary& vocabulary) {
  const std::lock_guard lock(mutex_);
  if (const auto known = tables_.find(text); known != tables_.end()) return known->second;
  auto table = std::make_shared<const DryBreakers>(find_breakers(text, vocabulary));
  if (tables_.size() < max_cached) tables_.emplace(text, table);
  return table;
}

Result<DryBreakers> breakers_of(const SamplerOptions& options, const SamplerVocabulary& vocabulary) {
  DryBreakers breakers;
  if (options.dry_multiplier == 0 || options.dry_last_n == 0) return breakers;
  for (const std::vector<Token>& sequence : options.dry_token_breakers) breakers.add(sequence);
  for (const std::string& text : options.dry_sequence_breakers) {
    if (text.empty()) {
      return Error{ErrorCode::invalid_argument,
                   "dry_sequence_breakers has an empty text, expected at least one byte",
                   "dry_sequence_breakers"};
    }
    if (!vocabulary.text) {
      return Error{
          ErrorCode::invalid_argument,
          "dry_sequence_breakers needs the texts of the tokens, which SamplerVocabulary::text does not give",
          "dry_sequence_breakers"};
    }
    const std::string cut = text.substr(0, max_breaker_bytes);
    if (vocabulary.breaker_cache) {
      breakers.add(*vocabulary.breaker_cache->get(cut, vocabulary));
    } else {
      breakers.add(find_breakers(cut, vocabulary));
    }
  }
  return breakers;
}

}  // namespace quern::detail

namespace quern {

std::shared_ptr<detail::BreakerCache> new_breaker_cache() { return std::make_shared<detail::BreakerCache>(); }

}  // namespace quern
