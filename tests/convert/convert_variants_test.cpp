// Folders of t5 and of delta nets in forms that no golden file has, and with what they may not have.
#include "quern/embedding.h"
#include "quern/model.h"
#include "src/runtime/sequence.h"
#include "tests/convert/conversion.h"

namespace quern::test {
namespace {

using enum ErrorCode;
using formats::ModelFile;
using testing::Contains;
using testing::HasSubstr;

MadeFolder folder_of(const std::string& name) {
  auto folder = made_golden(name);
  EXPECT_TRUE(folder) << name;
  return std::move(*folder);
}

void replace_in_names(MadeFolder& folder, const std::string& from, const std::string& to) {
  std::map<std::string, HfTensor> renamed;
  for (auto& [name, tensor] : folder.tensors) {
    std::string now = name;
    if (const auto at = now.find(from); at != now.npos) now.replace(at, from.size(), to);
    renamed[now] = std::move(tensor);
  }
  folder.tensors = std::move(renamed);
}

void erase_names_with(MadeFolder& folder, const std::string& part) {
  std::erase_if(folder.tensors,
                [&](const auto& named) { return named.first.find(part) != std::string::npos; });
}

void expect_same_tensors(const ModelFile& expected, const ModelFile& found) {
  ASSERT_EQ(expected.tensors().size(), found.tensors().size());
  for (const formats::Tensor& tensor : expected.tensors()) {
    const formats::Tensor* same = found.find(tensor.name);
    ASSERT_TRUE(same) << tensor.name;
    ASSERT_EQ(same->dims, tensor.dims) << tensor.name;
    EXPECT_EQ(std::memcmp(same->data, tensor.data, tensor.n_bytes), 0) << tensor.name;
  }
}

std::vector<float> logits(const Conversion& conversion, const std::vector<Token>& tokens) {
  const auto loaded = detail::LoadedModel::open(conversion.scratch / "out.gguf").value();
  auto sequence =
      detail::Sequence::create(loaded, {.n_ctx = 128, .kv_type = kernels::KvType::f32, .threads = 1}).value();
  if (!loaded->spec().encoder.empty()) sequence.read_source(tokens).value();
  return logits_of(sequence, tokens);
}

TEST(ConvertVariants, T5WithAPlainFfn) {
  MadeFolder folder = folder_of("t5");
  erase_names_with(folder, ".wi_0.");
  replace_in_names(folder, ".wi_1.", ".wi.");
  folder.config.erase("dense_act_fn");
  folder.config.erase("is_gated_act");
  folder.config["feed_forward_proj"] = "relu";
  const Conversion conversion(folder);
  ASSERT_TRUE(conversion.report) << conversion.report.error().message;
  const ModelFile file = conversion.file();
  EXPECT_EQ(file.find("enc.blk.0.ffn_gate.weight"), nullptr);
  EXPECT_EQ(tensor_of(*file.find("dec.blk.1.ffn_up.weight")).values,
            folder.tensors.at("decoder.block.1.layer.2.DenseReluDense.wi.weight").values);
  EXPECT_EQ(logits(conversion, load_golden("models", "t5")->tokens).size(),
            load_golden("models", "t5")->logits.size());
}

// The library multiplies by 1 / sqrt(64) before an output that is the embedding: a factor that rounds
// nothing.
TEST(ConvertVariants, T5WhoseOutputIsItsEmbedding) {
  MadeFolder own = folder_of("t5"), tied = own;
  HfTensor& head = own.tensors.at("lm_head.weight");
  head = own.tensors.at("shared.weight");
  for (float& value : head.values) value /= 8;
  tied.tensors.erase("lm_head.weight");
  tied.config["tie_word_embeddings"] = true;
  for (const char* copy : {"encoder.embed_tokens.weight", "decoder.embed_tokens.weight"})
    tied.tensors[copy] = tied.tensors.at("shared.weight");
  const Conversion a(own, {.type = ConvertType::f32}), b(tied, {.type = ConvertType::f32});
  ASSERT_TRUE(a.report) << a.report.error().message;
  ASSERT_TRUE(b.report) << b.report.error().message;
  EXPECT_EQ(b.file().find("output.weight"), nullptr);
  const std::vector<Token> tokens = load_golden("models", "t5")->tokens;
  EXPECT_LE(max_abs_difference(logits(a, tokens), logits(b, tokens)), 1e-6);
}

TEST(ConvertVariants, T5OfAnEncoderAlone) {
  MadeFolder folder = folder_of("t5");
  folder.config["architectures"] = {"T5EncoderModel"};
  folder.pooling = {{"pooling_mode_mean_tokens", true}};
  const Conversion whole(folder);
  ASSERT_TRUE(whole.report) << whole.report.error().message;
  EXPECT_THAT(whole.report->notes, Contains(HasSubstr("are left out")));
  erase_names_with(folder, "decoder.");
  folder.tensors.erase("lm_head.weight");
  const Conversion alone(folder);
  ASSERT_TRUE(alone.report) << alone.report.error().message;
  expect_same_tensors(whole.file(), alone.file());
  EXPECT_EQ(alone.file().metadata().string("general.architecture").value(), "t5encoder");
  const std::vector<Token> tokens = load_golden("models", "t5")->tokens;
  const auto vector =
      Model::open(alone.scratch / "out.gguf")->new_embedder().value().embed_tokens(std::span(&tokens, 1));
  ASSERT_TRUE(vector) << vector.error().message;
  EXPECT_EQ(vector->values.size(), 64u);
}

TEST(ConvertVariants, Qwen35OfTextAloneAndBesideImages) {
  MadeFolder folder = folder_of("qwen35");
  const Conversion usual(folder);
  ASSERT_TRUE(usual.report) << usual.report.error().message;
  folder.tensors["model.visual.patch_embed.proj.weight"] = {{2, 2}, std::vector<float>(4)};
  folder.tensors["mtp.fc.weight"] = {{2, 2}, std::vector<float>(4)};
  json text = folder.config;
  text.erase("architectures");
  folder.config = {{"architectures", {"Qwen3_5ForConditionalGeneration"}}, {"text_config", text}};
  const Conversion seeing(folder);
  ASSERT_TRUE(seeing.report) << seeing.report.error().message;
  EXPECT_THAT(seeing.report->notes, Contains(HasSubstr("1 tensors of images")));
  EXPECT_THAT(seeing.report->notes, Contains(HasSubstr("guessing ahead")));
  expect_same_tensors(usual.file(), seeing.file());

  MadeFolder alone = folder_of("qwen35");
  alone.config["architectures"] = {"Qwen3_5ForCausalLM"};
  replace_in_names(alone, "model.language_model.", "model.");
  const Conversion reading(alone);
  ASSERT_TRUE(reading.report) << reading.report.error().message;
  expect_same_tensors(usual.file(), reading.file());
}

TEST(ConvertVariants, KindsOfLayersThatFollowNoRuleAreListed) {
  MadeFolder folder = folder_of("qwen35");
  const Conversion usual(folder);
  ASSERT_TRUE(usual.report) << usual.report.error().message;
  folder.config["full_attention_interval"] = 3;  // layer_types has the last word
  const Conversion listed(folder);
  ASSERT_TRUE(listed.report) << listed.report.error().message;
  EXPECT_THAT(listed.file().metadata().integers("qwen35.attention.recurrent_layers").value(),
              testing::ElementsAre(1, 1, 1, 0, 1));
  const std::vector<Token> tokens = load_golden("models", "qwen35")->prompt;
  EXPECT_EQ(logits(listed, tokens), logits(usual, tokens));
}

TEST(ConvertVariants, ExpertsInOneTensorAreTheSame) {
  if (!load_golden("models", "qwen3next")) GTEST_SKIP() << "no golden file here";
  MadeFolder folder = folder_of("qwen3next");
  const Conversion apart(folder);
  ASSERT_TRUE(apart.report) << apart.report.error().message;
  for (int n = 0; n < 5; ++n) {
    const std::string experts = "model.layers." + std::to_string(n) + ".mlp.experts.";
    HfTensor gate_up{{4, 64, 64}, {}}, down{{4, 64, 32}, {}};
    for (int x = 0; x < 4; ++x)
      for (const auto& [part, to] : {std::pair{"gate", &gate_up}, {"up", &gate_up}, {"down", &down}}) {
        const std::string name = experts + std::to_string(x) + "." + part + "_proj.weight";
        const auto& values = folder.tensors.at(name).values;
        to->values.insert(to->values.end(), values.begin(), values.end());
        folder.tensors.erase(name);
      }
    folder.tensors[experts + "gate_up_proj"] = gate_up;
    folder.tensors[experts + "down_proj"] = down;
  }
  const Conversion together(folder);
  ASSERT_TRUE(together.report) << together.report.error().message;
  expect_same_tensors(apart.file(), together.file());
}

TEST(ConvertVariants, EveryTypeOfMatricesLoads) {
  for (const std::string name : {"nomic-bert", "jina-bert-v2", "modern-bert", "gemma-embedding", "t5",
                                 "qwen3next", "qwen35", "qwen35moe"}) {
    const auto folder = made_golden(name);
    if (!folder) continue;  // modern-bert, t5, qwen35 and qwen35moe are always there
    for (const ConvertType type : {ConvertType::f16, ConvertType::bf16, ConvertType::q8_0}) {
      const Conversion conversion(*folder, {.type = type});
      ASSERT_TRUE(conversion.report) << name << ": " << conversion.report.error().message;
      const auto model = Model::open(conversion.scratch / "out.gguf");
      EXPECT_TRUE(model) << name << ": " << model.error().message;
    }
  }
}

const std::map<std::string, std::vector<BadFolder>> bad_variants = {
    {"t5",
     {{"another activation", [](MadeFolder& f) { f.config["feed_forward_proj"] = "gated-silu"; }, unsupported,
       "feed_forward_proj", "the string 'gated-silu', expected relu or gated-gelu"},
      {"an activation that contradicts", [](MadeFolder& f) { f.config["dense_act_fn"] = "silu"; },
       unsupported, "dense_act_fn", "the string 'silu', expected gelu_new"},
      {"farther distances", [](MadeFolder& f) { f.config["relative_attention_max_distance"] = 256; },
       unsupported, "relative_attention_max_distance", "the number 256, expected 128"},
      {"no first token", [](MadeFolder& f) { f.config.erase("decoder_start_token_id"); }, corrupt,
       "decoder_start_token_id", "is absent"},
      {"a layer missing",
       [](MadeFolder& f) { f.tensors.erase("decoder.block.1.layer.2.DenseReluDense.wo.weight"); }, corrupt,
       "decoder.block.1.layer.2.DenseReluDense.wo.weight", "is missing: t5 needs it"},
      {"a layer left over", [](MadeFolder& f) { f.config["num_decoder_layers"] = 1; }, unsupported, "",
       "has no part in t5"},
      {"no biases of positions",
       [](MadeFolder& f) {
         f.tensors.erase("encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight");
       },
       corrupt, "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight", "is missing"},
      {"a score that is a text", [](MadeFolder& f) { f.tokenizer["model"]["vocab"][7][1] = "x"; }, corrupt,
       "vocab", "piece 7 is an array of 2, expected a text and a score"}}},
    {"qwen3next",
     {{"experts not renormalised", [](MadeFolder& f) { f.config["norm_topk_prob"] = false; }, unsupported,
       "norm_topk_prob", "false, expected true or absent"},
      {"experts on some layers", [](MadeFolder& f) { f.config["decoder_sparse_step"] = 2; }, unsupported,
       "decoder_sparse_step", "the number 2, expected 1 or absent"},
      {"no experts", [](MadeFolder& f) { erase_names_with(f, "layers.2.mlp.experts."); }, corrupt,
       "model.layers.2.mlp.experts.gate_up_proj", "is missing"},
      {"a fused matrix of another shape",
       [](MadeFolder& f) {
         f.tensors["model.layers.0.linear_attn.in_proj_qkvz.weight"] = {{160, 64},
                                                                        std::vector<float>(160 * 64)};
       },
       corrupt, "model.layers.0.linear_attn.in_proj_qkvz.weight", "has 160 rows, expected 192"}}},
    {"qwen35",
     {{"values of another size", [](MadeFolder& f) { f.config["linear_value_head_dim"] = 32; }, unsupported,
       "linear_value_head_dim", "is 32, expected 16, as of the keys"},
      {"value heads that do not divide", [](MadeFolder& f) { f.config["linear_num_value_heads"] = 3; },
       corrupt, "linear_num_value_heads", "a multiple of the 2 key heads"},
      {"an ungated output", [](MadeFolder& f) { f.config["attn_output_gate"] = false; }, unsupported,
       "attn_output_gate", "false, expected true or absent"},
      {"another gate", [](MadeFolder& f) { f.config["output_gate_type"] = "sigmoid"; }, unsupported,
       "output_gate_type", "expected swish or silu or absent"},
      {"another kind of layer", [](MadeFolder& f) { f.config["layer_types"][1] = "sliding_attention"; },
       unsupported, "layer_types", "'full_attention' or 'linear_attention'"},
      {"too few kinds", [](MadeFolder& f) { f.config["layer_types"].erase(4); }, corrupt, "layer_types",
       "the kind of each of 5 layers"},
      {"attention where a delta net is", [](MadeFolder& f) { f.config["layer_types"][0] = "full_attention"; },
       corrupt, "model.language_model.layers.0.self_attn.q_proj.weight", "is missing"},
      {"two billion layers",
       [](MadeFolder& f) {
         f.config["num_hidden_layers"] = 2147483647;
         f.config.erase("layer_types");
       },
       corrupt, "num_hidden_layers", "expected up to 4096"},
      {"sections beside each other",
       [](MadeFolder& f) { f.config["rope_parameters"]["mrope_interleaved"] = false; }, unsupported,
       "mrope_interleaved", "false, expected true or absent"},
      {"sections that leave pairs out",
       [](MadeFolder& f) {
         f.config["rope_parameters"]["mrope_section"] = {1, 1, 1};
       },
       unsupported, "mrope_section", "three sections that share the 8 rotated pairs"},
      {"a matrix with other columns",
       [](MadeFolder& f) {
         f.tensors["model.language_model.layers.0.linear_attn.out_proj.weight"] = {
             {64, 32}, std::vector<float>(64 * 32)};
       },
       corrupt, "model.language_model.layers.0.linear_attn.out_proj.weight", "has 32 columns, expected 64"},
      {"decays of other heads",
       [](MadeFolder& f) {
         f.tensors["model.language_model.layers.0.linear_attn.A_log"] = {{5}, std::vector<float>(5)};
       },
       corrupt, "model.language_model.layers.0.linear_attn.A_log", "has 5 rows, expected 4"}}}};

TEST(ConvertVariants, NameWhatIsWrong) {
  for (const auto& [name, bad] : bad_variants) {
    const auto folder = made_golden(name);
    if (!folder) continue;  // t5 and qwen35 are always there
    for (const BadFolder& one : bad) expect_error(*folder, one);
  }
}

}  // namespace
}  // namespace quern::test
