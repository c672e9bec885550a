#pragma once
// A session between calls: the tokens it holds, and how many of them have been evaluated.
#include <memory>
#include <span>
#include <stop_token>
#include <utility>
#include <vector>

#include "quern/session.h"
#include "src/api/model_impl.h"
#include "src/runtime/sequence.h"

namespace quern::detail {

/// `tokens` is the truth. The sequence holds keys and values of the first sequence.length() of them; the
/// rest, such as the last token of a generation, is evaluated when somebody wants the logits. One thread at a
/// time.
struct SessionImpl {
  SessionImpl(std::shared_ptr<const ModelImpl> shared, Sequence evaluated, std::size_t batch_size)
      : model(std::move(shared)), sequence(std::move(evaluated)), batch(batch_size) {}

  /// Error invalid_argument for a token outside the vocabulary; context_full, naming both numbers, if there
  /// is no room for so many more.
  Result<void> require_readable(std::span<const Token> more) const;
  /// Evaluates what is pending and gives the logits after the last token, valid until the next evaluation.
  /// `progress`, if there is one, hears the fraction done. After an error (cancelled too) the session holds
  /// the same tokens, and what was evaluated stays evaluated. Requires: tokens is not empty.
  Result<std::span<const float>> read_pending(std::stop_token stop,
                                              const std::function<void(double)>& progress = {});
  /// See Session::read_source().
  Result<void> read_source(std::span<const Token> source, std::stop_token stop);
  /// Keeps the first n tokens. Requires: n <= tokens.size().
  void truncate(std::size_t n);

  std::shared_ptr<const ModelImpl> model;
  Sequence sequence;
  std::size_t batch;
  std::vector<Token> tokens{};
  std::span<const float> logits{};  ///< after the last token, or empty where they are not known
};

/// Gives a session back the tokens it held, unless dismissed.
class Rollback {
 public:
  explicit Rollback(SessionImpl& session) : session_(&session), n_(session.tokens.size()) {}
  Rollback(const Rollback&) = delete;
  Rollback& operator=(const Rollback&) = delete;
  ~Rollback() {
    if (session_ != nullptr) session_->truncate(n_);
  }
  void dismiss() { session_ = nullptr; }

 private:
  SessionImpl* session_;
  std::size_t n_;
};

/// The generation loop of Session::generate(). The prompt stands for itself: nothing is added to it. Of a
/// model with an encoder it is what stands behind the source.
Result<Generation> generate(SessionImpl& session, std::span<const Token> prompt,
                            const GenerateOptions& options, const OnText& on_text);

}  // namespace quern::detail
