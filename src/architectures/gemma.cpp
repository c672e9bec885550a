// gemma, gemma2, gemma3: embeddings scaled by sqrt(dim), a gelu gate; from gemma2 on norms on both sides of
// each part and windows on most layers; from gemma3 on q and k are normalised and window layers have a rotary
// base of their own. gemma-embedding is gemma3 over whole texts.
#include <algorithm>
#include <cmath>

#include "src/architectures/families.h"

namespace quern::detail::architectures {
namespace {

// What differs between the generations.
struct Generation {
  Presence tied = Presence::required;
  bool post_norms = false;
  bool qk_norm = false;
  std::uint64_t window = 0;         // default of `attention.sliding_window`
  std::uint64_t window_period = 0;  // default of its pattern; 0: this generation has no windows
  std::uint32_t large_n_layers =
      0;  // the 27B model scales scores by the width over the heads, not the head size
  float score_cap = 0, logit_cap = 0;
  bool whole_texts = false;
  bool may_leave_out = false;  // has files in the form of leaves_out()
};

// A form of gemma3's files, the one that may hold the part for images too, has keys of its own for the rotary
// bases and leaves out what all models of the generation share.
bool leaves_out(SpecBuilder& b, const Generation& g) {
  constexpr const char* keys[] = {"rope.global.freq_base", "rope.local.freq_base", "mm.tokens_per_image"};
  return g.may_leave_out && std::ranges::any_of(keys, [&](const char* key) { return b.has(key); });
}

// What such a file leaves out (arXiv 2503.19786 and the models' published configurations).
SpecBuilder::RopeOptions fill_in(SpecBuilder& b) {
  constexpr std::uint32_t n_layers_of_1b = 26, n_layers_of_larger[] = {34, 48, 62};
  b.default_rms_epsilon(1e-6f);
  if (b.spec.n_layers == n_layers_of_1b) {  // those of the 1B model say 30, but it has no cap
    b.ignore_key("final_logit_softcapping");
    b.spec.logit_cap = 0;
  }
  const bool is_larger =
      std::ranges::find(n_layers_of_larger, b.spec.n_layers) != std::end(n_layers_of_larger);
  return {.kind = kernels::RopeKind::halves,
          .theta_key = b.has("rope.freq_base") ? "rope.freq_base" : "rope.global.freq_base",
          .theta = 1e6,
          .factor = is_larger ? 8.0 : 0.0};
}

void build_generation(SpecBuilder& b, const Generation& g) {
  b.embedding();
  b.spec.embedding_scale = std::sqrt(static_cast<float>(b.spec.dim));
  b.spec.logit_cap = b.number_or("final_logit_softcapping", g.logit_cap);
  const float score_cap = g.score_cap != 0 ? b.number_or("attn_logit_softcapping", g.score_cap) : 0;
  const bool fills_in = leaves_out(b, g);
  const int rope =
      b.rope(fills_in ? fill_in(b) : SpecBuilder::RopeOptions{.kind = kernels::RopeKind::halves});
  if (g.whole_texts)
    b.output_norm(NormKind::rms, b.has_tensor("norm") ? "norm" : "output_norm");
  else
    b.output(NormKind::rms, g.tied);
  const auto window = static_cast<std::uint32_t>(
      g.whole_texts          ? b.size("attention.sliding_window", max_window)
      : g.window_period != 0 ? b.size_or("attention.sliding_window", g.window, max_window)
                             : 0);
  int local_rope = rope;
  if (window != 0) {
    RopeSpec local = b.spec.ropes[0];
    if (g.qk_norm) local.freq_scale = 1;
    local.theta = b.rope_theta(fills_in ? "rope.local.freq_base" : "rope.freq_base_swa",
                               g.qk_norm ? 10000 : local.theta);
    local_rope = b.add_rope(local);
  }
  const std::vector<bool> local = b.local_layers(g.window_period);
  b.for_each_layer([&](LayerSpec& layer, std::size_t n) {
    const bool windowed = window != 0 && local[n];
    layer.mixer_norm = b.norm("attn_norm", NormKind::rms);
    AttentionSpec attention = b.attention(
        {.rope = windowed ? local_rope : rope, .qk_norm = g.qk_norm ? Presence::required : Presence::absent});
    if (g.large_n_layers == b.spec.n_layers && !b.failed())
      attention.scale = static_cast<float>(1 / std::sqrt(double(b.spec.dim / attention.n_heads)));
    attention.soft_cap = score_cap;
    attention.window = windowed ? window : 0;
    attention.causal = !g.whole_texts;
    layer.mixer = attention;
    layer.ffn_norm = b.norm("ffn_norm", NormKind::rms);
    layer.ffn = b.dense({.activation = Activation::gelu});
    if (g.post_norms) {
      layer.post_mixer_norm = b.norm("post_attention_norm", NormKind::rms);
      layer.post_ffn_norm = b.norm("post_ffw_norm", NormKind::rms);
    }
  });
}

void build_gemma(SpecBuilder& b) { build_generation(b, {}); }

void build_gemma2(SpecBuilder& b) {
  build_generation(b, {.post_norms = true,
                       .window = 4096,
                       .window_period = 2,
                       .large_n_layers = 46,
                       .score_cap = 50,
                       .logit_cap = 30});
}

void build_gemma_embedding(SpecBuilder& b) {
  build_generation(
      b,
      {.post_norms = true, .qk_norm = true, .window_period = 6, .whole_texts = true, .may_leave_out = true});
  b.embedding_head();
}

void build_gemma3(SpecBuilder& b) {
  if (b.has_tensor("dense.0")) {  // gemma-embedding by this name: no model that writes has such layers
    b.spec.embedding.pooling = Pooling::mean;
    build_gemma_embedding(b);
    return;
  }
  build_generation(b, {.tied = Presence::optional,
                       .post_norms = true,
                       .qk_norm = true,
                       .window_period = 6,
                       .large_n_layers = 62,
                       .may_leave_out = true});
}

}  // namespace

const Family gemma{"gemma", build_gemma};
const Family gemma2{"gemma2", build_gemma2};
const Family gemma3{"gemma3", build_gemma3};
const Family gemma_embedding{"gemma-embedding", build_gemma_embedding};

}  // namespace quern::detail::architectures
