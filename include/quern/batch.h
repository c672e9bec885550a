#pragma once
/// batch.h: several sessions of one model, evaluated together. Generating one token reads all weights once,
/// whether it is for one session or for thirty; so sessions that step together are served far faster than one
/// after another. Every session gets the same bits as alone.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stop_token>

#include "quern/export.h"
#include "quern/model.h"
#include "quern/result.h"
#include "quern/session.h"
#include "quern/token.h"

namespace quern {

/// What one session reads in a step: a prompt, or the token that was chosen last.
struct BatchInput {
  Session* session = nullptr;
  std::span<const Token> tokens = {};
};

/// The memory and threads to evaluate several sessions together; from Model::new_batch(). It holds nothing of
/// a session between calls: sessions may be used alone in between, come and go. One thread at a time, which
/// uses the sessions that it is given too. A session that is only ever evaluated in batches needs next to no
/// scratch memory of its own: open it with SessionOptions::batch = 1.
///
///   quern::Batch batch = model.new_batch({.max_sessions = 2}).value();
///   const quern::BatchInput inputs[] = {{&a, prompt_a}, {&b, prompt_b}};
///   auto logits = batch.feed(inputs).value();     // logits[0] after prompt_a, logits[1] after prompt_b
class QUERN_API Batch {
 public:
  Batch(Batch&&) noexcept;
  Batch& operator=(Batch&&) noexcept;
  ~Batch();

  /// Every session reads its tokens after what it holds, as Session::feed() does. The result is the logits
  /// after the last token of each input, in their order, ModelInfo::n_vocab of them; valid until the next
  /// call of feed(). Errors: invalid_argument (more inputs than max_sessions; a session that is null, of
  /// another model or given twice; a token outside the vocabulary; no tokens for an empty session),
  /// context_full, cancelled; after one every session holds what it held before.
  Result<std::span<const std::span<const float>>> feed(std::span<const BatchInput> inputs,
                                                       std::stop_token stop = {});

  /// What the batch has taken, in bytes.
  std::uint64_t memory_bytes() const;

 private:
  struct Impl;
  explicit Batch(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
  friend class Model;
};

}  // namespace quern
