#pragma once
// The tokens that may still be chosen at one position, and their logits as the steps leave them.
//
// A vocabulary has up to half a million tokens, of which a chain usually keeps a few dozen. So the set begins
// as a view of the model's logits, with a bit for each token, and becomes a list at the first step that cuts
// it. Steps need not know: every operation works on both forms and gives the same set.
//
// Canonical order: logit descending, then id ascending.
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "kernels/logits.h"
#include "quern/result.h"
#include "quern/token.h"
#include "src/sampling/token_bits.h"

namespace quern::detail {

struct Candidate {
  double logit = 0;
  std::uint64_t weight = 0;  ///< round(2^44 e^(logit - best)), as of the last weigh()
  Token id = 0;
};

constexpr bool canonical_less(const Candidate& a, const Candidate& b) {
  return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
}

/// Logits in the order in which sums over them are taken.
struct OrderedLogits {
  std::span<const double> values;
  std::span<const std::size_t> block_ends;  ///< each block is summed by itself, then the blocks in order
};

/// Not thread-safe. Refers to the logits that reset() was given until the next reset().
class Candidates {
 public:
  explicit Candidates(const kernels::LogitKernels& kernels) : kernels_(&kernels) {}

  /// Begins with every token whose bit is set and whose logit is above minus infinity. Errors nan_logit and
  /// infinite_logit for any of the logits; `position` is for their messages. Requires: a bit for each logit.
  Result<void> reset(std::span<const float> logits, const TokenBits& allowed, std::uint64_t position);

  std::size_t size() const { return is_list_ ? list_.size() : view_size_; }
  /// The largest logit. Requires: size() > 0.
  double best() const;

  /// A candidate's logit; nothing if the token is none.
  std::optional<double> logit(Token id);
  /// Changes a candidate's logit. Requires: it is one; the new logit is finite.
  void set_logit(Token id, double logit);
  /// Divides all logits. Requires: divisor > 0; called once at most after reset().
  void divide(double divisor);

  /// Keeps the first n in canonical order. Requires: n > 0.
  void keep_first(std::size_t n);
  /// Keeps those with at least this logit, and at least the first min_keep. Requires: logit <= best().
  void keep_at_least(double logit, std::size_t min_keep);
  /// Keeps the shortest canonical prefix that holds the share p of the weight, at least one token and at
  /// least min_keep.
  void keep_nucleus(double p, std::size_t min_keep);

  /// All of them as a list in any order, for steps that look at each. Whoever changes it calls
  /// list_changed().
  std::vector<Candidate>& list();
  void list_changed() { order_ = Order::any; }
  /// The same list in canonical order.
  std::vector<Candidate>& sorted_list();
  /// Weighs each entry of list() and gives the sum.
  std::uint64_t weigh_list();

  /// The sum of all weights, without making a list.
  std::uint64_t total_weight();
  /// Up to 4096 logits in canonical order as one block; more in blocks of 4096 ids, each in the order of ids.
  /// Valid until the next call of any member.
  OrderedLogits ordered_logits();
  const kernels::LogitKernels& kernels() const { return *kernels_; }

  // The form of a view, for the draw, which can do without a list.
  bool is_list() const { return is_list_; }
  const kernels::LogitView& view() const { return view_; }
  /// Of the logits in view().
  double divisor() const { return divisor_; }
  /// The largest logit of each block of view(), before division.
  std::span<const float> block_max() const { return block_max_; }
  /// The candidates whose logit was changed: they are not in view(), and have been divided.
  std::span<const Candidate> changed() const { return changed_; }

 private:
  enum class Order { any, canonical, by_id };

  double current(float logit) const { return divisor_ == 1 ? logit : static_cast<double>(logit) / divisor_; }
  float view_bound(double logit) const;
  std::size_t find_at_least(double logit, std::size_t tie_end);
  void append_kept();
  bool gather(double at_least, std::size_t limit);
  void number_changed();
  bool cut_view(const Candidate& last, std::size_t min_keep);
  bool keep_nucleus_nearby(std::uint64_t target);
  Candidate nucleus_end(std::uint64_t target);
  std::uint64_t weigh(std::span<Candidate> candidates, double top);
  void sort_by_id();
  std::size_t order_view();
  Candidate& entry(Token id);
  bool in_view(Token id) const;

  const kernels::LogitKernels* kernels_;
  bool is_list_ = false;

  // As a view: the candidates of view_, each logit divided by divisor_, and those in changed_.
  std::size_t view_size_ = 0;
  kernels::LogitView view_{};
  std::size_t n_vocab_ = 0;
  TokenBits bits_;                ///< what view_ points to
  std::vector<float> block_max_;  ///< [n_blocks]
  std::vector<Candidate> changed_;
  std::vector<std::int32_t> changed_slot_;  ///< [n_vocab] index into changed_, -1 for none; made when needed
  double divisor_ = 1;

  // As a list.
  std::vector<Candidate> list_;
  Order order_ = Order::any;

  std::vector<double> values_;  ///< what ordered_logits() shows
  std::vector<std::size_t> block_ends_;
  TokenBits kept_;   ///< the next bits_, in cut_view()
  TokenBits above_;  ///< in nucleus_end()
  std::vector<std::uint64_t> buckets_;
  std::vector<float> selection_;  ///< block maxima, to find the n-th of
};

}  // namespace quern::detail
