#include "quern/batch.h"

#include <deque>
#include <vector>

#include "formats/try.h"
#include "src/api/edge.h"
#include "src/api/session_impl.h"
#include "src/runtime/evaluator.h"

namespace quern {

using formats::cat;

/// One thread at a time.
struct Batch::Impl {
  std::shared_ptr<const detail::ModelImpl> model;
  detail::Evaluator evaluator;
  std::vector<std::span<const float>> logits{};  ///< of the last feed()

  Result<void> check(std::span<const BatchInput> inputs) const;
};

Batch::Batch(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Batch::Batch(Batch&&) noexcept = default;
Batch& Batch::operator=(Batch&&) noexcept = default;
Batch::~Batch() = default;

Result<void> Batch::Impl::check(std::span<const BatchInput> inputs) const {
  const auto refuse = [](std::string message, const char* field) {
    return Error{ErrorCode::invalid_argument, std::move(message), field};
  };
  if (inputs.size() > evaluator.max_logits())
    return refuse(cat(inputs.size(), " sessions, but the batch has room for ", evaluator.max_logits()),
                  "inputs");
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].session == nullptr) return refuse(cat("input ", i, " has no session"), "inputs");
    const detail::SessionImpl& session = *inputs[i].session->impl_;
    if (session.model != model)
      return refuse(cat("the session of input ", i, " is of another model"), "inputs");
    for (std::size_t j = 0; j < i; ++j)
      if (inputs[j].session == inputs[i].session)
        return refuse(cat("inputs ", j, " and ", i, " are the same session"), "inputs");
    if (inputs[i].tokens.empty() && session.tokens.empty())
      return refuse(cat("no tokens to read for input ", i, ", and its session holds none"), "tokens");
    QUERN_CHECK(session.require_readable(inputs[i].tokens));
  }
  return {};
}

Result<std::span<const std::span<const float>>> Batch::feed(std::span<const BatchInput> inputs,
                                                            std::stop_token stop) {
  return detail::at_edge([&]() -> Result<std::span<const std::span<const float>>> {
    QUERN_CHECK(impl_->check(inputs));
    std::deque<detail::Rollback> rollbacks;
    std::vector<detail::Part> parts;
    for (const BatchInput& input : inputs) {
      detail::SessionImpl& session = *input.session->impl_;
      rollbacks.emplace_back(session);
      session.tokens.insert(session.tokens.end(), input.tokens.begin(), input.tokens.end());
      if (session.sequence.length() == session.tokens.size())
        session.sequence.truncate(session.tokens.size() - 1);
      parts.push_back({.cache = &session.sequence.cache(),
                       .tokens = std::span(session.tokens).subspan(session.sequence.length()),
                       .logits = detail::Logits::last,
                       .source = session.sequence.source()});
    }
    impl_->logits.resize(inputs.size());
    const auto keep = [&](std::size_t part, std::size_t, std::span<const float> logits) {
      impl_->logits[part] = logits;
    };
    QUERN_CHECK(impl_->evaluator.evaluate(parts, keep, std::move(stop)));
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (!inputs[i].tokens.empty()) inputs[i].session->impl_->logits = {};
      rollbacks[i].dismiss();
    }
    return std::span<const std::span<const float>>(impl_->logits);
  });
}

std::uint64_t Batch::memory_bytes() const { return impl_->evaluator.n_bytes(); }

Result<Batch> Model::new_batch(const BatchOptions& options) const {
  return detail::at_edge([&]() -> Result<Batch> {
    constexpr int most = 1 << 16;
    if (options.max_sessions < 1 || options.max_sessions > most)
      return Error{ErrorCode::invalid_argument,
                   cat("max_sessions is ", options.max_sessions, ", expected 1 to ", most), "max_sessions"};
    QUERN_CHECK(detail::require_at_least(options.batch, 1, "batch"));
    QUERN_TRY(const detail::ScratchSizes sizes,
              detail::resolve_sizes(options.threads, static_cast<std::size_t>(options.batch),
                                    static_cast<std::size_t>(options.max_sessions)));
    QUERN_TRY(detail::Evaluator evaluator, detail::Evaluator::create(impl_->loaded, sizes));
    return Batch(
        std::unique_ptr<Batch::Impl>(new Batch::Impl{.model = impl_, .evaluator = std::move(evaluator)}));
  });
}

}  // namespace quern
