#include "quern/session.h"

#include <algorithm>

#include "formats/try.h"
#include "src/api/edge.h"
#include "src/api/session_impl.h"

namespace quern {

using formats::cat;

namespace detail {

Result<void> SessionImpl::require_readable(std::span<const Token> more) const {
  const auto n_vocab = static_cast<Token>(model->loaded->n_vocab());
  for (std::size_t i = 0; i < more.size(); ++i)
    if (more[i] < 0 || more[i] >= n_vocab)
      return Error{ErrorCode::invalid_argument,
                   cat("token ", i, " is ", more[i], ", expected 0 to ", n_vocab - 1), "tokens"};
  if (more.size() <= sequence.capacity() - tokens.size()) return {};
  return Error{ErrorCode::context_full,
               cat(more.size(), " tokens",
                   tokens.empty() ? "" : cat(" beside the ", tokens.size(), " that the session holds"),
                   " do not fit into the context of ", sequence.capacity()),
               "n_ctx"};
}

Result<std::span<const float>> SessionImpl::read_pending(std::stop_token stop,
                                                         const std::function<void(double)>& progress) {
  if (sequence.length() == tokens.size()) {
    if (!logits.empty()) return logits;
    sequence.truncate(tokens.size() - 1);
  }
  const std::size_t begin = sequence.length();
  while (sequence.length() < tokens.size()) {
    const std::size_t n = std::min(batch, tokens.size() - sequence.length());
    const bool last = sequence.length() + n == tokens.size();
    logits = {};
    QUERN_TRY(logits, sequence.evaluate(std::span(tokens).subspan(sequence.length(), n),
                                        last ? Logits::last : Logits::none, stop));
    if (progress)
      call_user(progress,
                static_cast<double>(sequence.length() - begin) / static_cast<double>(tokens.size() - begin));
  }
  return logits;
}

Result<void> SessionImpl::read_source(std::span<const Token> source, std::stop_token stop) {
  QUERN_CHECK(sequence.read_source(source, std::move(stop)));
  tokens.clear();
  logits = {};
  return {};
}

void SessionImpl::truncate(std::size_t n) {
  if (n == tokens.size()) return;
  tokens.resize(n);
  logits = {};
  if (sequence.length() > n) sequence.truncate(n);
}

namespace {

Result<Generation> generate_after(SessionImpl& session, std::span<const Token> prompt,
                                  const GenerateOptions& options, const OnText& on_text) {
  const std::optional<Token> start = session.model->info.decoder_start;
  if (!start || prompt.empty()) return generate(session, prompt, options, on_text);
  auto read = session.read_source(prompt, options.stop);
  if (!read && read.error().code == ErrorCode::cancelled) {
    Generation stopped;
    stopped.finish = Finish::cancelled;
    return stopped;
  }
  QUERN_CHECK(std::move(read));
  QUERN_TRY(Generation done, generate(session, {&*start, 1}, options, on_text));
  done.prompt_tokens += static_cast<int>(prompt.size());
  return done;
}

}  // namespace
}  // namespace detail

Session::Session(std::unique_ptr<detail::SessionImpl> impl) : impl_(std::move(impl)) {}
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;
Session::~Session() = default;

Result<Generation> Session::generate(std::string_view prompt, const GenerateOptions& options,
                                     const OnText& on_text) {
  return detail::at_edge([&]() -> Result<Generation> {
    const bool begins = impl_->model->info.decoder_start ? !prompt.empty() : impl_->tokens.empty();
    const EncodeOptions encode{.add_special = options.add_special && begins,
                               .parse_special = options.parse_special};
    QUERN_TRY(const std::vector<Token> tokens, impl_->model->tokenizer.encode(prompt, encode));
    return detail::generate_after(*impl_, tokens, options, on_text);
  });
}

Result<Generation> Session::generate(std::span<const Token> prompt, const GenerateOptions& options,
                                     const OnText& on_text) {
  return detail::at_edge([&] { return detail::generate_after(*impl_, prompt, options, on_text); });
}

Result<std::span<const float>> Session::feed(std::span<const Token> tokens, std::stop_token stop) {
  return detail::at_edge([&]() -> Result<std::span<const float>> {
    if (tokens.empty() && impl_->tokens.empty())
      return Error{ErrorCode::invalid_argument, "no tokens to read, and the session holds none", "tokens"};
    QUERN_CHECK(impl_->require_readable(tokens));
    detail::Rollback rollback(*impl_);
    impl_->tokens.insert(impl_->tokens.end(), tokens.begin(), tokens.end());
    QUERN_TRY(const std::span<const float> logits, impl_->read_pending(std::move(stop)));
    rollback.dismiss();
    return logits;
  });
}

Result<void> Session::feed_each(std::span<const Token> tokens, const OnLogits& on_logits,
                                std::stop_token stop) {
  return detail::at_edge([&]() -> Result<void> {
    QUERN_CHECK(impl_->require_readable(tokens));
    if (tokens.empty()) return {};
    if (impl_->sequence.length() < impl_->tokens.size()) QUERN_CHECK(impl_->read_pending(stop));
    detail::Rollback rollback(*impl_);
    impl_->tokens.insert(impl_->tokens.end(), tokens.begin(), tokens.end());
    impl_->logits = {};
    const auto pass_on = [&](std::size_t i, std::span<const float> logits) {
      detail::call_user(on_logits, i, logits);
    };
    QUERN_CHECK(impl_->sequence.evaluate_each(tokens, pass_on, std::move(stop)));
    rollback.dismiss();
    return {};
  });
}

Result<void> Session::read_source(std::span<const Token> tokens, std::stop_token stop) {
  return detail::at_edge([&] { return impl_->read_source(tokens, std::move(stop)); });
}

std::span<const Token> Session::tokens() const { return impl_->tokens; }
int Session::n_ctx() const { return static_cast<int>(impl_->sequence.capacity()); }

Result<void> Session::truncate(std::size_t n) {
  return detail::at_edge([&]() -> Result<void> {
    if (n > impl_->tokens.size())
      return Error{ErrorCode::invalid_argument,
                   cat("n is ", n, ", the session holds ", impl_->tokens.size(), " tokens"), "n"};
    impl_->truncate(n);
    return {};
  });
}

std::uint64_t Session::memory_bytes() const {
  return impl_->sequence.kv_bytes() + impl_->sequence.scratch_bytes();
}

}  // namespace quern
