// deepseek2: DeepSeek V2 to V3 and R1, Kimi K2, GLM 4.7 Flash. Latent attention; the first layers dense, the
// others with grouped experts beside a shared one.
#include <cmath>

#include "src/architectures/families.h"
#include "src/base/math.h"

namespace quern::detail::architectures {
namespace {

constexpr std::uint64_t max_latent = 1u << 14, max_rank = 1u << 20;

struct Sizes {
  std::uint32_t latent, head_k_dim, head_v_dim, n_rot;
};

// Newer files give the head sizes in keys of their own and describe the cache's shape in the usual ones.
Sizes read_sizes(SpecBuilder& b, const RopeSpec& rope) {
  const bool split_keys = b.has("attention.key_length_mla");
  const std::string_view k_key = split_keys ? "attention.key_length_mla" : "attention.key_length";
  const std::string_view v_key = split_keys ? "attention.value_length_mla" : "attention.value_length";
  Sizes sizes{.latent = static_cast<std::uint32_t>(b.size("attention.kv_lora_rank", max_latent)),
              .head_k_dim = static_cast<std::uint32_t>(b.size(k_key, max_latent)),
              .head_v_dim = static_cast<std::uint32_t>(b.size(v_key, max_latent)),
              .n_rot = rope.n_rot};
  if (sizes.n_rot >= sizes.head_k_dim)
    b.wrong(k_key, sizes.head_k_dim, formats::cat("more than the ", sizes.n_rot, " rotated values"));
  return sizes;
}

// Yarn's growth goes into the scores' scale, twice: once as the rotation's would for q and for k, and once
// more for the unrotated part. With `yarn_log_multiplier` the rotation itself keeps its length.
float score_scale(SpecBuilder& b, RopeSpec& rope, std::uint32_t head_k_dim) {
  const float multiplier = b.number_or("rope.scaling.yarn_log_multiplier", 0);
  double growth = 1;
  if (rope.yarn) {
    growth = 1 + (multiplier == 0 ? 0.1 : double(multiplier)) * ln(1 / rope.freq_scale);
    if (multiplier != 0) rope.yarn_growth = 0;
  }
  growth *= rope.attn_factor;
  return static_cast<float>(growth * growth / std::sqrt(double(head_k_dim)));
}

AttentionSpec attention(SpecBuilder& b, std::size_t n, int rope, float scale, const Sizes& sizes) {
  const std::uint64_t dim = b.spec.dim, heads = b.n_heads(n), nope = sizes.head_k_dim - sizes.n_rot;
  LatentSpec l{.dim = sizes.latent,
               .n_nope = static_cast<std::uint32_t>(nope),
               .n_rot = sizes.n_rot,
               .head_v_dim = sizes.head_v_dim};
  AttentionSpec a{.n_heads = b.n_heads(n), .n_kv_heads = 1, .k_dim = l.dim + l.n_rot, .v_dim = l.dim};
  a.rope = rope;
  a.scale = scale;
  if (heads == 0) {
    b.wrong("attention.head_count", 0, "at least one head");
    return a;
  }
  if (b.has_tensor("attn_q_a")) {
    const std::uint64_t rank = b.size("attention.q_lora_rank", max_rank);
    l.q_down = b.matrix("attn_q_a", dim, rank);
    l.q_down_norm = b.norm_of("attn_q_a_norm", rank, 1, NormKind::rms);
    a.q = b.matrix("attn_q_b", rank, heads * sizes.head_k_dim);
  } else {
    a.q = b.matrix("attn_q", dim, heads * sizes.head_k_dim);
  }
  a.k = b.matrix("attn_kv_a_mqa", dim, a.k_dim);
  l.norm = b.norm_of("attn_kv_a_norm", l.dim, 1, NormKind::rms);
  if (b.has_tensor("attn_kv_b")) {                     // older files: per head the rows of k, then those of v
    for (const char* copy : {"attn_k_b", "attn_v_b"})  // some hold both forms of the same numbers
      b.ignore(formats::cat("blk.", n, ".", copy, ".weight"));
    Matrix both = b.matrix("attn_kv_b", l.dim, heads * (nope + sizes.head_v_dim));
    both.expert_rows = nope + sizes.head_v_dim;
    l.k_up = SpecBuilder::part(both, 0, nope);
    l.v_up = SpecBuilder::part(both, nope, sizes.head_v_dim);
  } else {
    l.q_to_latent = b.stacked_matrix("attn_k_b", nope, l.dim, heads);
    l.v_up = b.stacked_matrix("attn_v_b", l.dim, sizes.head_v_dim, heads);
  }
  a.output = b.matrix("attn_output", heads * sizes.head_v_dim, dim);
  l.temperature = b.number_or("attention.temperature_scale", 0);
  b.ignore_key("attention.temperature_length");  // without a scale it says nothing
  if (l.temperature != 0)
    l.temperature_length = static_cast<std::uint32_t>(b.size("attention.temperature_length", UINT32_MAX));
  a.latent = l;
  return a;
}

ExpertsSpec experts(SpecBuilder& b) {
  const std::uint64_t hidden_dim = b.size("expert_feed_forward_length", max_hidden_dim);
  const bool sigmoid = b.size_or("expert_gating_func", 0, UINT32_MAX) == 2;
  ExpertsSpec e = b.experts({.hidden_dim = hidden_dim,
                             .gating = sigmoid ? Gating::sigmoid : Gating::softmax,
                             .renormalize = b.boolean_or("expert_weights_norm", false),
                             .selection_bias = Presence::optional,
                             .shared_hidden_dim = hidden_dim * b.size_or("expert_shared_count", 0, 1024)});
  const float scale = b.number_or("expert_weights_scale", 0);
  if (scale != 0) e.weights_scale = scale;
  return e;
}

void build_deepseek2(SpecBuilder& b) {
  b.embedding();
  b.output(NormKind::rms, Presence::optional);
  const int rope = b.rope({.kind = kernels::RopeKind::interleaved});
  RopeSpec& table = b.spec.ropes[static_cast<std::size_t>(rope)];
  const Sizes sizes = read_sizes(b, table);
  if (b.failed()) return;
  const float scale = score_scale(b, table, sizes.head_k_dim);
  const std::uint64_t n_dense = b.size_or("leading_dense_block_count", 0, UINT32_MAX);
  if (n_dense >= b.spec.n_layers) b.ignore_key("expert_count");
  b.for_each_layer([&](LayerSpec& layer, std::size_t n) {
    layer.mixer_norm = b.norm("attn_norm", NormKind::rms);
    layer.mixer = attention(b, n, rope, scale, sizes);
    layer.ffn_norm = b.norm("ffn_norm", NormKind::rms);
    if (n < n_dense) {
      layer.ffn = b.dense({});
    } else {
      layer.ffn = experts(b);
    }
  });
}

}  // namespace

const Family deepseek2{"deepseek2", build_deepseek2};

}  // namespace quern::detail::architectures
