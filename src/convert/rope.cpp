// The rotation of positions: `rope_theta` and `rope_scaling`, or the newer `rope_parameters` that holds both.
#include <cmath>
#include <numbers>

#include "formats/try.h"
#include "src/convert/family.h"

namespace quern::detail {
namespace {

using formats::cat;

// Divisors of the frequencies: those whose wavelength is long beside the original context are slowed down by
// `factor`, with a smooth step between the two.
std::vector<float> llama3_divisors(Conversion& c, Config& scaling) {
  const double factor = scaling.number("factor"), low = scaling.number("low_freq_factor"),
               high = scaling.number("high_freq_factor"),
               original = scaling.number("original_max_position_embeddings");
  if (!(factor >= 1 && low > 0 && high > low && original >= 1)) {
    scaling.wrong("factor", "1 or more, with 0 < low_freq_factor < high_freq_factor");
    return {};
  }
  std::vector<float> divisors(c.n_rot / 2);
  for (std::size_t i = 0; i < divisors.size(); ++i) {
    const double wavelength =
        2 * std::numbers::pi * std::pow(c.theta, 2.0 * static_cast<double>(i) / c.n_rot);
    const double step = (original / wavelength - low) / (high - low);
    const double divisor = wavelength < original / high  ? 1
                           : wavelength > original / low ? factor
                                                         : 1 / ((1 - step) / factor + step);
    divisors[i] = static_cast<float>(divisor);
  }
  return divisors;
}

std::vector<float> longrope_divisors(Conversion& c, Config& scaling, std::string_view key) {
  const std::vector<double> numbers = scaling.numbers(key);
  if (numbers.size() != c.n_rot / 2) scaling.wrong(key, cat("an array of ", c.n_rot / 2, " numbers"));
  return {numbers.begin(), numbers.end()};
}

void write_longrope(Conversion& c, Config& scaling) {
  scaling.expect("short_mscale", "null");
  scaling.expect("long_mscale", "null");
  c.made.emplace_back("rope_factors_long", longrope_divisors(c, scaling, "long_factor"));
  c.made.emplace_back("rope_factors_short", longrope_divisors(c, scaling, "short_factor"));
  const std::uint32_t context = c.config.size(c.family.sizes.context);
  std::uint32_t original = scaling.size_or("original_max_position_embeddings", 0);
  if (original == 0) original = c.config.size("original_max_position_embeddings");
  if (original == 1) return c.config.wrong("original_max_position_embeddings", "2 or more");
  const double stretch = double(context) / original;
  const double attention_factor =
      stretch > 1 ? std::sqrt(1 + std::log(stretch) / std::log(double(original))) : 1;
  c.set("rope.scaling.type", std::string_view("longrope"));
  c.set("rope.scaling.original_context_length", original);
  c.set("rope.scaling.attn_factor",
        static_cast<float>(scaling.number_or("attention_factor", attention_factor)));
}

// With two equal factors the rotation keeps its length and the scores grow by one of them; nothing else is
// computed.
void write_latent_growth(Conversion& c, Config& scaling) {
  const double all = scaling.number("mscale_all_dim");
  if (!(all > 0)) return scaling.wrong("mscale_all_dim", "more than 0");
  scaling.expect("mscale", cat(all));
  scaling.expect("attention_factor", "null");
  c.set("rope.scaling.yarn_log_multiplier", static_cast<float>(0.1 * all));
}

void write_yarn(Conversion& c, Config& scaling) {
  if (c.family.rope.latent) {
    write_latent_growth(c, scaling);
  } else {
    for (const char* key : {"mscale", "mscale_all_dim"}) scaling.expect(key, "null");
  }
  scaling.expect("beta_fast", "32|null");
  scaling.expect("beta_slow", "1|null");
  if (c.family.rope.soft_bounds && !scaling.flag_or("truncate", true)) {
    c.notes.emplace_back(
        "yarn's bounds are whole numbers here and fractions where the model was trained, as "
        "'truncate' is false: the frequencies between them differ a little");
  } else {
    scaling.expect("truncate", "true|null");
  }
  const double factor = scaling.number("factor");
  if (!(factor >= 1)) return scaling.wrong("factor", "1 or more");
  // GGUF's attn_factor multiplies the magnitude that follows from the factor; here it takes its place.
  const double magnitude = 1 + 0.1 * std::log(factor);
  c.set("rope.scaling.type", std::string_view("yarn"));
  c.set("rope.scaling.factor", static_cast<float>(factor));
  c.set("rope.scaling.original_context_length",
        scaling.size_or("original_max_position_embeddings", c.config.size(c.family.sizes.context)));
  if (scaling.has("attention_factor"))
    c.set("rope.scaling.attn_factor", static_cast<float>(scaling.number("attention_factor") / magnitude));
}

void write_scaling(Conversion& c, Config& scaling, std::string_view key) {
  const RopeTraits& can = c.family.rope;
  const std::string_view type = scaling.text_or("rope_type", scaling.text_or("type", "default"));
  if (type == "default") return;
  if (type == "linear") {
    c.set("rope.scaling.type", type);
    c.set("rope.scaling.factor", static_cast<float>(scaling.number("factor")));
  } else if (type == "yarn") {
    write_yarn(c, scaling);
  } else if (type == "llama3" && can.llama3) {
    c.made.emplace_back("rope_freqs", llama3_divisors(c, scaling));
  } else if ((type == "longrope" || type == "su") && can.longrope) {
    write_longrope(c, scaling);
  } else {
    c.config.unsupported(key, cat("of type '", type, "'"),
                         cat("default, linear, yarn", can.llama3 ? ", llama3" : "",
                             can.longrope ? ", longrope" : "", " for this family"));
  }
}

}  // namespace

void write_rope(Conversion& c) {
  Config& config = c.config;
  constexpr double usual_theta = 10000;
  const SizeNames& names = c.family.sizes;
  const std::string_view key = config.has("rope_parameters") ? "rope_parameters" : "rope_scaling";
  std::optional<Config> scaling = config.object(key);
  if (config.has(key) && !scaling) return config.wrong(key, "an object");
  // Families with windows keep two sets of parameters.
  std::optional<Config> local = scaling ? scaling->object("sliding_attention") : std::nullopt;
  if (scaling && scaling->has("full_attention")) scaling = scaling->object("full_attention");

  c.theta = scaling && scaling->has("rope_theta") ? scaling->number("rope_theta")
                                                  : config.number_or(names.theta, usual_theta);
  double share = config.number_or(names.rotary_share, 1);
  if (scaling) share = scaling->number_or("partial_rotary_factor", share);
  c.n_rot = static_cast<std::uint32_t>(std::clamp(share, 0.0, 1.0) * c.head_dim);
  if (c.n_rot == 0 || c.n_rot % 2 != 0 || !(share > 0 && share <= 1))
    config.wrong(names.rotary_share, cat("a share of the head size ", c.head_dim, " that is an even number"));
  if (!(c.theta >= 1)) config.wrong(names.theta, "1 or more");
  if (config.error()) return;
  c.set("rope.dimension_count", c.n_rot);
  c.set("rope.freq_base", static_cast<float>(c.theta));
  if (!c.family.rope.local_theta.empty()) {
    const double theta = config.number_or(c.family.rope.local_theta, usual_theta);
    c.set("rope.freq_base_swa", static_cast<float>(local ? local->number_or("rope_theta", theta) : theta));
    if (local) local->expect("rope_type", "default|null");
  }
  if (scaling) write_scaling(c, *scaling, key);
  for (const std::optional<Config>& part : {scaling, local})
    if (part && part->error()) config.fail(*part->error());
}

}  // namespace quern::detail
