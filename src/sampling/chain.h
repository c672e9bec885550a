#pragma once
// The chain of one sequence: from logits and history to a narrowed set of candidates, and to the drawn one.
#include <cstdint>
#include <span>
#include <vector>

#include "quern/sampling.h"
#include "src/sampling/candidates.h"
#include "src/sampling/draw.h"
#include "src/sampling/dry.h"
#include "src/sampling/feedback.h"
#include "src/sampling/history.h"
#include "src/sampling/masks.h"

namespace quern::detail {

/// Holds buffers, so it serves one sequence at a time; what it remembers of the sequence is all in its
/// arguments.
class Chain {
 public:
  /// Requires: the options are valid for the vocabulary.
  Chain(const SamplerOptions& options, const SamplerVocabulary& vocabulary, DryBreakers breakers,
        const kernels::LogitKernels& kernels);

  /// What the steps are applied to.
  struct Situation {
    std::span<const float> logits;           ///< n_vocab of them
    std::span<const std::uint64_t> grammar;  ///< a bit for each token, or empty
    const History& history;
    FeedbackState feedback;
    std::uint64_t position;  ///< for messages
    double xtc_coin;
  };
  /// Applies checks, masks, bias and all steps, Mirostat and adaptive-p included; candidates() are the
  /// survivors.
  Result<void> narrow(const Situation& situation);

  Candidates& candidates() { return candidates_; }
  Feedback& feedback() { return feedback_; }
  bool is_greedy() const { return is_greedy_; }

 private:
  void apply(SamplerStep step, const Situation& situation);
  void temper();

  SamplerOptions options_;
  std::size_t n_vocab_;
  bool is_greedy_;
  std::size_t min_keep_;
  HardMask mask_;
  Dry dry_;
  Feedback feedback_;
  Candidates candidates_;
};

}  // namespace quern::detail
