// Checkpoints of qwen3next, qwen35 and qwen35moe: gated delta nets, with gated attention on some layers.
// qwen3next fuses the inputs of a delta net in groups by key head, which become q, k, v and z apart; qwen35
// has them apart, and its GGUF files hold the value heads tiled: head r of key head k is head r * Hk + k.
#include <cmath>

#include "formats/try.h"
#include "src/convert/shared_rules.h"
#include "src/convert/weights.h"

namespace quern::detail::checkpoints {
namespace {

using formats::cat;

// The norms of the checkpoint hold the weight less one, but that of a delta net's heads.
constexpr TensorRule delta_frame[] = {
    {"embed_tokens", "token_embd"},
    {"norm", "output_norm", plus_one},
    {"layers.#.input_layernorm", "blk.#.attn_norm", plus_one},
    {"layers.#.post_attention_layernorm", "blk.#.post_attention_norm", plus_one}};
constexpr TensorRule delta_qk_norms[] = {{"layers.#.self_attn.q_norm", "blk.#.attn_q_norm", plus_one},
                                         {"layers.#.self_attn.k_norm", "blk.#.attn_k_norm", plus_one}};
constexpr TensorRule grouped_delta[] = {
    {"layers.#.linear_attn.in_proj_qkvz", "blk.#.attn_qkv", fitted},
    {"layers.#.linear_attn.in_proj_qkvz", "blk.#.attn_gate", fitted},
    {"layers.#.linear_attn.in_proj_ba", "blk.#.ssm_ba"},
    {"layers.#.linear_attn.conv1d", "blk.#.ssm_conv1d", squeeze},
    {"layers.#.linear_attn.dt_bias", "blk.#.ssm_dt.bias", copy, never, always, true},
    {"layers.#.linear_attn.A_log", "blk.#.ssm_a", neg_exp, never, always, true},
    {"layers.#.linear_attn.norm", "blk.#.ssm_norm"},
    {"layers.#.linear_attn.out_proj", "blk.#.ssm_out"}};
constexpr TensorRule tiled_delta[] = {
    {"layers.#.linear_attn.in_proj_qkv", "blk.#.attn_qkv", fitted},
    {"layers.#.linear_attn.in_proj_z", "blk.#.attn_gate", fitted},
    {"layers.#.linear_attn.in_proj_b", "blk.#.ssm_beta", fitted},
    {"layers.#.linear_attn.in_proj_a", "blk.#.ssm_alpha", fitted},
    {"layers.#.linear_attn.conv1d", "blk.#.ssm_conv1d", fitted},
    {"layers.#.linear_attn.dt_bias", "blk.#.ssm_dt.bias", fitted, never, always, true},
    {"layers.#.linear_attn.A_log", "blk.#.ssm_a", fitted, never, always, true},
    {"layers.#.linear_attn.norm", "blk.#.ssm_norm"},
    {"layers.#.linear_attn.out_proj", "blk.#.ssm_out", fitted}};
// One matrix for each expert, or all in one, with those of gate and up in one too.
constexpr TensorRule experts[] = {
    {"layers.#.mlp.gate", "blk.#.ffn_gate_inp"},
    {"layers.#.mlp.experts.*.gate_proj", "blk.#.ffn_gate_exps", copy, never, maybe},
    {"layers.#.mlp.experts.*.up_proj", "blk.#.ffn_up_exps", copy, never, maybe},
    {"layers.#.mlp.experts.*.down_proj", "blk.#.ffn_down_exps", copy, never, maybe},
    {"layers.#.mlp.experts.gate_up_proj", "blk.#.ffn_gate_exps.weight", first_half, never, otherwise, true},
    {"layers.#.mlp.experts.gate_up_proj", "blk.#.ffn_up_exps.weight", second_half, never, otherwise, true},
    {"layers.#.mlp.experts.down_proj", "blk.#.ffn_down_exps.weight", copy, never, otherwise, true}};

constexpr KeyRule delta_keys[] = {{"linear_conv_kernel_dim", "ssm.conv_kernel", count},
                                  {"linear_key_head_dim", "ssm.state_size", count},
                                  {"linear_num_key_heads", "ssm.group_count", count},
                                  {"linear_num_value_heads", "ssm.time_step_rank", count}};
constexpr KeyRule dense_width[] = {{"intermediate_size", "feed_forward_length", count, true}};
constexpr Expectation delta_switches[] = {{"hidden_act", "silu|swish"},
                                          {"attention_bias", "false|null"},
                                          {"attn_output_gate", "true|null"},
                                          {"output_gate_type", "swish|silu|null"}};
constexpr Expectation expert_switches[] = {{"norm_topk_prob", "true|null"}};
constexpr std::string_view delta_defaults = R"({"hidden_act":"silu","partial_rotary_factor":0.25,
    "full_attention_interval":4,"rms_norm_eps":1e-6})";

struct DeltaSizes {
  std::uint64_t key_heads, value_heads, head_dim;
  std::uint64_t per_key_head() const { return value_heads / key_heads; }
  std::uint64_t key_rows() const { return key_heads * head_dim; }
  std::uint64_t value_rows() const { return value_heads * head_dim; }
};

DeltaSizes delta_sizes(Config& config) {
  constexpr std::uint32_t max_heads = 1u << 14, max_head_dim = 1u << 12;  // as the family reads them
  const DeltaSizes sizes{config.size("linear_num_key_heads"), config.size("linear_num_value_heads"),
                         config.size("linear_key_head_dim")};
  if (sizes.value_heads % sizes.key_heads != 0 || sizes.value_heads > max_heads)
    config.wrong("linear_num_value_heads",
                 cat("a multiple of the ", sizes.key_heads, " key heads, up to ", max_heads));
  if (sizes.head_dim > max_head_dim)
    config.wrong("linear_key_head_dim", cat("heads of up to ", max_head_dim, " values"));
  return sizes;
}

// Whether each layer is a delta net; a key that says it, and the rules of each layer.
void write_delta_layers(Conversion& c, std::span<const TensorRule> delta) {
  constexpr std::uint32_t max_layers = 1u << 12;  // far above real models: each has rules of its own
  if (c.n_layers > max_layers) return c.config.wrong(c.family.sizes.layers, cat("up to ", max_layers));
  const std::uint32_t interval = c.config.size("full_attention_interval");
  std::vector<std::uint32_t> is_delta;
  bool regular = true;
  if (const auto types = c.config.find("layer_types"); types && types->is_array()) {
    for (const formats::JsonValue type : types->elements()) {
      if (type.string() != "full_attention" && type.string() != "linear_attention")
        return c.config.unsupported("layer_types", type.description(),
                                    "'full_attention' or 'linear_attention'");
      is_delta.push_back(type.string() == "linear_attention" ? 1 : 0);
      regular = regular && (is_delta.back() == 0) == (is_delta.size() % interval == 0);
    }
    if (is_delta.size() != c.n_layers)
      return c.config.wrong("layer_types", cat("the kind of each of ", c.n_layers, " layers"));
  } else {
    for (std::uint32_t n = 0; n < c.n_layers; ++n) is_delta.push_back((n + 1) % interval == 0 ? 0 : 1);
  }
  if (regular)
    c.set("full_attention_interval", interval);
  else
    c.set("attention.recurrent_layers", is_delta);
  for (std::uint32_t n = 0; n < c.n_layers; ++n) {
    if (is_delta[n] != 0) {
      c.rules.push_back({delta, n, n + 1});
    } else {
      c.rules.push_back({attention, n, n + 1});
      c.rules.push_back({delta_qk_norms, n, n + 1});
    }
  }
}

void write_delta(Conversion& c, std::span<const TensorRule> delta) {
  const DeltaSizes sizes = delta_sizes(c.config);
  const std::uint32_t value_dim = c.config.size("linear_value_head_dim");
  if (value_dim != sizes.head_dim)
    c.config.unsupported("linear_value_head_dim", cat(value_dim), cat(sizes.head_dim, ", as of the keys"));
  if (c.config.error()) return;
  c.set("ssm.inner_size", static_cast<std::uint32_t>(sizes.value_rows()));
  write_delta_layers(c, delta);
}

void write_qwen3next(Conversion& c) { write_delta(c, grouped_delta); }

// Positions on three axes, which are one for text: every rotated pair has to be of one of them.
void write_qwen35(Conversion& c) {
  write_delta(c, tiled_delta);
  std::optional<Config> rope = c.config.object("rope_parameters");
  if (!rope) rope = c.config.object("rope_scaling");
  std::vector<double> sections = {11, 11, 10};
  if (rope && rope->has("mrope_section")) sections = rope->numbers("mrope_section");
  if (rope) rope->expect("mrope_interleaved", "true|null");
  if (rope && rope->error()) return c.config.fail(*rope->error());
  bool whole = sections.size() == 3;
  for (const double section : sections)
    whole = whole && section >= 0 && section <= c.n_rot && section == std::floor(section);
  for (std::uint32_t pair = 0; whole && pair < c.n_rot / 2; ++pair) whole = sections[pair % 3] * 3 > pair;
  if (!whole)
    return c.config.unsupported("mrope_section", "another division",
                                cat("three sections that share the ", c.n_rot / 2, " rotated pairs in turn"));
  const std::vector<std::int32_t> written = {static_cast<std::int32_t>(sections[0]),
                                             static_cast<std::int32_t>(sections[1]),
                                             static_cast<std::int32_t>(sections[2]), 0};
  c.set("rope.dimension_sections", written);
}

using Rows = std::vector<std::uint32_t>;

void append_run(Rows& rows, std::uint64_t first, std::uint64_t n) {
  for (std::uint64_t i = 0; i < n; ++i) rows.push_back(static_cast<std::uint32_t>(first + i));
}

// Of every group q (d), k (d), v (r d), z (r d): all q, all k and all v, or all z.
Rows grouped_rows(const DeltaSizes& s, bool gate) {
  const std::uint64_t d = s.head_dim, rd = s.per_key_head() * d, group = 2 * d + 2 * rd;
  Rows rows;
  const auto part = [&](std::uint64_t begin, std::uint64_t n) {
    for (std::uint64_t k = 0; k < s.key_heads; ++k) append_run(rows, k * group + begin, n);
  };
  if (gate) {
    part(2 * d + rd, rd);
  } else {
    part(0, d);
    part(d, d);
    part(2 * d, rd);
  }
  return rows;
}

// Value heads of `size` rows each, tiled, behind `n_before` rows that stay.
Rows tiled_rows(const DeltaSizes& s, std::uint64_t n_before, std::uint64_t size) {
  Rows rows;
  append_run(rows, 0, n_before);
  for (std::uint64_t r = 0; r < s.per_key_head(); ++r)
    for (std::uint64_t k = 0; k < s.key_heads; ++k)
      append_run(rows, n_before + (k * s.per_key_head() + r) * size, size);
  return rows;
}

Result<void> expect_size(const OutputTensor& tensor, std::uint64_t found, std::uint64_t expected,
                         std::string_view what) {
  if (found == expected) return {};
  return tensor_error(ErrorCode::corrupt, tensor.parts.front()->name,
                      cat("has ", found, " ", what, ", expected ", expected));
}

Result<void> fit_delta(Conversion& c, std::string_view to, OutputTensor& tensor) {
  const DeltaSizes s = delta_sizes(c.config);
  const bool grouped = c.family.architecture == "qwen3next";
  if (to == "blk.#.ssm_conv1d") std::erase(tensor.dims, 1u);
  if (to == "blk.#.ssm_a") tensor.order.op = neg_exp;
  if (tensor.dims.size() > 2 || tensor.dims.empty())
    return expect_size(tensor, tensor.dims.size(), 2, "dimensions");
  std::uint64_t& n_rows = tensor.dims.back();
  if (to == "blk.#.ssm_out") {
    QUERN_CHECK(expect_size(tensor, tensor.dims[0], s.value_rows(), "columns"));
    tensor.source_cols = tiled_rows(s, 0, s.head_dim);
    return {};
  }
  if (grouped) {
    QUERN_CHECK(expect_size(tensor, n_rows, 2 * s.key_rows() + 2 * s.value_rows(), "rows"));
    tensor.source_rows = grouped_rows(s, to == "blk.#.attn_gate");
    n_rows = tensor.source_rows.size();
    return {};
  }
  const bool has_keys = to == "blk.#.attn_qkv" || to == "blk.#.ssm_conv1d";
  const std::uint64_t n_before = has_keys ? 2 * s.key_rows() : 0,
                      size = has_keys || to == "blk.#.attn_gate" ? s.head_dim : 1;
  QUERN_CHECK(expect_size(tensor, n_rows, n_before + s.value_heads * size, "rows"));
  tensor.source_rows = tiled_rows(s, n_before, size);
  return {};
}

FamilyRule delta_rule(std::string_view architecture) {
  return {.names = {},
          .architecture = architecture,
          .tensors = {delta_frame},
          .keys = {delta_keys},
          .expected = {delta_switches},
          .defaults = delta_defaults,
          .window = Window::off,
          .mixed_layers = true,
          .prefixes = {"model.language_model.", "language_model.model.", "model.", ""},
          .foreign = {"model.visual.", "visual."},
          .left_out = {"mtp.", "model.mtp."},
          .more = write_qwen35,
          .fit = fit_delta};
}

void add_experts(FamilyRule& rule) {
  rule.sizes.hidden = "";
  rule.tensors.insert(rule.tensors.end(), {experts, shared_expert});
  rule.keys.insert(rule.keys.end(), {dense_width, expert_widths, shared_expert_width});
  rule.expected.insert(rule.expected.end(), {expert_switches, experts_everywhere});
}

}  // namespace

FamilyRule qwen3next_rule() {
  FamilyRule rule = delta_rule("qwen3next");
  rule.names = {"Qwen3NextForCausalLM"};
  add_experts(rule);
  rule.more = write_qwen3next;
  return rule;
}

FamilyRule qwen35_rule() {
  FamilyRule rule = delta_rule("qwen35");
  rule.names = {"Qwen3_5ForCausalLM", "Qwen3_5ForConditionalGeneration"};
  rule.tensors.emplace_back(gated_ffn);
  return rule;
}

FamilyRule qwen35moe_rule() {
  FamilyRule rule = delta_rule("qwen35moe");
  rule.names = {"Qwen3_5MoeForCausalLM", "Qwen3_5MoeForConditionalGeneration"};
  add_experts(rule);
  return rule;
}

}  // namespace quern::detail::checkpoints
