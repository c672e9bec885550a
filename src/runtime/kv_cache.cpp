#include "src/runtime/kv_cache.h"

#include <algorithm>

#include "formats/try.h"

namespace quern::detail {
namespace {

struct StateFloats {
  std::uint64_t operator()(const ConvSpec& c) const { return std::uint64_t{c.n_taps - 1} * c.n_channels; }
  std::uint64_t operator()(const AttentionSpec&) const { return 0; }
  std::uint64_t operator()(const ShortConvSpec& s) const { return (*this)(s.conv); }
  std::uint64_t operator()(const DeltaNetSpec& d) const {
    return (*this)(d.conv) + std::uint64_t{d.n_value_heads} * d.head_dim * d.head_dim;
  }
  std::uint64_t operator()(const StateSpaceSpec& s) const {
    return (*this)(s.conv) + s.inner_dim() * s.state_dim;
  }
};

}  // namespace

Result<KvLayout> KvLayout::make(const ModelSpec& spec, kernels::KvType type, Of of) {
  constexpr std::uint32_t q8_block = 32;
  KvLayout layout;
  layout.type = type;
  const bool one_place = of == Of::whole_text || of == Of::encoder;
  for (const LayerSpec& layer : of == Of::encoder ? spec.encoder : spec.layers) {
    Layer at;
    const auto* attention = of != Of::source ? std::get_if<AttentionSpec>(&layer.mixer)
                            : layer.cross    ? &*layer.cross
                                             : nullptr;
    if (attention) {
      if (type == kernels::KvType::q8_0 &&
          (attention->k_dim % q8_block != 0 || attention->v_dim % q8_block != 0)) {
        return Error{ErrorCode::unsupported,
                     formats::cat("a Q8_0 cache needs a head size that is a multiple of ", q8_block,
                                  ", this model has ", attention->k_dim, " and ", attention->v_dim),
                     "kv_type"};
      }
      at.k_row_bytes = kernels::kv_row_bytes(type, attention->k_dim);
      at.v_row_bytes = kernels::kv_row_bytes(type, attention->v_dim);
      at.key_order = attention->latent ? kernels::KeyOrder::rows : kernels::KeyOrder::turned;
    }
    const std::uint64_t n_heads = attention ? attention->n_kv_heads : 0;
    at.k_begin = at.v_begin = one_place ? 0 : layout.page_bytes;
    std::uint64_t end = at.k_begin + n_heads * kernels::kv_block * at.k_row_bytes;
    if (attention && attention->latent) {
      at.v_row_bytes = at.k_row_bytes;
    } else {
      at.v_begin = end;
      end += n_heads * kernels::kv_block * at.v_row_bytes;
    }
    layout.page_bytes = std::max(layout.page_bytes, end);
    at.state_begin = layout.state_floats;
    if (of != Of::source) layout.state_floats += std::visit(StateFloats{}, layer.mixer);
    if (of != Of::source && layer.beside) layout.state_floats += StateFloats{}(*layer.beside);
    layout.layers.push_back(at);
  }
  return layout;
}

Result<KvCache> KvCache::create(const ModelSpec& spec, kernels::KvType type, std::size_t n_ctx,
                                KvLayout::Of of) {
  KvCache cache;
  QUERN_TRY(cache.layout_, KvLayout::make(spec, type, of));
  cache.capacity_ = n_ctx;
  const std::uint64_t n_pages = cache.layout_.n_pages(n_ctx);
  if (cache.n_bytes() != UINT64_MAX) cache.memory_ = allocate_aligned(n_pages * cache.layout_.page_bytes);
  if (cache.memory_) cache.state_memory_ = allocate_aligned(cache.layout_.state_bytes());
  if (!cache.state_memory_) {
    return Error{ErrorCode::out_of_memory,
                 formats::cat("no memory for ", cache.n_bytes(), " bytes of keys, values and states"),
                 "n_ctx"};
  }
  cache.clear_state();
  cache.blocks_.reserve(n_pages * cache.layout_.pointers_per_page());
  for (const auto& layer : cache.layout_.layers) {
    for (const std::uint64_t begin : {layer.k_begin, layer.v_begin}) {
      for (std::uint64_t page = 0; page < n_pages; ++page)
        cache.blocks_.push_back(cache.memory_.get() + page * cache.layout_.page_bytes + begin);
    }
  }
  return cache;
}

void KvCache::truncate(std::size_t n) {
  if (n >= length_) return;
  length_ = is_recurrent() ? 0 : n;
  if (is_recurrent()) clear_state();
}

void KvCache::store(const kernels::KernelTable& kernels, const AttentionSpec& attention, std::size_t layer,
                    std::size_t position, const float* k, const float* v) {
  const auto& at = layout_.layers[layer];
  std::byte* const page = memory_.get() + position / kernels::kv_block * layout_.page_bytes;
  const std::size_t row = position % kernels::kv_block, k_dim = attention.k_dim, v_dim = attention.v_dim;
  for (std::size_t h = 0; h < attention.n_kv_heads; ++h) {
    std::byte* const keys = page + at.k_begin + h * kernels::kv_block * at.k_row_bytes;
    if (at.key_order == kernels::KeyOrder::turned)
      kernels.store_key(layout_.type, k + h * k_dim, k_dim, keys, row);
    else
      kernels.store_kv(layout_.type, k + h * k_dim, k_dim, keys + row * at.k_row_bytes);
    std::byte* const values = page + at.v_begin + h * kernels::kv_block * at.v_row_bytes;
    if (v) kernels.store_kv(layout_.type, v + h * v_dim, v_dim, values + row * at.v_row_bytes);
  }
}

void KvCache::clear_state() { std::fill_n(states(current_), layout_.state_floats, 0.0f); }

kernels::KvHead KvCache::head(std::size_t layer, const AttentionSpec& attention, std::size_t kv_head) const {
  const auto& at = layout_.layers[layer];
  const std::size_t n_pages = layout_.n_pages(capacity_);
  const std::byte* const* k_blocks = blocks_.data() + 2 * layer * n_pages;
  return {.type = layout_.type,
          .key_order = at.key_order,
          .k_blocks = k_blocks,
          .v_blocks = k_blocks + n_pages,
          .k_offset = kv_head * kernels::kv_block * at.k_row_bytes,
          .v_offset = kv_head * kernels::kv_block * at.v_row_bytes,
          .k_row_bytes = at.k_row_bytes,
          .v_row_bytes = at.v_row_bytes,
          .k_dim = static_cast<int>(attention.k_dim),
          .v_dim = static_cast<int>(attention.v_dim),
          .scale = attention.scale,
          .soft_cap = attention.soft_cap};
}

}  // namespace quern::detail
