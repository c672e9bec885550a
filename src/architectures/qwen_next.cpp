// qwen3next and qwen35: gated delta nets, with gated attention on every fourth layer. qwen3next has experts
// and puts the value heads that share a key head side by side; qwen35 tiles them and rotates by sections, and
// qwen35moe has experts too.
#include "src/architectures/families.h"

namespace quern::detail::architectures {
namespace {

// Whether each layer is a delta net.
std::vector<bool> delta_layers(SpecBuilder& b) {
  std::vector<bool> delta(b.spec.n_layers);
  b.ignore_key("full_attention_interval");  // where each layer's kind is told
  if (b.has("attention.recurrent_layers")) {
    const std::vector<std::uint32_t> said = b.per_layer("attention.recurrent_layers", 0, 1);
    for (std::size_t n = 0; n < delta.size(); ++n) delta[n] = said[n] != 0;
    return delta;
  }
  constexpr std::string_view key = "full_attention_interval";
  const std::uint64_t interval = b.has(key) ? b.size(key, UINT32_MAX) : 4;
  for (std::size_t n = 0; n < delta.size(); ++n) delta[n] = (n + 1) % interval != 0;
  return delta;
}

DeltaNetSpec delta_net(SpecBuilder& b, std::size_t n, bool tiled) {
  constexpr std::uint64_t max_heads = 1u << 14, max_head_dim = 1u << 12, max_inner = 1u << 24;
  const auto name = [&](std::string_view rest) { return formats::cat("blk.", n, ".", rest); };
  const std::uint64_t dim = b.spec.dim, d = b.size("ssm.state_size", max_head_dim);
  const std::uint64_t n_taps = b.size("ssm.conv_kernel", kernels::max_conv_taps);
  const std::uint64_t key_heads = b.size("ssm.group_count", max_heads);
  const std::uint64_t heads = b.size("ssm.time_step_rank", max_heads),
                      inner = b.size("ssm.inner_size", max_inner);
  constexpr std::string_view order_key = "ssm.v_head_reordered";
  if (b.boolean_or(order_key, tiled) != tiled)
    b.wrong(order_key, !tiled, formats::cat(tiled, " for this architecture"));
  if (inner != heads * d) b.wrong("ssm.inner_size", inner, formats::cat(heads, " heads of ", d));
  if (heads % key_heads != 0) b.wrong("ssm.group_count", key_heads, formats::cat("a divisor of ", heads));
  if (b.failed()) return {};
  const std::uint64_t channels = 2 * key_heads * d + inner;
  DeltaNetSpec spec{.n_key_heads = static_cast<std::uint32_t>(key_heads),
                    .n_value_heads = static_cast<std::uint32_t>(heads),
                    .head_dim = static_cast<std::uint32_t>(d),
                    .tiled = tiled,
                    .conv = b.convolution("ssm_conv1d", n_taps, channels),
                    .dt_bias = b.vector(name("ssm_dt"), heads, Presence::optional),
                    .a_log = b.vector(name("ssm_a"), heads),
                    .norm = b.norm_of("ssm_norm", d, 1, NormKind::rms),
                    .output = b.matrix("ssm_out", inner, dim)};
  if (!spec.dt_bias) spec.dt_bias = b.vector(name("ssm_dt.bias"), heads);  // the usual name
  spec.length_eps = spec.norm.eps;
  spec.grouped_input = !tiled && b.has_tensor("ssm_in");  // of older files
  if (spec.grouped_input) {
    spec.qkv = b.matrix("ssm_in", dim, channels + inner);
  } else {
    spec.qkv = b.matrix("attn_qkv", dim, channels);
    spec.gate = b.matrix("attn_gate", dim, inner);
  }
  if (tiled) {
    spec.beta = b.matrix("ssm_beta", dim, heads);
    spec.alpha = b.matrix("ssm_alpha", dim, heads);
  } else {
    spec.beta = b.matrix("ssm_ba", dim, 2 * heads);
  }
  return spec;
}

void read_sections(SpecBuilder& b, RopeSpec& rope) {
  constexpr std::string_view key = "rope.dimension_sections", interleaved_key = "rope.mrope_interleaved";
  for (const char* copy : {"rope.mrope_section", "mrope_sections"}) b.ignore_key(copy);
  if (!b.boolean_or(interleaved_key, true)) b.wrong(interleaved_key, false, "true for this architecture");
  std::vector<std::int64_t> sections = b.integers(key);
  if (sections.size() == 3) sections.push_back(0);  // some leave out the fourth
  if (sections.size() != rope.sections.size()) {
    b.wrong(key, formats::cat(sections.size(), " numbers"), "3 or 4");
    return;
  }
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < sections.size(); ++i) {
    if (sections[i] < 0 || sections[i] > rope.n_rot) {
      b.wrong(key, sections[i], formats::cat("0 to ", rope.n_rot, " in each place"));
      return;
    }
    rope.sections[i] = static_cast<std::uint32_t>(sections[i]);
    sum += rope.sections[i];
  }
  if (sum == 0) b.wrong(key, "all 0", "sections of rotated pairs");
}

void build_qwen_next(SpecBuilder& b) {
  const bool next = b.spec.architecture == "qwen3next", has_experts = b.spec.architecture != "qwen35";
  b.embedding();
  b.output(NormKind::rms, Presence::optional);
  const int rope = b.rope({.kind = kernels::RopeKind::halves});
  if (!next) read_sections(b, b.spec.ropes[static_cast<std::size_t>(rope)]);
  const std::vector<bool> is_delta = delta_layers(b);
  for (const std::string_view key :
       {"ssm.conv_kernel", "ssm.state_size", "ssm.group_count", "ssm.time_step_rank", "ssm.inner_size"})
    b.ignore_key(key);  // where no layer is a delta net
  b.for_each_layer([&](LayerSpec& layer, std::size_t n) {
    layer.mixer_norm = b.norm("attn_norm", NormKind::rms);
    if (is_delta[n]) {
      layer.mixer = delta_net(b, n, !next);
    } else {
      layer.mixer = b.attention({.rope = rope, .qk_norm = Presence::required, .gated = true});
    }
    layer.ffn_norm = b.norm("post_attention_norm", NormKind::rms);  // despite its name
    if (has_experts) {
      layer.ffn =
          b.experts({.hidden_dim = b.size_or("expert_feed_forward_length", 0, max_hidden_dim),
                     .shared_hidden_dim = b.size_or("expert_shared_feed_forward_length", 0, max_hidden_dim),
                     .shared_gate = Presence::required});
    } else {
      layer.ffn = b.dense({});
    }
  });
}

}  // namespace

const Family qwen3next{"qwen3next", build_qwen_next};
const Family qwen35{"qwen35", build_qwen_next};
const Family qwen35moe{"qwen35moe", build_qwen_next};

}  // namespace quern::detail::architectures
