// olmo2 (OLMo 2 and 3), exaone4: norms after attention and FFN only. OLMo 3 and the largest EXAONE 4 have
// windows on three layers of four; OLMo 3 scales positions on the others only, EXAONE 4 rotates only where
// there is a window.
#include "src/architectures/families.h"

namespace quern::detail::architectures {
namespace {

constexpr std::uint64_t olmo_window_period = 4;

void norm_after(SpecBuilder& b, LayerSpec& layer) {
  layer.post_mixer_norm = b.norm("post_attention_norm", NormKind::rms);
  layer.post_ffn_norm = b.norm("post_ffw_norm", NormKind::rms);
}

void build_olmo2(SpecBuilder& b) {
  b.embedding();
  b.output(NormKind::rms, Presence::absent);
  const int rope = b.rope({.kind = kernels::RopeKind::halves});
  const auto window = static_cast<std::uint32_t>(b.size_or("attention.sliding_window", 0, max_window));
  RopeSpec plain = b.spec.ropes[0];
  plain.freq_scale = plain.attn_factor = 1;
  plain.yarn = false;
  const int local_rope = window != 0 ? b.add_rope(plain) : rope;
  const std::vector<bool> local = b.local_layers(olmo_window_period);
  b.for_each_layer([&](LayerSpec& layer, std::size_t n) {
    const bool windowed = window != 0 && local[n];
    AttentionSpec attention = b.attention({.rope = windowed ? local_rope : rope,
                                           .qk_norm = Presence::required,
                                           .qk_norm_scope = QkNormScope::whole});
    attention.window = windowed ? window : 0;
    layer.mixer = attention;
    layer.ffn = b.dense({});
    norm_after(b, layer);
  });
}

void build_exaone4(SpecBuilder& b) {
  constexpr std::uint32_t large_n_layers = 64;
  b.embedding();
  b.output(NormKind::rms, Presence::optional);
  const int rope = b.rope({.kind = kernels::RopeKind::halves, .factors = true});
  const bool large = b.spec.n_layers == large_n_layers;
  const auto window =
      static_cast<std::uint32_t>(large ? b.size_or("attention.sliding_window", 4096, max_window) : 0);
  const std::vector<bool> local = b.local_layers(olmo_window_period);
  b.for_each_layer([&](LayerSpec& layer, std::size_t n) {
    AttentionSpec attention =
        b.attention({.rope = large && !local[n] ? -1 : rope, .qk_norm = Presence::required});
    attention.window = local[n] ? window : 0;
    layer.mixer = attention;
    layer.ffn = b.dense({});
    norm_after(b, layer);
  });
}

}  // namespace

const Family olmo2{"olmo2", build_olmo2};
const Family olmo3{"olmo3", build_olmo2};  // as some converters call it
const Family exaone4{"exaone4", build_exaone4};

}  // namespace quern::detail::architectures
