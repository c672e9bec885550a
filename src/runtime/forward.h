#pragma once
// The forward pass: one computation for every family, steered by the ModelSpec. Each function here is called
// by all threads of a region together (see base/parallel.h) and splits its work among them by rows, heads and
// tokens, never inside a sum; so the bits do not depend on the number of threads, on how a prompt is cut, or
// on the other sequences in the pass.
#include <atomic>
#include <span>
#include <stop_token>

#include "quern/token.h"
#include "src/base/parallel.h"
#include "src/runtime/loaded_model.h"
#include "src/runtime/rows.h"
#include "src/runtime/scratch.h"

namespace quern::detail {

/// What all threads share during one evaluation.
struct Pass {
  const LoadedModel& model;
  Scratch& scratch;
  std::span<const LayerSpec> layers;  ///< the model's, or those of its encoder
  std::span<const Token> tokens;      ///< of every row, at most Scratch::batch
  std::span<const Run> runs;          ///< in the order of their rows, which they cover
  std::span<const RowChunk> chunks;   ///< the rows again, the chunks with the longest contexts first
  std::stop_token stop{};
  // Written inside tiles; a late thread may read them meanwhile, to no effect (see Worker).
  std::atomic<std::size_t> n_active_experts = 0;  ///< of the layer at hand: Scratch::active_experts
  std::atomic<bool> cancelled = false;  ///< the stop token was seen; the layers from there on are missing

  const ModelSpec& spec() const { return model.spec(); }
  const kernels::KernelTable& kernels() const { return model.kernels(); }
  std::size_t n_tokens() const { return tokens.size(); }
  const Run& run_of(std::size_t row) const { return runs[scratch.run_of[row]]; }
};

/// Evaluates the rows through all layers: their keys and values are written to their sequences' caches, and
/// scratch.x holds the residual stream of every row.
void evaluate_layers(Pass& pass, Worker& worker) noexcept;

/// logits [rows.size(), n_vocab] = logits after these rows of the last evaluate_layers. Requires: at most
/// Scratch::logit_rows of them.
void evaluate_logits(Pass& pass, Worker& worker, std::span<const std::uint32_t> rows, float* logits) noexcept;

/// After the encoder's layers: writes what the decoder's layers see of each row into `source`.
void store_source(Pass& pass, Worker& worker, KvCache& source) noexcept;

/// Pools the last hidden states of each run, [runs, width], or with Pooling::none gives those of every row,
/// [rows, dim]: in the scratch, the same for every thread, once the last step is done.
std::span<const float> pool(Pass& pass, Worker& worker, Pooling pooling) noexcept;

// The parts of a layer, each in a file of its own. They read what is prepared for them and leave their result
// in scratch.mixed, [n_tokens, dim].
void attend(Pass& pass, Worker& worker, const AttentionSpec& attention, std::size_t layer) noexcept;
// The relative biases of a chunk's queries for heads [first, last), in the worker's scratch: head h's begin
// at (h - first) * bias_stride, and that of a key at position p for the query at position q stands at p +
// (the chunk's last position) - q.
const float* spread_biases(const Pass& pass, const Worker& worker, const AttentionSpec& attention,
                           const RowChunk& chunk, std::size_t n_keys, std::size_t first, std::size_t last);
// Before and after the attention of a layer with latent keys and values: fills scratch.q and the cache's rows
// from mixer_in; turns scratch.attended into what attention.output reads, which it returns.
void prepare_latent(Pass& pass, Worker& worker, const AttentionSpec& attention, std::size_t layer) noexcept;
const float* expand_latent(Pass& pass, Worker& worker, const AttentionSpec& attention) noexcept;
// Recurrences over the rows of each run. `out`: where the result goes, [n_tokens, dim].
void short_conv(Pass& pass, Worker& worker, const ShortConvSpec& spec, std::size_t layer,
                float* out) noexcept;
void delta_net(Pass& pass, Worker& worker, const DeltaNetSpec& spec, std::size_t layer, float* out) noexcept;
void state_space(Pass& pass, Worker& worker, const StateSpaceSpec& spec, std::size_t layer,
                 float* out) noexcept;
void feed_forward(Pass& pass, Worker& worker, const DenseSpec& dense) noexcept;
void feed_forward(Pass& pass, Worker& worker, const ExpertsSpec& experts) noexcept;

}  // namespace quern::detail
