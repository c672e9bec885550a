#include "src/sampling/history.h"

#include <algorithm>
#include <utility>

namespace quern::detail {

void History::start(std::span<const Token> prompt) {
  History next(window_);
  next.count_prompt(prompt);
  *this = std::move(next);
}

void History::count_prompt(std::span<const Token> prompt) {
  tokens_.assign(prompt.begin(), prompt.end());
  n_prompt_ = tokens_.size();
  const std::size_t begin = slides(tokens_.size()) ? tokens_.size() - static_cast<std::size_t>(window_) : 0;
  for (std::size_t i = begin; i < tokens_.size(); ++i) count(i, 1);
}

void History::append(Token token) {
  if (tokens_.size() == tokens_.capacity()) tokens_.reserve(2 * tokens_.size() + 64);
  if (window_ != 0) counts_.try_emplace(token);  // the last thing that may throw
  tokens_.push_back(token);
  if (window_ == 0) return;
  count(tokens_.size() - 1, 1);
  if (slides(tokens_.size())) count(tokens_.size() - 1 - static_cast<std::size_t>(window_), -1);
}

void History::truncate(std::size_t n) {
  while (tokens_.size() > n) {
    if (window_ != 0) {
      if (slides(tokens_.size())) count(tokens_.size() - 1 - static_cast<std::size_t>(window_), 1);
      count(tokens_.size() - 1, -1);
    }
    tokens_.pop_back();
  }
  n_prompt_ = std::min(n_prompt_, n);
}

void History::count(std::size_t index, int change) {
  const auto entry = counts_.try_emplace(tokens_[index]).first;
  entry->second.all += change;
  if (index >= n_prompt_) entry->second.generated += change;
  if (entry->second.all == 0) counts_.erase(entry);
}

}  // namespace quern::detail
