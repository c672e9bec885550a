#include "src/runtime/kv_cache.h"

#include "formats/try.h"

namespace quern::detail {

Result<KvLayout> KvLayout::make(const ModelSpec& spec, kernels::KvType type) {
  constexpr std::uint32_t q8_block = 32;
  KvLayout layout;
  layout.type = type;
  for (const LayerSpec& layer : spec.layers) {
    Layer at;
    const auto* attention = std::get_if<AttentionSpec>(&layer.mixer);
    if (attention) {
      if (type == kernels::KvType::q8_0 &&
          (attention->k_dim % q8_block != 0 || attention->v_dim % q8_block != 0)) {
        return Error{ErrorCode::unsupported,
                     formats::cat("a Q8_0 cache needs a head size that is a multiple of ", q8_block,
                                  ", this model has ", attention->k_dim, " and ", attention->v_dim),
                     "kv_type"};
      }
      at.k_row_bytes = kernels::kv_row_bytes(type, std::size_t{attention->n_kv_heads} * attention->k_dim);
      at.v_row_bytes = kernels::kv_row_bytes(type, std::size_t{attention->n_kv_heads} * attention->v_dim);
    }
    at.k_begin = at.v_begin = layout.page_bytes;
    layout.page_bytes += kernels::kv_block * at.k_row_bytes;
    if (attention && attention->latent) {
      at.v_row_bytes = at.k_row_bytes;
    } else {
      at.v_begin = layout.page_bytes;
      layout.page_bytes += kernels::kv_block * at.v_row_bytes;
    }
    layout.layers.push_back(at);
  }
  return layout;
}

Result<KvCache> KvCache::create(const ModelSpec& spec, kernels::KvType type, std::size_t n_ctx) {
  KvCache cache;
  QUERN_TRY(cache.layout_, KvLayout::make(spec, type));
  cache.capacity_ = n_ctx;
  const std::uint64_t n_pages = cache.layout_.n_pages(n_ctx);
  if (cache.n_bytes() != UINT64_MAX) cache.memory_ = allocate_aligned(n_pages * cache.layout_.page_bytes);
  if (!cache.memory_) {
    return Error{ErrorCode::out_of_memory,
                 formats::cat("no memory for ", cache.n_bytes(), " bytes of keys and values"), "n_ctx"};
  }
  cache.blocks_.reserve(n_pages * cache.layout_.pointers_per_page());
  for (const auto& layer : cache.layout_.layers) {
    for (const std::uint64_t begin : {layer.k_begin, layer.v_begin}) {
      for (std::uint64_t page = 0; page < n_pages; ++page)
        cache.blocks_.push_back(cache.memory_.get() + page * cache.layout_.page_bytes + begin);
    }
  }
  return cache;
}

kernels::KvHead KvCache::head(std::size_t layer, const AttentionSpec& attention, std::size_t kv_head) const {
  const auto& at = layout_.layers[layer];
  const std::size_t n_pages = layout_.n_pages(capacity_);
  const std::byte* const* k_blocks = blocks_.data() + 2 * layer * n_pages;
  return {.type = layout_.type,
          .k_blocks = k_blocks,
          .v_blocks = k_blocks + n_pages,
          .k_offset = kernels::kv_row_bytes(layout_.type, kv_head * attention.k_dim),
          .v_offset = kernels::kv_row_bytes(layout_.type, kv_head * attention.v_dim),
          .k_row_bytes = at.k_row_bytes,
          .v_row_bytes = at.v_row_bytes,
          .k_dim = static_cast<int>(attention.k_dim),
          .v_dim = static_cast<int>(attention.v_dim),
          .scale = attention.scale,
          .soft_cap = attention.soft_cap};
}

}  // namespace quern::detail
