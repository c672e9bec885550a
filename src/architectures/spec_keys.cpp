// Hyper-parameters that nothing asked for. A model whose file asks for arithmetic that is not there would
// speak fluent nonsense, so such a key is an error, unless it is known to change no logit or is switched off.
#include <algorithm>
#include <cmath>

#include "formats/printable.h"
#include "formats/try.h"
#include "src/architectures/spec_builder.h"

namespace quern::detail {
namespace {

// Read elsewhere, told by the tensors, or written by converters to families that have no use for them: those
// that do not ask for a window are defined without one, whatever the training code had. Beside these, what
// confirms what the spec says anyway (see confirms()).
constexpr std::string_view without_effect[] = {
    "attention.layer_norm_epsilon",
    "attention.layer_norm_rms_epsilon",
    "attention.sliding_window",
    "attention.sliding_window_pattern",
    "classifier.output_labels",
    "normalize_embeddings",
    "pooling_type",
    "rope.scale_linear",
    "rope.scaling.finetuned",
    "rope.scaling.yarn_attn_factor",
    "rope.scaling.yarn_beta_fast",
    "rope.scaling.yarn_beta_slow",
    "rope.scaling.yarn_ext_factor",
    "rope.scaling.yarn_log_multiplier",
    "tensor_data_layout",
    "use_parallel_residual",
    "vocab_size",
};

/// Of a part that reads images, whose tensors are set aside (see check_unused()).
bool is_image_key(std::string_view name) {
  constexpr std::string_view tokens[] = {"image_token_id", "vision_start_token_id", "vision_end_token_id"};
  return name.starts_with("vision.") || name.starts_with("mm.") ||
         std::ranges::find(tokens, name) != std::end(tokens);
}

/// False, zero or empty.
bool is_off(const formats::MetadataEntry& entry) {
  if (const auto* flag = std::get_if<bool>(&entry.value)) return !*flag;
  if (const auto* natural = std::get_if<std::uint64_t>(&entry.value)) return *natural == 0;
  if (const auto* integer = std::get_if<std::int64_t>(&entry.value)) return *integer == 0;
  if (const auto* number = std::get_if<double>(&entry.value)) return *number == 0;
  if (const auto* text = std::get_if<std::string_view>(&entry.value)) return text->empty();
  return std::get<formats::MetadataArray>(entry.value).size == 0;
}

bool has_experts(const ModelSpec& spec) {
  return std::ranges::any_of(
      spec.layers, [](const LayerSpec& layer) { return std::holds_alternative<ExpertsSpec>(layer.ffn); });
}

bool scores_are_scaled_by(const ModelSpec& spec, double scale) {
  return std::ranges::all_of(spec.layers, [&](const LayerSpec& layer) {
    const auto* attention = std::get_if<AttentionSpec>(&layer.mixer);
    return !attention || std::fabs(attention->scale - scale) <= 1e-6 * scale;
  });
}

}  // namespace

bool SpecBuilder::confirms(std::string_view name, const formats::MetadataEntry& entry) const {
  const auto says = [&](double value) {
    const auto said = file_.metadata().number(entry.key);
    return said && *said == value;
  };
  for (const std::string_view scale :
       {"embedding_scale", "residual_scale", "logit_scale", "expert_weights_scale"})
    if (name == scale && says(1)) return true;
  if (name == "attention.scale") {
    const auto scale = file_.metadata().number(entry.key);
    return scale && scores_are_scaled_by(spec, *scale);
  }
  // Window layers of their own size or base, in a family whose layers are all alike.
  if (name == "attention.key_length_swa") return says(k_dim_);
  if (name == "attention.value_length_swa") return says(v_dim_);
  if (name == "embedding_length_out") {
    const auto& dense = spec.embedding.dense;
    return says(static_cast<double>(dense.empty() ? spec.dim : dense.back().matrix.n_rows));
  }
  if (!spec.ropes.empty()) {
    if (name == "rope.freq_base_swa") return says(spec.ropes[0].theta);
    if (name == "rope.dimension_count_swa") return says(spec.ropes[0].n_rot);
  } else if (name == "rope.freq_base" || name == "rope.dimension_count") {
    return true;  // nothing turns
  }
  return !has_experts(spec) && name != "expert_count" && name.starts_with("expert_");
}

void SpecBuilder::check_unasked() {
  const std::string prefix = formats::cat(family_.name, ".");
  const auto entries = file_.metadata().entries();
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (asked_[i] || !entries[i].key.starts_with(prefix)) continue;
    const std::string_view name = entries[i].key.substr(prefix.size());
    if (is_off(entries[i]) || std::ranges::find(without_effect, name) != std::end(without_effect)) continue;
    if (confirms(name, entries[i]) || is_image_key(name)) continue;
    const std::string full = formats::printable(entries[i].key);
    fail(ErrorCode::unsupported, full,
         formats::cat("key '", full, "' has no part in architecture '", family_.name,
                      "' as this build computes it"));
    return;
  }
}

}  // namespace quern::detail
