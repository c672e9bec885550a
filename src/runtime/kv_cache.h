#pragma once
// Keys and values of one sequence, in pages of 64 positions. A page holds, layer after layer, 64 rows of keys
// and 64 rows of values; a row is all KV heads of one position.
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
    std::size_t k_row_bytes = 0, v_row_bytes = 0;
  };
  kernels::KvType type{};
  std::vector<Layer> layers{};
  std::uint64_t page_bytes = 0;

  /// unsupported: blocks of the type do not fit the head size.
  static Result<KvLayout> make(const ModelSpec& spec, kernels::KvType type);
  std::uint64_t n_pages(std::uint64_t n_ctx) const {
    return (n_ctx + kernels::kv_block - 1) / kernels::kv_block;
  }
  /// Of the pages and of the pointers to them; 2^64 - 1 where it does not fit, which no machine has.
  std::uint64_t n_bytes(std::uint64_t n_ctx) const {
    const std::uint64_t bytes = page_bytes + pointers_per_page() * sizeof(void*);
    return bytes > UINT64_MAX / n_pages(n_ctx) ? UINT64_MAX : n_pages(n_ctx) * bytes;
  }
  std::uint64_t pointers_per_page() const { return 2 * layers.size(); }
};

/// All memory is taken when it is made, so that a running sequence cannot fail for want of it; the system
/// hands out the pages as they are first written. Not thread-safe by itself: in a forward pass different
/// threads write different rows. Invariant: positions [0, length()) are valid in every layer.
class KvCache {
 public:
  static Result<KvCache> create(const ModelSpec& spec, kernels::KvType type, std::size_t n_ctx);

  std::size_t length() const { return length_; }
  std::size_t capacity() const { return capacity_; }
  std::uint64_t n_bytes() const { return layout_.n_bytes(capacity_); }
  kernels::KvType type() const { return layout_.type; }
  /// Rows [length, n) have been written in every layer, or those from n on are forgotten.
  void set_length(std::size_t n) { length_ = n; }

  std::byte* k_row(std::size_t layer, std::size_t position) {
    const auto& l = layout_.layers[layer];
    return page(position) + l.k_begin + position % kernels::kv_block * l.k_row_bytes;
  }
  std::byte* v_row(std::size_t layer, std::size_t position) {
    const auto& l = layout_.layers[layer];
    return page(position) + l.v_begin + position % kernels::kv_block * l.v_row_bytes;
  }
  /// One KV head of a layer, as attention reads it.
  kernels::KvHead head(std::size_t layer, const AttentionSpec& attention, std::size_t kv_head) const;

 private:
  std::byte* page(std::size_t position) {
    return memory_.get() + position / kernels::kv_block * layout_.page_bytes;
  }
  KvLayout layout_{};
  AlignedMemory memory_{};
  std::vector<const std::byte*> blocks_{};  ///< per layer: k of every page, then v of every page
  std::size_t capacity_ = 0, length_ = 0;
};

}  // namespace quern::detail
