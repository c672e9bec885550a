// What converters write into files of each family beyond what the golden models hold: all of it must load,
// and none of it may change what is computed.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "tests/engine/changed_model.h"

namespace quern::test {
namespace {

using formats::GgufContents;
using formats::ModelFile;
using formats::TensorType;

// Keys as a converter sets them: of the architecture by their name alone, others in full.
class Additions {
 public:
  Additions(GgufContents& contents, std::string prefix) : contents_(contents), prefix_(std::move(prefix)) {}
  template <typename T>
  Additions& key(std::string_view name, const T& value) {
    contents_.set(prefix_ + std::string(name), value);
    return *this;
  }
  Additions& key(std::string_view name, const char* text) { return key(name, std::string_view(text)); }
  template <typename T>
  Additions& other(std::string_view name, const T& value) {
    contents_.set(name, value);
    return *this;
  }
  Additions& other(std::string_view name, const char* text) { return other(name, std::string_view(text)); }
  Additions& tensor(std::string_view name, std::initializer_list<std::uint64_t> dims) {
    contents_.add_tensor(name, TensorType::f32, dims);
    return *this;
  }

 private:
  GgufContents& contents_;
  std::string prefix_;
};

// Beside every family: where a file comes from, how it was quantized, and what only a user interface reads.
void add_what_any_file_has(Additions& file) {
  const std::array<std::string_view, 2> words = {"text-generation", "chat"};
  const std::array<std::int32_t, 2> suppressed = {5, 9};
  file.other("general.type", "model")
      .other("general.basename", "Llama")
      .other("general.finetune", "Instruct");
  file.other("general.size_label", "8x7B")
      .other("general.version", "v0.1")
      .other("general.author", "someone");
  file.other("general.organization", "Some Org").other("general.description", "what it is for");
  file.other("general.license", "apache-2.0").other("general.license.link", "https://example.org/LICENSE");
  file.other("general.url", "https://example.org")
      .other("general.uuid", "f0e1")
      .other("general.doi", "10.1/x");
  file.other("general.source.huggingface.repository", "org/model").other("general.repo_url", "https://a.b");
  file.other("general.base_model.count", 1u).other("general.base_model.0.name", "Base");
  file.other("general.dataset.count", 1u).other("general.dataset.0.name", "Data");
  file.other("general.tags", words).other("general.languages", words).other("general.datasets", words);
  file.other("general.file_type", 15u).other("general.quantization_version", 2u);
  file.other("general.quantized_by", "someone").other("general.sampling.temp", 0.6f);
  file.other("general.sampling.top_k", std::int32_t{20});
  file.other("quantize.imatrix.file", "imatrix.dat").other("quantize.imatrix.dataset", "calibration.txt");
  file.other("quantize.imatrix.entries_count", std::int32_t{224});
  file.other("quantize.imatrix.chunks_count", std::int32_t{125});
  file.other("tokenizer.chat_template", "{{ messages }}")
      .other("tokenizer.chat_template.tool_use", "{{ 1 }}");
  file.other("tokenizer.chat_templates", words).other("tokenizer.huggingface.json", "{}");
  file.other("tokenizer.ggml.suppress_tokens", suppressed).other("tokenizer.ggml.eot_token_id", 2u);
  file.key("vocab_size", 320u).key("rope.scaling.finetuned", true);
}

struct RealFile {
  const char* model;
  void (*add)(Additions&);
};

const RealFile real_files[] = {
    {"llama",
     [](Additions& f) {
       f.key("attention.sliding_window", 4096u).key("rope.dimension_count", 16u);  // Mistral 0.1
       f.key("attention.key_length", 16u).key("attention.value_length", 16u).key("rope.freq_base", 10000.0f);
       f.key("tensor_data_layout", "Meta AI original pth")
           .key("expert_count", 0u)
           .key("rope.scale_linear", 1.0f);
       f.key("attention.scale", 0.25f).key("embedding_scale", 1.0f).key("residual_scale", 1.0f);
       f.key("logit_scale", 1.0f).key("pooling_type", 3u).tensor("rope_freqs.weight", {8});
     }},
    {"llama",
     [](Additions& f) {
       f.key("rope.scaling.type", "yarn").key("rope.scaling.factor", 1.0f).key("attention.causal", true);
       f.key("rope.scaling.original_context_length", 32u).key("rope.scaling.yarn_log_multiplier", 0.1f);
       f.key("rope.scaling.yarn_ext_factor", 1.0f).key("rope.scaling.yarn_attn_factor", 1.0f);
       f.key("rope.scaling.yarn_beta_fast", 32.0f).key("rope.scaling.yarn_beta_slow", 1.0f);
     }},
    {"mixtral",
     [](Additions& f) {
       f.key("attention.sliding_window", 4096u).key("expert_feed_forward_length", 96u);
       f.key("expert_gating_func", 1u).key("expert_weights_scale", 1.0f).key("expert_weights_norm", true);
     }},
    {"internlm2",
     [](Additions& f) { f.key("rope.scaling.type", "linear").key("rope.scaling.factor", 1.0f); }},
    {"smollm3", [](Additions& f) { f.key("rope.dimension_count", 16u).key("rope.scaling.type", "none"); }},
    {"granite", [](Additions& f) { f.key("rope.dimension_count", 16u).key("expert_count", 0u); }},
    {"granitemoe", [](Additions& f) { f.key("expert_gating_func", 1u); }},
    {"qwen2",
     [](Additions& f) {
       f.key("attention.sliding_window", 131072u).key("use_parallel_residual", true).key("pooling_type", 3u);
       f.key("attention.layer_norm_epsilon", 1e-6f).tensor("output.bias", {320});
     }},
    {"qwen2moe",
     [](Additions& f) { f.key("attention.sliding_window", 32768u).key("norm_top_k_prob", false); }},
    {"qwen3",
     [](Additions& f) {
       const std::array<std::string_view, 2> labels = {"yes", "no"};
       f.key("pooling_type", 4u).key("classifier.output_labels", labels).tensor("cls.output.weight", {64, 2});
       f.key("attention.sliding_window", 32768u).key("rope.dimension_count", 32u);
     }},
    {"qwen3moe",
     [](Additions& f) {
       const std::array<bool, 3> pattern = {false, false, false};
       f.key("attention.sliding_window_pattern", pattern).key("norm_top_k_prob", true);
       f.key("expert_weights_scale", 1.0f).key("expert_gating_func", 1u).key("expert_group_count", 1u);
       f.key("expert_group_used_count", 1u);
     }},
    {"gemma",
     [](Additions& f) {
       f.key("rope.dimension_count", 32u).tensor("output.weight", {64, 320});
     }},
    {"gemma2",
     [](Additions& f) {
       f.tensor("output.weight", {64, 320});
     }},
    {"gemma3",
     [](Additions& f) {
       f.key("rope.freq_base_swa", 10000.0f).key("attention.sliding_window_pattern", 6u);
       f.key("attention.key_length_swa", 32u).key("attention.value_length_swa", 32u);
       f.key("final_logit_softcapping", 0.0f);
     }},
    {"gemma-embedding",
     [](Additions& f) {
       f.key("rope.freq_base_swa", 10000.0f).key("embedding_length_out", 48u).key("attention.causal", false);
       f.key("dense_2_feat_in", 64u).key("dense_2_feat_out", 96u).tensor("dense_2.weight", {64, 96});
       f.key("dense_3_feat_in", 96u).key("dense_3_feat_out", 48u).tensor("dense_3.weight", {96, 48});
     }},
    {"phi2", [](Additions& f) { f.key("use_parallel_residual", true); }},
    {"phi3",
     [](Additions& f) { f.key("attention.sliding_window", 262144u).key("rope.scaling.type", "longrope"); }},
    {"starcoder2", [](Additions& f) { f.key("attention.sliding_window", 4096u); }},
    {"gpt2", [](Additions& f) { f.key("rope.dimension_count", 16u).key("rope.freq_base", 10000.0f); }},
    {"gptneox", [](Additions& f) { f.key("tensor_data_layout", "Reference"); }},
    {"falcon", [](Additions& f) { f.key("tensor_data_layout", "jploski").key("rope.dimension_count", 16u); }},
    {"mpt",
     [](Additions& f) {
       f.tensor("output.weight", {96, 320}).tensor("position_embd.weight", {96, 512});
     }},
    {"stablelm", [](Additions& f) { f.key("use_parallel_residual", false); }},
    {"olmo2", [](Additions& f) { f.key("rope.dimension_count", 16u).key("attention.sliding_window", 0u); }},
    {"olmo3",
     [](Additions& f) {
       const std::array<bool, 5> pattern = {true, true, true, false, true};
       f.key("attention.sliding_window_pattern", pattern).key("rope.scaling.yarn_beta_fast", 32.0f);
     }},
    {"exaone4",
     [](Additions& f) {
       const std::array<bool, 4> pattern = {true, true, true, false};
       f.key("attention.sliding_window", 4096u).key("attention.sliding_window_pattern", pattern);
       f.key("nextn_predict_layers", 0u);
     }},
    {"command-r",
     [](Additions& f) {
       f.key("rope.scaling.type", "none").tensor("output.weight", {64, 320});
     }},
    {"cohere2", [](Additions& f) { f.key("rope.scaling.type", "none").key("rope.dimension_count", 16u); }},
    {"glm4", [](Additions& f) { f.key("nextn_predict_layers", 0u); }},
    {"gpt-oss", [](Additions& f) { f.key("expert_gating_func", 3u).key("rope.dimension_count", 32u); }},
    {"deepseek2",
     [](Additions& f) {
       f.key("rope.scaling.yarn_beta_fast", 32.0f).key("rope.scaling.yarn_beta_slow", 1.0f);
       f.key("leading_dense_block_count", 1u).key("nextn_predict_layers", 0u);
     }},
    {"deepseek2-lite",
     [](Additions& f) {  // both forms of the same numbers
       f.tensor("blk.0.attn_k_b.weight", {1}).tensor("blk.0.attn_v_b.weight", {1});
     }},
    {"lfm2",
     [](Additions& f) {
       f.key("attention.layer_norm_epsilon", 1e-5f).tensor("output.weight", {64, 320});
     }},
    {"lfm2moe",
     [](Additions& f) {
       f.key("expert_gating_func", 2u).key("expert_weights_norm", true).key("expert_weights_scale", 1.0f);
     }},
    {"qwen3next",
     [](Additions& f) { f.key("full_attention_interval", 4u).key("rope.dimension_count", 16u); }},
    {"qwen35", [](Additions& f) { f.key("full_attention_interval", 4u); }},
    {"qwen35moe", [](Additions& f) { f.key("norm_top_k_prob", true).key("expert_gating_func", 1u); }},
    {"mamba2",
     [](Additions& f) {
       f.key("attention.head_count", 0u).key("feed_forward_length", 0u).key("ssm.dt_b_c_rms", false);
     }},
    {"falcon-h1", [](Additions& f) { f.tensor("rope_freqs.weight", {8}); }},
    {"bert",
     [](Additions& f) {
       const std::array<std::string_view, 1> labels = {"LABEL_0"};
       f.key("classifier.output_labels", labels).tensor("cls.weight", {64, 1}).tensor("cls.bias", {1});
       f.key("rope.freq_base", 10000.0f).key("normalize_embeddings", true);
     }},
    {"nomic-bert", [](Additions& f) { f.key("moe_every_n_layers", 0u).key("expert_count", 0u); }},
    {"jina-bert-v2",
     [](Additions& f) {
       f.key("attention.max_alibi_bias", 8.0f).tensor("cls.weight", {96, 1});
     }},
    {"modern-bert",
     [](Additions& f) {
       f.key("rope.freq_base_swa", 10000.0f).key("attention.sliding_window_pattern", 3u);
       f.key("hidden_activation", "gelu").key("rope.scaling.type", "none");
     }},
    {"t5",
     [](Additions& f) {
       f.key("attention.layer_norm_epsilon", 1e-6f).tensor("dec.blk.0.cross_attn_rel_b.weight", {4, 32});
     }},
};

// What attention sees in each layer.
std::vector<std::uint32_t> windows(const detail::ModelSpec& spec) {
  std::vector<std::uint32_t> sizes;
  for (const detail::LayerSpec& layer : spec.layers)
    if (const auto* attention = std::get_if<detail::AttentionSpec>(&layer.mixer))
      sizes.push_back(attention->window);
  return sizes;
}

TEST(RealFiles, LoadWithAllThatConvertersWrite) {
  const auto paths = golden_models();
  for (const RealFile& row : real_files) {
    SCOPED_TRACE(row.model);
    if (!paths.contains(row.model)) continue;
    const ModelFile file = ModelFile::open(paths.at(row.model)).value();
    const auto plain = changed(file, [](GgufContents&) {});
    ASSERT_TRUE(plain) << plain.error().message;
    const auto spec = changed(file, [&](GgufContents& contents) {
      Additions additions(contents, std::string(*file.metadata().string("general.architecture")) + ".");
      add_what_any_file_has(additions);
      row.add(additions);
    });
    ASSERT_TRUE(spec) << spec.error().message;
    EXPECT_EQ(windows(*spec), windows(*plain));
    EXPECT_EQ(spec->logit_scale, plain->logit_scale);
    EXPECT_EQ(spec->embedding_scale, plain->embedding_scale);
    ASSERT_EQ(spec->ropes.size(), plain->ropes.size());
    for (std::size_t i = 0; i < spec->ropes.size(); ++i) {
      EXPECT_EQ(spec->ropes[i].theta, plain->ropes[i].theta);
      EXPECT_EQ(spec->ropes[i].freq_scale, plain->ropes[i].freq_scale);
      EXPECT_EQ(spec->ropes[i].n_rot, plain->ropes[i].n_rot);
    }
  }
}

TEST(RealFiles, EncodersWithoutTokenTypesLoad) {
  const auto paths = golden_models();
  const ModelFile file = ModelFile::open(paths.at("bert")).value();
  constexpr const char* key = "tokenizer.ggml.token_type_count";
  const auto with_types = [&](std::uint32_t n) {
    return changed(
        file, [&](GgufContents& contents) { contents.set(key, n); }, "token_types.weight");
  };
  const auto one = with_types(1);
  ASSERT_TRUE(one) << one.error().message;
  EXPECT_FALSE(one->token_types);
  const auto two = with_types(2);
  ASSERT_FALSE(two);
  EXPECT_EQ(two.error().field, "token_types.weight");
}

}  // namespace
}  // namespace quern::test
