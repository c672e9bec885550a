#include "src/runtime/memory_plan.h"

#include <algorithm>

#include "formats/try.h"
#include "src/base/parallel.h"
#include "src/runtime/kv_cache.h"
#include "src/runtime/scratch.h"

namespace quern::detail {

using formats::cat;

Result<SequenceOptions> resolve(const ModelSpec& spec, SequenceOptions options) {
  constexpr std::size_t max_context = std::size_t{1} << 30;
  if (!spec.output || !is_causal(spec)) {
    return Error{
        ErrorCode::unsupported,
        cat("architecture '", spec.architecture, "'", spec.output ? " with 'attention.causal' false" : "",
            " reads whole texts and writes none: it makes embeddings"),
        "general.architecture"};
  }
  if (options.n_ctx == 0) options.n_ctx = spec.n_ctx_train;
  // Whoever asks for more than the model was trained for may have it; learned positions end where they end.
  const std::size_t n_ctx_limit = spec.position_embd ? spec.n_ctx_train : max_context;
  if (options.n_ctx > n_ctx_limit) {
    return Error{ErrorCode::invalid_argument,
                 cat("n_ctx is ", options.n_ctx, ", but this model has ", n_ctx_limit, " positions"),
                 "n_ctx"};
  }
  QUERN_TRY(const ScratchSizes sizes, resolve_sizes(options.threads, options.batch, 0));
  options.threads = static_cast<int>(sizes.n_threads);
  options.batch = std::min(options.batch, options.n_ctx);
  return options;
}

Result<ScratchSizes> resolve_sizes(int threads, std::size_t batch, std::size_t logit_rows) {
  constexpr std::size_t max_batch = 1u << 16;
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

std::uint64_t bytes_read_per_token(const ModelSpec& spec) {
  std::uint64_t bytes = spec.n_vector_floats * sizeof(float) + spec.token_embd.tensor->row_bytes();
  if (spec.output) bytes += spec.output.n_rows * spec.output.tensor->row_bytes();
  for (const LayerSpec& layer : spec.layers) {
    for_each_matrix(layer, [&](const Matrix& matrix, std::uint64_t n_read) {
      bytes += n_read * matrix.n_rows * matrix.tensor->row_bytes();
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
  QUERN_TRY(const SequenceOptions options, resolve(spec, asked));
  QUERN_TRY(const KvLayout kv, KvLayout::make(spec, options.kv_type));
  MemoryPlan plan;
  plan.weight_bytes = spec.tensor_bytes;
  plan.private_weight_bytes = spec.n_vector_floats * sizeof(float);
  plan.kv_bytes = kv.n_bytes(options.n_ctx);
  plan.scratch_bytes = scratch_bytes(spec, options.sizes(), table);
  plan.bytes_read_per_token = bytes_read_per_token(spec);
  plan.n_ctx = options.n_ctx;
  return plan;
}

}  // namespace quern::detail
