#include "src/runtime/memory_plan.h"

#include <algorithm>

#include "formats/try.h"
#include "src/base/parallel.h"
#include "src/runtime/kv_cache.h"
#include "src/runtime/scratch.h"

namespace quern::detail {

using formats::cat;

namespace {

constexpr std::size_t max_batch = 1u << 16;

Result<std::size_t> resolve_context(const ModelSpec& spec, std::size_t n_ctx, std::size_t most) {
  // Whoever asks for more than the model was trained for may have it; learned positions end where they end.
  const std::size_t limit = spec.position_embd ? std::min<std::size_t>(spec.n_ctx_train, most) : most;
  if (n_ctx == 0) return std::min<std::size_t>(spec.n_ctx_train, limit);
  if (n_ctx <= limit) return n_ctx;
  return Error{ErrorCode::invalid_argument,
               cat("n_ctx is ", n_ctx, ", but this model has ", limit, " positions"), "n_ctx"};
}

}  // namespace

Result<std::size_t> resolve_whole_text(const ModelSpec& spec, std::size_t n_ctx) {
  return resolve_context(spec, n_ctx, max_batch);
}

Result<SequenceOptions> resolve(const ModelSpec& spec, SequenceOptions options) {
  constexpr std::size_t max_context = std::size_t{1} << 30;
  if (!writes_text(spec)) {
    return Error{
        ErrorCode::unsupported,
        cat("architecture '", spec.architecture, "'", spec.output ? " with 'attention.causal' false" : "",
            " reads whole texts and writes none: it makes embeddings"),
        "general.architecture"};
  }
  // Sources are read whole.
  QUERN_TRY(options.n_ctx,
            resolve_context(spec, options.n_ctx, spec.encoder.empty() ? max_context : max_batch));
  QUERN_TRY(const ScratchSizes sizes, resolve_sizes(options.threads, options.batch, 0));
  options.threads = static_cast<int>(sizes.n_threads);
  options.batch = std::min(options.batch, options.n_ctx);
  return options;
}

Result<ScratchSizes> resolve_sizes(int threads, std::size_t batch, std::size_t logit_rows) {
  constexpr int max_threads = 1024;
  if (threads < 0 || threads > max_threads) {
    return Error{ErrorCode::invalid_argument, cat("threads is ", threads, ", expected 0 to ", max_threads),
                 "threads"};
  }
  if (batch == 0 || batch > max_batch) {
    return Error{ErrorCode::invalid_argument, cat("batch is ", batch, ", expected 1 to ", max_batch),
                 "batch"};
  }
  return ScratchSizes{batch, logit_rows, static_cast<std::size_t>(threads == 0 ? usable_threads() : threads)};
}

namespace {

std::uint64_t mean_row_bytes(const Matrix& matrix) {
  if (matrix.expert_tensors.empty()) return matrix.tensor->row_bytes();
  std::uint64_t sum = 0;
  for (const formats::Tensor* tensor : matrix.expert_tensors) sum += tensor->row_bytes();
  return sum / matrix.expert_tensors.size();
}

}  // namespace

std::uint64_t bytes_read_per_token(const ModelSpec& spec) {
  std::uint64_t bytes = spec.n_vector_floats * sizeof(float) + spec.token_embd.tensor->row_bytes();
  if (spec.output) bytes += spec.output.n_rows * spec.output.tensor->row_bytes();
  for (const LayerSpec& layer : spec.layers) {
    for_each_matrix(layer, [&](const Matrix& matrix, std::uint64_t n_read) {
      bytes += n_read * matrix.n_rows * mean_row_bytes(matrix);
    });
  }
  return bytes;
}

std::uint64_t scratch_bytes(const ModelSpec& spec, const ScratchSizes& sizes,
                            const kernels::KernelTable& table) {
  return plan_scratch(spec, sizes, table).place(nullptr, spec, table);
}

Result<MemoryPlan> plan_memory(const ModelSpec& spec, const SequenceOptions& asked,
                               const kernels::KernelTable& table) {
  MemoryPlan plan;
  plan.weight_bytes = spec.tensor_bytes;
  plan.private_weight_bytes = spec.n_vector_floats * sizeof(float);
  plan.bytes_read_per_token = bytes_read_per_token(spec);
  ScratchSizes sizes;
  KvLayout kv;
  if (writes_text(spec)) {
    QUERN_TRY(const SequenceOptions options, resolve(spec, asked));
    QUERN_TRY(kv, KvLayout::make(spec, options.kv_type));
    plan.n_ctx = options.n_ctx;
    sizes = options.sizes();
    if (!spec.encoder.empty()) {
      QUERN_TRY(const KvLayout text, KvLayout::make(spec, kernels::KvType::f32, KvLayout::Of::encoder));
      QUERN_TRY(const KvLayout source, KvLayout::make(spec, options.kv_type, KvLayout::Of::source));
      plan.kv_bytes = text.n_bytes(plan.n_ctx) + source.n_bytes(plan.n_ctx);
      plan.scratch_bytes = scratch_bytes(spec, options.source_sizes(plan.n_ctx), table);
    }
  } else {
    QUERN_TRY(plan.n_ctx, resolve_whole_text(spec, asked.n_ctx));
    QUERN_TRY(kv, KvLayout::make(spec, kernels::KvType::f32, KvLayout::Of::whole_text));
    QUERN_TRY(sizes, resolve_sizes(asked.threads, plan.n_ctx, 0));
    sizes.n_positions = plan.n_ctx;
  }
  plan.kv_bytes += kv.n_bytes(plan.n_ctx);
  plan.scratch_bytes += scratch_bytes(spec, sizes, table);
  return plan;
}

}  // namespace quern::detail
