// lfm2: short convolutions, and attention in the layers that have key-value heads.
#include "src/architectures/families.h"

namespace quern::detail {
namespace {

void build(SpecBuilder& b) {
  constexpr std::uint64_t max_window = 1u << 30;
  b.embedding();
  b.output(NormKind::rms, Presence::optional, Presence::absent, Presence::absent, "token_embd_norm");
  const int rope = b.rope({.kind = kernels::RopeKind::halves});
  const std::uint64_t n_taps = b.size("shortconv.l_cache", kernels::max_conv_taps), dim = b.spec.dim;
  const auto window = static_cast<std::uint32_t>(b.size_or("attention.sliding_window", 0, max_window));
  b.for_each_layer([&](LayerSpec& layer, std::size_t n) {
    layer.mixer_norm = b.norm("attn_norm", NormKind::rms);
    if (b.n_kv_heads(n) != 0) {
      AttentionSpec attention = b.attention({.rope = rope, .qk_norm = Presence::required});
      attention.window = window;
      layer.mixer = attention;
    } else {
      layer.mixer = ShortConvSpec{.in = b.matrix("shortconv.in_proj", dim, 3 * dim),
                                  .out = b.matrix("shortconv.out_proj", dim, dim),
                                  .conv = b.convolution("shortconv.conv", n_taps, dim)};
    }
    layer.ffn_norm = b.norm("ffn_norm", NormKind::rms);
    layer.ffn = b.dense({});
  });
}

}  // namespace

const Family lfm2{"lfm2", build};

}  // namespace quern::detail
