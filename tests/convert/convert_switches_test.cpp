// mpt, state spaces, deepseek2 and gpt-oss: switches of config.json that are computed, those that are
// refused, and checkpoints that go with neither.
#include "quern/model.h"
#include "tests/convert/conversion.h"

namespace quern::test {
namespace {

using enum ErrorCode;
using formats::ModelFile;
using formats::TensorType;
using testing::Contains;
using testing::HasSubstr;

void expect_errors(const std::string& golden, std::span<const BadFolder> bad_folders) {
  const auto folder = made_golden(golden);
  if (!folder) GTEST_SKIP() << "no golden file here";
  for (const BadFolder& bad : bad_folders) expect_error(*folder, bad);
}

std::vector<float> logits_of_file(const std::filesystem::path& path, const Golden& golden) {
  const auto loaded = detail::LoadedModel::open(path).value();
  auto sequence =
      detail::Sequence::create(loaded, {.n_ctx = golden.n_ctx, .kv_type = kernels::KvType::f32, .threads = 1})
          .value();
  return logits_of(sequence, golden.tokens);
}

TEST(ConvertMpt, LearnedPositionsAndNormsOfQueriesAreRead) {
  auto folder = made_golden("mpt");
  if (!folder) GTEST_SKIP() << "no golden file here";
  folder->config["attn_config"]["alibi"] = false;
  folder->config["attn_config"]["qk_ln"] = true;
  folder->config["attn_config"]["clip_qkv"] = nullptr;
  folder->tensors["transformer.wpe.weight"] = {{512, 96}, std::vector<float>(512 * 96, 0.5f)};
  for (int n = 0; n < 3; ++n)
    for (const char* norm : {".attn.q_ln.weight", ".attn.k_ln.weight"})
      folder->tensors["transformer.blocks." + std::to_string(n) + norm] = {{96}, std::vector<float>(96, 1)};
  const Conversion conversion(*folder);
  ASSERT_TRUE(conversion.report) << conversion.report.error().message;
  const ModelFile file = conversion.file();
  EXPECT_TRUE(file.find("position_embd.weight"));
  EXPECT_TRUE(file.find("blk.2.attn_k_norm.weight"));
  EXPECT_FALSE(file.metadata().has("mpt.attention.max_alibi_bias"));
  EXPECT_FALSE(file.metadata().has("mpt.attention.clamp_kqv"));
  EXPECT_TRUE(Model::open(conversion.scratch / "out.gguf"));
}

TEST(ConvertMpt, RefusesWhatItDoesNotCompute) {
  const BadFolder bad_folders[] = {
      {"heads that share keys",
       [](MadeFolder& f) { f.config["attn_config"]["attn_type"] = "grouped_query_attention"; }, unsupported,
       "attn_type",
       "in 'attn_config': 'attn_type' is the string 'grouped_query_attention', expected multihead"},
      {"a scale of its own", [](MadeFolder& f) { f.config["attn_config"]["softmax_scale"] = 0.5; },
       unsupported, "softmax_scale", "the number 0.5, expected absent"},
      {"a prefix without a mask", [](MadeFolder& f) { f.config["attn_config"]["prefix_lm"] = true; },
       unsupported, "prefix_lm", "true, expected false"},
      {"rotation", [](MadeFolder& f) { f.config["attn_config"]["rope"] = true; }, unsupported, "rope",
       "true, expected false"},
      {"no word about ALiBi", [](MadeFolder& f) { f.config["attn_config"].erase("alibi"); }, corrupt, "alibi",
       "absent, expected true or false"},
      {"logits that are scaled", [](MadeFolder& f) { f.config["logit_scale"] = 0.1; }, unsupported,
       "logit_scale", "the number 0.1"},
      {"another norm", [](MadeFolder& f) { f.config["norm_type"] = "rmsnorm"; }, unsupported, "norm_type",
       "the string 'rmsnorm'"},
      {"a clamp at nothing", [](MadeFolder& f) { f.config["attn_config"]["clip_qkv"] = 0; }, corrupt,
       "clip_qkv", "expected more than 0"},
      {"half a value more", [](MadeFolder& f) { f.config["expansion_ratio"] = 1.26; }, corrupt,
       "expansion_ratio", "a whole number"},
      {"another FFN",
       [](MadeFolder& f) {
         f.config["ffn_config"] = {{"ffn_type", "mptglu"}};
       },
       unsupported, "ffn_type", "the string 'mptglu', expected mptmlp"},
  };
  expect_errors("mpt", bad_folders);
}

TEST(ConvertMamba2, AnUnlimitedStepOfTimeIsReadInBothSpellings) {
  auto folder = made_golden("mamba2");
  ASSERT_TRUE(folder);
  const ScratchFolder scratch;
  folder->config["time_step_limit"] = "HERE";
  folder->write(scratch / "folder");
  std::string text = folder->config.dump();
  text.replace(text.find("\"HERE\""), 6, "[0.0, Infinity]");
  std::ofstream(scratch / "folder/config.json") << text;
  const auto report = convert(scratch / "folder", scratch / "out.gguf");
  EXPECT_TRUE(report) << report.error().message;
}

TEST(ConvertMamba2, RefusesWhatItDoesNotCompute) {
  const BadFolder bad_folders[] = {
      {"steps with a limit",
       [](MadeFolder& f) {
         f.config["time_step_limit"] = {0.001, 0.1};
       },
       unsupported, "time_step_limit", "an array of 2, expected [0, Infinity]"},
      {"biases", [](MadeFolder& f) { f.config["use_bias"] = true; }, unsupported, "use_bias",
       "true, expected false"},
      {"no norm", [](MadeFolder& f) { f.config["rms_norm"] = false; }, unsupported, "rms_norm",
       "false, expected true"},
      {"heads that are no width", [](MadeFolder& f) { f.config["num_heads"] = 7; }, corrupt, "expand",
       "makes the width 112"},
      {"groups that do not divide", [](MadeFolder& f) { f.config["n_groups"] = 3; }, corrupt,
       "backbone.layers.0.mixer.norm.weight", "expected a vector whose size is a multiple of 3"},
      {"another activation", [](MadeFolder& f) { f.config["hidden_act"] = "gelu"; }, unsupported,
       "hidden_act", "expected silu"},
  };
  expect_errors("mamba2", bad_folders);
}

TEST(ConvertFalconH1, RefusesWhatItDoesNotCompute) {
  const BadFolder bad_folders[] = {
      {"a norm before the gate",
       [](MadeFolder& f) {
         f.config["mamba_rms_norm"] = true;
         f.config["mamba_norm_before_gate"] = true;
       },
       unsupported, "mamba_norm_before_gate", "true, expected false"},
      {"a norm that is not there",
       [](MadeFolder& f) {
         f.config["mamba_rms_norm"] = true;
         f.config["mamba_norm_before_gate"] = false;
       },
       corrupt, "model.layers.0.mamba.norm.weight", "is missing"},
      {"four multipliers of five",
       [](MadeFolder& f) {
         f.config["ssm_multipliers"] = {1, 2, 3, 4};
       },
       corrupt, "ssm_multipliers", "an array of 4, expected an array of 5 numbers"},
      {"a multiplier that is a text", [](MadeFolder& f) { f.config["key_multiplier"] = "1"; }, corrupt,
       "key_multiplier", "the string '1', expected a number"},
      {"attention on some layers",
       [](MadeFolder& f) {
         f.config["attn_layer_indices"] = {0, 2};
       },
       unsupported, "attn_layer_indices", "an array of 2, expected absent"},
      {"heads of another size", [](MadeFolder& f) { f.config["mamba_d_head"] = 8; }, corrupt, "mamba_d_head",
       "the number 8, expected 'auto' or 16"},
      {"input of another width", [](MadeFolder& f) { f.config["mamba_d_state"] = 8; }, corrupt,
       "model.layers.0.mamba.in_proj.weight", "has shape [164, 64], expected 148 rows"},
  };
  expect_errors("falcon-h1", bad_folders);
}

TEST(ConvertFalconH1, BiasesHaveTheMultipliersOfOutputsOnly) {
  auto folder = made_golden("falcon-h1");
  ASSERT_TRUE(folder);
  const auto add = [&](const std::string& name, std::uint64_t n) {
    for (int layer = 0; layer < 3; ++layer)
      folder->tensors["model.layers." + std::to_string(layer) + "." + name] = {{n}, std::vector<float>(n, 1)};
  };
  add("self_attn.q_proj.bias", 64);
  add("self_attn.k_proj.bias", 32);
  add("self_attn.v_proj.bias", 32);
  add("mamba.in_proj.bias", 164);
  add("mamba.out_proj.bias", 64);
  add("mamba.norm.weight", 64);
  folder->config["mamba_rms_norm"] = true;
  folder->config["mamba_norm_before_gate"] = false;
  const Conversion conversion(*folder);
  ASSERT_TRUE(conversion.report) << conversion.report.error().message;
  const ModelFile file = conversion.file();
  const auto first_of = [&](const char* name, std::size_t i = 0) {
    return tensor_of(*file.find(name)).values.at(i);
  };
  EXPECT_EQ(first_of("blk.1.attn_q.bias"), 1.0f);
  EXPECT_EQ(first_of("blk.1.attn_k.bias"), 0.25f);
  EXPECT_EQ(first_of("blk.1.ssm_out.bias"), 0.125f);
  EXPECT_EQ(first_of("blk.1.ssm_in.bias"), 32.0f);
  EXPECT_EQ(first_of("blk.1.ssm_in.bias", 63), 32.0f);
  EXPECT_EQ(first_of("blk.1.ssm_in.bias", 64), 0.5f);
  EXPECT_EQ(first_of("blk.1.ssm_in.bias", 163), 64.0f);
  EXPECT_TRUE(file.find("blk.1.ssm_norm.weight"));
  EXPECT_TRUE(Model::open(conversion.scratch / "out.gguf"));
}

TEST(ConvertFalconH1, ATiedOutputIsWrittenWithItsOwnMultiplier) {
  auto folder = made_golden("falcon-h1");
  ASSERT_TRUE(folder);
  folder->config["tie_word_embeddings"] = true;
  folder->tensors.erase("lm_head.weight");
  const Conversion conversion(*folder);
  ASSERT_TRUE(conversion.report) << conversion.report.error().message;
  const ModelFile file = conversion.file();
  const HfTensor embedding = tensor_of(*file.find("token_embd.weight")),
                 output = tensor_of(*file.find("output.weight"));
  for (std::size_t i = 0; i < output.values.size(); ++i)
    ASSERT_EQ(output.values[i], embedding.values[i] / 16 * 0.03125f) << i;
}

// The golden file has the older form, kv_b whole, so sums have another order: equal up to rounding.
TEST(ConvertDeepseek2, LiteModelsHaveTheLogitsOfTheirJointMatrix) {
  const auto golden = load_golden("models", "deepseek2-lite");
  if (!golden) GTEST_SKIP() << "no golden file here";
  const Conversion conversion(MadeFolder(ModelFile::open(golden->gguf).value(), deepseek_v2_lite_dialect()));
  ASSERT_TRUE(conversion.report) << conversion.report.error().message;
  EXPECT_FALSE(conversion.file().find("blk.0.attn_kv_b.weight"));
  const std::vector<float> logits = logits_of_file(conversion.scratch / "out.gguf", *golden);
  EXPECT_LT(max_abs_difference(logits, golden->logits), 2e-4);
}

TEST(ConvertDeepseek2, BlocksThatGuessAheadAreLeftOutWithANote) {
  auto folder = made_golden("deepseek2");
  ASSERT_TRUE(folder);
  folder->tensors["model.layers.3.enorm.weight"] = {{64}, std::vector<float>(64, 1)};
  const Conversion conversion(*folder);
  ASSERT_TRUE(conversion.report) << conversion.report.error().message;
  EXPECT_THAT(conversion.report->notes,
              Contains(HasSubstr("1 tensors that only training or guessing ahead")));
  folder->config.erase("num_nextn_predict_layers");
  const Conversion unknown(*folder);
  ASSERT_FALSE(unknown.report);
  EXPECT_EQ(unknown.report.error().field, "model.layers.3.enorm.weight");
}

TEST(ConvertDeepseek2, V3RefusesWhatItDoesNotCompute) {
  const BadFolder bad_folders[] = {
      {"softmax", [](MadeFolder& f) { f.config["scoring_func"] = "softmax"; }, unsupported, "scoring_func",
       "the string 'softmax', expected sigmoid"},
      {"another choice of experts", [](MadeFolder& f) { f.config["topk_method"] = "greedy"; }, unsupported,
       "topk_method", "the string 'greedy', expected noaux_tc"},
      {"experts in every other layer", [](MadeFolder& f) { f.config["moe_layer_freq"] = 2; }, unsupported,
       "moe_layer_freq", "the number 2, expected 1"},
      {"rotation of halves", [](MadeFolder& f) { f.config["rope_interleave"] = false; }, unsupported,
       "rope_interleave", "false, expected true"},
      {"biases", [](MadeFolder& f) { f.config["attention_bias"] = true; }, unsupported, "attention_bias",
       "true, expected false"},
      {"two kinds of growth", [](MadeFolder& f) { f.config["rope_scaling"]["mscale"] = 1.0; }, unsupported,
       "mscale", "the number 1.0, expected 0.707"},
      {"growth of the rotation", [](MadeFolder& f) { f.config["rope_scaling"].erase("mscale_all_dim"); },
       corrupt, "mscale_all_dim", "absent, expected a number"},
      {"groups that do not divide", [](MadeFolder& f) { f.config["n_group"] = 3; }, corrupt, "n_group",
       "a divisor of the 8 experts"},
      {"blocks that guess ahead without end",
       [](MadeFolder& f) { f.config["num_nextn_predict_layers"] = 2147483647; }, corrupt,
       "num_nextn_predict_layers", "expected up to 64"},
      {"weights of eight bits",
       [](MadeFolder& f) {
         f.config["quantization_config"] = {{"quant_method", "fp8"}};
       },
       unsupported, "quantization_config", "an object of 1, expected absent"},
      {"heads of another size", [](MadeFolder& f) { f.config["v_head_dim"] = 16; }, corrupt,
       "model.layers.0.self_attn.kv_b_proj.weight", "has shape [160, 32], expected [128, 32]"},
      {"no router's bias",
       [](MadeFolder& f) { f.tensors.erase("model.layers.2.mlp.gate.e_score_correction_bias"); }, corrupt,
       "model.layers.2.mlp.gate.e_score_correction_bias", "is missing"},
      {"a dense layer more", [](MadeFolder& f) { f.config["first_k_dense_replace"] = 2; }, corrupt,
       "model.layers.1.mlp.gate_proj.weight", "is missing"},
      {"no low rank", [](MadeFolder& f) { f.config.erase("q_lora_rank"); }, corrupt,
       "model.layers.0.self_attn.q_proj.weight", "is missing"},
  };
  expect_errors("deepseek2", bad_folders);
}

TEST(ConvertDeepseek2, V2RefusesWhatItDoesNotCompute) {
  const auto golden = load_golden("models", "deepseek2-lite");
  if (!golden) GTEST_SKIP() << "no golden file here";
  const MadeFolder folder(ModelFile::open(golden->gguf).value(), deepseek_v2_lite_dialect());
  const BadFolder bad_folders[] = {
      {"renormalised weights", [](MadeFolder& f) { f.config["norm_topk_prob"] = true; }, unsupported,
       "norm_topk_prob", "true, expected false"},
      {"groups by their best",
       [](MadeFolder& f) {
         f.config["topk_method"] = "group_limited_greedy";
         f.config["n_group"] = 3;
       },
       unsupported, "topk_method", "the string 'group_limited_greedy', expected greedy"},
      {"sigmoid", [](MadeFolder& f) { f.config["scoring_func"] = "sigmoid"; }, unsupported, "scoring_func",
       "the string 'sigmoid', expected softmax"},
  };
  for (const BadFolder& bad : bad_folders) expect_error(folder, bad);
}

TEST(ConvertGptOss, FractionsOfBoundsAreNoted) {
  const auto folder = made_golden("gpt-oss");
  if (!folder) GTEST_SKIP() << "no golden file here";
  const Conversion conversion(*folder);
  ASSERT_TRUE(conversion.report) << conversion.report.error().message;
  EXPECT_THAT(conversion.report->notes, Contains(HasSubstr("'truncate' is false")));
}

TEST(ConvertGptOss, BlocksStayBlocksWhateverTypeIsAskedFor) {
  const auto folder = made_golden("gpt-oss-mxfp4");
  if (!folder) GTEST_SKIP() << "no golden file here";
  for (const ConvertType type : {ConvertType::as_is, ConvertType::f16, ConvertType::q8_0}) {
    const Conversion conversion(*folder, {.type = type});
    ASSERT_TRUE(conversion.report) << conversion.report.error().message;
    EXPECT_EQ(conversion.file().find("blk.1.ffn_up_exps.weight")->type, TensorType::mxfp4);
    EXPECT_EQ(conversion.file().find("blk.1.ffn_up_exps.bias")->type, TensorType::f32);
    EXPECT_TRUE(Model::open(conversion.scratch / "out.gguf"));
  }
}

TEST(ConvertGptOss, RefusesWhatItDoesNotCompute) {
  const BadFolder bad_folders[] = {
      {"another limit", [](MadeFolder& f) { f.config["swiglu_limit"] = 10.0; }, unsupported, "swiglu_limit",
       "the number 10.0, expected 7"},
      {"no biases", [](MadeFolder& f) { f.config["attention_bias"] = false; }, unsupported, "attention_bias",
       "false, expected true"},
      {"windows that follow no rule",
       [](MadeFolder& f) {
         f.config["layer_types"] = {"sliding_attention", "full_attention", "full_attention"};
       },
       unsupported, "layer_types", "windows on all layers but every n-th"},
      {"blocks of another kind",
       [](MadeFolder& f) { f.config["quantization_config"]["quant_method"] = "fp8"; }, unsupported,
       "quantization_config", "of quant_method the string 'fp8', expected 'mxfp4'"},
      {"blocks that nothing announces", [](MadeFolder& f) { f.config.erase("quantization_config"); }, corrupt,
       "model.layers.0.mlp.experts.gate_up_proj", "is missing"},
      {"no scales", [](MadeFolder& f) { f.tensors.erase("model.layers.1.mlp.experts.down_proj_scales"); },
       corrupt, "model.layers.1.mlp.experts.down_proj_scales", "is missing"},
      {"scales of other rows",
       [](MadeFolder& f) {
         f.tensors["model.layers.1.mlp.experts.down_proj_scales"] = {{4, 32, 1}, {}, std::string(128, 'x')};
       },
       corrupt, "model.layers.1.mlp.experts.down_proj_scales", "has not one scale for each block"},
      {"a scale that is no number",
       [](MadeFolder& f) { f.tensors["model.layers.1.mlp.experts.down_proj_scales"].bytes[70] = '\xff'; },
       corrupt, "model.layers.1.mlp.experts.down_proj_scales", "holds 255 for block 6 of expert 1"},
      {"blocks of floats",
       [](MadeFolder& f) {
         f.tensors["model.layers.1.mlp.experts.down_proj_blocks"] = {{4, 64, 1, 16},
                                                                     std::vector<float>(4096)};
       },
       corrupt, "model.layers.1.mlp.experts.down_proj_blocks", "is F32, expected U8"},
      {"no sinks", [](MadeFolder& f) { f.tensors.erase("model.layers.2.self_attn.sinks"); }, corrupt,
       "model.layers.2.self_attn.sinks", "is missing"},
  };
  expect_errors("gpt-oss-mxfp4", bad_folders);
}

TEST(ConvertGptOss, ExpertsOfAnotherShapeAreAnError) {
  const auto folder = made_golden("gpt-oss");
  if (!folder) GTEST_SKIP() << "no golden file here";
  expect_error(*folder, {"rows first",
                         [](MadeFolder& f) {
                           HfTensor& t = f.tensors["model.layers.0.mlp.experts.gate_up_proj"];
                           std::swap(t.shape[1], t.shape[2]);
                           t.shape[2] /= 2, t.shape[1] *= 2;
                         },
                         corrupt, "model.layers.0.mlp.experts.gate_up_proj",
                         "has shape [6, 128, 32], expected [6, 64, 64]"});
}

}  // namespace
}  // namespace quern::test
