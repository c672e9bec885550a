#include "src/sampling/candidates.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "formats/try.h"
#include "src/sampling/nucleus.h"

namespace quern::detail {
namespace {

using formats::cat;
using kernels::logit_block;

constexpr std::size_t summation_block = 4096;  // logits
constexpr bool by_id(const Candidate& a, const Candidate& b) { return a.id < b.id; }
constexpr std::size_t list_limit = 4096;  // a longer list costs more than another pass over a view
constexpr std::size_t any_number = std::numeric_limits<std::size_t>::max();
constexpr std::size_t no_tie_end = any_number;
constexpr double infinity = std::numeric_limits<double>::infinity();

Error invalid_logit(std::span<const float> logits, std::uint64_t position) {
  const auto bad = std::find_if(logits.begin(), logits.end(),
                                [](float l) { return std::isnan(l) || (std::isinf(l) && l > 0); });
  const bool nan = std::isnan(*bad);
  return Error{nan ? ErrorCode::nan_logit : ErrorCode::infinite_logit,
               cat("the model gave the logit ", nan ? "NaN" : "+infinity", " for token ",
                   bad - logits.begin(), " at position ", position, ", expected a number")};
}

}  // namespace

Result<void> Candidates::reset(std::span<const float> logits, const TokenBits& allowed,
                               std::uint64_t position) {
  for (const Candidate& c : changed_) changed_slot_[c.id] = -1;
  changed_.clear();
  n_vocab_ = logits.size();
  if (!changed_slot_.empty() && changed_slot_.size() != n_vocab_) changed_slot_.assign(n_vocab_, -1);
  bits_ = allowed;
  view_ = {logits.data(), bits_.data(), n_bit_words(n_vocab_)};
  block_max_.resize(view_.n_blocks);
  divisor_ = 1;
  is_list_ = false;
  bool all_valid = true;
  view_size_ = kernels_->scan(view_, n_vocab_, block_max_.data(), &all_valid);
  if (!all_valid) return invalid_logit(logits, position);
  return {};
}

double Candidates::best() const {
  double best = -infinity;
  if (is_list_) {
    for (const Candidate& c : list_) best = std::max(best, c.logit);
    return best;
  }
  float block_best = -std::numeric_limits<float>::infinity();
  for (const float m : block_max_) block_best = std::max(block_best, m);
  best = current(block_best);
  for (const Candidate& c : changed_) best = std::max(best, c.logit);
  return best;
}

bool Candidates::in_view(Token id) const {
  return has_bit(bits_, id) && view_.logits[id] > -std::numeric_limits<float>::infinity();
}

Candidate& Candidates::entry(Token id) {
  if (!is_list_) return changed_[changed_slot_[id]];
  sort_by_id();
  return *std::lower_bound(list_.begin(), list_.end(), id,
                           [](const Candidate& c, Token t) { return c.id < t; });
}

std::optional<double> Candidates::logit(Token id) {
  if (id < 0 || static_cast<std::size_t>(id) >= n_vocab_) return {};
  if (is_list_) {
    sort_by_id();
    const auto c = std::lower_bound(list_.begin(), list_.end(), id,
                                    [](const Candidate& a, Token t) { return a.id < t; });
    return c != list_.end() && c->id == id ? std::optional(c->logit) : std::nullopt;
  }
  if (in_view(id)) return current(view_.logits[id]);
  if (changed_.empty() || changed_slot_[id] < 0) return {};
  return changed_[changed_slot_[id]].logit;
}

void Candidates::set_logit(Token id, double logit) {
  if (is_list_ || !in_view(id)) {
    entry(id).logit = logit;
    return;
  }
  if (changed_slot_.empty()) changed_slot_.assign(n_vocab_, -1);
  changed_slot_[id] = static_cast<std::int32_t>(changed_.size());
  changed_.push_back({.logit = logit, .id = id});
  clear_bit(bits_, id);
  const std::size_t b = static_cast<std::size_t>(id) / logit_block;
  if (view_.logits[id] < block_max_[b]) return;
  float best = -std::numeric_limits<float>::infinity();
  for (std::uint64_t rest = bits_[b]; rest != 0; rest &= rest - 1) {
    best = std::max(best, view_.logits[b * logit_block + std::countr_zero(rest)]);
  }
  block_max_[b] = best;
}

void Candidates::divide(double divisor) {
  if (is_list_) {
    for (Candidate& c : list_) c.logit /= divisor;
    if (order_ == Order::canonical) order_ = Order::any;  // rounding may make two of them equal
    return;
  }
  divisor_ = divisor;
  for (Candidate& c : changed_) c.logit /= divisor;
}

// The smallest float that is, divided, no less than this logit.
float Candidates::view_bound(double logit) const {
  constexpr float lowest = std::numeric_limits<float>::lowest(), highest = std::numeric_limits<float>::max();
  float bound = static_cast<float>(std::clamp<double>(logit * divisor_, lowest, highest));
  while (bound > lowest && current(bound) >= logit) bound = std::nextafter(bound, lowest);
  while (current(bound) < logit) bound = std::nextafter(bound, std::numeric_limits<float>::infinity());
  return bound;
}

// Bits of the view's candidates with at least this logit, into kept_; their number.
std::size_t Candidates::find_at_least(double logit, std::size_t tie_end) {
  kept_.resize(bits_.size());
  return kernels_->at_least(view_, block_max_.data(), view_bound(logit), tie_end, kept_.data());
}

// Makes the list of all with at least this logit. False, and still a view, if they are more than `limit`.
bool Candidates::gather(double at_least, std::size_t limit) {
  const auto n_changed = static_cast<std::size_t>(std::count_if(
      changed_.begin(), changed_.end(), [&](const Candidate& c) { return c.logit >= at_least; }));
  const std::size_t n = find_at_least(at_least, no_tie_end) + n_changed;
  if (n > limit) return false;
  list_.clear();
  list_.reserve(n);
  append_kept();
  for (const Candidate& c : changed_) {
    if (c.logit >= at_least) list_.push_back(c);
  }
  is_list_ = true;
  order_ = changed_.empty() ? Order::by_id : Order::any;
  return true;
}

void Candidates::append_kept() {
  for (std::size_t b = 0; b < kept_.size(); ++b) {
    for (std::uint64_t rest = kept_[b]; rest != 0; rest &= rest - 1) {
      const std::size_t id = b * logit_block + static_cast<std::size_t>(std::countr_zero(rest));
      list_.push_back({.logit = current(view_.logits[id]), .id = static_cast<Token>(id)});
    }
  }
}

void Candidates::keep_first(std::size_t n) {
  if (n >= size()) return;
  if (!is_list_) {
    // The n-th largest block maximum is a lower bound for the n-th largest logit.
    double bound = std::numeric_limits<double>::lowest();
    if (n < block_max_.size()) {
      selection_ = block_max_;
      const auto nth = selection_.begin() + static_cast<std::ptrdiff_t>(n - 1);
      std::nth_element(selection_.begin(), nth, selection_.end(), std::greater<>());
      bound = std::max(bound, current(*nth));
    }
    gather(bound, any_number);
    if (n >= list_.size()) return;
  }
  std::nth_element(list_.begin(), list_.begin() + static_cast<std::ptrdiff_t>(n), list_.end(),
                   canonical_less);
  list_.resize(n);
  list_changed();
}

void Candidates::keep_at_least(double logit, std::size_t min_keep) {
  min_keep = std::min(min_keep, size());
  if (!is_list_) {
    const bool few = gather(logit, list_limit);
    if (few && list_.size() >= min_keep) return;
    is_list_ = false;
    constexpr Token last_id = std::numeric_limits<Token>::max();
    if (few || !cut_view({.logit = logit, .id = last_id}, min_keep)) keep_first(min_keep);
    return;
  }
  const auto lower = [logit](const Candidate& c) { return c.logit < logit; };
  if (list_.size() - static_cast<std::size_t>(std::count_if(list_.begin(), list_.end(), lower)) < min_keep) {
    keep_first(min_keep);
  } else {
    std::erase_if(list_, lower);
  }
}

// Removes what comes after `last` in canonical order. Does nothing and gives false if that leaves too few.
bool Candidates::cut_view(const Candidate& last, std::size_t min_keep) {
  const auto is_after = [&](const Candidate& c) { return canonical_less(last, c); };
  const bool ties = current(view_bound(last.logit)) == last.logit;
  const std::size_t n_view =
      find_at_least(last.logit, ties ? static_cast<std::size_t>(last.id) + 1 : no_tie_end);
  const auto n_after = static_cast<std::size_t>(std::count_if(changed_.begin(), changed_.end(), is_after));
  if (n_view + changed_.size() - n_after < min_keep) return false;
  view_size_ = n_view + changed_.size() - n_after;
  bits_.swap(kept_);
  view_.candidates = bits_.data();
  for (std::size_t b = 0; b < bits_.size(); ++b) {
    if (bits_[b] == 0) block_max_[b] = -std::numeric_limits<float>::infinity();
  }
  for (const Candidate& c : changed_) changed_slot_[c.id] = -1;
  std::erase_if(changed_, is_after);
  number_changed();
  return true;
}

void Candidates::number_changed() {
  for (std::size_t i = 0; i < changed_.size(); ++i)
    changed_slot_[changed_[i].id] = static_cast<std::int32_t>(i);
}

void Candidates::keep_nucleus(double p, std::size_t min_keep) {
  min_keep = std::min(min_keep, size());
  if (is_list_) {
    const std::uint64_t target = weight_share(p, weigh_list());
    list_.resize(select_nucleus(list_, target, min_keep, canonical_less));
    list_changed();
    return;
  }
  const std::uint64_t target = weight_share(p, total_weight());
  if (keep_nucleus_nearby(target)) {
    if (list_.size() >= min_keep) return;
    is_list_ = false;
    keep_first(min_keep);
  } else if (!cut_view(nucleus_end(target), min_keep)) {
    keep_first(min_keep);
  }
}

// Most often a nucleus lies within a few nats of the best. False, and still a view, if that means a long
// list.
bool Candidates::keep_nucleus_nearby(std::uint64_t target) {
  const double top = best();
  for (double reach = 3;; reach += 3) {
    if (!gather(top - reach, list_limit)) return false;
    if (weigh_list() >= target) break;  // at the latest when all that have weight are there
    is_list_ = false;
  }
  list_.resize(select_nucleus(list_, target, 0, canonical_less));
  list_changed();
  return true;
}

// The last candidate of a nucleus of thousands. A histogram of the weights over the distance from the best
// tells in which bucket the sum reaches the target, and only that bucket's candidates need be looked at.
// Exact, because the sums are integers.
Candidate Candidates::nucleus_end(std::uint64_t target) {
  const double top = best();
  const auto bucket = [top](double logit) { return kernels::weight_bucket(logit - top); };
  buckets_.assign(kernels::n_weight_buckets, 0);
  kernels_->bucket_weights(view_, {.best = top, .temperature = divisor_}, buckets_.data());
  weigh(changed_, top);
  for (const Candidate& c : changed_) {
    if (c.weight > 0) buckets_[bucket(c.logit)] += c.weight;
  }
  std::size_t last = 0;
  while (buckets_[last] < target) target -= buckets_[last++];

  // Everything between two logits, one in a bucket before and one in a bucket behind; all, where rounding
  // leaves no such logit.
  const auto edge = [top](double b) { return top - b / kernels::buckets_per_nat; };
  const double above = edge(static_cast<double>(last) - 1), below = edge(static_cast<double>(last) + 2);
  above_.assign(bits_.size(), 0);
  if (last > 0 && bucket(above) < last) {
    find_at_least(above, no_tie_end);
    above_ = kept_;
  }
  find_at_least(bucket(below) > last ? below : std::numeric_limits<double>::lowest(), no_tie_end);
  for (std::size_t i = 0; i < kept_.size(); ++i) kept_[i] &= ~above_[i];
  list_.assign(changed_.begin(), changed_.end());
  append_kept();
  std::erase_if(list_, [&](const Candidate& c) { return bucket(c.logit) != last; });
  weigh(list_, top);
  const std::size_t n = select_nucleus(list_, target, 0, canonical_less);
  return *std::max_element(list_.begin(), list_.begin() + static_cast<std::ptrdiff_t>(n), canonical_less);
}

std::vector<Candidate>& Candidates::list() {
  if (!is_list_) gather(std::numeric_limits<double>::lowest(), any_number);
  return list_;
}

std::vector<Candidate>& Candidates::sorted_list() {
  list();
  if (order_ != Order::canonical) std::sort(list_.begin(), list_.end(), canonical_less);
  order_ = Order::canonical;
  return list_;
}

void Candidates::sort_by_id() {
  if (order_ == Order::by_id) return;
  std::sort(list_.begin(), list_.end(), by_id);
  order_ = Order::by_id;
}

std::uint64_t Candidates::weigh(std::span<Candidate> candidates, double top) {
  constexpr std::size_t batch = 64;
  double logits[batch];
  std::uint64_t weights[batch];
  std::uint64_t sum = 0;
  for (std::size_t begin = 0; begin < candidates.size(); begin += batch) {
    const std::span<Candidate> some = candidates.subspan(begin, std::min(batch, candidates.size() - begin));
    for (std::size_t i = 0; i < some.size(); ++i) logits[i] = some[i].logit;
    kernels_->weigh(logits, some.size(), top, weights);
    for (std::size_t i = 0; i < some.size(); ++i) sum += some[i].weight = weights[i];
  }
  return sum;
}

std::uint64_t Candidates::weigh_list() {
  list();
  return weigh(list_, best());
}

std::uint64_t Candidates::total_weight() {
  if (is_list_) return weigh_list();
  const double top = best();
  return kernels_->sum_weights(view_, {.best = top, .temperature = divisor_}) + weigh(changed_, top);
}

OrderedLogits Candidates::ordered_logits() {
  block_ends_.clear();
  values_.resize(size() + 1);  // one to spare: order_view() writes before it knows whether to keep
  std::size_t n = 0;
  if (size() <= summation_block) {
    for (const Candidate& c : sorted_list()) values_[n++] = c.logit;
  } else if (is_list_) {
    sort_by_id();
    for (const Candidate& c : list_) {
      if (n > 0 && static_cast<std::size_t>(c.id) / summation_block !=
                       static_cast<std::size_t>(list_[n - 1].id) / summation_block) {
        block_ends_.push_back(n);
      }
      values_[n++] = c.logit;
    }
  } else {
    n = order_view();
  }
  block_ends_.push_back(n);
  return {std::span(values_).first(n), block_ends_};
}

std::size_t Candidates::order_view() {
  constexpr float minus_infinity = -std::numeric_limits<float>::infinity();
  std::sort(changed_.begin(), changed_.end(), by_id);
  number_changed();
  auto next = changed_.begin();
  std::size_t n = 0;
  for (std::size_t b = 0; b < view_.n_blocks; ++b) {
    if (b > 0 && b % (summation_block / logit_block) == 0) block_ends_.push_back(n);
    const float* x = view_.logits + b * logit_block;
    if (bits_[b] == ~std::uint64_t{0}) {
      for (std::size_t i = 0; i < logit_block; ++i) {
        values_[n] = current(x[i]);
        n += x[i] > minus_infinity;
      }
      continue;
    }
    const auto first = static_cast<Token>(b * logit_block);
    const auto take_changed = [&](Token end) {
      for (; next != changed_.end() && next->id < end; ++next) values_[n++] = next->logit;
    };
    for (std::uint64_t rest = bits_[b]; rest != 0; rest &= rest - 1) {
      const int i = std::countr_zero(rest);
      take_changed(first + i);
      if (x[i] > minus_infinity) values_[n++] = current(x[i]);
    }
    take_changed(first + static_cast<Token>(logit_block));
  }
  return n;
}

}  // namespace quern::detail
