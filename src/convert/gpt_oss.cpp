// Checkpoints of gpt-oss. The experts' matrices of gates and of ups are one, row by row in turn; they are
// stored transposed as floats, or as blocks of MXFP4 that are written without being rounded again.
#include "formats/try.h"
#include "src/convert/shared_rules.h"
#include "src/convert/weights.h"

namespace quern::detail::checkpoints {
namespace {

using formats::cat;

constexpr TensorRule gpt_oss_layers[] = {
    {"layers.#.input_layernorm", "blk.#.attn_norm"},
    {"layers.#.self_attn.q_proj", "blk.#.attn_q", copy, always},
    {"layers.#.self_attn.k_proj", "blk.#.attn_k", copy, always},
    {"layers.#.self_attn.v_proj", "blk.#.attn_v", copy, always},
    {"layers.#.self_attn.o_proj", "blk.#.attn_output", copy, always},
    {"layers.#.self_attn.sinks", "blk.#.attn_sinks.weight", copy, never, always, true},
    {"layers.#.post_attention_layernorm", "blk.#.post_attention_norm"},
    {"layers.#.mlp.router", "blk.#.ffn_gate_inp", copy, always},
    {"layers.#.mlp.experts.gate_up_proj_bias", "blk.#.ffn_gate_exps.bias", fitted, never, always, true},
    {"layers.#.mlp.experts.gate_up_proj_bias", "blk.#.ffn_up_exps.bias", fitted, never, always, true},
    {"layers.#.mlp.experts.down_proj_bias", "blk.#.ffn_down_exps.bias", copy, never, always, true}};
constexpr TensorRule float_experts[] = {
    {"layers.#.mlp.experts.gate_up_proj", "blk.#.ffn_gate_exps.weight", fitted, never, always, true},
    {"layers.#.mlp.experts.gate_up_proj", "blk.#.ffn_up_exps.weight", fitted, never, always, true},
    {"layers.#.mlp.experts.down_proj", "blk.#.ffn_down_exps.weight", fitted, never, always, true}};
constexpr TensorRule mxfp4_experts[] = {
    {"layers.#.mlp.experts.gate_up_proj", "blk.#.ffn_gate_exps.weight", mxfp4_even, never, always, true},
    {"layers.#.mlp.experts.gate_up_proj", "blk.#.ffn_up_exps.weight", mxfp4_odd, never, always, true},
    {"layers.#.mlp.experts.down_proj", "blk.#.ffn_down_exps.weight", mxfp4, never, always, true}};
constexpr KeyRule gpt_oss_keys[] = {{"num_local_experts", "expert_count", count},
                                    {"num_experts_per_tok", "expert_used_count", count},
                                    {"intermediate_size", "expert_feed_forward_length", count}};
constexpr Expectation gpt_oss_switches[] = {{"hidden_act", "silu|swish|null"},
                                            {"attention_bias", "true|null"},
                                            {"swiglu_limit", "7|null"},
                                            {"swiglu_alpha", "1.702|null"}};
constexpr std::string_view gpt_oss_defaults = R"({"rope_theta":150000,"head_dim":64,"sliding_window":128,
    "num_key_value_heads":8,"max_position_embeddings":131072,"rms_norm_eps":1e-5})";

void choose_experts(Conversion& c) {
  c.config.size("sliding_window");  // files without it are refused
  c.rules.push_back(
      {c.config.has("quantization_config") ? std::span<const TensorRule>(mxfp4_experts) : float_experts});
}

// Gates are the even columns, ups the odd ones.
Result<void> fit_experts(Conversion& c, std::string_view to, OutputTensor& tensor) {
  const std::uint64_t dim = c.config.size("hidden_size"), hidden = c.config.size("intermediate_size"),
                      n_experts = c.config.size("num_local_experts");
  const bool is_bias = to.ends_with(".bias"), down = to.find("_down_") != to.npos;
  std::vector<std::uint64_t> expected = {2 * hidden, dim, n_experts}, written = {dim, hidden, n_experts};
  Gather gather{
      .slice_rows = hidden, .stored_elements = 2 * hidden * dim, .row_step = 2, .col_step = 2 * hidden};
  if (is_bias) {
    expected = {2 * hidden, n_experts};
    written = {hidden, n_experts};
    gather = {.slice_rows = n_experts,
              .stored_elements = 2 * hidden * n_experts,
              .row_step = 2 * hidden,
              .col_step = 2};
  } else if (down) {
    expected = {dim, hidden, n_experts};
    written = {hidden, dim, n_experts};
    gather = {.slice_rows = dim, .stored_elements = dim * hidden, .row_step = 1, .col_step = dim};
  }
  if (tensor.dims != expected) {
    std::string shape;
    for (std::size_t i = expected.size(); i-- > 0;) shape += cat(expected[i], i == 0 ? "" : ", ");
    return wrong_shape(*tensor.parts.front(), cat("[", shape, "]"));
  }
  gather.first = to.find("_up_") == to.npos ? 0 : 1;
  tensor.dims = written;
  tensor.gather = gather;
  return {};
}

}  // namespace

FamilyRule gpt_oss_rule() {
  return {.names = {"GptOssForCausalLM"},
          .architecture = "gpt-oss",
          .tensors = {frame, gpt_oss_layers},
          .keys = {gpt_oss_keys},
          .expected = {gpt_oss_switches},
          .defaults = gpt_oss_defaults,
          .output = Output::own,
          .rope = {.soft_bounds = true},
          .window = Window::written,
          .window_period = 2,
          .quantization = "mxfp4",
          .more = choose_experts,
          .fit = fit_experts};
}

}  // namespace quern::detail::checkpoints
