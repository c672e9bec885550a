// Hyper-parameters: what every family has, and the keys that families ask for.
#include "src/architectures/spec_builder.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "formats/printable.h"
#include "formats/try.h"
#include "src/base/math.h"

namespace quern::detail {
namespace {

using formats::cat;

// Bounds on single sizes. Far above any real model, and low enough that their products fit in 64 bits.
constexpr std::uint64_t max_dim = 1u << 20;
constexpr std::uint64_t max_heads = 1u << 14;
constexpr std::uint64_t max_head_dim = 1u << 14;
constexpr std::uint64_t max_context_size = 1u << 30;

}  // namespace

SpecBuilder::SpecBuilder(const formats::ModelFile& file, const Family& family)
    : file_(file),
      family_(family),
      used_(file.tensors().size(), false),
      asked_(file.metadata().entries().size(), false) {
  spec.architecture = family.name;
  for (const formats::Tensor& tensor : file.tensors()) spec.tensor_bytes += tensor.n_bytes;
}

Result<ModelSpec> SpecBuilder::build() {
  read_sizes();
  if (!error_) family_.build(*this);
  if (!error_) read_pooling();
  if (!error_) check_unused();
  if (!error_) check_unasked();
  if (error_) return *std::move(error_);
  return std::move(spec);
}

void SpecBuilder::fail(ErrorCode code, std::string field, std::string message) {
  if (!error_) error_ = Error{code, std::move(message), std::move(field)};
}

std::string SpecBuilder::key(std::string_view name) {
  std::string full = cat(family_.name, ".", name);
  if (const formats::MetadataEntry* entry = file_.metadata().find(full))
    asked_[static_cast<std::size_t>(entry - file_.metadata().entries().data())] = true;
  return full;
}

bool SpecBuilder::has(std::string_view name) { return file_.metadata().has(key(name)); }

std::uint64_t SpecBuilder::size(std::string_view name, std::uint64_t max) {
  const std::string full = key(name);
  const auto value = take(file_.metadata().unsigned_integer(full, max), std::uint64_t{1});
  if (value == 0) fail(ErrorCode::corrupt, full, cat("key '", full, "' is 0, expected 1 to ", max));
  return std::max(value, std::uint64_t{1});
}

std::uint64_t SpecBuilder::size_or(std::string_view name, std::uint64_t fallback, std::uint64_t max) {
  return take(file_.metadata().unsigned_integer_or(key(name), fallback, max), fallback);
}

float SpecBuilder::number(std::string_view name) {
  const std::string full = key(name);
  const auto value = static_cast<float>(take(file_.metadata().number(full), 1.0));
  if (!std::isfinite(value)) fail(ErrorCode::corrupt, full, cat("key '", full, "' does not fit in a float"));
  return value;
}

float SpecBuilder::number_or(std::string_view name, float fallback) {
  return has(name) ? number(name) : fallback;
}

std::string_view SpecBuilder::text_or(std::string_view name, std::string_view fallback) {
  return take(file_.metadata().string_or(key(name), fallback), fallback);
}

bool SpecBuilder::boolean(std::string_view name) { return take(file_.metadata().boolean(key(name)), false); }

bool SpecBuilder::boolean_or(std::string_view name, bool fallback) {
  return take(file_.metadata().boolean_or(key(name), fallback), fallback);
}

std::vector<std::int64_t> SpecBuilder::integers(std::string_view name) {
  return take(file_.metadata().integers(key(name)), std::vector<std::int64_t>{});
}

std::vector<std::uint32_t> SpecBuilder::per_layer(std::string_view name, std::uint64_t fallback,
                                                  std::uint64_t max) {
  const std::string full = key(name);
  const formats::MetadataEntry* entry = file_.metadata().find(full);
  if (!entry || entry->type != formats::ValueType::array)
    return std::vector<std::uint32_t>(spec.n_layers,
                                      static_cast<std::uint32_t>(size_or(name, fallback, max)));

  const auto values = take(file_.metadata().integers(full), std::vector<std::int64_t>{});
  std::vector<std::uint32_t> out(spec.n_layers, 1);
  if (failed()) return out;
  if (values.size() != spec.n_layers && values.size() != n_blocks_) {
    fail(ErrorCode::corrupt, full,
         cat("key '", full, "' has ", values.size(), " entries, expected one for each of ", spec.n_layers,
             " layers"));
    return out;
  }
  for (std::size_t n = 0; n < out.size(); ++n) {
    if (values[n] < 0 || static_cast<std::uint64_t>(values[n]) > max) {
      fail(ErrorCode::corrupt, full,
           cat("key '", full, "' has ", values[n], " at ", n, ", expected 0 to ", max));
      return out;
    }
    out[n] = static_cast<std::uint32_t>(values[n]);
  }
  return out;
}

void SpecBuilder::read_sizes() {
  spec.n_ctx_train = static_cast<std::uint32_t>(size("context_length", max_context_size));
  spec.dim = static_cast<std::uint32_t>(size("embedding_length", max_dim));
  n_blocks_ = size("block_count", max_layers);
  const std::uint64_t n_extra = size_or("nextn_predict_layers", 0, max_layers);
  if (n_extra >= n_blocks_) {
    fail(ErrorCode::corrupt, key("nextn_predict_layers"),
         cat("key '", key("nextn_predict_layers"), "' is ", n_extra, ", expected less than the ", n_blocks_,
             " blocks"));
    return;
  }
  spec.n_layers = static_cast<std::uint32_t>(n_blocks_ - n_extra);
  spec.layers.resize(spec.n_layers);
  hidden_dim_ = per_layer("feed_forward_length", 0, max_hidden_dim);
  n_heads_ = per_layer("attention.head_count", 0, max_heads);
  n_kv_heads_ = per_layer("attention.head_count_kv", 0, max_heads);
  if (!has("attention.head_count_kv")) n_kv_heads_ = n_heads_;
  if (failed()) return;

  const std::uint32_t heads = *std::max_element(n_heads_.begin(), n_heads_.end());
  if (heads != 0) {
    if (spec.dim % heads != 0 && !(has("attention.key_length") && has("attention.value_length"))) {
      fail(ErrorCode::corrupt, key("attention.head_count"),
           cat("key '", key("attention.head_count"), "' is ", heads, ", which does not divide '",
               key("embedding_length"), "' ", spec.dim, ", and no head size is given"));
      return;
    }
    const std::uint64_t even_share = std::clamp<std::uint64_t>(spec.dim / heads, 1, max_head_dim);
    k_dim_ = static_cast<std::uint32_t>(
        has("attention.key_length") ? size("attention.key_length", max_head_dim) : even_share);
    v_dim_ = static_cast<std::uint32_t>(
        has("attention.value_length") ? size("attention.value_length", max_head_dim) : even_share);
  }
}

std::vector<bool> SpecBuilder::local_layers(std::uint64_t default_period, bool global_first) {
  const formats::MetadataEntry* entry = file_.metadata().find(key("attention.sliding_window_pattern"));
  const bool is_array = entry && entry->type == formats::ValueType::array;
  const std::uint64_t period =
      is_array ? default_period : size_or("attention.sliding_window_pattern", default_period, max_layers);
  std::vector<bool> local(spec.n_layers);
  for (std::size_t n = 0; n < local.size(); ++n)
    local[n] = period == 0 || (global_first ? n % period != 0 : n % period + 1 < period);
  return local;
}

double SpecBuilder::rope_theta(std::string_view name, double fallback) {
  const double theta = has(name) ? double(number(name)) : fallback;
  if (theta >= 1) return theta;
  wrong(name, theta, "1 or more");
  return fallback;
}

int SpecBuilder::rope(const RopeOptions& options) {
  RopeSpec rope;
  if (k_dim_ == 0) wrong("attention.head_count", 0, "at least one head");
  rope.kind = options.kind;
  rope.n_rot = static_cast<std::uint32_t>(size_or("rope.dimension_count", k_dim_, max_head_dim));
  if (rope.n_rot == 0 || rope.n_rot % 2 != 0 || rope.n_rot > k_dim_) {
    fail(ErrorCode::corrupt, key("rope.dimension_count"),
         cat("key '", key("rope.dimension_count"), "' is ", rope.n_rot,
             ", expected an even number up to the head size ", k_dim_));
  }
  rope.theta = rope_theta(options.theta_key, options.theta);
  rope.attn_factor = number_or("rope.scaling.attn_factor", 1);
  if (!(rope.attn_factor > 0)) wrong("rope.scaling.attn_factor", rope.attn_factor, "more than 0");
  rope.original_context = has("rope.scaling.original_context_length")
                              ? size("rope.scaling.original_context_length", max_context_size)
                              : spec.n_ctx_train;

  const auto type =
      take(file_.metadata().string_or(key("rope.scaling.type"), "linear"), std::string_view("linear"));
  if (type != "linear" && type != "none" && type != "yarn" && type != "longrope") {
    fail(ErrorCode::unsupported, key("rope.scaling.type"),
         cat("key '", key("rope.scaling.type"), "' is '", formats::printable(type),
             "', expected none, linear, yarn or longrope"));
  }
  const std::string_view factor_key =
      has("rope.scaling.factor") ? "rope.scaling.factor" : "rope.scale_linear";
  const float factor = number_or(factor_key, static_cast<float>(options.factor));
  if (factor != 0 && !(factor >= min_rope_divisor && factor <= max_rope_divisor))
    wrong(factor_key, factor, "0 (none) or something between 2^-10 and 2^20");
  if (type != "none" && factor > 0) rope.freq_scale = 1.0 / factor;
  rope.yarn = type == "yarn";
  if (rope.yarn && rope.theta == 1) wrong(options.theta_key, rope.theta, "more than 1 with yarn scaling");
  const std::uint64_t n_pairs = rope.n_rot / 2;
  if (options.factors) rope.factors = vector("rope_freqs.weight", n_pairs, Presence::optional);
  if (options.long_factors && !rope.factors) {
    const Presence presence = type == "longrope" ? Presence::required : Presence::optional;
    rope.long_factors = vector("rope_factors_long.weight", n_pairs, presence);
    rope.short_factors = vector("rope_factors_short.weight", n_pairs, presence);
  } else if (type == "longrope") {
    fail(ErrorCode::unsupported, key("rope.scaling.type"),
         cat("key '", key("rope.scaling.type"), "' is 'longrope', which architecture '", family_.name,
             "' does not have"));
  }
  return add_rope(rope);
}

int SpecBuilder::full_rope(const RopeOptions& options) {
  const int index = rope(options);
  const std::uint32_t n_rot = spec.ropes[static_cast<std::size_t>(index)].n_rot;
  if (n_rot != k_dim_) wrong("rope.dimension_count", n_rot, cat("the head size ", k_dim_));
  return index;
}

int SpecBuilder::add_rope(const RopeSpec& rope) {
  spec.ropes.push_back(rope);
  return static_cast<int>(spec.ropes.size()) - 1;
}

int SpecBuilder::relative_bias(std::string_view name, std::uint64_t n_buckets, bool both_sides,
                               Presence presence) {
  constexpr std::uint64_t max_distance = RelativeBias::max_distance;
  const std::uint64_t n = both_sides ? n_buckets / 2 : n_buckets, n_near = n / 2;
  if (n_near == 0 || n_near >= max_distance) {
    wrong("attention.relative_buckets_count", n_buckets, "4 to 255");
    return -1;
  }
  RelativeBias bias;
  bias.values = vector(cat(prefix_, name, ".weight"), n_heads_[layer_], presence, n_buckets);
  if (!bias.values) return -1;
  for (std::uint64_t r = 0; r <= max_distance; ++r) {
    std::uint64_t bucket = r;
    if (r >= n_near) {
      // Distances that are powers of a bucket's width fall on its edge, whatever way their logarithms round.
      constexpr double on_the_edge = 1e-6;
      const double share = ln(double(r) / double(n_near)) / ln(double(max_distance) / double(n_near));
      const double beyond = share * double(n - n_near) + on_the_edge;
      bucket = std::min(n - 1, n_near + static_cast<std::uint64_t>(beyond));
    }
    bias.back[r] = static_cast<std::uint16_t>(bucket);
    bias.ahead[r] = static_cast<std::uint16_t>(both_sides ? n + bucket : 0);
  }
  spec.relative_biases.push_back(bias);
  return static_cast<int>(spec.relative_biases.size()) - 1;
}

std::vector<float> alibi_slopes(std::uint32_t n_heads, float max_bias) {
  const std::uint32_t power_of_two = std::bit_floor(n_heads);
  std::vector<float> slopes(n_heads);
  for (std::uint32_t h = 0; h < n_heads; ++h) {
    const double exponent = h < power_of_two
                                ? -double(max_bias) * (h + 1) / power_of_two
                                : -double(max_bias) / 2 * (2 * (h - power_of_two) + 1) / power_of_two;
    slopes[h] = static_cast<float>(exp(exponent * ln_2));
  }
  return slopes;
}

}  // namespace quern::detail
