#pragma once
// The sampling chain in its plainest form: a list of all candidates, sorted anew for every step, and noise
// for each survivor. Slow and obvious; the library's chain must agree with it to the last bit.
#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <span>
#include <vector>

#include "quern/sampling.h"
#include "src/base/math.h"
#include "src/sampling/draw.h"

namespace quern::test {

struct PlainCandidate {
  double logit;
  Token id;
  std::uint64_t weight = 0;
};

class PlainChain {
 public:
  PlainChain(const SamplerOptions& options, std::vector<Token> end_tokens)
      : o_(options), end_tokens_(std::move(end_tokens)) {}

  /// Survivors in canonical order; none if there is no candidate.
  std::vector<PlainCandidate> narrow(const std::vector<float>& logits, const std::vector<Token>& history,
                                     std::size_t n_prompt, double coin) {
    collect(logits, history, n_prompt);
    if (list_.empty()) return list_;
    const bool tempers = std::count(o_.steps.begin(), o_.steps.end(), SamplerStep::temperature) > 0;
    const bool greedy = tempers && o_.temperature < 1e-6;
    for (const SamplerStep step : o_.steps) {
      sort();
      const std::size_t min_keep = std::min<std::size_t>(static_cast<std::size_t>(o_.min_keep), list_.size());
      if (step == SamplerStep::penalties) {
        penalties(history, n_prompt);
      } else if (step == SamplerStep::dry) {
        dry(history);
      } else if (!greedy) {
        narrow_by(step, min_keep, coin);
      }
    }
    sort();
    if (greedy) list_.resize(1);
    weigh();
    return list_;
  }

  static Token draw(const std::vector<PlainCandidate>& survivors, const detail::Noise& noise) {
    if (survivors.size() == 1) return survivors[0].id;
    double best = -HUGE_VAL;
    Token winner = -1;
    for (const PlainCandidate& c : survivors) {
      const double sum = c.logit + detail::gumbel(noise.token_word(c.id));
      if (sum > best || (sum == best && c.id < winner)) {
        best = sum;
        winner = c.id;
      }
    }
    return winner;
  }

 private:
  void collect(const std::vector<float>& logits, const std::vector<Token>& history, std::size_t n_prompt) {
    std::set<Token> banned(o_.banned.begin(), o_.banned.end());
    for (const auto& word : o_.bad_words) {
      const std::vector<Token> head(word.begin(), word.end() - 1);
      if (head.size() <= history.size() &&
          std::vector<Token>(history.end() - static_cast<long>(head.size()), history.end()) == head) {
        banned.insert(word.back());
      }
    }
    const bool early = history.size() - n_prompt < static_cast<std::size_t>(o_.min_tokens);
    if (early || o_.ignore_eos) banned.insert(end_tokens_.begin(), end_tokens_.end());
    if (early) banned.insert(o_.stop_tokens.begin(), o_.stop_tokens.end());
    std::map<Token, float> bias;
    for (const LogitBias& b : o_.logit_bias) bias[b.token] = b.bias;
    list_.clear();
    for (Token t = 0; t < static_cast<Token>(logits.size()); ++t) {
      if (banned.count(t) || (o_.allowed && std::count(o_.allowed->begin(), o_.allowed->end(), t) == 0))
        continue;
      const double l =
          static_cast<double>(logits[static_cast<std::size_t>(t)]) + (bias.count(t) ? bias[t] : 0.0f);
      if (l > -HUGE_VAL) list_.push_back({l, t});
    }
  }

  void sort() {
    std::sort(list_.begin(), list_.end(), [](const PlainCandidate& a, const PlainCandidate& b) {
      return a.logit > b.logit || (a.logit == b.logit && a.id < b.id);
    });
  }

  std::uint64_t weigh() {
    std::uint64_t sum = 0;
    for (PlainCandidate& c : list_) {
      const double y = c.logit - list_[0].logit;
      c.weight = y < -31.2 ? 0 : static_cast<std::uint64_t>(std::nearbyint(std::ldexp(detail::exp(y), 44)));
      sum += c.weight;
    }
    return sum;
  }

  static std::uint64_t share(double p, std::uint64_t total) {
    return std::min(static_cast<std::uint64_t>(std::ceil(p * static_cast<double>(total))), total);
  }

  // Keeps the shortest prefix of the list as it stands that holds the target.
  void keep_prefix(std::uint64_t target, std::size_t min_keep) {
    std::uint64_t sum = 0;
    std::size_t n = 0;
    do {
      sum += list_[n++].weight;
    } while (sum < target);
    list_.resize(std::max(n, min_keep));
  }

  void keep_at_least(double bound, std::size_t min_keep) {
    std::size_t n = 0;
    while (n < list_.size() && list_[n].logit >= bound) ++n;
    list_.resize(std::max(n, min_keep));
  }

  template <typename Term>
  double ordered_sum(Term term) const {
    std::vector<PlainCandidate> order = list_;
    const bool blocks = order.size() > 4096;
    if (blocks)
      std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
    double total = 0, block = 0;
    for (std::size_t i = 0; i < order.size(); ++i) {
      if (blocks && i > 0 && order[i].id / 4096 != order[i - 1].id / 4096) {
        total += block;
        block = 0;
      }
      block += term(order[i]);
    }
    return total + block;
  }

  double entropy() {
    const double total = static_cast<double>(weigh());
    const double ln_z = detail::ln(total / 0x1p44), best = list_[0].logit;
    return ordered_sum([&](const PlainCandidate& c) {
      return static_cast<double>(c.weight) / total * (ln_z - (c.logit - best));
    });
  }

  void narrow_by(SamplerStep step, std::size_t min_keep, double coin) {
    const double best = list_[0].logit;
    switch (step) {
      case SamplerStep::top_k:
        if (o_.top_k > 0)
          list_.resize(std::min(list_.size(), std::max(static_cast<std::size_t>(o_.top_k), min_keep)));
        break;
      case SamplerStep::top_p:
        if (o_.top_p < 1) keep_prefix(share(o_.top_p, weigh()), min_keep);
        break;
      case SamplerStep::min_p:
        if (o_.min_p > 0) keep_at_least(best + detail::ln(o_.min_p), min_keep);
        break;
      case SamplerStep::top_n_sigma:
        if (o_.top_n_sigma > 0 && list_.size() > 1) {
          const double n = static_cast<double>(list_.size());
          const double mean = ordered_sum([](const PlainCandidate& c) { return c.logit; }) / n;
          const double variance =
              ordered_sum([mean](const PlainCandidate& c) { return (c.logit - mean) * (c.logit - mean); }) /
              n;
          keep_at_least(best - static_cast<double>(o_.top_n_sigma) * std::sqrt(variance), min_keep);
        }
        break;
      case SamplerStep::typical_p:
        if (o_.typical_p < 1) {
          const double expected = entropy();
          const std::uint64_t total = weigh();
          const double ln_z = detail::ln(static_cast<double>(total) / 0x1p44);
          const auto score = [&](const PlainCandidate& c) {
            return c.weight == 0 ? HUGE_VAL : std::abs(ln_z - (c.logit - best) - expected);
          };
          std::stable_sort(list_.begin(), list_.end(),
                           [&](const auto& a, const auto& b) { return score(a) < score(b); });
          keep_prefix(share(o_.typical_p, total), min_keep);
        }
        break;
      case SamplerStep::xtc:
        if (coin < o_.xtc_probability && o_.xtc_threshold <= 0.5f && list_.size() >= 2) {
          const std::uint64_t least = share(o_.xtc_threshold, weigh());
          std::size_t k = 0;
          while (k < list_.size() && list_[k].weight >= least) ++k;
          if (k >= 2 && list_.size() - (k - 1) >= static_cast<std::size_t>(o_.min_keep))
            list_.erase(list_.begin(), list_.begin() + static_cast<long>(k - 1));
        }
        break;
      case SamplerStep::temperature: {
        double t = o_.temperature;
        if (o_.dynatemp_range > 0) {
          if (list_.size() == 1) break;
          const double low = std::max(0.0, t - o_.dynatemp_range), high = t + o_.dynatemp_range;
          const double h = entropy() / detail::ln(static_cast<double>(list_.size()));
          t = low + (high - low) * (o_.dynatemp_exponent == 1 ? h
                                    : o_.dynatemp_exponent == 0
                                        ? 1
                                        : detail::exp(o_.dynatemp_exponent * detail::ln(h)));
        }
        if (t < 1e-6) {
          list_.resize(1);
        } else {
          for (PlainCandidate& c : list_) c.logit /= t;
        }
        break;
      }
      default: break;
    }
  }

  void penalties(const std::vector<Token>& history, std::size_t n_prompt) {
    const std::size_t n = history.size();
    const std::size_t begin =
        o_.penalty_last_n < 0 ? 0 : n - std::min(n, static_cast<std::size_t>(o_.penalty_last_n));
    for (PlainCandidate& c : list_) {
      int all = 0, counted = 0;
      for (std::size_t i = begin; i < n; ++i) {
        if (history[i] != c.id) continue;
        ++all;
        counted += o_.penalty_scope == PenaltyScope::all || i >= n_prompt;
      }
      if (all == 0) continue;
      c.logit = c.logit > 0 ? c.logit / o_.repeat_penalty : c.logit * o_.repeat_penalty;
      if (counted > 0) c.logit -= counted * static_cast<double>(o_.frequency_penalty) + o_.presence_penalty;
    }
  }

  // From the definition: every breaker at every place, every common suffix token by token.
  void dry(const std::vector<Token>& history) {
    if (o_.dry_multiplier == 0 || o_.dry_last_n == 0) return;
    const std::size_t wanted = o_.dry_last_n < 0
                                   ? history.size()
                                   : std::min(history.size(), static_cast<std::size_t>(o_.dry_last_n));
    const std::vector<Token> w(history.end() - static_cast<long>(wanted), history.end());
    const std::size_t n = w.size(), allowed = static_cast<std::size_t>(o_.dry_allowed_length);
    if (n <= allowed) return;
    std::size_t limit = n;
    for (std::size_t i = 0; i < n && limit == n; ++i) {
      for (const auto& breaker : o_.dry_token_breakers) {
        const std::size_t k = breaker.size() - 1;
        if (k > i || !std::equal(breaker.begin(), breaker.end(), w.end() - 1 - static_cast<long>(i)))
          continue;
        limit = std::min(limit, i - k);
      }
    }
    if (limit < allowed) return;
    std::map<Token, std::size_t> longest;
    for (std::size_t j = 0; j + 1 < n; ++j) {
      std::size_t m = 0;
      while (m <= j && w[j - m] == w[n - 1 - m]) ++m;
      m = std::min(m, limit);
      if (m >= allowed) longest[w[j + 1]] = std::max(longest[w[j + 1]], m);
    }
    for (PlainCandidate& c : list_) {
      if (!longest.count(c.id)) continue;
      if (std::count(o_.dry_token_breakers.begin(), o_.dry_token_breakers.end(), std::vector<Token>{c.id}))
        continue;
      double exponent = static_cast<double>(longest[c.id] - allowed);
      if (o_.dry_base > 1.000001)
        exponent = std::min(exponent, std::floor(88.7228391 / std::log(static_cast<double>(o_.dry_base))));
      c.logit -= o_.dry_multiplier * std::pow(static_cast<double>(o_.dry_base), exponent);
    }
  }

  SamplerOptions o_;
  std::vector<Token> end_tokens_;
  std::vector<PlainCandidate> list_;
};

}  // namespace quern::test
