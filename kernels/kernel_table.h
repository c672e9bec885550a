#pragma once
// What every instruction set offers: one table of plain functions, filled once per row of
// cmake/QuernIsa.cmake and chosen at run time. Kernels cannot fail, allocate or read files: whoever calls
// them has checked sizes and types.
//
// Canonical arithmetic. Every function here gives the same bits on every instruction set, for every split of
// rows, tokens, heads and positions among calls and threads:
//  - A dot product of floats puts element k into lane k % 16; each lane adds its elements in ascending
//    order with one fused multiply-add each, starting from +0; the last, partial vector is filled up with +0.
//  - A dot product with quantized weights works on groups of 32 activations (types with blocks of 32, 64 or
//    128) or of 128 (types with blocks of 256). Inside a group everything is exact integer arithmetic: I =
//    sum of sub-scale * code * activation, J = sum of sub-min * activation. Group g goes to lane g % 16,
//    ascending:
//       t = d * float(I);   for types with a minimum:  t = fma(-dmin, float(J), t);   lane = fma(a, t, lane)
//    with d, dmin the block's float scales and a the activation group's scale. NVFP4 has float scales every
//    16 values: there a group is 16 values (two share one activation scale).
//  - Lanes are joined by one tree: v[i] + v[i+8], then +4, +2, +1.
//  - Attention: a score is one chain of fused multiply-adds, k ascending from +0, over (scale * q[k]) and
//    key[k]. Sums over positions run inside absolute blocks of 64 positions, values ascending; blocks join
//    ascending into absolute spans of 512 positions, and spans join ascending (attention.cpp has the
//    formulas).
#include <cstddef>
#include <cstdint>

#include "formats/tensor_type.h"

namespace quern::kernels {

inline constexpr int n_lanes = 16;
/// Positions in a block of the KV cache; blocks start at multiples of it.
inline constexpr int kv_block = 64;
/// Positions in a span: attention joins blocks into spans, then spans. They start at multiples of it.
inline constexpr int attention_span = 512;
/// Queries that share the work on the cache.
inline constexpr int attention_tile = 128;

/// How the activations beside a weight type are stored.
enum class ActivationKind : std::uint8_t {
  f32,     ///< beside F32, F16, BF16: as they are
  q8_32,   ///< int8 with a float scale for each 32: beside blocks of 32, 64, 128
  q8_128,  ///< int8 with a float scale for each 128: beside blocks of 256
};

/// Activations of n_tokens tokens packed for multiplication. Row-major, one row a token.
/// For f32 only `f32` is set. For q8_*: n_cols is a multiple of the group (the weight's row length is).
struct Activations {
  ActivationKind kind{};
  std::size_t n_tokens = 0;
  std::size_t n_cols = 0;
  const float* f32 = nullptr;          ///< [n_tokens, n_cols]
  const std::int8_t* codes = nullptr;  ///< [n_tokens, n_cols], -127..127
  const float* scales = nullptr;  ///< [n_tokens, n_cols / group]; NaN where the group held NaN or infinity
  const std::int16_t* sums = nullptr;  ///< [n_tokens, n_cols / 16]: sums of 16 codes, for types with minima
};

/// A weight matrix where it lies in the file: n_rows rows of n_cols values, rows row_bytes apart, any
/// alignment.
struct WeightView {
  formats::TensorType type{};
  const std::byte* data = nullptr;
  std::size_t n_rows = 0;
  std::size_t n_cols = 0;
  std::size_t row_bytes = 0;
};

enum class KvType : std::uint8_t { f32, f16, bf16, q8_0 };

/// Which pairs a rotation turns: (2i, 2i+1) or (i, i + n_rot/2).
enum class RopeKind : std::uint8_t { interleaved, halves };

/// One query head at one position.
struct AttentionQuery {
  const float* q = nullptr;   ///< [k_dim], rotated, not scaled
  float* out = nullptr;       ///< [v_dim]
  std::int64_t position = 0;  ///< for ALiBi
  std::int64_t begin = 0,
               end = 0;         ///< the positions [begin, end) it sees; begin < end unless there is a sink
  float alibi_slope = 0;        ///< adds -slope * |position - p|
  const float* bias = nullptr;  ///< adds bias[p], if given; readable for all of the blocks that are seen
  float sink = 0;               ///< logit that joins the denominator, if has_sink
  bool has_sink = false;
};

/// How the 64 keys of a block lie.
enum class KeyOrder : std::uint8_t {
  rows,    ///< one after the other, as values do
  turned,  ///< as store_key writes them: element k of all positions side by side, so that nothing need be
           ///< turned over when scores are computed
};

/// The keys and values of one KV head: block b holds positions [64b, 64b + 64). Its values begin at
/// v_blocks[b] + v_offset, v_row_bytes from one to the next; keys alike, if they lie in rows. A block of
/// turned keys is whole, and has anything where there is no position yet.
struct KvHead {
  KvType type{};
  KeyOrder key_order{};
  const std::byte* const* k_blocks = nullptr;
  const std::byte* const* v_blocks = nullptr;
  std::size_t k_offset = 0, v_offset = 0;
  std::size_t k_row_bytes = 0, v_row_bytes = 0;  ///< of turned keys a 64th of the block
  int k_dim = 0, v_dim = 0;
  float scale = 1;     ///< of the scores
  float soft_cap = 0;  ///< cap * tanh(score / cap); 0: none
};

/// The records of neighbouring spans, to be joined to those before them.
struct SpanRecords {
  std::int64_t first_span = 0;
  std::size_t n_spans = 0;
  const float* records = nullptr;  ///< of the first span; one a query, side by side
  std::size_t stride = 0;          ///< floats from span to span
  float* totals = nullptr;         ///< one record a query: what is joined so far
  bool are_first = false;          ///< nothing is joined so far
  bool are_last = false;           ///< the queries' results are wanted now
};

inline constexpr std::size_t max_conv_taps = 16;

/// A convolution over the rows of a sequence, each channel alone: row t's result is the sum over j of taps[j]
/// times the input n_taps - 1 - j rows before it.
struct CausalConv {
  std::size_t n_rows = 0, n_channels = 0;
  std::size_t n_taps = 0;       ///< 1 to max_conv_taps
  const float* taps = nullptr;  ///< [n_channels, n_taps]
  const float* bias = nullptr;  ///< [n_channels], or null
  const float* history =
      nullptr;  ///< [n_taps - 1, history_stride] the inputs before the first row, oldest first
  std::size_t history_stride = 0;
  const float* x = nullptr;  ///< [n_rows, x_stride]
  std::size_t x_stride = 0;
  float* y = nullptr;  ///< [n_rows, y_stride], not x
  std::size_t y_stride = 0;
};

/// One head of a state space layer (Mamba-2, arXiv 2405.21060) over the rows of a sequence, state S
/// [head_dim, state_dim]:  S = decay S + (step x) b^T;  y = S c + skip x.
struct StateSpaceHead {
  std::size_t n_rows = 0, head_dim = 0, state_dim = 0;
  const float* before = nullptr;                         ///< S before the first row
  float* after = nullptr;                                ///< S after the last; may be `before`
  const float *x = nullptr, *b = nullptr, *c = nullptr;  ///< rows of head_dim, state_dim, state_dim values
  std::size_t stride = 0;                                ///< floats from row to row of these three
  const float *step = nullptr, *decay = nullptr;         ///< a number a row
  std::size_t gate_stride = 0;                           ///< floats from row to row of these two
  float skip = 0;
  float* y = nullptr;  ///< [n_rows, y_stride]
  std::size_t y_stride = 0;
};

/// One value head of a gated delta net (arXiv 2412.06464) over the rows of a sequence, state S [v_dim,
/// k_dim]: S = decay S;  S = S + beta (v - S k) k^T;  out = scale S q.
struct DeltaHead {
  std::size_t n_rows = 0, k_dim = 0, v_dim = 0;
  const float* before = nullptr;  ///< S before the first row
  float* after = nullptr;         ///< S after the last; may be `before`
  const float *q = nullptr, *k = nullptr, *v = nullptr;
  std::size_t stride = 0;                         ///< floats from row to row of these three
  const float *beta = nullptr, *decay = nullptr;  ///< a number a row
  std::size_t gate_stride = 0;                    ///< floats from row to row of these two
  float scale = 1;
  float* out = nullptr;  ///< [n_rows, out_stride]
  std::size_t out_stride = 0;
};

struct LogitKernels;  // kernels/logits.h

struct KernelTable {
  const char* isa;  ///< a name of known_isas(), but "scalar" for "generic"

  /// Packs rows of x [n_tokens, n_cols] (row stride x_stride floats) into codes, scales and sums (layouts
  /// above).
  void (*quantize)(ActivationKind kind, const float* x, std::size_t x_stride, std::size_t n_tokens,
                   std::size_t n_cols, std::int8_t* codes, float* scales, std::int16_t* sums);

  /// Bytes of scratch one matmul call of this type and row length needs (per calling thread; 64-byte
  /// aligned).
  std::size_t (*matmul_scratch_bytes)(formats::TensorType type, std::size_t n_cols);

  /// y[i * y_stride + r - row_begin] = w row r . activations of token tokens[i], for rows [row_begin,
  /// row_end) and i < n_tokens. tokens == nullptr: token i itself. acts.kind must be activation_kind(w.type).
  void (*matmul)(const WeightView& w, std::size_t row_begin, std::size_t row_end, const Activations& acts,
                 const std::uint32_t* tokens, std::size_t n_tokens, float* y, std::size_t y_stride,
                 std::byte* scratch);

  /// Bytes of scratch one attend call needs for heads of these sizes (per calling thread; 64-byte aligned).
  std::size_t (*attention_scratch_bytes)(std::size_t k_dim, std::size_t v_dim);
  /// Attention of n queries over one KV head; attention_tile of them at once share the work on the cache.
  void (*attend)(const KvHead& kv, const AttentionQuery* queries, std::size_t n_queries, std::byte* scratch);
  /// The same in two steps, so that threads can share out the spans of a long context: the sums of up to
  /// attention_tile queries over span `span` go to records, attention_record_floats(v_dim) floats a query;
  /// join_spans then joins spans in ascending order.
  std::size_t (*attention_record_floats)(std::size_t v_dim);
  void (*attend_span)(const KvHead& kv, const AttentionQuery* queries, std::size_t n_queries,
                      std::int64_t span, float* records, std::byte* scratch);
  void (*join_spans)(std::size_t v_dim, const AttentionQuery* queries, std::size_t n_queries,
                     const SpanRecords& spans);

  /// Writes n floats as one KV row of the given type (q8_0: blocks of 32, n a multiple of 32).
  void (*store_kv)(KvType type, const float* x, std::size_t n, std::byte* row);
  /// Writes the same values as the key at `position`, 0 to 63, of a block of turned keys: [n, 64] elements;
  /// of q8_0, for 32 values of each key, [64] scales and then [32, 64] codes.
  void (*store_key)(KvType type, const float* x, std::size_t n, std::byte* block, std::size_t position);

  void (*rms_norm)(const float* x, const float* weight, std::size_t n, float eps,
                   float* y);  ///< weight may be null
  void (*layer_norm)(const float* x, const float* weight, const float* bias, std::size_t n, float eps,
                     float* y);
  /// x / max(|x|, eps), |x| the Euclidean length.
  void (*l2_norm)(const float* x, std::size_t n, float eps, float* y);
  /// Rotates the first n_rot elements of a head in place; cos_sin holds n_rot/2 pairs (cos, sin).
  void (*rope)(float* head, const float* cos_sin, std::size_t n_rot, RopeKind kind);

  // Element by element; y may be x.
  void (*add)(const float* a, const float* b, std::size_t n, float* y);
  void (*mul)(const float* a, const float* b, std::size_t n, float* y);
  void (*scale)(const float* x, float factor, std::size_t n, float* y);
  void (*scale_add)(const float* x, float factor, const float* b, std::size_t n,
                    float* y);  ///< fma(x, factor, b)
  void (*clamp)(const float* x, float low, float high, std::size_t n, float* y);
  void (*soft_cap)(const float* x, float cap, std::size_t n, float* y);
  void (*silu)(const float* x, std::size_t n, float* y);
  void (*gelu)(const float* x, std::size_t n, float* y);  ///< tanh form
  void (*relu)(const float* x, std::size_t n, float* y);
  void (*sigmoid)(const float* x, std::size_t n, float* y);
  void (*silu_mul)(const float* gate, const float* up, std::size_t n, float* y);
  void (*gelu_mul)(const float* gate, const float* up, std::size_t n, float* y);
  void (*swiglu_clamped)(const float* gate, const float* up, std::size_t n, float* y);  ///< the gpt-oss form
  void (*exp)(const float* x, std::size_t n, float* y);
  void (*softplus)(const float* x, std::size_t n, float* y);  ///< ln(1 + e^x)
  void (*softmax)(const float* x, std::size_t n, float* y);

  // Recurrences over the rows of one sequence (kernels/recurrent.cpp).
  void (*causal_conv)(const CausalConv& conv);
  void (*state_space)(const StateSpaceHead& head);
  void (*delta_net)(const DeltaHead& head);

  const LogitKernels* logits;  ///< passes over a vocabulary, for sampling
};

/// f32 for F32, F16, BF16; q8_128 for blocks of 256; q8_32 for the rest.
ActivationKind activation_kind(formats::TensorType type);
/// 32 or 128; 1 for f32.
std::size_t activation_group(ActivationKind kind);
std::size_t kv_row_bytes(KvType type, std::size_t n);

/// The tables this CPU can run, best first; the last is "scalar". Static storage.
struct KernelTables {
  const KernelTable* const* tables;
  std::size_t size;
};
KernelTables runnable_tables();
/// By name ("generic" is another name of "scalar"); null if this build or this CPU lacks it.
const KernelTable* find_table(const char* isa);
/// Every name that some build knows, for messages.
const char* known_isas();

}  // namespace quern::kernels
