#include "src/runtime/whole_texts.h"

#include <algorithm>

#include "formats/try.h"

namespace quern::detail {

using formats::cat;

namespace {

// Positions that all texts of a pass take in caches, which are made of whole blocks; beside it short texts
// would take far more memory than their rows.
constexpr std::size_t most_blocks_per_row_block = 4;

std::size_t blocks_of(std::size_t n_tokens) { return (n_tokens + kernels::kv_block - 1) / kernels::kv_block; }

}  // namespace

Result<WholeTexts> WholeTexts::create(std::shared_ptr<const LoadedModel> model,
                                      const WholeTextOptions& asked) {
  WholeTextOptions options = asked;
  QUERN_TRY(options.n_ctx, resolve_whole_text(model->spec(), options.n_ctx));
  QUERN_TRY(const ScratchSizes sizes, resolve_sizes(options.threads, options.batch, 0));
  options.threads = static_cast<int>(sizes.n_threads);
  WholeTexts texts(std::move(model), options);
  QUERN_CHECK(texts.make_room(std::min(options.batch, options.n_ctx)));
  return texts;
}

Result<void> WholeTexts::make_room(std::size_t n_rows) {
  if (evaluator_ && evaluator_->max_rows() >= n_rows) return {};
  evaluator_.reset();
  const ScratchSizes sizes{n_rows, 0, static_cast<std::size_t>(options_.threads), options_.n_ctx};
  QUERN_TRY(evaluator_, Evaluator::create(model_, sizes, options_.bytes_worth_a_thread));
  return {};
}

Result<void> WholeTexts::embed(Texts texts, Pooling pooling, const OnVectors& on_vectors,
                               std::stop_token stop) {
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (texts[i].size() > options_.n_ctx) {
      return Error{
          ErrorCode::context_full,
          cat("text ", i, " has ", texts[i].size(), " tokens, more than the ", options_.n_ctx, " that fit"),
          "n_ctx"};
    }
    if (texts[i].empty())
      return Error{ErrorCode::invalid_argument, cat("text ", i, " has no tokens"), "texts"};
  }
  std::vector<KvCache> caches;
  std::vector<Part> parts;
  for (std::size_t begin = 0; begin < texts.size();) {
    QUERN_CHECK(make_room(std::max(texts[begin].size(), std::min(options_.batch, options_.n_ctx))));
    const std::size_t max_rows = evaluator_->max_rows();
    const std::size_t max_blocks = most_blocks_per_row_block * blocks_of(max_rows);
    std::size_t end = begin, n_rows = 0, n_blocks = 0;
    caches.clear();
    std::uint64_t kv_bytes = 0;
    for (; end < texts.size(); ++end) {
      const std::size_t n = texts[end].size();
      if (n_rows + n > max_rows || n_blocks + blocks_of(n) > max_blocks) break;
      n_rows += n;
      n_blocks += blocks_of(n);
      QUERN_TRY(KvCache cache,
                KvCache::create(model_->spec(), kernels::KvType::f32, n, KvLayout::Of::whole_text));
      kv_bytes += cache.n_bytes();
      caches.push_back(std::move(cache));
    }
    kv_bytes_ = std::max(kv_bytes_, kv_bytes);
    parts.clear();
    for (std::size_t i = begin; i < end; ++i)
      parts.push_back({.cache = &caches[i - begin], .tokens = texts[i], .n_ctx = options_.n_ctx});
    QUERN_TRY(const std::span<const float> vectors, evaluator_->embed(parts, pooling, stop));
    on_vectors(begin, end - begin, vectors);
    begin = end;
  }
  return {};
}

}  // namespace quern::detail
