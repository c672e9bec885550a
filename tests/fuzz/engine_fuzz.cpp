// Any bytes as a model: mapped onto a spec, loaded, and evaluated for a few tokens if it comes that far.
// Whatever the weights hold, NaN included, nothing may be read or written out of bounds.
#include <cstddef>
#include <cstdint>
#include <span>

#include "src/runtime/sequence.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace quern;
  constexpr std::uint64_t max_bytes = 64u << 20;
  auto file = formats::ModelFile::from_bytes(std::as_bytes(std::span(data, size)));
  if (!file) return 0;
  const auto model = detail::LoadedModel::from_file(*std::move(file));
  if (!model) return 0;
  const detail::SequenceOptions options{.n_ctx = 4, .threads = 1, .batch = 3};
  const auto plan = detail::plan_memory((*model)->spec(), options, (*model)->kernels());
  if (!plan || plan->total_bytes() > max_bytes) return 0;
  auto sequence = detail::Sequence::create(*model, options);
  if (!sequence) __builtin_trap();  // the plan said that it can be
  const auto last = static_cast<Token>((*model)->n_vocab() - 1);
  const Token tokens[] = {0, last, last / 2, 0};
  if (!sequence->evaluate(tokens)) __builtin_trap();
  return 0;
}
