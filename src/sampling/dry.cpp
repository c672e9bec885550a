#include "src/sampling/dry.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "src/base/math.h"

namespace quern::detail {

void DryBreakers::add(std::span<const Token> sequence) {
  std::vector<std::vector<Token>>& tails = tails_[sequence.front()];
  std::vector<Token> tail(sequence.begin() + 1, sequence.end());
  if (std::find(tails.begin(), tails.end(), tail) == tails.end()) tails.push_back(std::move(tail));
}

void DryBreakers::add(const DryBreakers& other) {
  std::vector<Token> sequence;
  for (const auto& [head, tails] : other.tails_) {
    for (const std::vector<Token>& tail : tails) {
      sequence.assign(1, head);
      sequence.insert(sequence.end(), tail.begin(), tail.end());
      add(sequence);
    }
  }
}

bool DryBreakers::contains(Token token) const {
  const auto found = tails_.find(token);
  if (found == tails_.end()) return false;
  return std::any_of(found->second.begin(), found->second.end(),
                     [](const auto& tail) { return tail.empty(); });
}

std::size_t DryBreakers::reach(std::span<const Token> window) const {
  if (tails_.empty()) return window.size();
  for (std::size_t i = 0; i < window.size(); ++i) {  // distance of the head from the end
    const auto found = tails_.find(window[window.size() - 1 - i]);
    if (found == tails_.end()) continue;
    const std::span<const Token> after = window.last(i);
    bool is_breaker = false;
    std::size_t longest = 0;
    for (const std::vector<Token>& tail : found->second) {
      if (tail.size() > i || !std::equal(tail.begin(), tail.end(), after.begin())) continue;
      is_breaker = true;
      longest = std::max(longest, tail.size());
    }
    if (is_breaker) return i - longest;
  }
  return window.size();
}

// The Z-algorithm (Gusfield, "Algorithms on Strings, Trees, and Sequences", 1.4) over the reversed window, in
// O(n).
void common_suffix_lengths(std::span<const Token> window, std::vector<std::size_t>& lengths) {
  const std::size_t n = window.size();
  lengths.assign(n, n);
  const auto reversed = [&](std::size_t i) { return window[n - 1 - i]; };
  // [left, right) is the match with the beginning that reaches furthest.
  std::size_t left = 0, right = 0;
  for (std::size_t i = 1; i < n; ++i) {
    std::size_t z = i < right ? std::min(right - i, lengths[n - 1 - (i - left)]) : 0;
    while (i + z < n && reversed(z) == reversed(i + z)) ++z;
    if (i + z > right) {
      left = i;
      right = i + z;
    }
    lengths[n - 1 - i] = z;
  }
}

Dry::Dry(const SamplerOptions& options, DryBreakers breakers)
    : multiplier_(options.dry_multiplier),
      base_(options.dry_base),
      allowed_length_(static_cast<std::size_t>(options.dry_allowed_length)),
      window_(options.dry_last_n),
      // ln of the largest float: a longer match costs no more than it.
      max_exponent_(base_ > 1.000001 ? std::floor(88.7228391 / ln(base_))
                                     : std::numeric_limits<double>::infinity()),
      breakers_(std::move(breakers)) {}

// multiplier * base^(length - allowed_length), the power by repeated squaring.
double Dry::penalty(std::size_t length) const {
  auto exponent =
      static_cast<std::uint64_t>(std::min(static_cast<double>(length - allowed_length_), max_exponent_));
  double power = 1;
  for (double square = base_; exponent != 0; exponent >>= 1, square *= square) {
    if (exponent & 1) power *= square;
  }
  return multiplier_ * power;
}

void Dry::penalize(Candidates& candidates, std::span<const Token> history) {
  if (multiplier_ == 0 || window_ == 0) return;
  const std::span<const Token> window =
      window_ < 0 ? history : history.last(std::min(history.size(), static_cast<std::size_t>(window_)));
  if (window.size() <= allowed_length_) return;
  const std::size_t limit = breakers_.reach(window);
  if (limit < allowed_length_) return;
  common_suffix_lengths(window, matches_);
  longest_.clear();
  for (std::size_t i = 0; i + 1 < window.size(); ++i) {
    const std::size_t match = std::min(limit, matches_[i]);
    if (match < allowed_length_) continue;
    std::size_t& longest = longest_[window[i + 1]];
    longest = std::max(longest, match);
  }
  for (const auto& [token, length] : longest_) {
    const auto logit = candidates.logit(token);
    if (logit && !breakers_.contains(token)) candidates.set_logit(token, *logit - penalty(length));
  }
}

}  // namespace quern::detail
