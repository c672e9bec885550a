#pragma once
// The buffers of a forward pass, all in one block that is laid out when an Evaluator is made. T is the batch:
// the most rows (tokens) evaluated together. All buffers are row-major.
#include <cstdint>

#include "kernels/kernel_table.h"
#include "quern/token.h"
#include "src/architectures/model_spec.h"
#include "src/runtime/aligned_memory.h"
#include "src/runtime/rows.h"

namespace quern::detail {

/// Activations packed for multiplication with one kind of weights.
struct PackedRows {
  std::int8_t* codes = nullptr;  ///< [rows, n_cols]
  float* scales = nullptr;       ///< [rows, n_cols / group]
  std::int16_t* sums = nullptr;  ///< [rows, n_cols / 16]
};
/// The same for each kind, where the model has weights of it.
struct Packed {
  PackedRows q8_32{}, q8_128{};
};

/// Passes of so many rows at most share out the spans of attention among threads; longer ones have tiles for
/// all.
inline constexpr std::size_t max_rows_by_spans = 8;

/// Rows of a matrix in one tile of a product at most.
inline constexpr std::size_t max_tile_rows = 1024;
/// Hidden values of a feed-forward part are computed, activated and packed in tiles of whole panels, so that
/// only packed ones are ever there for all of its rows. A panel is a whole number of packed groups.
inline constexpr std::size_t hidden_panel = 128;

struct Scratch {
  std::size_t batch = 0;       ///< T
  std::size_t logit_rows = 0;  ///< rows of logits computed together
  std::size_t queries_per_tile = kernels::attention_tile;
  std::size_t heads_per_tile = 0;
  std::size_t rows_per_chunk = 0;  ///< of a RowChunk
  std::size_t n_threads = 0;
  std::size_t matmul_bytes = 0;     ///< per thread
  std::size_t attention_bytes = 0;  ///< per thread
  std::size_t n_records = 0;        ///< of spans of attention; 0 with one thread
  std::size_t bias_stride = 0;      ///< floats of a head's relative biases
  std::size_t own_cols = 0;         ///< the most columns of any matrix; 0 with one thread
  std::size_t tile_floats = 0;      ///< of the results of a tile

  Token* tokens = nullptr;          ///< [T] of every row
  std::uint32_t* run_of = nullptr;  ///< [T] the run that a row is of
  Run* runs = nullptr;              ///< [T]
  RowChunk* chunks = nullptr;       ///< [T]
  std::uint32_t* wanted = nullptr;  ///< [T] rows whose logits are wanted

  float* x = nullptr;              ///< [T, dim] the residual stream
  float* mixer_in = nullptr;       ///< [T, dim]
  float* ffn_in = nullptr;         ///< [T, dim]; mixer_in, where no layer is parallel
  float* mixed = nullptr;          ///< [T, dim] what a mixer or FFN gives, before it is added to x
  Packed packed{};                 ///< [T, the widest] what products read, but for hidden values
  float** cos_sin = nullptr;       ///< [n_ropes] of [T, n_rot/2][2]
  double** frequencies = nullptr;  ///< [n_ropes][2] of [n_rot/2]: in short contexts, in long ones
  float* logits = nullptr;         ///< [logit_rows, n_vocab]

  // Alive inside a mixer or attention to a source only, as is what the next two paragraphs name.
  float* q = nullptr;                          ///< [T, n_heads * k_dim]
  float* k = nullptr;                          ///< [T, n_kv_heads * k_dim]
  float* v = nullptr;                          ///< [T, n_kv_heads * v_dim]
  float* attended = nullptr;                   ///< [T, n_heads * v_dim]
  kernels::AttentionQuery* queries = nullptr;  ///< [n_threads, queries_per_tile]
  float* biases = nullptr;                     ///< [n_threads, heads_per_tile, bias_stride]
  std::byte* attention = nullptr;              ///< [n_threads, attention_bytes]
  float* records = nullptr;                    ///< [n_records, floats of a record]

  // Latent attention.
  float* q_low = nullptr;              ///< [T, rank] the input of a low-rank query projection
  float* head_wide = nullptr;          ///< [T, n_heads * head size] queries before attention, values after
  float* q_nope = nullptr;             ///< [T, n_heads * n_nope]
  std::uint32_t* head_rows = nullptr;  ///< [T] t * n_heads: rows of one head among those of all

  // Recurrences. Their rows share memory with q, k, v and attended.
  float* conv_in = nullptr;    ///< [T, all projections of the input, but for delta nets only `qkv`]
  float* conv_out = nullptr;   ///< [T, n_channels]
  float* conv_gate = nullptr;  ///< [T, n_value_heads * head_dim] of delta nets
  float* head_out = nullptr;   ///< [T, heads * head_dim]
  float* gates_in = nullptr;   ///< [T, n_value_heads] twice, or [T, 2 * n_value_heads]
  float* gates = nullptr;      ///< [T, 2 * heads]: steps or betas, then decays
  float* beside = nullptr;     ///< [T, dim] what a second mixer gives

  // Alive inside a feed-forward part only, as is what experts need.
  Packed packed_hidden{};   ///< [T, hidden], of experts [slots, expert hidden]
  float* hidden = nullptr;  ///< the same values, where a matrix reads floats

  // Experts. A slot is one (token, chosen expert) pair; slots are sorted by expert, then by token.
  float* router = nullptr;                  ///< [T, n_experts]
  float* router_scores = nullptr;           ///< [T, n_experts] scores for choosing
  std::uint32_t* chosen = nullptr;          ///< [T, n_used] expert ids, best first
  float* chosen_weights = nullptr;          ///< [T, n_used]
  std::uint32_t* slot_of = nullptr;         ///< [T, n_used] slot of the k-th choice of a token
  std::uint32_t* slot_token = nullptr;      ///< [slots]
  std::uint32_t* slot_index = nullptr;      ///< [slots] 0, 1, 2...: the rows of slot-wise activations
  std::uint32_t* expert_begin = nullptr;    ///< [n_experts + 1] first slot of an expert
  std::uint32_t* active_experts = nullptr;  ///< [n_experts] those that have slots
  float* slot_out = nullptr;                ///< [slots, dim]
  float* shared_gate = nullptr;             ///< [T]

  // Alive behind the layers only.
  float* pooled[2] = {};  ///< [T, the widest head layer] results of head layers, in turn

  // Each thread's own, for as long as it likes: a late thread may be at a tile that is done already.
  std::byte* matmul = nullptr;       ///< [n_threads, matmul_bytes]
  float* own_x = nullptr;            ///< [n_threads, own_cols] one row of activations (ProductRows)
  Packed own_packed{};               ///< the same
  float* tile_results_at = nullptr;  ///< [n_threads, 2, tile_floats]

  std::byte* attention_scratch(int thread) const {
    return attention + static_cast<std::size_t>(thread) * attention_bytes;
  }
  std::byte* matmul_scratch(int thread) const {
    return matmul + static_cast<std::size_t>(thread) * matmul_bytes;
  }

  /// Where a thread leaves the results of a tile, before they are kept; it has two such places.
  float* tile_results(std::size_t thread, std::size_t which = 0) const {
    return tile_results_at + (2 * thread + which) * tile_floats;
  }

  /// Lays the buffers out from `base` on and returns how many bytes they take; with null it only counts.
  std::uint64_t place(std::byte* base, const ModelSpec& spec, const kernels::KernelTable& table);
};

/// What a Scratch is made for.
struct ScratchSizes {
  std::size_t batch = 0, logit_rows = 0, n_threads = 0;
  std::size_t n_positions = 0;  ///< of the longest sequence; counts for relative biases only
};
/// Nothing placed yet.
Scratch plan_scratch(const ModelSpec& spec, const ScratchSizes& sizes, const kernels::KernelTable& table);

}  // namespace quern::detail
