#pragma once
// What evaluates tokens: the scratch memory and the threads of forward passes. Sequences bring their own keys
// and values, so one evaluator can serve one sequence or many at once.
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>

#include "quern/result.h"
#include "quern/token.h"
#include "src/runtime/kv_cache.h"
#include "src/runtime/loaded_model.h"
#include "src/runtime/memory_plan.h"
#include "src/runtime/scratch.h"

namespace quern::detail {

enum class Logits { none, last, all };

/// Tokens to append to a sequence, and after which of them logits are wanted.
struct Part {
  KvCache* cache = nullptr;
  std::span<const Token> tokens{};
  Logits logits = Logits::none;
  const KvCache* source = nullptr;  ///< from encode(), for models with an encoder
  std::size_t n_ctx = 0;  ///< positions that the sequence was opened with; 0: what its cache has room for
};

/// One thread at a time. All memory is taken by create(); nothing is allocated per token.
/// The logits after a token depend on the tokens of its sequence up to it and on nothing else: not on how
/// they were cut into calls or batches, on what else was evaluated beside them, on the number of threads or
/// on the instruction set.
class Evaluator {
 public:
  /// Requires: sizes from resolve_sizes() or SequenceOptions::sizes(), with at least one row of logits.
  static Result<Evaluator> create(std::shared_ptr<const LoadedModel> model, const ScratchSizes& sizes,
                                  std::uint64_t bytes_worth_a_thread = default_bytes_worth_a_thread);

  /// The logits after token `token` of part `part`, n_vocab of them. They stay where they are until
  /// max_logits() more have been computed.
  using OnLogits = std::function<void(std::size_t part, std::size_t token, std::span<const float> logits)>;

  /// Appends every part's tokens to its sequence, as many rows in a pass as there is room for. Logits come in
  /// the order of parts and tokens. Errors: invalid_argument (no tokens, a token outside the vocabulary),
  /// context_full, cancelled; after one, or after an exception of on_logits, every sequence holds what it
  /// held before. Requires: no sequence is in two parts, and all are of this model.
  Result<void> evaluate(std::span<const Part> parts, const OnLogits& on_logits, std::stop_token stop = {});

  /// Evaluates whole texts in one pass and pools each into a vector of EmbeddingSpec's width, [parts, width];
  /// with Pooling::none the last hidden state of every token, [tokens, dim]. Valid until the next evaluation.
  /// The sequences stay empty. Errors: invalid_argument, context_full, cancelled. Requires: empty sequences,
  /// one a part, at most max_rows() tokens in all, and a pooling that the model has.
  Result<std::span<const float>> embed(std::span<const Part> texts, Pooling pooling,
                                       std::stop_token stop = {});

  /// Evaluates a source text through the encoder and gives what the decoder's layers see of it. Errors:
  /// invalid_argument, cancelled, out_of_memory. Requires: a model with an encoder, at most max_rows()
  /// tokens.
  Result<KvCache> encode(std::span<const Token> source, kernels::KvType type, std::stop_token stop = {});

  std::size_t max_rows() const { return scratch_.batch; }
  std::size_t max_logits() const { return scratch_.logit_rows; }
  std::size_t n_threads() const { return scratch_.n_threads; }
  std::uint64_t n_bytes() const { return n_bytes_; }
  const LoadedModel& model() const { return *model_; }

 private:
  Evaluator() = default;
  void set_rope_frequencies();
  // Runs body(worker) on as many threads as n_rows rows keep busy.
  template <typename Body>
  void run(std::size_t n_rows, Body&& body) const;

  std::shared_ptr<const LoadedModel> model_{};
  AlignedMemory memory_{};
  std::uint64_t n_bytes_ = 0;
  Scratch scratch_{};
  std::uint64_t bytes_per_layer_ = 0;  // of weights, read for a token
  std::uint64_t bytes_worth_a_thread_ = 0;
};

}  // namespace quern::detail
