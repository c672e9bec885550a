// config.json to metadata: sizes, windows, and what a family's rows say.
#include <algorithm>

#include "formats/printable.h"
#include "formats/try.h"
#include "src/convert/family.h"

namespace quern::detail {

using formats::cat;

std::string Conversion::key(std::string_view name) const { return cat(family.architecture, ".", name); }

namespace {

constexpr std::uint32_t max_written_head_dim = 1u << 14;  // as the families read it

void write_sizes(Conversion& c) {
  Config& config = c.config;
  const SizeNames& names = c.family.sizes;
  const std::uint32_t dim = config.size(names.dim);
  c.n_layers = config.size(names.layers);
  c.set("context_length", config.size(names.context));
  c.set("embedding_length", dim);
  c.set("block_count", c.n_layers);
  if (!names.hidden.empty()) c.set("feed_forward_length", config.size(names.hidden));
  c.set(c.family.rms ? "attention.layer_norm_rms_epsilon" : "attention.layer_norm_epsilon",
        static_cast<float>(config.number(names.epsilon)));
  if (names.heads.empty()) return c.set("attention.head_count", c.n_heads);
  c.n_heads = config.size(names.heads);
  // Falcon's first generation has one head of k and v, whatever its number of them says.
  const bool multi_query =
      config.flag_or("multi_query", false) && !config.flag_or("new_decoder_architecture", false);
  c.n_kv_heads = multi_query              ? 1
                 : names.kv_heads.empty() ? c.n_heads
                                          : config.size_or(names.kv_heads, c.n_heads);
  if (c.n_kv_heads == 0 || c.n_heads % c.n_kv_heads != 0)
    config.wrong(names.kv_heads, cat("a divisor of the ", c.n_heads, " heads"));
  c.head_dim = config.size_or(names.head_dim, dim / c.n_heads);
  if (c.head_dim == 0 || (!config.has(names.head_dim) && dim % c.n_heads != 0))
    config.wrong(names.heads, cat("a divisor of the width ", dim, ", or a '", names.head_dim, "'"));
  if (c.head_dim > max_written_head_dim)
    config.wrong(config.has(names.head_dim) ? names.head_dim : names.dim,
                 cat("heads of up to ", max_written_head_dim, " values"));
  c.set("attention.head_count", c.n_heads);
  c.set("attention.head_count_kv", c.n_kv_heads);
  c.set("attention.key_length", c.head_dim);
  c.set("attention.value_length", c.head_dim);
}

void write_keys(Conversion& c, std::span<const KeyRule> rules) {
  for (const KeyRule& rule : rules) {
    if (rule.optional && !c.config.has(rule.from)) continue;
    switch (rule.kind) {
      case KeyKind::count: c.set(rule.to, c.config.size(rule.from)); break;
      case KeyKind::number: c.set(rule.to, static_cast<float>(c.config.number(rule.from))); break;
      case KeyKind::flag:
        if (!c.config.has(rule.from)) c.config.wrong(rule.from, "true or false");
        c.set(rule.to, c.config.flag_or(rule.from, false));
        break;
    }
  }
}

// Layers with a window of their own, where config.json lists the kinds of its layers: P of the rule that
// layer n sees everything if n % P == P - 1; 0: no layer does. Nothing where the list follows no such rule.
std::optional<std::uint32_t> period_of(const formats::JsonValue& layer_types, std::uint32_t n_layers) {
  std::vector<bool> global;
  for (const formats::JsonValue type : layer_types.elements()) {
    if (type.string() != "full_attention" && type.string() != "sliding_attention") return std::nullopt;
    global.push_back(type.string() == "full_attention");
  }
  if (global.size() != n_layers) return std::nullopt;
  const auto first =
      static_cast<std::uint32_t>(std::find(global.begin(), global.end(), true) - global.begin());
  const std::uint32_t period = first == n_layers ? 0 : first + 1;
  for (std::uint32_t n = 0; n < n_layers; ++n)
    if (global[n] != (period != 0 && n % period == period - 1)) return std::nullopt;
  return period;
}

void write_window_and_pattern(Conversion& c, std::uint32_t window) {
  Config& config = c.config;
  std::uint32_t period = config.size_or("sliding_window_pattern",
                                        config.size_or("_sliding_window_pattern", c.family.window_period));
  if (const auto types = config.find("layer_types")) {
    const auto found = period_of(*types, c.n_layers);
    if (!found)
      return config.unsupported("layer_types", types->description(), "windows on all layers but every n-th");
    period = *found;
  }
  c.set("attention.sliding_window", window);
  c.set("attention.sliding_window_pattern", period);
}

void write_window(Conversion& c) {
  Config& config = c.config;
  const std::uint32_t window = config.size_or("sliding_window", 0),
                      context = config.size(c.family.sizes.context);
  const auto types = config.find("layer_types");
  const bool windows_listed = types && period_of(*types, c.n_layers) != 1u;
  switch (c.family.window) {
    case Window::none:
    case Window::off: {
      const bool used = c.family.window == Window::off && config.flag_or("use_sliding_window", false) &&
                        config.size_or("max_window_layers", 0) < c.n_layers;
      if (used)
        config.unsupported("use_sliding_window", "true", "false: this family is computed without windows");
      if (windows_listed && !c.family.mixed_layers)
        config.unsupported("layer_types", types->description(), "'full_attention' for every layer");
      return;
    }
    case Window::caps:
      if (window == 0 || window >= context) return;
      c.set("context_length", window);
      c.notes.push_back(cat("context of ", window, " tokens, the model's attention window, in place of ",
                            context, ": this family is computed without a window"));
      return;
    case Window::noted:
      if (window == 0) return;
      c.set("attention.sliding_window", window);
      if (window < context)
        c.notes.push_back(
            cat("the attention window of ", window, " tokens is not used: this family is computed without"));
      return;
    case Window::written:
      if (window != 0) write_window_and_pattern(c, window);
      return;
  }
}

void check_quantization(Conversion& c) {
  const std::string_view readable = c.family.quantization;
  const auto quantization = c.config.find("quantization_config");
  if (!quantization || readable.empty()) return c.config.expect("quantization_config", "null");
  const auto method = quantization->find("quant_method");
  if (!method || method->string() != readable)
    c.config.unsupported("quantization_config",
                         cat("of quant_method ", method ? method->description() : "that is absent"),
                         cat("'", readable, "'"));
}

}  // namespace

void write_hyper_parameters(Conversion& c) {
  check_quantization(c);
  write_sizes(c);
  if (c.config.error()) return;
  for (const auto rules : c.family.keys) write_keys(c, rules);
  for (const auto expectations : c.family.expected)
    for (const Expectation& e : expectations) c.config.expect(e.key, e.allowed);
  write_window(c);
  if (c.family.rope.rotates) write_rope(c);
  if (c.family.more) c.family.more(c);
}

}  // namespace quern::detail
