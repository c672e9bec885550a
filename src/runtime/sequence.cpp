#include "src/runtime/sequence.h"

#include <new>

#include "formats/try.h"

namespace quern::detail {

Result<Sequence> Sequence::create(std::shared_ptr<const LoadedModel> model,
                                  const SequenceOptions& asked) try {
  QUERN_TRY(const SequenceOptions options, resolve(model->spec(), asked));
  QUERN_TRY(KvCache cache, KvCache::create(model->spec(), options.kv_type, options.n_ctx));
  QUERN_TRY(Evaluator evaluator,
            Evaluator::create(std::move(model), options.sizes(), options.bytes_worth_a_thread));
  return Sequence(std::move(cache), std::move(evaluator));
} catch (const std::bad_alloc&) {
  return Error{ErrorCode::out_of_memory, "no memory for a sequence", ""};
}

Result<std::span<const float>> Sequence::evaluate(std::span<const Token> tokens, Logits which,
                                                  std::stop_token stop) {
  const Part part{.cache = &cache_, .tokens = tokens, .logits = which};
  std::span<const float> last;
  const auto keep = [&](std::size_t, std::size_t, std::span<const float> logits) { last = logits; };
  QUERN_CHECK(evaluator_.evaluate({&part, 1}, keep, std::move(stop)));
  return last;
}

Result<void> Sequence::evaluate_each(
    std::span<const Token> tokens, const std::function<void(std::size_t, std::span<const float>)>& on_logits,
    std::stop_token stop) {
  const Part part{.cache = &cache_, .tokens = tokens, .logits = Logits::all};
  const auto pass_on = [&](std::size_t, std::size_t i, std::span<const float> logits) {
    on_logits(i, logits);
  };
  return evaluator_.evaluate({&part, 1}, pass_on, std::move(stop));
}

}  // namespace quern::detail
