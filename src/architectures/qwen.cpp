// qwen2 (biases on q, k, v), qwen3 (q and k normalised per head instead), and both with experts.
#include "src/architectures/families.h"

namespace quern::detail::architectures {
namespace {

// "expert_feed_forward_length", or an even share of the dense width.
std::uint64_t expert_hidden_dim(SpecBuilder& b, std::size_t n) {
  return b.size_or("expert_feed_forward_length", b.hidden_dim(n) / b.size("expert_used_count", UINT32_MAX),
                   max_hidden_dim);
}

void build_qwen2(SpecBuilder& b) {
  b.embedding();
  b.output(NormKind::rms, Presence::optional, Presence::absent, Presence::optional);
  const int rope = b.rope({.kind = kernels::RopeKind::halves});
  b.for_each_layer([&](LayerSpec& layer, std::size_t) {
    layer.mixer_norm = b.norm("attn_norm", NormKind::rms);
    layer.mixer = b.attention({.rope = rope, .qkv_bias = Presence::required});
    layer.ffn_norm = b.norm("ffn_norm", NormKind::rms);
    layer.ffn = b.dense({});
  });
}

void build_qwen2moe(SpecBuilder& b) {
  b.embedding();
  b.output(NormKind::rms, Presence::absent);
  const int rope = b.rope({.kind = kernels::RopeKind::halves});
  b.for_each_layer([&](LayerSpec& layer, std::size_t n) {
    layer.mixer_norm = b.norm("attn_norm", NormKind::rms);
    layer.mixer = b.attention({.rope = rope, .qkv_bias = Presence::required});
    layer.ffn_norm = b.norm("ffn_norm", NormKind::rms);
    layer.ffn = b.experts(
        {.hidden_dim = expert_hidden_dim(b, n),
         .renormalize = false,
         .shared_hidden_dim = b.size_or("expert_shared_feed_forward_length", b.hidden_dim(n), max_hidden_dim),
         .shared_gate = Presence::required});
  });
}

void build_qwen3(SpecBuilder& b) {
  b.embedding();
  b.ranking({.from = Pooling::last, .softmax = true});
  b.output(NormKind::rms, Presence::optional);
  const int rope = b.rope({.kind = kernels::RopeKind::halves});
  const bool has_experts = b.spec.architecture == "qwen3moe";
  b.for_each_layer([&](LayerSpec& layer, std::size_t n) {
    layer.mixer_norm = b.norm("attn_norm", NormKind::rms);
    layer.mixer = b.attention({.rope = rope, .qk_norm = Presence::required});
    layer.ffn_norm = b.norm("ffn_norm", NormKind::rms);
    if (has_experts) {
      layer.ffn = b.experts({.hidden_dim = expert_hidden_dim(b, n)});
    } else {
      layer.ffn = b.dense({});
    }
  });
}

}  // namespace

const Family qwen2{"qwen2", build_qwen2};
const Family qwen2moe{"qwen2moe", build_qwen2moe};
const Family qwen3{"qwen3", build_qwen3};
const Family qwen3moe{"qwen3moe", build_qwen3};

}  // namespace quern::detail::architectures
