#pragma once
// The memory that a model and one sequence take, worked out from the header before anything is loaded.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "kernels/kernel_table.h"
#include "quern/result.h"
#include "src/architectures/model_spec.h"
#include "src/runtime/scratch.h"

namespace quern::detail {

/// Bytes of weights that a layer reads for a token, times tokens, which are worth one more thread; below that
/// a step is over before other threads have heard of it, and on a busy machine waiting for a thread that is
/// not running costs far more than it does (a model with 450 KiB a layer wrote 285 tokens a second with one
/// thread and 8.5 with two, beside compilers on a two-core Xeon).
inline constexpr std::uint64_t default_bytes_worth_a_thread = 512 * 1024;

struct SequenceOptions {
  std::size_t n_ctx = 0;  ///< positions to have room for; 0: what the model was trained for
  kernels::KvType kv_type = kernels::KvType::f16;
  int threads = 0;  ///< 0: as many as this process may really use
  std::uint64_t bytes_worth_a_thread = default_bytes_worth_a_thread;  ///< 0: always all threads
  std::size_t batch = 512;  ///< tokens evaluated together; more is faster, the result is the same

  /// Requires: from resolve().
  ScratchSizes sizes() const {
    constexpr std::size_t logit_rows = 16;  // evaluated together where all logits are wanted
    return {batch, std::min(batch, logit_rows), static_cast<std::size_t>(threads), n_ctx};
  }
  /// Of the pass that encodes a source of n tokens.
  ScratchSizes source_sizes(std::size_t n) const { return {n, 0, static_cast<std::size_t>(threads), n}; }
};

struct MemoryPlan {
  std::uint64_t weight_bytes = 0;          ///< tensor data in the file: mapped, or read into private memory
  std::uint64_t private_weight_bytes = 0;  ///< norms, biases and the like, converted to F32
  std::uint64_t kv_bytes = 0;
  std::uint64_t scratch_bytes = 0;  ///< activations, logits, rotary tables, per-thread buffers
  std::uint64_t total_bytes() const { return weight_bytes + private_weight_bytes + kv_bytes + scratch_bytes; }
  /// Weights read to generate one token (only the experts that a token uses): over the machine's read
  /// bandwidth this bounds its speed.
  std::uint64_t bytes_read_per_token = 0;
  std::size_t n_ctx = 0;
};

/// The options with every 0 replaced by what it stands for. Errors: invalid_argument (n_ctx, threads or batch
/// out of range).
Result<SequenceOptions> resolve(const ModelSpec& spec, SequenceOptions options);
/// Tokens of the longest text that is read whole, likewise. Errors: invalid_argument (n_ctx).
Result<std::size_t> resolve_whole_text(const ModelSpec& spec, std::size_t n_ctx);
/// The same for the sizes of an evaluator. Errors: invalid_argument (threads, batch).
Result<ScratchSizes> resolve_sizes(int threads, std::size_t batch, std::size_t logit_rows);

/// Of weights, for one token.
std::uint64_t bytes_read_per_token(const ModelSpec& spec);
/// Exact: what an evaluator of these sizes takes.
std::uint64_t scratch_bytes(const ModelSpec& spec, const ScratchSizes& sizes,
                            const kernels::KernelTable& table);

/// Of a sequence, with a source of n_ctx tokens where the model has an encoder, or where the model writes no
/// text, of one text of n_ctx tokens that is read whole. Exact, for the kernels named by `table` (their
/// scratch differs). Errors: invalid_argument (n_ctx, batch, threads out of range), unsupported (a KV type
/// that the head size does not fit).
Result<MemoryPlan> plan_memory(const ModelSpec& spec, const SequenceOptions& options,
                               const kernels::KernelTable& table);

}  // namespace quern::detail
