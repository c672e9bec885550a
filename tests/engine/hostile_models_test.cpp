// Model files that contradict themselves or ask for what there is not: every one is an error that names the
// key or tensor at fault. The container around them is sound (tests/formats holds the reader to that).
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "src/runtime/loaded_model.h"
#include "tests/support/tiny_model.h"

namespace quern::test {
namespace {

using detail::read_model_spec;
using formats::ModelFile;

struct BadModel {
  const char* what;
  std::function<void(TinyModel&)> change;
  ErrorCode code;
  const char* field;
};

using enum ErrorCode;
const auto set = [](const char* key, TinyModel::Value value) {
  return [=](TinyModel& f) { f.keys[key] = value; };
};
const auto unset = [](const char* key) { return [=](TinyModel& f) { f.keys.erase(key); }; };
const auto shape = [](const char* tensor, TinyModel::Shape changed) {
  return [=](TinyModel& f) { f.tensors[tensor] = changed; };
};
const auto without = [](const char* tensor) { return [=](TinyModel& f) { f.tensors.erase(tensor); }; };
const auto experts = [](const char* key, TinyModel::Value value) {
  return [=](TinyModel& f) {
    f.use_experts();
    f.keys[key] = value;
  };
};

const auto latent = [](const std::function<void(TinyModel&)>& change) {
  return [=](TinyModel& f) {
    f = TinyModel::latent();
    change(f);
  };
};

const auto t5 = [](const std::function<void(TinyModel&)>& change) {
  return [=](TinyModel& f) {
    f = TinyModel::encoder_decoder();
    change(f);
  };
};
const auto whole = [](const std::function<void(TinyModel&)>& change) {
  return [=](TinyModel& f) {
    f = TinyModel::whole_texts();
    change(f);
  };
};

const BadModel bad_models[] = {
    {"unknown architecture", [](TinyModel& f) { f.architecture = "lama"; }, unsupported,
     "general.architecture"},
    // Sizes: absent, zero, of the wrong type, out of bounds.
    {"no context length", unset("context_length"), corrupt, "llama.context_length"},
    {"context of 0", set("context_length", 0u), corrupt, "llama.context_length"},
    {"context as text", set("context_length", std::string("64")), corrupt, "llama.context_length"},
    {"absurd context", set("context_length", 0xffffffffu), corrupt, "llama.context_length"},
    {"width of 0", set("embedding_length", 0u), corrupt, "llama.embedding_length"},
    {"width as a float", set("embedding_length", 32.0f), corrupt, "llama.embedding_length"},
    {"negative width", set("embedding_length", std::int32_t{-32}), corrupt, "llama.embedding_length"},
    {"no blocks", set("block_count", 0u), corrupt, "llama.block_count"},
    {"too many blocks", set("block_count", 513u), corrupt, "llama.block_count"},
    {"more prediction blocks than blocks", set("nextn_predict_layers", 2u), corrupt,
     "llama.nextn_predict_layers"},
    {"one block more than there is", set("block_count", 3u), corrupt, "blk.2.attn_norm.weight"},
    {"one block less than there is", set("block_count", 1u), unsupported, "blk.1.attn_k.weight"},
    // Heads.
    {"no heads", set("attention.head_count", 0u), corrupt, "llama.attention.head_count"},
    {"heads that do not divide the width", set("attention.head_count", 5u), corrupt,
     "llama.attention.head_count"},
    {"no KV heads", set("attention.head_count_kv", 0u), corrupt, "llama.attention.head_count_kv"},
    {"KV heads that do not divide the heads", set("attention.head_count_kv", 3u), corrupt,
     "llama.attention.head_count_kv"},
    {"more KV heads than heads", set("attention.head_count_kv", 8u), corrupt,
     "llama.attention.head_count_kv"},
    {"heads for one layer only", set("attention.head_count", std::vector<std::uint32_t>{4}), corrupt,
     "llama.attention.head_count"},
    {"heads for three layers", set("attention.head_count", std::vector<std::uint32_t>{4, 4, 4}), corrupt,
     "llama.attention.head_count"},
    {"no heads in one layer", set("attention.head_count_kv", std::vector<std::uint32_t>{2, 0}), corrupt,
     "llama.attention.head_count_kv"},
    {"head size of 0", set("attention.key_length", 0u), corrupt, "llama.attention.key_length"},
    {"absurd head size", set("attention.value_length", 1u << 20), corrupt, "llama.attention.value_length"},
    // Rotation.
    {"odd rotation", set("rope.dimension_count", 7u), corrupt, "llama.rope.dimension_count"},
    {"rotation past the head", set("rope.dimension_count", 10u), corrupt, "llama.rope.dimension_count"},
    {"no rotation", set("rope.dimension_count", 0u), corrupt, "llama.rope.dimension_count"},
    {"part of the head rotated", set("rope.dimension_count", 4u), corrupt, "llama.rope.dimension_count"},
    {"base of 0", set("rope.freq_base", 0.0f), corrupt, "llama.rope.freq_base"},
    {"infinite base", set("rope.freq_base", INFINITY), corrupt, "llama.rope.freq_base"},
    {"NaN base", set("rope.freq_base", NAN), corrupt, "llama.rope.freq_base"},
    {"unknown scaling", set("rope.scaling.type", std::string("ntk")), unsupported, "llama.rope.scaling.type"},
    {"negative scaling", set("rope.scaling.factor", -4.0f), corrupt, "llama.rope.scaling.factor"},
    {"scaling next to nothing", set("rope.scale_linear", 1e-30f), corrupt, "llama.rope.scale_linear"},
    {"longrope without its factors", set("rope.scaling.type", std::string("longrope")), corrupt,
     "rope_factors_long.weight"},
    {"divisors for another size", shape("rope_freqs.weight", {{8}}), corrupt, "rope_freqs.weight"},
    // Switches.
    {"a switch that nobody knows", set("attention.new_trick", true), unsupported,
     "llama.attention.new_trick"},
    {"a switch of other families", set("final_logit_softcapping", 30.0f), unsupported,
     "llama.final_logit_softcapping"},
    // Numbers.
    {"no epsilon", unset("attention.layer_norm_rms_epsilon"), corrupt,
     "llama.attention.layer_norm_rms_epsilon"},
    {"epsilon of 0", set("attention.layer_norm_rms_epsilon", 0.0f), corrupt,
     "llama.attention.layer_norm_rms_epsilon"},
    {"negative epsilon", set("attention.layer_norm_rms_epsilon", -1e-5f), corrupt,
     "llama.attention.layer_norm_rms_epsilon"},
    {"NaN epsilon", set("attention.layer_norm_rms_epsilon", NAN), corrupt,
     "llama.attention.layer_norm_rms_epsilon"},
    {"FFN width of 0", set("feed_forward_length", 0u), corrupt, "llama.feed_forward_length"},
    {"absurd FFN width", set("feed_forward_length", 1u << 31), corrupt, "llama.feed_forward_length"},
    // Experts.
    {"more experts used than there are", experts("expert_used_count", 5u), corrupt,
     "llama.expert_used_count"},
    {"no experts used", experts("expert_used_count", 0u), corrupt, "llama.expert_used_count"},
    {"too many experts", experts("expert_count", 1025u), corrupt, "llama.expert_count"},
    {"more experts than the tensors hold", experts("expert_count", 5u), corrupt, "blk.0.ffn_gate_inp.weight"},
    {"experts without a width", experts("feed_forward_length", 0u), corrupt,
     "llama.expert_feed_forward_length"},
    {"unknown gating", experts("expert_gating_func", 9u), unsupported, "llama.expert_gating_func"},
    {"gating of another family", experts("expert_gating_func", 2u), unsupported, "llama.expert_gating_func"},
    {"groups that do not divide the experts", experts("expert_group_count", 3u), corrupt,
     "llama.expert_group_used_count"},
    {"a tensor for one expert of four",
     [](TinyModel& f) {
       f.use_experts();
       f.tensors.erase("blk.0.ffn_gate_exps.weight");
       f.tensors["blk.0.ffn_gate.0.weight"] = {{32, 64}};
     },
     corrupt, "blk.0.ffn_gate.1.weight"},
    // Latent attention.
    {"no latent size", latent(unset("attention.kv_lora_rank")), corrupt, "deepseek2.attention.kv_lora_rank"},
    {"latent size of 0", latent(set("attention.kv_lora_rank", 0u)), corrupt,
     "deepseek2.attention.kv_lora_rank"},
    {"absurd latent size", latent(set("attention.kv_lora_rank", 1u << 20)), corrupt,
     "deepseek2.attention.kv_lora_rank"},
    {"a latent size of other tensors", latent(set("attention.kv_lora_rank", 8u)), corrupt,
     "blk.0.attn_kv_a_mqa.weight"},
    {"no rank of the queries", latent(unset("attention.q_lora_rank")), corrupt,
     "deepseek2.attention.q_lora_rank"},
    {"absurd rank of the queries", latent(set("attention.q_lora_rank", 1u << 21)), corrupt,
     "deepseek2.attention.q_lora_rank"},
    {"heads that are rotated whole", latent(set("rope.dimension_count", 8u)), corrupt,
     "deepseek2.attention.key_length_mla"},
    {"a head size of 0", latent(set("attention.value_length_mla", 0u)), corrupt,
     "deepseek2.attention.value_length_mla"},
    {"no heads over latent keys", latent(set("attention.head_count", 0u)), corrupt,
     "deepseek2.attention.head_count"},
    {"keys of three heads for four", latent(shape("blk.0.attn_k_b.weight", {{4, 16, 3}})), corrupt,
     "blk.0.attn_k_b.weight"},
    {"values transposed", latent(shape("blk.1.attn_v_b.weight", {{8, 16, 4}})), corrupt,
     "blk.1.attn_v_b.weight"},
    {"joint keys and values too short", latent(shape("blk.0.attn_kv_b.weight", {{16, 47}})), corrupt,
     "blk.0.attn_kv_b.weight"},
    {"temperature over no length", latent(set("attention.temperature_scale", 0.1f)), corrupt,
     "deepseek2.attention.temperature_length"},
    {"NaN as a multiplier", latent(set("rope.scaling.yarn_log_multiplier", NAN)), corrupt,
     "deepseek2.rope.scaling.yarn_log_multiplier"},
    {"gating by something else", latent(set("expert_gating_func", 4u)), unsupported,
     "deepseek2.expert_gating_func"},
    {"shared experts without end", latent(set("expert_shared_count", 5000u)), corrupt,
     "deepseek2.expert_shared_count"},
    {"a selection bias of another length", latent(shape("blk.1.exp_probs_b.bias", {{5}})), corrupt,
     "blk.1.exp_probs_b.bias"},
    {"gate and up projection fused too narrow", latent(shape("blk.1.ffn_gate_up_exps.weight", {{32, 64, 4}})),
     corrupt, "blk.1.ffn_gate_up_exps.weight"},
    // An encoder and a decoder.
    {"no token to begin with", t5(unset("decoder_start_token_id")), corrupt, "t5.decoder_start_token_id"},
    {"a first token outside the vocabulary", t5(set("decoder_start_token_id", 10u)), corrupt,
     "t5.decoder_start_token_id"},
    {"no buckets", t5(unset("attention.relative_buckets_count")), corrupt,
     "t5.attention.relative_buckets_count"},
    {"too few buckets for two sides", t5(set("attention.relative_buckets_count", 3u)), corrupt,
     "t5.attention.relative_buckets_count"},
    {"more buckets than distances", t5(set("attention.relative_buckets_count", 512u)), corrupt,
     "t5.attention.relative_buckets_count"},
    {"buckets of another number", t5(set("attention.relative_buckets_count", 16u)), corrupt,
     "enc.blk.0.attn_rel_b.weight"},
    {"no biases", t5(without("dec.blk.0.attn_rel_b.weight")), corrupt, "dec.blk.0.attn_rel_b.weight"},
    {"no attention to the source", t5(without("dec.blk.0.cross_attn_k.weight")), corrupt,
     "dec.blk.0.cross_attn_k.weight"},
    {"more decoder layers than tensors", t5(set("decoder_block_count", 2u)), corrupt,
     "dec.blk.1.attn_norm.weight"},
    {"no decoder layers", t5(set("decoder_block_count", 0u)), corrupt, "t5.decoder_block_count"},
    {"no norm of the encoder", t5(without("enc.output_norm.weight")), corrupt, "enc.output_norm.weight"},
    {"attention to a source in the encoder", t5(shape("enc.blk.0.cross_attn_q.weight", {{32, 32}})),
     unsupported, "enc.blk.0.cross_attn_q.weight"},
    {"an encoder without heads", t5(set("attention.head_count", 0u)), corrupt, "enc.blk.0.attn_rel_b.weight"},
    // Whole texts.
    {"a way of pooling that there is not", whole(set("pooling_type", 5u)), corrupt,
     "modern-bert.pooling_type"},
    {"ranking without its layers", whole([](TinyModel& f) {
       for (const char* name : {"cls.weight", "cls.norm.weight", "cls.output.weight"}) f.tensors.erase(name);
     }),
     corrupt, "modern-bert.pooling_type"},
    {"a ranking layer of another width", whole(shape("cls.weight", {{32, 16}})), corrupt, "cls.weight"},
    {"labels nobody named", whole(shape("cls.output.weight", {{32, 2}})), corrupt, "cls.output.weight"},
    {"an activation nobody knows", whole(set("hidden_activation", std::string("swish"))), unsupported,
     "modern-bert.hidden_activation"},
    // Tensors.
    {"no embedding", without("token_embd.weight"), corrupt, "token_embd.weight"},
    {"no output norm", without("output_norm.weight"), corrupt, "output_norm.weight"},
    {"a projection missing", without("blk.1.attn_k.weight"), corrupt, "blk.1.attn_k.weight"},
    {"a projection transposed", shape("blk.1.ffn_down.weight", {{32, 64}}), corrupt, "blk.1.ffn_down.weight"},
    {"a projection with a third dimension", shape("blk.0.attn_v.weight", {{32, 16, 2}}), corrupt,
     "blk.0.attn_v.weight"},
    {"a norm too short", shape("blk.0.ffn_norm.weight", {{31}}), corrupt, "blk.0.ffn_norm.weight"},
    {"a norm in Q8_0", shape("blk.0.attn_norm.weight", {{32}, TensorType::q8_0}), unsupported,
     "blk.0.attn_norm.weight"},
    {"weights in integers", shape("blk.0.attn_q.weight", {{32, 32}, TensorType::i32}), unsupported,
     "blk.0.attn_q.weight"},
    {"another output size", shape("output.weight", {{32, 11}}), corrupt, "output.weight"},
    {"a tensor nobody reads", shape("blk.0.attn_q_norm.weight", {{8}}), unsupported,
     "blk.0.attn_q_norm.weight"},
    {"a tensor of no family", shape("secret.weight", {{8}}), unsupported, "secret.weight"},
    {"a bias too short", shape("blk.0.attn_q.bias", {{31}}), corrupt, "blk.0.attn_q.bias"},
};

TEST(HostileModels, TheUnchangedModelsAreSound) {
  const auto dense = TinyModel().bytes();
  const auto plain = read_model_spec(ModelFile::from_bytes(dense).value());
  EXPECT_TRUE(plain) << plain.error().message;
  TinyModel mixture;
  mixture.use_experts();
  for (const TinyModel& file :
       {mixture, TinyModel::latent(), TinyModel::whole_texts(), TinyModel::encoder_decoder()}) {
    const auto bytes = file.bytes();
    const auto spec = read_model_spec(ModelFile::from_bytes(bytes).value());
    EXPECT_TRUE(spec) << spec.error().message;
  }
}

TEST(HostileModels, EachIsAnErrorThatNamesTheFault) {
  for (const BadModel& bad : bad_models) {
    TinyModel file;
    bad.change(file);
    const auto bytes = file.bytes();
    const auto container = ModelFile::from_bytes(bytes);
    ASSERT_TRUE(container) << bad.what << ": " << container.error().message;
    const auto spec = read_model_spec(*container);
    ASSERT_FALSE(spec) << bad.what;
    EXPECT_EQ(spec.error().code, bad.code) << bad.what << ": " << spec.error().message;
    EXPECT_EQ(spec.error().field, bad.field) << bad.what << ": " << spec.error().message;
    EXPECT_NE(spec.error().message.find(spec.error().field), std::string::npos)
        << bad.what << ": the message does not name the field: " << spec.error().message;
  }
}

TEST(HostileModels, AnUnknownArchitectureIsToldTheKnownOnes) {
  TinyModel file;
  file.architecture = "lama";
  const auto bytes = file.bytes();
  const auto spec = read_model_spec(ModelFile::from_bytes(bytes).value());
  ASSERT_FALSE(spec);
  for (const char* known : {"llama", "qwen3moe", "gpt-oss"})
    EXPECT_NE(spec.error().message.find(known), std::string::npos) << spec.error().message;
}

TEST(HostileModels, RotaryDivisorsOutOfRangeAreRefusedAtLoading) {
  TinyModel file;
  file.tensors["rope_freqs.weight"] = {{4}};  // its bytes count up from 0: denormal and huge floats
  const auto bytes = file.bytes();
  const auto model = detail::LoadedModel::from_file(ModelFile::from_bytes(bytes).value());
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().code, corrupt);
  EXPECT_EQ(model.error().field, "rope_freqs.weight");
}

TEST(HostileModels, AnUnknownInstructionSetIsToldTheKnownOnes) {
  const auto bytes = TinyModel().bytes();
  const auto model = detail::LoadedModel::from_file(ModelFile::from_bytes(bytes).value(), "avx1024");
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().code, invalid_argument);
  EXPECT_EQ(model.error().field, "isa");
  EXPECT_NE(model.error().message.find("scalar"), std::string::npos) << model.error().message;
}

}  // namespace
}  // namespace quern::test
