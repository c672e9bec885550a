#include "src/runtime/evaluator.h"

#include <algorithm>

#include "formats/try.h"
#include "src/base/float_environment.h"
#include "src/base/parallel.h"
#include "src/runtime/forward.h"
#include "src/runtime/rope_table.h"

namespace quern::detail {

using formats::cat;

namespace {

Result<void> check_tokens(const Part& part, std::uint32_t n_vocab) {
  const KvCache& cache = *part.cache;
  const std::span<const Token> tokens = part.tokens;
  if (tokens.empty()) return Error{ErrorCode::invalid_argument, "there are no tokens to evaluate", "tokens"};
  if (tokens.size() > cache.capacity() - cache.length()) {
    return Error{ErrorCode::context_full,
                 cat(tokens.size(), " tokens after ", cache.length(), " do not fit in a context of ",
                     cache.capacity()),
                 "n_ctx"};
  }
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i] >= 0 && static_cast<std::uint32_t>(tokens[i]) < n_vocab) continue;
    return Error{ErrorCode::invalid_argument,
                 cat("token ", tokens[i], " at ", i, " is not one of the vocabulary's ", n_vocab), "tokens"};
  }
  return {};
}

// Where a walk through the tokens of all parts stands.
struct Place {
  std::size_t part = 0, token = 0;
};

// Lays the rows of one pass into the scratch, from `at` on, and moves it behind them. The runs are of
// neighbouring parts. Returns the pass and, in `n_wanted`, how many rows' logits are wanted.
Pass next_pass(const LoadedModel& model, Scratch& s, std::span<const Part> parts, Place& at,
               std::size_t& n_wanted) {
  std::size_t n_rows = 0, n_runs = 0, n_chunks = 0;
  n_wanted = 0;
  while (at.part < parts.size() && n_rows < s.batch) {
    const Part& part = parts[at.part];
    const std::size_t begin = n_rows, n = std::min(part.tokens.size() - at.token, s.batch - n_rows);
    const Run& run = s.runs[n_runs] = {.cache = part.cache,
                                       .source = part.source,
                                       .first_row = begin,
                                       .n_rows = n,
                                       .first_position = part.cache->length() + at.token,
                                       .n_ctx = part.n_ctx != 0 ? part.n_ctx : part.cache->capacity()};
    const std::span<const Token> tokens = part.tokens.subspan(at.token, n);
    at.token += n;
    n_rows += n;
    const bool whole = at.token == part.tokens.size();
    if (whole) at = {at.part + 1, 0};

    std::ranges::copy(tokens, s.tokens + begin);
    std::fill_n(s.run_of + begin, n, static_cast<std::uint32_t>(n_runs++));
    for (std::size_t row = begin; row < n_rows; row += s.rows_per_chunk)
      s.chunks[n_chunks++] = {&run, row, std::min(n_rows, row + s.rows_per_chunk)};
    for (std::size_t row = begin; row < n_rows; ++row)
      if (part.logits == Logits::all || (part.logits == Logits::last && whole && row + 1 == n_rows))
        s.wanted[n_wanted++] = static_cast<std::uint32_t>(row);
  }
  std::sort(s.chunks, s.chunks + n_chunks, [](const RowChunk& a, const RowChunk& b) {
    return a.run->position(a.end) > b.run->position(b.end);
  });
  return {.model = model,
          .scratch = s,
          .layers = model.spec().layers,
          .tokens = {s.tokens, n_rows},
          .runs = {s.runs, n_runs},
          .chunks = {s.chunks, n_chunks}};
}

}  // namespace

Result<Evaluator> Evaluator::create(std::shared_ptr<const LoadedModel> model, const ScratchSizes& sizes,
                                    std::uint64_t bytes_worth_a_thread) {
  const ModelSpec& spec = model->spec();
  const kernels::KernelTable& table = model->kernels();
  Evaluator evaluator;
  evaluator.n_bytes_ = scratch_bytes(spec, sizes, table);
  evaluator.memory_ = allocate_aligned(evaluator.n_bytes_);
  if (!evaluator.memory_) {
    return Error{ErrorCode::out_of_memory, cat("no memory for ", evaluator.n_bytes_, " bytes of activations"),
                 "batch"};
  }
  evaluator.scratch_ = plan_scratch(spec, sizes, table);
  evaluator.scratch_.place(evaluator.memory_.get(), spec, table);
  evaluator.bytes_per_layer_ = bytes_read_per_token(spec) / spec.n_layers;
  evaluator.bytes_worth_a_thread_ = bytes_worth_a_thread;
  evaluator.model_ = std::move(model);
  evaluator.set_rope_frequencies();
  return evaluator;
}

void Evaluator::set_rope_frequencies() {
  const FloatEnvironment mode;
  for (std::size_t i = 0; i < model_->spec().ropes.size(); ++i) {
    const RopeSpec& rope = model_->spec().ropes[i];
    for (const bool in_long : {false, true}) {
      const Vector& by_length = in_long ? rope.long_factors : rope.short_factors;
      const Vector& factors = rope.factors ? rope.factors : by_length;
      rope_frequencies(rope, factors ? model_->values(factors) : nullptr,
                       scratch_.frequencies[2 * i + in_long]);
    }
  }
}

template <typename Body>
void Evaluator::run(std::size_t n_rows, Body&& body) const {
  std::uint64_t threads = scratch_.n_threads;
  if (bytes_worth_a_thread_ != 0) {
    threads = std::clamp<std::uint64_t>(bytes_per_layer_ * n_rows / bytes_worth_a_thread_, 1, threads);
  }
  run_in_parallel(static_cast<int>(threads), body);
}

Result<void> Evaluator::evaluate(std::span<const Part> parts, const OnLogits& on_logits,
                                 std::stop_token stop) {
  const std::size_t n_vocab = model_->n_vocab();
  for (const Part& part : parts) {
    QUERN_CHECK(check_tokens(part, model_->n_vocab()));
    if (!model_->spec().encoder.empty() && part.source == nullptr)
      return Error{ErrorCode::invalid_argument, "the model answers to a source text, and none has been read",
                   "source"};
  }
  std::size_t slot = 0;  // row of scratch.logits that is written next
  for (Place at; at.part < parts.size();) {
    const std::size_t first_part = at.part;
    std::size_t n_wanted = 0;
    Pass pass = next_pass(*model_, scratch_, parts, at, n_wanted);
    pass.stop = stop;
    // The first logits are computed in the region of the layers.
    std::span<const std::uint32_t> wanted(scratch_.wanted, n_wanted);
    bool layers_done = false;
    while (!layers_done || !wanted.empty()) {
      if (slot == scratch_.logit_rows) slot = 0;
      const auto rows = wanted.first(std::min(wanted.size(), scratch_.logit_rows - slot));
      float* logits = scratch_.logits + slot * n_vocab;
      run(layers_done ? rows.size() : pass.n_tokens(), [&](Worker& worker) noexcept {
        if (!layers_done) evaluate_layers(pass, worker);
        if (!rows.empty() && !pass.cancelled) evaluate_logits(pass, worker, rows, logits);
      });
      if (pass.cancelled) return Error{ErrorCode::cancelled, "evaluation was stopped", ""};
      layers_done = true;
      for (const std::uint32_t row : rows) {
        const Run& run = pass.run_of(row);
        on_logits(first_part + scratch_.run_of[row], run.position(row) - run.cache->length(),
                  {logits, n_vocab});
        logits += n_vocab;
      }
      slot += rows.size();
      wanted = wanted.subspan(rows.size());
    }
  }
  for (const Part& part : parts) part.cache->append(part.tokens.size());
  return {};
}

Result<std::span<const float>> Evaluator::embed(std::span<const Part> texts, Pooling pooling,
                                                std::stop_token stop) {
  for (const Part& text : texts) QUERN_CHECK(check_tokens(text, model_->n_vocab()));
  Place at;
  std::size_t n_wanted = 0;
  Pass pass = next_pass(*model_, scratch_, texts, at, n_wanted);
  pass.stop = std::move(stop);
  std::span<const float> rows;
  run(pass.n_tokens(), [&](Worker& worker) noexcept {
    evaluate_layers(pass, worker);
    if (pass.cancelled) return;
    const std::span<const float> pooled = pool(pass, worker, pooling);
    if (worker.index() == 0) rows = pooled;
  });
  if (pass.cancelled) return Error{ErrorCode::cancelled, "evaluation was stopped", ""};
  return rows;
}

Result<KvCache> Evaluator::encode(std::span<const Token> source, kernels::KvType type, std::stop_token stop) {
  const ModelSpec& spec = model_->spec();
  QUERN_TRY(KvCache text, KvCache::create(spec, kernels::KvType::f32, source.size(), KvLayout::Of::encoder));
  QUERN_TRY(KvCache encoded, KvCache::create(spec, type, source.size(), KvLayout::Of::source));
  const Part part{.cache = &text, .tokens = source};
  QUERN_CHECK(check_tokens(part, model_->n_vocab()));
  Place at;
  std::size_t n_wanted = 0;
  Pass pass = next_pass(*model_, scratch_, {&part, 1}, at, n_wanted);
  pass.layers = spec.encoder;
  pass.stop = std::move(stop);
  run(pass.n_tokens(), [&](Worker& worker) noexcept {
    evaluate_layers(pass, worker);
    if (!pass.cancelled) store_source(pass, worker, encoded);
  });
  if (pass.cancelled) return Error{ErrorCode::cancelled, "evaluation was stopped", ""};
  encoded.append(source.size());
  return encoded;
}

}  // namespace quern::detail
