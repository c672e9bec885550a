// Checkpoints of mamba2 and falcon-h1: state space layers, alone or beside attention. falcon-h1 multiplies
// activations by factors of config.json; its GGUF files hold weights that have them already.
#include <algorithm>
#include <cmath>

#include "formats/try.h"
#include "src/convert/weights.h"

namespace quern::detail::checkpoints {
namespace {

using formats::cat;

constexpr TensorRule mamba2_layers[] = {
    {"embeddings", "token_embd"},
    {"norm_f", "output_norm"},
    {"layers.#.norm", "blk.#.attn_norm"},
    {"layers.#.mixer.in_proj", "blk.#.ssm_in"},
    {"layers.#.mixer.conv1d", "blk.#.ssm_conv1d", squeeze, always},
    {"layers.#.mixer.dt_bias", "blk.#.ssm_dt.bias", copy, never, always, true},
    {"layers.#.mixer.A_log", "blk.#.ssm_a", fitted, never, always, true},
    {"layers.#.mixer.D", "blk.#.ssm_d", fitted, never, always, true},
    {"layers.#.mixer.norm", "blk.#.ssm_norm", fitted},
    {"layers.#.mixer.out_proj", "blk.#.ssm_out"}};
constexpr Expectation mamba2_switches[] = {{"hidden_act", "silu|swish|null"},
                                           {"use_bias", "false|null"},
                                           {"use_conv_bias", "true|null"},
                                           {"rms_norm", "true|null"}};
// The context is bounded by nothing but patience.
constexpr std::string_view mamba2_defaults = R"({"max_position_embeddings":1048576,"layer_norm_epsilon":1e-5,
    "num_heads":128,"head_dim":64,"hidden_size":4096,"state_size":128,"num_hidden_layers":64,"expand":2,"conv_kernel":4,
    "n_groups":8})";

constexpr TensorRule falcon_h1_layers[] = {
    {"embed_tokens", "token_embd", fitted},
    {"final_layernorm", "output_norm"},
    {"layers.#.input_layernorm", "blk.#.attn_norm"},
    {"layers.#.self_attn.q_proj", "blk.#.attn_q", fitted, maybe},
    {"layers.#.self_attn.k_proj", "blk.#.attn_k", fitted, maybe},
    {"layers.#.self_attn.v_proj", "blk.#.attn_v", fitted, maybe},
    {"layers.#.self_attn.o_proj", "blk.#.attn_output", fitted, maybe},
    {"layers.#.mamba.in_proj", "blk.#.ssm_in", fitted, maybe},
    {"layers.#.mamba.conv1d", "blk.#.ssm_conv1d", squeeze, maybe},
    {"layers.#.mamba.dt_bias", "blk.#.ssm_dt.bias", copy, never, always, true},
    {"layers.#.mamba.A_log", "blk.#.ssm_a", fitted, never, always, true},
    {"layers.#.mamba.D", "blk.#.ssm_d", fitted, never, always, true},
    {"layers.#.mamba.out_proj", "blk.#.ssm_out", fitted, maybe},
    {"layers.#.pre_ff_layernorm.weight", "blk.#.ffn_norm", copy, never, always, true},
    {"layers.#.feed_forward.gate_proj", "blk.#.ffn_gate", fitted, maybe},
    {"layers.#.feed_forward.up_proj", "blk.#.ffn_up", copy, maybe},
    {"layers.#.feed_forward.down_proj", "blk.#.ffn_down", fitted, maybe}};
constexpr TensorRule falcon_h1_norm[] = {{"layers.#.mamba.norm", "blk.#.ssm_norm", fitted}};
constexpr Expectation falcon_h1_switches[] = {{"hidden_act", "silu|swish|null"},
                                              {"mamba_use_mlp", "true|null"},
                                              {"attn_layer_indices", "null"},
                                              {"sliding_window", "null"}};
constexpr std::string_view falcon_h1_defaults = R"({"hidden_size":4096,"intermediate_size":14336,
    "num_hidden_layers":32,"num_attention_heads":32,"num_key_value_heads":8,"rms_norm_eps":1e-5,"rope_theta":100000,
    "max_position_embeddings":8192,"mamba_d_ssm":1024,"mamba_n_heads":128,"mamba_d_head":"auto","mamba_n_groups":1,
    "mamba_d_state":256,"mamba_d_conv":4,"mamba_expand":2,"mamba_norm_before_gate":true,"mamba_rms_norm":false})";

struct StateSpaceNames {
  std::string_view conv, state, heads, groups;
};
constexpr StateSpaceNames mamba2_names = {"conv_kernel", "state_size", "num_heads", "n_groups"};
constexpr StateSpaceNames falcon_h1_names = {"mamba_d_conv", "mamba_d_state", "mamba_n_heads",
                                             "mamba_n_groups"};

void write_state_space(Conversion& c, const StateSpaceNames& names, std::uint32_t inner) {
  c.set("ssm.conv_kernel", c.config.size(names.conv));
  c.set("ssm.inner_size", inner);
  c.set("ssm.state_size", c.config.size(names.state));
  c.set("ssm.time_step_rank", c.config.size(names.heads));
  c.set("ssm.group_count", c.config.size(names.groups));
}

// Steps of time are computed without limits; a softplus keeps to [0, infinity) by itself.
void check_time_step_limit(Conversion& c) {
  const auto limit = c.config.find("time_step_limit");
  if (!limit) return;
  std::vector<formats::JsonValue> ends;
  for (const formats::JsonValue end : limit->elements()) ends.push_back(end);
  if (ends.size() == 2 && ends[0].number() == 0.0) {
    const auto wrapped = ends[1].find("__float__");  // how some writers put it into plain JSON
    if (ends[1].is_infinity() || (wrapped && wrapped->string() == "Infinity")) return;
  }
  c.config.unsupported("time_step_limit", limit->description(), "[0, Infinity]");
}

void write_mamba2(Conversion& c) {
  const std::uint64_t inner = std::uint64_t{c.config.size("num_heads")} * c.config.size("head_dim");
  const double expanded = c.config.number("expand") * c.config.size(c.family.sizes.dim);
  if (inner > INT32_MAX || static_cast<double>(inner) != std::floor(expanded))
    return c.config.wrong("expand", cat("a factor that makes the width ", inner, ", num_heads * head_dim"));
  c.set("feed_forward_length", std::uint32_t{0});
  write_state_space(c, mamba2_names, static_cast<std::uint32_t>(inner));
  check_time_step_limit(c);
}

std::uint32_t falcon_h1_inner(Config& config) {
  if (config.has("mamba_d_ssm")) return config.size("mamba_d_ssm");
  const double inner = config.number("mamba_expand") * config.size("hidden_size");
  if (inner >= 1 && inner <= INT32_MAX) return static_cast<std::uint32_t>(inner);
  config.wrong("mamba_expand", "a factor that gives a width of 1 to 2^31 - 1");
  return 1;
}

void write_falcon_h1(Conversion& c) {
  Config& config = c.config;
  const std::uint32_t inner = falcon_h1_inner(config), n_heads = config.size("mamba_n_heads");
  if (inner % n_heads != 0) config.wrong("mamba_n_heads", cat("a divisor of the inner width ", inner));
  if (const auto head_dim = config.find("mamba_d_head");
      head_dim && head_dim->string() != "auto" && head_dim->unsigned_integer() != inner / n_heads)
    config.wrong("mamba_d_head", cat("'auto' or ", inner / n_heads));
  write_state_space(c, falcon_h1_names, inner);
  check_time_step_limit(c);
  if (!config.flag_or("mamba_rms_norm", false)) return;
  config.expect("mamba_norm_before_gate", "false");
  c.rules.push_back({falcon_h1_norm});
}

// The numbers of that key, of which there are n; ones where it is absent.
std::vector<double> multipliers(Config& config, std::string_view key, std::size_t n) {
  if (!config.has(key)) return std::vector<double>(n, 1.0);
  std::vector<double> numbers = config.numbers(key);
  if (numbers.size() != n) config.wrong(key, cat("an array of ", n, " numbers"));
  numbers.resize(n, 1.0);
  return numbers;
}

// What all values of a tensor are multiplied by. Inputs are multiplied before a bias is added, outputs after.
double multiplier(Config& config, std::string_view to, bool is_bias) {
  const auto number = [&](std::string_view key) { return config.number_or(key, 1); };
  const double into_attention = is_bias ? 1 : number("attention_in_multiplier");
  if (to == "token_embd") return number("embedding_multiplier");
  if (to == "output") return number("lm_head_multiplier");
  if (to == "blk.#.attn_q" || to == "blk.#.attn_v") return into_attention;
  if (to == "blk.#.attn_k") return into_attention * number("key_multiplier");
  if (to == "blk.#.attn_output") return number("attention_out_multiplier");
  if (to == "blk.#.ssm_out") return number("ssm_out_multiplier");
  if (to == "blk.#.ffn_gate") return multipliers(config, "mlp_multipliers", 2)[0];
  if (to == "blk.#.ffn_down") return multipliers(config, "mlp_multipliers", 2)[1];
  return 1;
}

// Gate, x, B, C and steps of time, each with a factor of its own.
Result<void> fit_input(Conversion& c, OutputTensor& tensor, bool is_bias) {
  Config& config = c.config;
  const std::uint64_t inner = falcon_h1_inner(config),
                      states = std::uint64_t{config.size("mamba_n_groups")} * config.size("mamba_d_state");
  const std::uint64_t rows[] = {inner, inner, states, states, config.size("mamba_n_heads")};
  const std::vector<double> own = multipliers(config, "ssm_multipliers", std::size(rows));
  const double all = is_bias ? 1 : config.number_or("ssm_in_multiplier", 1);
  std::uint64_t n_rows = 0;
  for (std::size_t i = 0; i < std::size(rows); ++i) {
    tensor.factors.push_back({rows[i], static_cast<float>(all * own[i])});
    n_rows += rows[i];
  }
  if (tensor.dims.back() != n_rows || tensor.dims.size() > 2)
    return wrong_shape(*tensor.parts.front(), cat(n_rows, " rows"));
  return {};
}

// Vectors that are written as matrices: norms in a row for each group, the others as columns.
Result<void> fit_state_space(Conversion& c, std::string_view to, OutputTensor& tensor,
                             const StateSpaceNames& names) {
  const std::uint64_t n = tensor.dims[0],
                      n_rows = c.config.size(to == "blk.#.ssm_norm" ? names.groups : names.heads);
  if (tensor.dims.size() != 1 || n % n_rows != 0)
    return wrong_shape(*tensor.parts.front(), cat("a vector whose size is a multiple of ", n_rows));
  if (to == "blk.#.ssm_a") tensor.order.op = neg_exp;
  tensor.dims = {n / n_rows, n_rows};
  return {};
}

Result<void> fit_mamba2(Conversion& c, std::string_view to, OutputTensor& tensor) {
  return fit_state_space(c, to, tensor, mamba2_names);
}

Result<void> fit_falcon_h1(Conversion& c, std::string_view to, OutputTensor& tensor) {
  if (to == "blk.#.ssm_norm" || to == "blk.#.ssm_a" || to == "blk.#.ssm_d")
    return fit_state_space(c, to, tensor, falcon_h1_names);
  const bool is_bias = tensor.name.ends_with(".bias");
  if (to == "blk.#.ssm_in") return fit_input(c, tensor, is_bias);
  const double factor = multiplier(c.config, to, is_bias);
  if (factor != 1) tensor.factors = {{tensor.n_elements(), static_cast<float>(factor)}};
  return {};
}

}  // namespace

FamilyRule mamba2_rule() {
  return {.names = {"Mamba2ForCausalLM"},
          .architecture = "mamba2",
          .tensors = {mamba2_layers},
          .expected = {mamba2_switches},
          .sizes = {.hidden = "", .heads = "", .epsilon = "layer_norm_epsilon"},
          .defaults = mamba2_defaults,
          .embedding = "embeddings",
          .rope = {.rotates = false},
          .prefixes = {"backbone.", ""},
          .more = write_mamba2,
          .fit = fit_mamba2};
}

FamilyRule falcon_h1_rule() {
  return {.names = {"FalconH1ForCausalLM"},
          .architecture = "falcon-h1",
          .tensors = {falcon_h1_layers},
          .expected = {falcon_h1_switches},
          .defaults = falcon_h1_defaults,
          .output = Output::own,
          .output_op = fitted,
          .more = write_falcon_h1,
          .fit = fit_falcon_h1};
}

}  // namespace quern::detail::checkpoints
