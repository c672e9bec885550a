// Folders that are not what they should be, one thing each: the error says which key, tensor or token. And
// what options change in the file.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/convert/conversion.h"

namespace quern::test {
namespace {

using enum ErrorCode;
using formats::ModelFile;
using formats::TensorType;
using testing::ElementsAre;
using testing::HasSubstr;

const BadFolder bad_llamas[] = {
    // config.json
    {"unknown family", [](MadeFolder& f) { f.config["architectures"] = {"LlamaForPoetry"}; }, unsupported,
     "architectures", "'LlamaForPoetry', expected one of LlamaForCausalLM, MistralForCausalLM"},
    {"no family", [](MadeFolder& f) { f.config.erase("architectures"); }, unsupported, "architectures",
     "is absent"},
    {"unknown activation", [](MadeFolder& f) { f.config["hidden_act"] = "relu2"; }, unsupported, "hidden_act",
     "config.json: 'hidden_act' is the string 'relu2', expected silu or swish"},
    {"unknown rope scaling",
     [](MadeFolder& f) {
       f.config["rope_scaling"] = {{"rope_type", "dynamic"}, {"factor", 2.0}};
     },
     unsupported, "rope_scaling", "of type 'dynamic', expected default, linear, yarn, llama3, longrope"},
    {"rope scaling without its factor",
     [](MadeFolder& f) {
       f.config["rope_scaling"] = {{"type", "linear"}};
     },
     corrupt, "factor", "in 'rope_scaling': 'factor' is absent, expected a number"},
    {"yarn of another kind",
     [](MadeFolder& f) {
       f.config["rope_scaling"] = {{"type", "yarn"}, {"factor", 4.0}, {"beta_fast", 64}};
     },
     unsupported, "beta_fast", "the number 64, expected 32 or absent"},
    {"yarn that shrinks",
     [](MadeFolder& f) {
       f.config["rope_scaling"] = {{"type", "yarn"}, {"factor", -4.0}};
     },
     corrupt, "factor", "the number -4.0, expected 1 or more"},
    {"longrope from nowhere",
     [](MadeFolder& f) {
       const json eight(8, 1.0);
       f.config["rope_scaling"] = {{"type", "longrope"}, {"long_factor", eight}, {"short_factor", eight}};
       f.config["original_max_position_embeddings"] = 1;
     },
     corrupt, "original_max_position_embeddings", "the number 1, expected 2 or more"},
    {"heads of two billion values", [](MadeFolder& f) { f.config["head_dim"] = 2147483646; }, corrupt,
     "head_dim", "heads of up to 16384 values"},
    {"heads rotated in part", [](MadeFolder& f) { f.config["partial_rotary_factor"] = 0.5; }, unsupported,
     "partial_rotary_factor", "a share of 8 of 16, expected 1"},
    {"llama3 scaling that divides by zero",
     [](MadeFolder& f) {
       f.config["rope_scaling"] = {{"rope_type", "llama3"},
                                   {"factor", 8.0},
                                   {"low_freq_factor", 4.0},
                                   {"high_freq_factor", 4.0},
                                   {"original_max_position_embeddings", 64}};
     },
     corrupt, "factor", "0 < low_freq_factor < high_freq_factor"},
    {"quantized checkpoint",
     [](MadeFolder& f) {
       f.config["quantization_config"] = {{"quant_method", "gptq"}};
     },
     unsupported, "quantization_config", "an object of 1, expected absent"},
    {"no width", [](MadeFolder& f) { f.config.erase("hidden_size"); }, corrupt, "hidden_size", "is absent"},
    {"width that is a text", [](MadeFolder& f) { f.config["hidden_size"] = "64"; }, corrupt, "hidden_size",
     "the string '64', expected an integer"},
    {"heads that do not divide", [](MadeFolder& f) { f.config["num_key_value_heads"] = 3; }, corrupt,
     "num_key_value_heads", "a divisor of the 4 heads"},
    {"no layers", [](MadeFolder& f) { f.config["num_hidden_layers"] = 0; }, corrupt, "num_hidden_layers",
     "1 or more"},
    {"windows where there are none",
     [](MadeFolder& f) {
       f.config["layer_types"] = {"sliding_attention", "full_attention", "full_attention"};
     },
     unsupported, "layer_types", "'full_attention' for every layer"},

    // Tensors
    {"missing tensor", [](MadeFolder& f) { f.tensors.erase("model.layers.1.mlp.up_proj.weight"); }, corrupt,
     "model.layers.1.mlp.up_proj.weight", "is missing: llama needs it"},
    {"missing output", [](MadeFolder& f) { f.tensors.erase("lm_head.weight"); }, corrupt, "lm_head.weight",
     "is missing"},
    {"tensor left over",
     [](MadeFolder& f) {
       f.tensors["model.layers.0.self_attn.q_norm.weight"] = {{16}, std::vector<float>(16)};
     },
     unsupported, "model.layers.0.self_attn.q_norm.weight", "has no part in llama"},
    {"layer left over", [](MadeFolder& f) { f.config["num_hidden_layers"] = 2; }, unsupported, "",
     "has no part"},
    {"rows that are no heads",
     [](MadeFolder& f) {
       f.tensors["model.layers.0.self_attn.q_proj.weight"] = {{60, 64}, std::vector<float>(60 * 64)};
     },
     corrupt, "model.layers.0.self_attn.q_proj.weight", "has shape [60, 64], expected 64 rows"},
    {"a value that is not finite",
     [](MadeFolder& f) { f.tensors["model.layers.2.mlp.down_proj.weight"].values[7] = NAN; }, corrupt,
     "model.layers.2.mlp.down_proj.weight", "at element 7, expected finite values"},
    {"embedding that is a vector",
     [](MadeFolder& f) {
       f.tensors["model.embed_tokens.weight"] = {{64}, std::vector<float>(64)};
     },
     unsupported, "model.embed_tokens.weight", "is no matrix"},

    // tokenizer.json
    {"no model", [](MadeFolder& f) { f.tokenizer.erase("model"); }, corrupt, "model", "'model' is absent"},
    {"unknown model", [](MadeFolder& f) { f.tokenizer["model"]["type"] = "WordLevel"; }, unsupported, "model",
     "the string 'WordLevel', expected BPE, Unigram or WordPiece"},
    {"id that is a text", [](MadeFolder& f) { f.tokenizer["model"]["vocab"]["x"] = "5"; }, corrupt, "vocab",
     "token 'x' has the string '5' as its id"},
    {"one id for two tokens", [](MadeFolder& f) { f.tokenizer["model"]["vocab"]["zzz"] = 300; }, corrupt,
     "vocab", "id 300 is of"},
    {"merge of one half", [](MadeFolder& f) { f.tokenizer["model"]["merges"][3] = {"a"}; }, corrupt, "merges",
     "merge 3 is an array of 1, expected two texts"},
    {"merge without a space", [](MadeFolder& f) { f.tokenizer["model"]["merges"][3] = "ab"; }, corrupt,
     "merges", "merge 3 is"},
    {"other normalizer",
     [](MadeFolder& f) {
       f.tokenizer["normalizer"] = {{"type", "Lowercase"}};
     },
     unsupported, "normalizer", "normalizer 'Lowercase'"},
    {"added token with another's id",
     [](MadeFolder& f) {
       f.tokenizer["added_tokens"].push_back({{"id", 300}, {"content", "<new>"}, {"special", true}});
     },
     corrupt, "added_tokens", "added token '<new>' has id 300, which is"},
    {"other template",
     [](MadeFolder& f) {
       f.tokenizer["post_processor"]["single"].push_back({{"SpecialToken", {{"id", "<unk>"}}}});
     },
     unsupported, "post_processor", "puts '<unk>' behind a text, expected the eos token"},
    {"other post-processor",
     [](MadeFolder& f) {
       f.tokenizer["post_processor"] = {{"type", "Poetry"}};
     },
     unsupported, "post_processor", "'Poetry' is not known"},
};

TEST(ConvertErrors, NameWhatIsWrongAndLeaveNoFile) {
  for (const BadFolder& bad : bad_llamas) expect_error(made_llama(), bad);
}

TEST(ConvertErrors, UnknownPreTokenizersListTheKnownOnes) {
  const auto path = std::filesystem::path(QUERN_TEST_DATA_DIR) / "models" / "qwen2.gguf";
  MadeFolder folder(ModelFile::open(path).value(), dialects().at("qwen2"));
  folder.tokenizer["pre_tokenizer"] = sequence({split("[a-z]+"), byte_level(false)});
  const Conversion unknown(folder);
  ASSERT_FALSE(unknown.report);
  EXPECT_EQ(unknown.report.error().code, unsupported);
  EXPECT_THAT(unknown.report.error().message, HasSubstr("Split(Isolated, /[a-z]+/), ByteLevel()"));
  EXPECT_THAT(unknown.report.error().message, HasSubstr("llama-bpe"));

  const Conversion given(folder, {.pre = "qwen2"});
  ASSERT_TRUE(given.report) << given.report.error().message;
  EXPECT_EQ(given.file().metadata().string("tokenizer.ggml.pre").value(), "qwen2");

  const Conversion wrong(folder, {.pre = "qwen99"});
  ASSERT_FALSE(wrong.report);
  EXPECT_EQ(wrong.report.error().code, invalid_argument);
  EXPECT_THAT(wrong.report.error().message, HasSubstr("'qwen99' is not known; known: default"));
}

// A file with byte-level tokens and no merges would not open.
TEST(ConvertErrors, ByteLevelVocabulariesNeedMerges) {
  const auto path = std::filesystem::path(QUERN_TEST_DATA_DIR) / "models" / "qwen2.gguf";
  const MadeFolder folder(ModelFile::open(path).value(), dialects().at("qwen2"));
  expect_error(folder,
               {"no merges", [](MadeFolder& f) { f.tokenizer["model"]["merges"] = nlohmann::json::array(); },
                unsupported, "merges", "expected at least one merge"});
}

TEST(ConvertErrors, FoldersWithoutTheirFilesSayWhich) {
  const ScratchFolder scratch;
  const auto result = convert(scratch / "nothing", scratch / "out.gguf");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, io);
  EXPECT_THAT(result.error().message, HasSubstr("config.json"));
  made_llama().write(scratch / "folder");
  std::filesystem::remove(scratch / "folder/tokenizer.json");
  EXPECT_THAT(convert(scratch / "folder", scratch / "out.gguf").error().message, HasSubstr("tokenizer.json"));
  std::ofstream(scratch / "folder/config.json") << "{\"a\":";
  EXPECT_THAT(convert(scratch / "folder", scratch / "out.gguf").error().message,
              HasSubstr("config.json: expected a value"));
}

TEST(Convert, TypesAreForMatricesOnly) {
  const struct {
    ConvertType wanted;
    TensorType matrices;
    std::uint64_t file_type;
  } cases[] = {{ConvertType::as_is, TensorType::f32, 0},
               {ConvertType::f32, TensorType::f32, 0},
               {ConvertType::f16, TensorType::f16, 1},
               {ConvertType::bf16, TensorType::bf16, 32},
               {ConvertType::q8_0, TensorType::q8_0, 7}};
  for (const auto& c : cases) {
    const Conversion conversion(made_llama(), {.type = c.wanted});
    ASSERT_TRUE(conversion.report) << conversion.report.error().message;
    const ModelFile file = conversion.file();
    for (const auto& tensor : file.tensors())
      EXPECT_EQ(tensor.type, tensor.n_dims == 1 ? TensorType::f32 : c.matrices) << tensor.name;
    EXPECT_EQ(file.metadata().unsigned_integer("general.file_type").value(), c.file_type);
  }
}

TEST(Convert, ValuesBeyondHalfPrecisionAreAnError) {
  MadeFolder folder = made_llama();
  folder.tensors["model.layers.0.mlp.up_proj.weight"].values[3] = 1e6f;
  EXPECT_TRUE(Conversion(folder, {.type = ConvertType::bf16}).report);
  const Conversion conversion(folder, {.type = ConvertType::f16});
  ASSERT_FALSE(conversion.report);
  EXPECT_EQ(conversion.report.error().field, "model.layers.0.mlp.up_proj.weight");
}

TEST(Convert, TemplatesNamesAndSamplingAreKept) {
  MadeFolder folder = made_llama();
  folder.tokenizer_config["chat_template"] = json::array(
      {{{"name", "default"}, {"template", "A{{ x }}"}}, {{"name", "tool_use"}, {"template", "B"}}});
  folder.generation = {{"do_sample", true}, {"temperature", 0.6}, {"top_p", 0.95}, {"top_k", 20}};
  {
    const Conversion conversion(folder);
    ASSERT_TRUE(conversion.report) << conversion.report.error().message;
    const ModelFile file = conversion.file();
    const auto& metadata = file.metadata();
    EXPECT_EQ(metadata.string("tokenizer.chat_template").value(), "A{{ x }}");
    EXPECT_EQ(metadata.string("tokenizer.chat_template.tool_use").value(), "B");
    EXPECT_THAT(metadata.strings("tokenizer.chat_templates").value(), ElementsAre("tool_use"));
    EXPECT_EQ(metadata.string("general.name").value(), "folder");
    EXPECT_FLOAT_EQ(static_cast<float>(metadata.number("general.sampling.temp").value()), 0.6f);
    EXPECT_EQ(metadata.unsigned_integer("general.sampling.top_k").value(), 20u);
    EXPECT_TRUE(metadata.boolean("tokenizer.ggml.add_bos_token").value());
  }
  folder.chat_template = "from the file";
  folder.tokenizer_config["add_bos_token"] = false;
  const Conversion conversion(folder);
  ASSERT_TRUE(conversion.report);
  EXPECT_EQ(conversion.file().metadata().string("tokenizer.chat_template").value(), "from the file");
  EXPECT_FALSE(conversion.file().metadata().boolean("tokenizer.ggml.add_bos_token").value());
}

TEST(Convert, RowsWithoutATokenAreFilledAndTokensWithoutARowLeftOut) {
  MadeFolder folder = made_llama();
  folder.tokenizer["model"]["vocab"].erase("z");
  folder.tokenizer["added_tokens"].push_back({{"id", 320}, {"content", "<image>"}, {"special", true}});
  const Conversion conversion(folder);
  ASSERT_TRUE(conversion.report) << conversion.report.error().message;
  EXPECT_THAT(conversion.report->notes,
              testing::Contains(HasSubstr("1 tokens have ids beyond the 320 rows")));
  const ModelFile file = conversion.file();
  const auto tokens = file.metadata().strings("tokenizer.ggml.tokens").value();
  ASSERT_EQ(tokens.size(), 320u);
  EXPECT_EQ(tokens[319], "[PAD319]");
  EXPECT_EQ(file.metadata().integers("tokenizer.ggml.token_type").value()[319], 5);
}

TEST(Convert, AWindowThatIsNotComputedBoundsTheContext) {
  MadeFolder folder = made_llama();
  folder.config["architectures"] = {"MistralForCausalLM"};
  folder.config["sliding_window"] = 128;
  const Conversion conversion(folder);
  ASSERT_TRUE(conversion.report) << conversion.report.error().message;
  EXPECT_EQ(conversion.file().metadata().unsigned_integer("llama.context_length").value(), 128u);
  EXPECT_THAT(conversion.report->notes, ElementsAre(HasSubstr("context of 128 tokens")));
}

TEST(Convert, StoppingLeavesNoFileAndProgressReachesOne) {
  std::vector<double> seen;
  const Conversion whole(made_llama(), {.progress = [&](double fraction) { seen.push_back(fraction); }});
  ASSERT_TRUE(whole.report);
  ASSERT_FALSE(seen.empty());
  EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
  EXPECT_EQ(seen.back(), 1.0);

  std::stop_source source;
  const Conversion stopped(made_llama(),
                           {.progress = [&](double) { source.request_stop(); }, .stop = source.get_token()});
  ASSERT_FALSE(stopped.report);
  EXPECT_EQ(stopped.report.error().code, cancelled);
  EXPECT_THAT(stopped.left_behind(), ElementsAre("folder"));
}

}  // namespace
}  // namespace quern::test
