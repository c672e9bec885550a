#pragma once
// DRY's text breakers in the tokens of a vocabulary.
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "quern/sampling.h"
#include "src/sampling/dry.h"

namespace quern::detail {

/// A token whose text contains the breaker is one. A token that ends in a proper beginning of it is the head
/// of one, and the tokens of the remaining text are its tail. Only the first 40 bytes of the breaker and the
/// first 20 tokens of a tail count. Requires: vocabulary.text.
DryBreakers find_breakers(std::string_view text, const SamplerVocabulary& vocabulary);

/// What find_breakers() gave, by text. Safe from any number of threads.
class BreakerCache {
 public:
  std::shared_ptr<const DryBreakers> get(const std::string& text, const SamplerVocabulary& vocabulary);

 private:
  std::mutex mutex_;
  std::unordered_map<std::string, std::shared_ptr<const DryBreakers>> tables_;
};

/// All breakers of the options. Error invalid_argument if text ones are wanted and the vocabulary has no
/// text.
Result<DryBreakers> breakers_of(const SamplerOptions& options, const SamplerVocabulary& vocabulary);

}  // namespace quern::detail
