#include "src/runtime/sequence.h"

#include <new>

#include "formats/try.h"

namespace quern::detail {

Result<Sequence> Sequence::create(std::shared_ptr<const LoadedModel> model,
                                  const SequenceOptions& asked) try {
  QUERN_TRY(const SequenceOptions options, resolve(model->spec(), asked));
  QUERN_TRY(KvCache cache, KvCache::create(model->spec(), options.kv_type, options.n_ctx));
  QUERN_TRY(Evaluator evaluator, Evaluator::create(model, options.sizes(), options.bytes_worth_a_thread));
  return Sequence(std::move(model), options, std::move(cache), std::move(evaluator));
} catch (const std::bad_alloc&) {
  return Error{ErrorCode::out_of_memory, "no memory for a sequence", ""};
}

Result<void> Sequence::read_source(std::span<const Token> tokens, std::stop_token stop) {
  if (model_->spec().encoder.empty())
    return Error{ErrorCode::unsupported,
                 formats::cat("architecture '", model_->spec().architecture, "' has no encoder"), "source"};
  if (tokens.empty()) return Error{ErrorCode::invalid_argument, "the source has no tokens", "source"};
  if (tokens.size() > capacity())
    return Error{
        ErrorCode::context_full,
        formats::cat("a source of ", tokens.size(), " tokens does not fit in a context of ", capacity()),
        "n_ctx"};
  QUERN_TRY(Evaluator evaluator,
            Evaluator::create(model_, options_.source_sizes(tokens.size()), options_.bytes_worth_a_thread));
  QUERN_TRY(source_, evaluator.encode(tokens, options_.kv_type, std::move(stop)));
  cache_.truncate(0);
  return {};
}

Result<std::span<const float>> Sequence::evaluate(std::span<const Token> tokens, Logits which,
                                                  std::stop_token stop) {
  const Part part{.cache = &cache_, .tokens = tokens, .logits = which, .source = source()};
  std::span<const float> last;
  const auto keep = [&](std::size_t, std::size_t, std::span<const float> logits) { last = logits; };
  QUERN_CHECK(evaluator_.evaluate({&part, 1}, keep, std::move(stop)));
  return last;
}

Result<void> Sequence::evaluate_each(
    std::span<const Token> tokens, const std::function<void(std::size_t, std::span<const float>)>& on_logits,
    std::stop_token stop) {
  const Part part{.cache = &cache_, .tokens = tokens, .logits = Logits::all, .source = source()};
  const auto pass_on = [&](std::size_t, std::size_t i, std::span<const float> logits) {
    on_logits(i, logits);
  };
  return evaluator_.evaluate({&part, 1}, pass_on, std::move(stop));
}

}  // namespace quern::detail
