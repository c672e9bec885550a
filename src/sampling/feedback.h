#pragma once
// Mirostat and adaptive-p: a last change of the distribution that depends on how likely the drawn tokens have
// been.
#include <cstdint>

#include "quern/sampling.h"
#include "src/sampling/candidates.h"

namespace quern::detail {

/// What they remember. A value for each generated token, so that history can be taken back.
struct FeedbackState {
  double mu = 0;            ///< Mirostat: the largest surprise that is kept, in bits
  double weighted_sum = 0;  ///< adaptive-p: of the probabilities of the drawn tokens
  double total_weight = 0;
};

/// Chosen by the options. Usage for a position: shape(), the draw, next_state().
class Feedback {
 public:
  explicit Feedback(const SamplerOptions& options);

  bool is_on() const { return mirostat_ != 0 || adaptive_target_ >= 0; }
  FeedbackState initial_state() const;

  /// Mirostat's cut (arXiv 2007.14966) or adaptive-p's new logits. n_vocab: the whole vocabulary.
  void shape(Candidates& candidates, const FeedbackState& state, std::size_t n_vocab);
  /// The state after drawing this candidate. Requires: shape() came before, and it survived that.
  FeedbackState next_state(const FeedbackState& state, const Candidate& drawn) const;

  /// Adaptive-p: the probability that the drawn token should have now.
  double adapted_target(const FeedbackState& state) const;

 private:
  void cut_mirostat_1(Candidates& candidates, double mu, std::size_t n_vocab) const;
  void cut_mirostat_2(Candidates& candidates, double mu) const;
  void adapt(Candidates& candidates, double target) const;

  int mirostat_;
  double tau_, eta_;
  double adaptive_target_, decay_;
  double total_ = 0,
         best_ = 0;  ///< of the weights that the list's entries carry since shape(), and their best
};

}  // namespace quern::detail
