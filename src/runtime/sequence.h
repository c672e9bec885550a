#pragma once
// One sequence of tokens being evaluated: its keys and values, its scratch memory, its threads.
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>

#include "quern/result.h"
#include "quern/token.h"
#include "src/runtime/loaded_model.h"
#include "src/runtime/memory_plan.h"

namespace quern::detail {

enum class Logits { none, last };

/// One thread at a time. All memory is taken by create(); nothing is allocated per token.
/// The logits after a token depend on the tokens up to it and on nothing else: not on how they were cut into
/// calls or batches, nor on the number of threads, nor on the instruction set.
class Sequence {
 public:
  static Result<Sequence> create(std::shared_ptr<const LoadedModel> model,
                                 const SequenceOptions& options = {});
  Sequence(Sequence&&) noexcept;
  Sequence& operator=(Sequence&&) noexcept;
  ~Sequence();

  /// Appends tokens and evaluates them. With Logits::last the result is the n_vocab logits after the last
  /// token, valid until the next non-const call; with none it is empty. Errors: invalid_argument (no tokens,
  /// a token outside the vocabulary), context_full, cancelled. After an error the sequence holds what it held
  /// before the call.
  Result<std::span<const float>> evaluate(std::span<const Token> tokens, Logits which = Logits::last,
                                          std::stop_token stop = {});
  /// The same, with the logits after every token: on_logits(i, logits) for each i < tokens.size(), in order.
  Result<void> evaluate_each(std::span<const Token> tokens,
                             const std::function<void(std::size_t, std::span<const float>)>& on_logits,
                             std::stop_token stop = {});

  std::size_t length() const;    ///< tokens evaluated
  std::size_t capacity() const;  ///< n_ctx
  /// Forgets all but the first n tokens. Requires: n <= length().
  void truncate(std::size_t n);

  int threads() const;
  std::uint64_t kv_bytes() const;       ///< taken for keys and values
  std::uint64_t scratch_bytes() const;  ///< taken for everything else
  const LoadedModel& model() const;

 private:
  struct Impl;
  explicit Sequence(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace quern::detail
