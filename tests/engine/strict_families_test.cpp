// What a family does not know is an error that names it, in every family: a key, a tensor, a rotary scaling;
// and so is a tensor that is missing.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/engine/changed_model.h"

namespace quern::test {
namespace {

using formats::GgufContents;
using formats::ModelFile;
using formats::Tensor;
using formats::TensorType;

void expect_refusal(const Result<detail::ModelSpec>& spec, ErrorCode code, const std::string& field) {
  ASSERT_FALSE(spec) << field;
  EXPECT_EQ(spec.error().code, code) << spec.error().message;
  EXPECT_EQ(spec.error().field, field) << spec.error().message;
  EXPECT_NE(spec.error().message.find(field), std::string::npos) << spec.error().message;
}

TEST(StrictFamilies, NothingIsPassedOverInSilence) {
  for (const auto& [name, path] : golden_models()) {
    SCOPED_TRACE(name);
    const ModelFile file = ModelFile::open(path).value();
    const std::string prefix = std::string(*file.metadata().string("general.architecture")) + ".";
    EXPECT_TRUE(changed(file, [](GgufContents&) {}));

    const std::string key = prefix + "attention.surprise", scaling = prefix + "rope.scaling.type";
    expect_refusal(changed(file, [&](GgufContents& c) { c.set(key, 2.0f); }), ErrorCode::unsupported, key);
    expect_refusal(changed(file, [&](GgufContents& c) { c.set(key, std::string_view("on")); }),
                   ErrorCode::unsupported, key);
    EXPECT_TRUE(changed(file, [&](GgufContents& c) { c.set(key, false); })) << "what is off asks for nothing";
    expect_refusal(changed(file, [&](GgufContents& c) { c.set(scaling, std::string_view("surprise")); }),
                   ErrorCode::unsupported, scaling);
    for (const char* tensor : {"surprise.weight", "blk.0.surprise.weight", "token_embd.scale"})
      expect_refusal(changed(file, [&](GgufContents& c) { c.add_tensor(tensor, TensorType::f32, {4}); }),
                     ErrorCode::unsupported, tensor);
  }
}

TEST(StrictFamilies, AKeyThatSaysOnlyWhatIsSoAnywayIsNoError) {
  const struct {
    const char *model, *key;
    float value;
    bool confirms;
  } cases[] = {
      {"llama", "rope.freq_base_swa", 10000, true},
      {"llama", "rope.freq_base_swa", 1000, false},
      {"llama", "rope.dimension_count_swa", 16, true},
      {"llama", "rope.dimension_count_swa", 8, false},
      {"llama", "attention.key_length_swa", 16, true},
      {"llama", "attention.key_length_swa", 32, false},
      {"llama", "attention.value_length_swa", 32, false},
      {"llama", "embedding_length_out", 64, true},
      {"llama", "embedding_length_out", 32, false},
      {"llama", "expert_used_count", 2, true},  // of no experts
      {"lfm2", "expert_count", 2, false},       // of a family that has none
      {"lfm2", "expert_weights_scale", 2.5, true},
      {"qwen3moe", "expert_weights_scale", 1, true},
      {"qwen3moe", "expert_weights_scale", 2.5, false},
      {"llama", "residual_scale", 0.5, false},
      {"llama", "attention.scale", 0.25, true},  // heads of 16
      {"llama", "attention.scale", 0.125, false},
      {"bert", "rope.freq_base", 1000, true},  // nothing turns
      {"bert", "rope.scaling.factor", 4, false},
      {"granite-no-positions", "rope.dimension_count", 4, true},
      {"deepseek2-one-group", "expert_group_used_count", 3, true},
  };
  const auto paths = golden_models();
  for (const auto& c : cases) {
    SCOPED_TRACE(std::string(c.model) + " " + c.key + " " + std::to_string(c.value));
    const ModelFile file = ModelFile::open(paths.at(c.model)).value();
    const std::string key = std::string(*file.metadata().string("general.architecture")) + "." + c.key;
    const auto spec = changed(file, [&](GgufContents& contents) {
      const auto whole = static_cast<std::uint32_t>(c.value);
      if (static_cast<float>(whole) == c.value)
        contents.set(key, whole);
      else
        contents.set(key, c.value);
    });
    if (c.confirms)
      EXPECT_TRUE(spec) << spec.error().message;
    else
      expect_refusal(spec, ErrorCode::unsupported, key);
  }
}

/// By the last part of a name: what some families have and others do not.
bool is_optional(std::string_view tensor) {
  constexpr std::string_view endings[] = {
      "output.weight",    "output.bias",   "rope_freqs.weight", "ffn_gate.weight", "attn_qkv.bias",
      "attn_output.bias", "ffn_gate.bias", "ffn_up.bias",       "ffn_down.bias",   "exp_probs_b.bias",
      "ssm_conv1d.bias",  "ssm_dt.bias",   "ffn.act.scales"};
  return std::ranges::any_of(endings, [&](std::string_view ending) { return tensor.ends_with(ending); });
}

TEST(StrictFamilies, OnlyWhatIsOptionalMayBeMissing) {
  for (const auto& [name, path] : golden_models()) {
    const ModelFile file = ModelFile::open(path).value();
    std::size_t n_refused = 0;
    for (const Tensor& tensor : file.tensors()) {
      const auto spec = changed(
          file, [](GgufContents&) {}, tensor.name);
      if (spec) {
        EXPECT_TRUE(is_optional(tensor.name)) << name << " runs without " << tensor.name;
        continue;
      }
      // Without a tensor that tells which of two forms this is, one of the other form is missing, or left
      // over.
      EXPECT_TRUE(spec.error().message.starts_with("tensor '")) << spec.error().message;
      n_refused += spec.error().field == tensor.name;
    }
    EXPECT_GT(n_refused, file.tensors().size() / 2) << name;
  }
}

}  // namespace
}  // namespace quern::test
