// Files that hold, beside the model of text, a part that reads images: the text's part runs as if it were
// alone, and nothing else passes for such a part.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "tests/engine/changed_model.h"

namespace quern::test {
namespace {

using formats::GgufContents;
using formats::ModelFile;
using formats::TensorType;

TEST(ImageParts, AreSetAsideInEveryFamily) {
  for (const auto& [name, path] : golden_models()) {
    SCOPED_TRACE(name);
    const ModelFile file = ModelFile::open(path).value();
    const std::string prefix = std::string(*file.metadata().string("general.architecture")) + ".";
    const auto spec = changed(file, [&](GgufContents& c) {
      c.set(prefix + "vision.block_count", 27u);
      c.set(prefix + "vision.attention.layer_norm_epsilon", 1e-6f);
      c.set(prefix + "vision.image_mean", std::array{0.5f, 0.5f, 0.5f});
      c.set(prefix + "mm.tokens_per_image", 256u);
      c.set(prefix + "image_token_id", 7u);
      c.set(prefix + "vision_start_token_id", 8u);
      c.set(prefix + "vision_end_token_id", 9u);
      c.add_tensor("v.patch_embedding.weight", TensorType::f16, {14, 14, 3, 8});
      c.add_tensor("v.blk.0.attn_q.weight", TensorType::f32, {8, 8});
      c.add_tensor("mm.mm_input_projection.weight", TensorType::f32, {8, 64});
    });
    if (name == "gemma3") continue;  // these keys change its form, see below
    ASSERT_TRUE(spec) << spec.error().message;
    EXPECT_EQ(spec->n_image_tensors, 3u);
    EXPECT_EQ(changed(file, [](GgufContents&) {})->n_image_tensors, 0u);
    for (const char* tensor : {"vision.weight", "v", "mmx.weight", "blk.0.v.weight"}) {
      const auto other = changed(file, [&](GgufContents& c) { c.add_tensor(tensor, TensorType::f32, {4}); });
      ASSERT_FALSE(other) << tensor;
      EXPECT_EQ(other.error().field, tensor);
    }
  }
}

TEST(ImageParts, TokensThatStandForImagesNeedNoEmbedding) {
  const ModelFile file = ModelFile::open(golden_models().at("llama")).value();
  const auto listed = file.metadata().strings("tokenizer.ggml.tokens").value();
  std::vector<std::string> tokens(listed.begin(), listed.end());
  tokens.push_back("<image_soft_token>");
  const auto without = changed(file, [&](GgufContents& c) { c.set("tokenizer.ggml.tokens", tokens); });
  ASSERT_FALSE(without);
  EXPECT_EQ(without.error().field, "token_embd.weight");
  const auto with = changed(file, [&](GgufContents& c) {
    c.set("tokenizer.ggml.tokens", tokens);
    c.add_tensor("v.patch_embedding.weight", TensorType::f32, {8});
  });
  ASSERT_TRUE(with) << with.error().message;
  EXPECT_EQ(with->n_vocab + 1, tokens.size());
}

/// gemma3 of so many layers, whose keys `change` sets beside those that all its files have.
Result<detail::ModelSpec> gemma3(std::uint32_t n_layers, const std::function<void(GgufContents&)>& change) {
  GgufContents contents;
  contents.set("general.architecture", std::string_view("gemma3"));
  for (const auto& [key, value] : {std::pair{"context_length", 512u},
                                   {"embedding_length", 32u},
                                   {"feed_forward_length", 32u},
                                   {"attention.head_count", 2u},
                                   {"attention.head_count_kv", 1u},
                                   {"attention.key_length", 16u},
                                   {"attention.value_length", 16u},
                                   {"attention.sliding_window", 8u},
                                   {"block_count", n_layers}})
    contents.set(std::string("gemma3.") + key, value);
  change(contents);
  contents.add_tensor("token_embd.weight", TensorType::f32, {32, 40});
  contents.add_tensor("output_norm.weight", TensorType::f32, {32});
  for (std::uint32_t n = 0; n < n_layers; ++n) {
    const std::string block = "blk." + std::to_string(n) + ".";
    for (const char* name : {"attn_norm", "ffn_norm", "post_attention_norm", "post_ffw_norm"})
      contents.add_tensor(block + name + ".weight", TensorType::f32, {32});
    for (const char* name : {"attn_q_norm", "attn_k_norm"})
      contents.add_tensor(block + name + ".weight", TensorType::f32, {16});
    for (const char* name : {"attn_k", "attn_v"})
      contents.add_tensor(block + name + ".weight", TensorType::f32, {32, 16});
    for (const char* name : {"attn_q", "attn_output", "ffn_gate", "ffn_up", "ffn_down"})
      contents.add_tensor(block + name + ".weight", TensorType::f32, {32, 32});
  }
  const auto encoded = contents.encode().value();
  std::vector<std::byte> bytes = encoded.header;
  for (const std::uint64_t n : encoded.tensor_bytes)
    bytes.resize(bytes.size() + (n + encoded.alignment - 1) / encoded.alignment * encoded.alignment);
  return detail::read_model_spec(ModelFile::from_bytes(bytes).value());
}

void expect_same_arithmetic(const Result<detail::ModelSpec>& a, const Result<detail::ModelSpec>& b) {
  ASSERT_TRUE(a) << a.error().message;
  ASSERT_TRUE(b) << b.error().message;
  ASSERT_EQ(a->ropes.size(), b->ropes.size());
  for (std::size_t i = 0; i < a->ropes.size(); ++i) {
    EXPECT_EQ(a->ropes[i].theta, b->ropes[i].theta) << i;
    EXPECT_EQ(a->ropes[i].freq_scale, b->ropes[i].freq_scale) << i;
  }
  EXPECT_EQ(a->output_norm.eps, b->output_norm.eps);
  EXPECT_EQ(a->logit_cap, b->logit_cap);
  for (std::size_t n = 0; n < a->layers.size(); ++n) {
    const auto &x = std::get<detail::AttentionSpec>(a->layers[n].mixer),
               &y = std::get<detail::AttentionSpec>(b->layers[n].mixer);
    EXPECT_EQ(x.rope, y.rope);
    EXPECT_EQ(x.window, y.window);
    EXPECT_EQ(x.scale, y.scale);
  }
}

// What Gemma 3's configurations say, by the usual keys.
void say_all(GgufContents& c, float factor) {
  c.set("gemma3.attention.layer_norm_rms_epsilon", 1e-6f);
  c.set("gemma3.rope.freq_base", 1e6f);
  c.set("gemma3.rope.freq_base_swa", 10000.0f);
  c.set("gemma3.rope.scaling.type", std::string_view("linear"));
  c.set("gemma3.rope.scaling.factor", factor);
}

TEST(ImageParts, Gemma3LeavesOutWhatItsModelsShare) {
  for (const std::uint32_t n_layers : {34u, 48u, 62u}) {
    SCOPED_TRACE(n_layers);
    expect_same_arithmetic(
        gemma3(n_layers, [](GgufContents& c) { c.set("gemma3.mm.tokens_per_image", 256u); }),
        gemma3(n_layers, [](GgufContents& c) { say_all(c, 8); }));
  }
  // Without that form an epsilon is required.
  const auto plain = gemma3(34, [](GgufContents&) {});
  ASSERT_FALSE(plain);
  EXPECT_EQ(plain.error().field, "gemma3.attention.layer_norm_rms_epsilon");
}

TEST(ImageParts, Gemma3HasKeysOfItsOwnForRotaryBases) {
  const auto own_keys = [](GgufContents& c) {  // as in files of the 1B model
    c.set("gemma3.attention.layer_norm_rms_epsilon", 1e-6f);
    c.set("gemma3.rope.global.freq_base", 1e6f);
    c.set("gemma3.rope.local.freq_base", 10000.0f);
    c.set("gemma3.final_logit_softcapping", 30.0f);
  };
  expect_same_arithmetic(gemma3(26, own_keys), gemma3(26, [](GgufContents& c) { say_all(c, 1); }));
  // What such a file says goes before what its models share.
  const auto other_values = [](GgufContents& c) {
    c.set("gemma3.attention.layer_norm_rms_epsilon", 1e-5f);
    c.set("gemma3.rope.freq_base", 5e5f);
    c.set("gemma3.rope.local.freq_base", 2000.0f);
    c.set("gemma3.rope.scaling.factor", 4.0f);
    c.set("gemma3.final_logit_softcapping", 20.0f);
  };
  expect_same_arithmetic(gemma3(34, other_values), gemma3(34, [](GgufContents& c) {
                           say_all(c, 4);
                           c.set("gemma3.attention.layer_norm_rms_epsilon", 1e-5f);
                           c.set("gemma3.rope.freq_base", 5e5f);
                           c.set("gemma3.rope.freq_base_swa", 2000.0f);
                           c.set("gemma3.final_logit_softcapping", 20.0f);
                         }));
}

TEST(ImageParts, Qwen35FilesWithThemNameThingsTwice) {
  const ModelFile file = ModelFile::open(golden_models().at("qwen35")).value();
  const auto plain = changed(file, [](GgufContents&) {});
  const std::vector<std::int64_t> sections = *file.metadata().integers("qwen35.rope.dimension_sections");
  ASSERT_EQ(sections.size(), 4u);
  const std::vector<std::int32_t> three(sections.begin(), sections.begin() + 3);
  const auto with = [&](bool interleaved, bool reordered) {
    return changed(
        file,
        [&](GgufContents& c) {
          if (sections[3] == 0) c.set("qwen35.rope.dimension_sections", three);
          c.set("qwen35.mrope_sections", three);
          c.set("qwen35.rope.mrope_section", three);
          c.set("qwen35.rope.mrope_interleaved", interleaved);
          c.set("qwen35.ssm.v_head_reordered", reordered);
          // 0: a layer whose state is a delta net's
          std::vector<std::uint32_t> kv_heads(plain->n_layers, 0);
          for (std::size_t n = 0; n < kv_heads.size(); ++n)
            if (const auto* a = std::get_if<detail::AttentionSpec>(&plain->layers[n].mixer))
              kv_heads[n] = a->n_kv_heads;
          c.set("qwen35.attention.head_count_kv", kv_heads);
          const formats::Tensor& dt = *file.find("blk.0.ssm_dt.bias");
          c.add_tensor("blk.0.ssm_dt", dt.type, std::span(dt.dims).first(dt.n_dims));
        },
        "blk.0.ssm_dt.bias");
  };
  const auto spec = with(true, true);
  ASSERT_TRUE(spec) << spec.error().message;
  EXPECT_EQ(spec->ropes[0].sections, plain->ropes[0].sections);
  EXPECT_TRUE(std::get<detail::DeltaNetSpec>(spec->layers[0].mixer).dt_bias);
  EXPECT_EQ(with(false, true).error().field, "qwen35.rope.mrope_interleaved");
  EXPECT_EQ(with(true, false).error().field, "qwen35.ssm.v_head_reordered");
}

}  // namespace
}  // namespace quern::test
