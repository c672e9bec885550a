// Folders of encoders in forms that no golden file has, and with what they may not have.
#include <cmath>

#include "quern/embedding.h"
#include "quern/model.h"
#include "tests/convert/conversion.h"

namespace quern::test {
namespace {

using enum ErrorCode;
using testing::ElementsAre;
using testing::HasSubstr;

const json pooling_modules = {
    {{"idx", 0}, {"name", "0"}, {"path", ""}, {"type", "sentence_transformers.models.Transformer"}},
    {{"idx", 1}, {"name", "1"}, {"path", "1_Pooling"}, {"type", "sentence_transformers.models.Pooling"}},
    {{"idx", 2}, {"name", "2"}, {"path", "2_Dense"}, {"type", "sentence_transformers.models.Dense"}},
    {{"idx", 3}, {"name", "3"}, {"path", "3_Dense"}, {"type", "sentence_transformers.models.Dense"}},
    {{"idx", 4}, {"name", "4"}, {"path", "4_Normalize"}, {"type", "sentence_transformers.models.Normalize"}}};

HfTensor tensor_of_shape(std::vector<std::uint64_t> shape, float start) {
  HfTensor tensor{std::move(shape), {}};
  std::uint64_t n = 1;
  for (const std::uint64_t dim : tensor.shape) n *= dim;
  for (std::uint64_t i = 0; i < n; ++i) tensor.values.push_back(std::sin(start + 0.37f * float(i)) / 4);
  return tensor;
}

void expect_tensor(const formats::ModelFile& file, const std::string& name, const HfTensor& expected) {
  const formats::Tensor* tensor = file.find(name);
  ASSERT_TRUE(tensor) << name;
  const HfTensor found = tensor_of(*tensor);
  EXPECT_EQ(found.shape, expected.shape) << name;
  EXPECT_EQ(found.values, expected.values) << name;
}

std::vector<float> vector_of(const std::filesystem::path& path, const std::vector<Token>& tokens) {
  return Model::open(path)->new_embedder().value().embed_tokens(std::span(&tokens, 1)).value().values;
}

TEST(ConvertEncoders, MatricesBehindThePoolingAreTheirs) {
  auto folder = made_golden("gemma-embedding");
  if (!folder) GTEST_SKIP() << "no golden file here";
  const std::vector<Token> tokens = load_golden("models", "gemma-embedding")->tokens;
  const HfTensor wide = tensor_of_shape({80, 64}, 1), narrow = tensor_of_shape({48, 80}, 2);
  const Conversion plain(*folder);
  ASSERT_TRUE(plain.report) << plain.report.error().message;
  folder->modules = pooling_modules;
  folder->dense = {{"2_Dense", wide}, {"3_Dense", narrow}};
  const Conversion with(*folder);
  ASSERT_TRUE(with.report) << with.report.error().message;
  expect_tensor(with.file(), "dense_2.weight", wide);
  expect_tensor(with.file(), "dense_3.weight", narrow);

  const auto times = [](const HfTensor& matrix, const std::vector<double>& x) {
    std::vector<double> y(matrix.shape[0]);
    for (std::size_t row = 0; row < y.size(); ++row)
      for (std::size_t col = 0; col < x.size(); ++col) y[row] += matrix.values[row * x.size() + col] * x[col];
    return y;
  };
  const auto unit = [](std::vector<double> x) {
    double sum = 0;
    for (const double value : x) sum += value * value;
    for (double& value : x) value /= std::sqrt(sum);
    return x;
  };
  const std::vector<float> pooled = vector_of(plain.scratch / "out.gguf", tokens),
                           found = vector_of(with.scratch / "out.gguf", tokens);
  const std::vector<double> expected = unit(times(narrow, times(wide, {pooled.begin(), pooled.end()}))),
                            scaled = unit({found.begin(), found.end()});
  ASSERT_EQ(scaled.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(scaled[i], expected[i], 1e-5);
}

TEST(ConvertEncoders, ModelsOfCodeCallTheHalvesTheOtherWayRound) {
  auto folder = made_golden("jina-bert-v2");
  if (!folder) GTEST_SKIP() << "no golden file here";
  const std::vector<Token> tokens = load_golden("models", "jina-bert-v2")->tokens;
  const Conversion usual(*folder);
  ASSERT_TRUE(usual.report) << usual.report.error().message;
  std::map<std::string, HfTensor> renamed;
  for (auto& [name, tensor] : folder->tensors) {
    std::string to = name;
    const auto replace = [&](const std::string& from, const std::string& with) {
      if (const auto at = to.find(from); at != to.npos) to.replace(at, from.size(), with);
    };
    replace("mlp.layernorm", "layer_norm_2");
    replace("mlp.wo", "mlp.down_layer");
    if (name.find("gated_layers") != name.npos) {
      replace("gated_layers", "up_gated_layer");
      std::rotate(tensor.values.begin(), tensor.values.begin() + std::ptrdiff_t(tensor.values.size() / 2),
                  tensor.values.end());
    }
    renamed[to] = tensor;
  }
  folder->tensors = renamed;
  {
    const Conversion code(*folder);
    ASSERT_TRUE(code.report) << code.report.error().message;
    EXPECT_EQ(vector_of(code.scratch / "out.gguf", tokens), vector_of(usual.scratch / "out.gguf", tokens));
  }
  const HfTensor weight = tensor_of_shape({96}, 3), bias = tensor_of_shape({96}, 4);
  for (int n = 0; n < 3; ++n)
    for (const char* norm : {"attention.self.layer_norm_q", "attention.self.layer_norm_k", "layer_norm_1"}) {
      const std::string name = "encoder.layer." + std::to_string(n) + "." + norm;
      folder->tensors[name + ".weight"] = weight;
      folder->tensors[name + ".bias"] = bias;
    }
  const Conversion normed(*folder);
  ASSERT_TRUE(normed.report) << normed.report.error().message;
  for (const char* name : {"blk.1.attn_q_norm", "blk.1.attn_k_norm", "blk.1.attn_norm_2"}) {
    expect_tensor(normed.file(), std::string(name) + ".weight", weight);
    expect_tensor(normed.file(), std::string(name) + ".bias", bias);
  }
  EXPECT_NE(vector_of(normed.scratch / "out.gguf", tokens), vector_of(usual.scratch / "out.gguf", tokens));
}

TEST(ConvertEncoders, HeadsOfTrainingAreLeftOutWithANote) {
  auto folder = made_golden("modern-bert");
  ASSERT_TRUE(folder);
  folder->tensors["head.dense.weight"] = tensor_of_shape({64, 64}, 5);
  folder->tensors["head.norm.weight"] = tensor_of_shape({64}, 6);
  folder->tensors["decoder.bias"] = tensor_of_shape({320}, 7);
  const Conversion conversion(*folder);
  ASSERT_TRUE(conversion.report) << conversion.report.error().message;
  EXPECT_THAT(conversion.report->notes, testing::Contains(HasSubstr("3 tensors")));
  EXPECT_EQ(conversion.file().find("cls.weight"), nullptr);
}

TEST(ConvertEncoders, ModernBertRanks) {
  auto folder = made_golden("modern-bert");
  ASSERT_TRUE(folder);
  folder->pooling = nullptr;
  folder->config["architectures"] = {"ModernBertForSequenceClassification"};
  folder->config["classifier_pooling"] = "mean";
  folder->config["id2label"] = {{"0", "no"}, {"1", "yes"}, {"2", "maybe"}};
  const HfTensor dense = tensor_of_shape({64, 64}, 8), norm = tensor_of_shape({64}, 9),
                 classifier = tensor_of_shape({3, 64}, 10), bias = tensor_of_shape({3}, 11);
  folder->tensors["head.dense.weight"] = dense;
  folder->tensors["head.norm.weight"] = norm;
  folder->tensors["classifier.weight"] = classifier;
  folder->tensors["classifier.bias"] = bias;
  const Conversion conversion(*folder);
  ASSERT_TRUE(conversion.report) << conversion.report.error().message;
  const formats::ModelFile file = conversion.file();
  expect_tensor(file, "cls.weight", dense);
  expect_tensor(file, "cls.norm.weight", norm);
  expect_tensor(file, "cls.output.weight", classifier);
  expect_tensor(file, "cls.output.bias", bias);
  EXPECT_THAT(file.metadata().strings("modern-bert.classifier.output_labels").value(),
              ElementsAre("no", "yes", "maybe"));
  const std::string_view documents[] = {"the millstone", "flour and grain"};
  const auto scores =
      Model::open(conversion.scratch / "out.gguf")->new_embedder().value().rank("the quern", documents);
  ASSERT_TRUE(scores) << scores.error().message;
  EXPECT_EQ(scores->size(), 2u);
  EXPECT_NE((*scores)[0], (*scores)[1]);
}

TEST(ConvertEncoders, NomicTextsBeyondTheTrainingAreNotTaken) {
  auto folder = made_golden("nomic-bert");
  if (!folder) GTEST_SKIP() << "no golden file here";
  folder->config["n_positions"] = 1024;
  folder->config["rotary_scaling_factor"] = 2.0;
  const Conversion conversion(*folder);
  ASSERT_TRUE(conversion.report) << conversion.report.error().message;
  EXPECT_EQ(conversion.file().metadata().unsigned_integer("nomic-bert.context_length").value(), 256u);
  EXPECT_THAT(conversion.report->notes, ElementsAre(HasSubstr("context of 256 tokens in place of 1024")));
}

TEST(ConvertEncoders, BasesOfBothKindsOfLayersInTheNewerForm) {
  auto folder = made_golden("modern-bert");
  ASSERT_TRUE(folder);
  folder->config.erase("global_rope_theta");
  folder->config.erase("local_rope_theta");
  folder->config["rope_parameters"] = {
      {"full_attention", {{"rope_theta", 50000.0}, {"rope_type", "default"}}},
      {"sliding_attention", {{"rope_theta", 7000.0}, {"rope_type", "default"}}}};
  const std::string all = "full_attention", near = "sliding_attention";
  folder->config["layer_types"] = {all, near, near, all};
  const Conversion conversion(*folder);
  ASSERT_TRUE(conversion.report) << conversion.report.error().message;
  const formats::ModelFile file = conversion.file();
  EXPECT_EQ(file.metadata().number("modern-bert.rope.freq_base").value(), 50000);
  EXPECT_EQ(file.metadata().number("modern-bert.rope.freq_base_swa").value(), 7000);
}

TEST(ConvertEncoders, TokensAroundATextInBothForms) {
  auto folder = made_golden("modern-bert");
  ASSERT_TRUE(folder);
  const json bos = folder->tokenizer_config["bos_token"],
             eos = folder->tokenizer_config["eos_token"]["content"];
  const json text = {{"Sequence", {{"id", "A"}, {"type_id", 0}}}};
  const auto token = [](const json& id) { return json{{"SpecialToken", {{"id", id}, {"type_id", 0}}}}; };
  const json processors[] = {
      {{"type", "TemplateProcessing"}, {"single", {token(bos), text, token(eos)}}},
      {{"type", "RobertaProcessing"}, {"cls", {bos, 316}}, {"sep", {eos, 317}}, {"trim_offsets", true}}};
  for (const json& processor : processors) {
    folder->tokenizer["post_processor"] = processor;
    const Conversion conversion(*folder);
    ASSERT_TRUE(conversion.report) << conversion.report.error().message;
    const formats::ModelFile file = conversion.file();
    EXPECT_TRUE(file.metadata().boolean("tokenizer.ggml.add_bos_token").value());
    EXPECT_TRUE(file.metadata().boolean("tokenizer.ggml.add_eos_token").value());
  }
  folder->tokenizer["post_processor"]["sep"] = {"the", 0};
  const Conversion other(*folder);
  ASSERT_FALSE(other.report);
  EXPECT_THAT(other.report.error().message, HasSubstr("puts 'the' behind a text, expected the eos token"));
}

const std::map<std::string, std::vector<BadFolder>> bad_encoders = {
    {"nomic-bert",
     {{"another activation", [](MadeFolder& f) { f.config["activation_function"] = "geglu"; }, unsupported,
       "activation_function", "the string 'geglu', expected swiglu"},
      {"no activation", [](MadeFolder& f) { f.config.erase("activation_function"); }, unsupported,
       "activation_function", "the string 'gelu', expected swiglu"},
      {"experts", [](MadeFolder& f) { f.config["num_experts"] = 8; }, unsupported, "num_experts",
       "the number 8, expected 0 or absent"},
      {"biases", [](MadeFolder& f) { f.config["qkv_proj_bias"] = true; }, unsupported, "qkv_proj_bias",
       "true, expected false"},
      {"norms in front", [](MadeFolder& f) { f.config["prenorm"] = true; }, unsupported, "prenorm",
       "true, expected false"},
      {"interleaved rotation", [](MadeFolder& f) { f.config["rotary_emb_interleaved"] = true; }, unsupported,
       "rotary_emb_interleaved", "true, expected false"},
      {"no rotation", [](MadeFolder& f) { f.config.erase("rotary_emb_fraction"); }, corrupt,
       "rotary_emb_fraction", "a share of the head size 16"},
      {"a bias left over",
       [](MadeFolder& f) { f.tensors["encoder.layers.0.attn.Wqkv.bias"] = tensor_of_shape({192}, 1); },
       unsupported, "encoder.layers.0.attn.Wqkv.bias", "has no part in nomic-bert"}}},
    {"jina-bert-v2",
     {{"learned positions", [](MadeFolder& f) { f.config["position_embedding_type"] = "absolute"; },
       unsupported, "position_embedding_type", "expected alibi"},
      {"another FFN", [](MadeFolder& f) { f.config["feed_forward_type"] = "reglu"; }, unsupported,
       "feed_forward_type", "the string 'reglu', expected geglu"},
      {"no FFN", [](MadeFolder& f) { f.tensors.erase("encoder.layer.2.mlp.gated_layers.weight"); }, corrupt,
       "encoder.layer.2.mlp.up_gated_layer.weight", "is missing"},
      {"two FFNs",
       [](MadeFolder& f) {
         f.tensors["encoder.layer.2.mlp.down_layer.weight"] = f.tensors["encoder.layer.2.mlp.wo.weight"];
       },
       corrupt, "encoder.layer.2.mlp.down_layer.weight",
       "a second source of 'blk.2.ffn_down.weight', expected one"},
      {"another pooling", [](MadeFolder& f) { f.config["emb_pooler"] = "max"; }, unsupported, "emb_pooler",
       "expected mean"}}},
    {"modern-bert",
     {{"biases", [](MadeFolder& f) { f.config["mlp_bias"] = true; }, unsupported, "mlp_bias",
       "true, expected false or absent"},
      {"another activation", [](MadeFolder& f) { f.config["hidden_activation"] = "relu"; }, unsupported,
       "hidden_activation", "expected gelu"},
      {"a norm missing", [](MadeFolder& f) { f.tensors.erase("model.layers.2.attn_norm.weight"); }, corrupt,
       "model.layers.2.attn_norm.weight", "is missing"},
      {"another pattern", [](MadeFolder& f) { f.config["layer_types"] = json(4, "full_attention"); },
       unsupported, "layer_types", "'full_attention' for layers 0, 3, 6 ..."},
      {"ranking from the first token",
       [](MadeFolder& f) { f.config["architectures"] = {"ModernBertForSequenceClassification"}; },
       unsupported, "classifier_pooling", "the string 'cls', expected mean"},
      {"labels without numbers",
       [](MadeFolder& f) {
         f.config["architectures"] = {"ModernBertForSequenceClassification"};
         f.config["classifier_pooling"] = "mean";
         f.config["id2label"] = {{"a", "no"}};
       },
       corrupt, "id2label", "an object of labels by number"},
      {"another pooling", [](MadeFolder& f) { f.pooling["pooling_mode_max_tokens"] = true; }, unsupported,
       "pooling_mode_max_tokens", "1_Pooling/config.json"},
      {"pooling without the prompt", [](MadeFolder& f) { f.pooling["include_prompt"] = false; }, unsupported,
       "include_prompt", "false, expected true or absent"},
      {"matrices", [](MadeFolder& f) { f.modules = pooling_modules; }, unsupported, "modules",
       "module 2 is a 'sentence_transformers.models.Dense', expected Transformer, Pooling, Normalize for"},
      {"modules elsewhere",
       [](MadeFolder& f) {
         f.modules = pooling_modules;
         f.modules[1]["path"] = "../1_Pooling";
       },
       corrupt, "modules", "module 1 is in '../1_Pooling', expected a folder beside it"}}},
    {"gemma-embedding",
     {{"one that looks back", [](MadeFolder& f) { f.config["use_bidirectional_attention"] = false; },
       unsupported, "use_bidirectional_attention", "false, expected true"},
      {"another scale", [](MadeFolder& f) { f.config["query_pre_attn_scalar"] = 16; }, unsupported,
       "query_pre_attn_scalar", "16, expected 32"},
      {"no windows", [](MadeFolder& f) { f.config["sliding_window"] = 0; }, unsupported, "sliding_window",
       "absent or 0"},
      {"a matrix with an activation",
       [](MadeFolder& f) {
         f.modules = pooling_modules;
         f.dense["2_Dense"] = tensor_of_shape({80, 64}, 1);
         f.dense_config["activation_function"] = "torch.nn.modules.activation.Tanh";
       },
       unsupported, "activation_function", "2_Dense/config.json: 'activation_function' is 'torch"},
      {"a matrix of another shape",
       [](MadeFolder& f) {
         f.modules = pooling_modules;
         f.dense["2_Dense"] = f.dense["3_Dense"] = tensor_of_shape({80, 64}, 1);
         f.dense_config["out_features"] = 81;
       },
       corrupt, "linear.weight", "has shape [80, 64], expected [81, 64]"}}}};

TEST(ConvertEncoders, NameWhatIsWrong) {
  for (const auto& [name, bad] : bad_encoders) {
    const auto folder = made_golden(name);
    if (!folder) continue;  // modern-bert is always there
    for (const BadFolder& one : bad) expect_error(*folder, one);
  }
}

}  // namespace
}  // namespace quern::test
