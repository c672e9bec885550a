#pragma once
// What one sequence remembers. Keys and values lie in pages of 64 positions: a page holds, layer after layer,
// the keys of one KV head after the other, and then the values; so what is read together, one head of one
// layer, lies together. Keys are turned (KeyOrder) but where values are the beginning of keys. Layers with a
// recurrence have a state beside them, whose size does not depend on the length.
#include <cstdint>
#include <vector>

#include "quern/result.h"
#include "src/architectures/model_spec.h"
#include "src/runtime/aligned_memory.h"

namespace quern::detail {

/// Where each layer's rows lie inside a page.
struct KvLayout {
  struct Layer {
    /// Bytes from the page's start; both the same where values are the beginning of keys.
    std::uint64_t k_begin = 0, v_begin = 0;
    std::size_t k_row_bytes = 0, v_row_bytes = 0;  ///< of one head
    kernels::KeyOrder key_order{};
    std::uint64_t state_begin = 0;  ///< floats from the beginning of a state
  };
  kernels::KvType type{};
  std::vector<Layer> layers{};
  std::uint64_t page_bytes = 0;
  std::uint64_t state_floats = 0;  ///< of all layers: inputs of convolutions, then matrices

  /// What is kept of a sequence.
  enum class Of {
    sequence,    ///< every layer's rows
    whole_text,  ///< rows of one layer after the other in the same place, for texts evaluated in one pass
    encoder,     ///< the same of the encoder's layers
    source,      ///< the rows of attention to the source, of every layer that has it
  };
  /// unsupported: blocks of the type do not fit the head size.
  static Result<KvLayout> make(const ModelSpec& spec, kernels::KvType type, Of of = Of::sequence);
  std::uint64_t n_pages(std::uint64_t n_ctx) const {
    return (n_ctx + kernels::kv_block - 1) / kernels::kv_block;
  }
  /// Of the pages, of the pointers to them and of the states; 2^64 - 1 where it does not fit, which no
  /// machine has.
  std::uint64_t n_bytes(std::uint64_t n_ctx) const {
    const std::uint64_t bytes = page_bytes + pointers_per_page() * sizeof(void*);
    if (bytes > (UINT64_MAX - state_bytes()) / n_pages(n_ctx)) return UINT64_MAX;
    return n_pages(n_ctx) * bytes + state_bytes();
  }
  /// Of two states: the one that the sequence has, and the one that an evaluation is making.
  std::uint64_t state_bytes() const { return 2 * state_floats * sizeof(float); }
  std::uint64_t pointers_per_page() const { return 2 * layers.size(); }
};

/// All memory is taken when it is made, so that a running sequence cannot fail for want of it; the system
/// hands out the pages as they are first written. Not thread-safe by itself: in a forward pass different
/// threads write different rows. Invariant: positions [0, length()) are valid in every layer.
class KvCache {
 public:
  static Result<KvCache> create(const ModelSpec& spec, kernels::KvType type, std::size_t n_ctx,
                                KvLayout::Of of = KvLayout::Of::sequence);

  std::size_t length() const { return length_; }
  std::size_t capacity() const { return capacity_; }
  std::uint64_t n_bytes() const { return layout_.n_bytes(capacity_); }
  kernels::KvType type() const { return layout_.type; }
  bool is_recurrent() const { return layout_.state_floats != 0; }
  /// The rows of n more positions have been written in every layer, and states been made of them.
  void append(std::size_t n) {
    length_ += n;
    current_ = 1 - current_;
  }
  /// Forgets the positions from n on. A state cannot be taken back: a sequence that has one forgets all it
  /// holds where it forgets anything.
  void truncate(std::size_t n);

  /// Writes one position of a layer: k [n_kv_heads, k_dim], and v [n_kv_heads, v_dim] but where values are
  /// the beginning of keys.
  void store(const kernels::KernelTable& kernels, const AttentionSpec& attention, std::size_t layer,
             std::size_t position, const float* k, const float* v);
  /// A layer's state before and after rows that begin at `position`. An evaluation starts from the sequence's
  /// own state and goes on in the other one, so that nothing is lost if it is given up.
  struct State {
    const float* before;
    float* after;
  };
  State state(std::size_t layer, std::size_t position) {
    const std::uint64_t begin = layout_.layers[layer].state_begin;
    float* next = states(1 - current_) + begin;
    return {position == length_ ? states(current_) + begin : next, next};
  }
  /// One KV head of a layer, as attention reads it.
  kernels::KvHead head(std::size_t layer, const AttentionSpec& attention, std::size_t kv_head) const;

 private:
  float* states(std::size_t which) {
    return reinterpret_cast<float*>(state_memory_.get()) + which * layout_.state_floats;
  }
  void clear_state();
  KvLayout layout_{};
  AlignedMemory memory_{}, state_memory_{};
  std::vector<const std::byte*> blocks_{};  ///< per layer: k of every page, then v of every page
  std::size_t capacity_ = 0, length_ = 0;
  std::size_t current_ = 0;  ///< which of the two states is the sequence's
};

}  // namespace quern::detail
