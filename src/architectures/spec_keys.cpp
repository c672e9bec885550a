// Hyper-parameters that nothing asked for. A model whose file asks for arithmetic that is not there would
// speak fluent nonsense, so such a key is an error, unless it is known to change no logit or is switched off.
#include <algorithm>

#include "formats/printable.h"
#include "formats/try.h"
#include "src/architectures/spec_builder.h"

namespace quern::detail {
namespace {

// Read elsewhere, told by the tensors, or written by converters to families that have no use for them.
constexpr std::string_view without_effect[] = {
    "attention.layer_norm_epsilon",
    "attention.layer_norm_rms_epsilon",
    "classifier.output_labels",
    "pooling_type",
    "rope.scale_linear",
    "rope.scaling.finetuned",
    "rope.scaling.yarn_attn_factor",
    "rope.scaling.yarn_beta_fast",
    "rope.scaling.yarn_beta_slow",
    "rope.scaling.yarn_ext_factor",
    "tensor_data_layout",
    "use_parallel_residual",
    "vocab_size",
};

/// False, zero or empty.
bool is_off(const formats::MetadataEntry& entry) {
  if (const auto* flag = std::get_if<bool>(&entry.value)) return !*flag;
  if (const auto* natural = std::get_if<std::uint64_t>(&entry.value)) return *natural == 0;
  if (const auto* integer = std::get_if<std::int64_t>(&entry.value)) return *integer == 0;
  if (const auto* number = std::get_if<double>(&entry.value)) return *number == 0;
  if (const auto* text = std::get_if<std::string_view>(&entry.value)) return text->empty();
  return std::get<formats::MetadataArray>(entry.value).size == 0;
}

}  // namespace

void SpecBuilder::check_unasked() {
  const std::string prefix = formats::cat(family_.name, ".");
  const auto entries = file_.metadata().entries();
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (asked_[i] || !entries[i].key.starts_with(prefix)) continue;
    const std::string_view name = entries[i].key.substr(prefix.size());
    if (is_off(entries[i]) || std::ranges::find(without_effect, name) != std::end(without_effect)) continue;
    const std::string full = formats::printable(entries[i].key);
    fail(ErrorCode::unsupported, full,
         formats::cat("key '", full, "' has no part in architecture '", family_.name,
                      "' as this build computes it"));
    return;
  }
}

}  // namespace quern::detail
