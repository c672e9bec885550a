#include "src/runtime/sequence.h"

#include <algorithm>
#include <new>

#include "formats/try.h"
#include "src/base/float_environment.h"
#include "src/base/parallel.h"
#include "src/runtime/forward.h"
#include "src/runtime/rope_table.h"

namespace quern::detail {

using formats::cat;

struct Sequence::Impl {
  std::shared_ptr<const LoadedModel> model;
  SequenceOptions options;
  KvCache cache;
  AlignedMemory memory;
  std::uint64_t memory_bytes = 0;
  Scratch scratch;
  std::uint64_t bytes_per_layer = 0;  // of weights, read for a token

  // Runs body(worker) on as many threads as n_tokens tokens keep busy.
  template <typename Body>
  void run(std::size_t n_tokens, Body&& body) {
    int threads = options.threads;
    if (options.bytes_worth_a_thread != 0) {
      const std::uint64_t worth = bytes_per_layer * n_tokens / options.bytes_worth_a_thread;
      threads = static_cast<int>(std::clamp<std::uint64_t>(worth, 1, static_cast<std::uint64_t>(threads)));
    }
    run_in_parallel(threads, body);
  }
};

namespace {

// Puts the cache back to the length it had, unless told that all went well.
class Rollback {
 public:
  explicit Rollback(KvCache& cache) : cache_(cache), length_(cache.length()) {}
  ~Rollback() {
    if (!kept_) cache_.set_length(length_);
  }
  Rollback(const Rollback&) = delete;
  Rollback& operator=(const Rollback&) = delete;
  void keep() { kept_ = true; }

 private:
  KvCache& cache_;
  const std::size_t length_;
  bool kept_ = false;
};

void set_rope_frequencies(const LoadedModel& model, std::size_t n_ctx, Scratch& scratch) {
  const FloatEnvironment mode;
  for (std::size_t i = 0; i < model.spec().ropes.size(); ++i) {
    const RopeSpec& rope = model.spec().ropes[i];
    const Vector& by_length = n_ctx > rope.original_context ? rope.long_factors : rope.short_factors;
    const Vector& factors = rope.factors ? rope.factors : by_length;
    rope_frequencies(rope, factors ? model.values(factors) : nullptr, scratch.frequencies[i]);
  }
}

Result<void> check_tokens(const KvCache& cache, std::uint32_t n_vocab, std::span<const Token> tokens) {
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

Error was_cancelled() { return {ErrorCode::cancelled, "evaluation was stopped", ""}; }

}  // namespace

Result<Sequence> Sequence::create(std::shared_ptr<const LoadedModel> model,
                                  const SequenceOptions& asked) try {
  const ModelSpec& spec = model->spec();
  const kernels::KernelTable& table = model->kernels();
  auto impl = std::make_unique<Impl>();
  QUERN_TRY(impl->options, resolve(spec, asked));
  const SequenceOptions& options = impl->options;
  QUERN_TRY(const MemoryPlan plan, plan_memory(spec, options, table));
  QUERN_TRY(impl->cache, KvCache::create(spec, options.kv_type, options.n_ctx));
  impl->scratch = plan_scratch(spec, options.batch, static_cast<std::size_t>(options.threads), table);
  impl->memory_bytes = plan.scratch_bytes;
  impl->memory = allocate_aligned(plan.scratch_bytes);
  if (!impl->memory) {
    return Error{ErrorCode::out_of_memory, cat("no memory for ", plan.scratch_bytes, " bytes of activations"),
                 "batch"};
  }
  impl->scratch.place(impl->memory.get(), spec, table);
  impl->bytes_per_layer = plan.bytes_read_per_token / spec.n_layers;
  set_rope_frequencies(*model, options.n_ctx, impl->scratch);
  impl->model = std::move(model);
  return Sequence(std::move(impl));
} catch (const std::bad_alloc&) {
  return Error{ErrorCode::out_of_memory, "no memory for a sequence", ""};
}

Sequence::Sequence(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Sequence::Sequence(Sequence&&) noexcept = default;
Sequence& Sequence::operator=(Sequence&&) noexcept = default;
Sequence::~Sequence() = default;

Result<std::span<const float>> Sequence::evaluate(std::span<const Token> tokens, Logits which,
                                                  std::stop_token stop) {
  Impl& s = *impl_;
  QUERN_CHECK(check_tokens(s.cache, s.model->n_vocab(), tokens));
  Rollback rollback(s.cache);
  for (std::size_t begin = 0; begin < tokens.size(); begin += s.scratch.batch) {
    Pass pass{.model = *s.model,
              .cache = s.cache,
              .scratch = s.scratch,
              .tokens = tokens.subspan(begin, std::min(s.scratch.batch, tokens.size() - begin)),
              .stop = stop};
    const std::size_t n = pass.n_tokens();
    const bool with_logits = which == Logits::last && begin + n == tokens.size();
    s.run(n, [&](Worker& worker) noexcept {
      evaluate_layers(pass, worker);
      if (with_logits && !pass.cancelled) evaluate_logits(pass, worker, n - 1, n);
    });
    if (pass.cancelled) return was_cancelled();
    s.cache.set_length(s.cache.length() + n);
  }
  rollback.keep();
  if (which == Logits::none) return std::span<const float>{};
  return std::span<const float>(s.scratch.logits, s.model->n_vocab());
}

Result<void> Sequence::evaluate_each(
    std::span<const Token> tokens, const std::function<void(std::size_t, std::span<const float>)>& on_logits,
    std::stop_token stop) {
  Impl& s = *impl_;
  QUERN_CHECK(check_tokens(s.cache, s.model->n_vocab(), tokens));
  Rollback rollback(s.cache);
  const std::size_t n_vocab = s.model->n_vocab();
  for (std::size_t begin = 0; begin < tokens.size(); begin += s.scratch.batch) {
    Pass pass{.model = *s.model,
              .cache = s.cache,
              .scratch = s.scratch,
              .tokens = tokens.subspan(begin, std::min(s.scratch.batch, tokens.size() - begin)),
              .stop = stop};
    const std::size_t n = pass.n_tokens();
    s.run(n, [&](Worker& worker) noexcept { evaluate_layers(pass, worker); });
    if (pass.cancelled) return was_cancelled();
    for (std::size_t row = 0; row < n; row += s.scratch.logit_rows) {
      const std::size_t end = std::min(n, row + s.scratch.logit_rows);
      s.run(end - row, [&](Worker& worker) noexcept { evaluate_logits(pass, worker, row, end); });
      for (std::size_t i = row; i < end; ++i)
        on_logits(begin + i, {s.scratch.logits + (i - row) * n_vocab, n_vocab});
    }
    s.cache.set_length(s.cache.length() + n);
  }
  rollback.keep();
  return {};
}

std::size_t Sequence::length() const { return impl_->cache.length(); }
std::size_t Sequence::capacity() const { return impl_->cache.capacity(); }
void Sequence::truncate(std::size_t n) { impl_->cache.set_length(n); }
int Sequence::threads() const { return impl_->options.threads; }
std::uint64_t Sequence::kv_bytes() const { return impl_->cache.n_bytes(); }
std::uint64_t Sequence::scratch_bytes() const { return impl_->memory_bytes; }
const LoadedModel& Sequence::model() const { return *impl_->model; }

}  // namespace quern::detail
