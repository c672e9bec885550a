#pragma once
// One sequence of tokens being evaluated: its keys and values, and an evaluator of its own.
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>

#include "quern/result.h"
#include "quern/token.h"
#include "src/runtime/evaluator.h"

namespace quern::detail {

/// One thread at a time. All memory is taken by create(); nothing is allocated per token.
class Sequence {
 public:
  static Result<Sequence> create(std::shared_ptr<const LoadedModel> model,
                                 const SequenceOptions& options = {});

  /// Appends tokens and evaluates them. With Logits::last the result is the n_vocab logits after the last
  /// token, valid until the next non-const call; with none it is empty. Errors: as Evaluator::evaluate().
  /// After an error the sequence holds what it held before the call.
  Result<std::span<const float>> evaluate(std::span<const Token> tokens, Logits which = Logits::last,
                                          std::stop_token stop = {});
  /// The same, with the logits after every token: on_logits(i, logits) for each i < tokens.size(), in order.
  Result<void> evaluate_each(std::span<const Token> tokens,
                             const std::function<void(std::size_t, std::span<const float>)>& on_logits,
                             std::stop_token stop = {});

  /// Of a model with an encoder: reads the text that the sequence answers to, whole, in place of an earlier
  /// one; the sequence then holds nothing. Errors: invalid_argument, context_full, cancelled, out_of_memory;
  /// after one it holds what it held before.
  Result<void> read_source(std::span<const Token> tokens, std::stop_token stop = {});
  const KvCache* source() const { return source_ ? &*source_ : nullptr; }

  std::size_t length() const { return cache_.length(); }      ///< tokens evaluated
  std::size_t capacity() const { return cache_.capacity(); }  ///< n_ctx
  /// Forgets all but the first n tokens, or all where a model with recurrent layers has to forget any:
  /// length() says what is left. Requires: n <= length().
  void truncate(std::size_t n) { cache_.truncate(n); }
  /// For an evaluation beside other sequences.
  KvCache& cache() { return cache_; }

  /// Taken for keys and values.
  std::uint64_t kv_bytes() const { return cache_.n_bytes() + (source_ ? source_->n_bytes() : 0); }
  std::uint64_t scratch_bytes() const { return evaluator_.n_bytes(); }  ///< taken for everything else
  const LoadedModel& model() const { return evaluator_.model(); }

 private:
  Sequence(std::shared_ptr<const LoadedModel> model, const SequenceOptions& options, KvCache cache,
           Evaluator evaluator)
      : model_(std::move(model)),
        options_(options),
        cache_(std::move(cache)),
        evaluator_(std::move(evaluator)) {}
  std::shared_ptr<const LoadedModel> model_;
  SequenceOptions options_;
  KvCache cache_;
  std::optional<KvCache> source_{};
  Evaluator evaluator_;
};

}  // namespace quern::detail
