// Any bytes as a model: mapped onto a spec, loaded, and evaluated for a few tokens if it comes that far.
// Whatever the weights hold, NaN included, nothing may be read or written out of bounds.
#include <cstddef>
#include <cstdint>
#include <span>

#include "src/runtime/sequence.h"
#include "src/runtime/whole_texts.h"

namespace {

using namespace quern;

void read_whole_texts(const std::shared_ptr<const detail::LoadedModel>& model,
                      const detail::SequenceOptions& sizes, std::span<const Token> tokens) {
  const detail::EmbeddingSpec& embedding = model->spec().embedding;
  auto reader = detail::WholeTexts::create(
      model, {.n_ctx = sizes.n_ctx, .threads = sizes.threads, .batch = sizes.batch});
  if (!reader) __builtin_trap();
  const std::vector<Token> texts[] = {{tokens.begin(), tokens.end()}, {tokens[0]}};
  const auto ignore = [](std::size_t, std::size_t, std::span<const float>) {};
  for (const auto pooling : {embedding.pooling.value_or(detail::Pooling::mean), detail::Pooling::none})
    if (!reader->embed(texts, pooling, ignore)) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::uint64_t max_bytes = 64u << 20;
  auto file = formats::ModelFile::from_bytes(std::as_bytes(std::span(data, size)));
  if (!file) return 0;
  const auto model = detail::LoadedModel::from_file(*std::move(file));
  if (!model) return 0;
  const detail::SequenceOptions options{.n_ctx = 4, .threads = 1, .batch = 3};
  const auto plan = detail::plan_memory((*model)->spec(), options, (*model)->kernels());
  if (!plan || plan->total_bytes() > max_bytes) return 0;
  const auto last = static_cast<Token>((*model)->n_vocab() - 1);
  const Token tokens[] = {0, last, last / 2, 0};
  if (!detail::writes_text((*model)->spec())) {
    read_whole_texts(*model, options, tokens);
    return 0;
  }
  auto sequence = detail::Sequence::create(*model, options);
  if (!sequence) __builtin_trap();  // the plan said that it can be
  if (!(*model)->spec().encoder.empty() && !sequence->read_source(tokens)) __builtin_trap();
  if (!sequence->evaluate(tokens)) __builtin_trap();
  return 0;
}
