// lfm2: short convolutions, and attention in the layers that have key-value heads. lfm2moe: with experts
// behind the first layers, chosen by a sigmoid and a bias. Some files call the last norm by its usual name,
// and their `feed_forward_length` is what the width of the FFN was made from.
#include "src/architectures/families.h"

namespace quern::detail::architectures {
namespace {

void build_lfm2(SpecBuilder& b) {
  const bool has_experts = b.spec.architecture == "lfm2moe";
  b.embedding();
  const bool usual_names = b.has_tensor("output_norm") && !b.has_tensor("token_embd_norm");
  b.output(NormKind::rms, Presence::optional, Presence::absent, Presence::absent,
           usual_names ? "output_norm" : "token_embd_norm");
  const int rope = b.rope({.kind = kernels::RopeKind::halves});
  const std::uint64_t n_taps = b.size("shortconv.l_cache", kernels::max_conv_taps), dim = b.spec.dim;
  const auto window = static_cast<std::uint32_t>(b.size_or("attention.sliding_window", 0, max_window));
  const std::uint64_t n_dense =
      has_experts ? b.size_or("leading_dense_block_count", 0, UINT32_MAX) : b.spec.n_layers;
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
    if (n < n_dense) {
      layer.ffn = b.dense({.hidden_dim = usual_names ? b.n_rows("ffn_up") : 0});
    } else {
      layer.ffn = b.experts({.hidden_dim = b.size("expert_feed_forward_length", max_hidden_dim),
                             .gating = Gating::sigmoid,
                             .selection_bias = Presence::optional});
    }
  });
}

}  // namespace

const Family lfm2{"lfm2", build_lfm2};
const Family lfm2moe{"lfm2moe", build_lfm2};

}  // namespace quern::detail::architectures
