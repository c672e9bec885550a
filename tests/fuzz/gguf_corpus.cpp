// Writes the good inputs of the gguf target. usage: make_gguf_corpus FOLDER
#include <cstdio>
#include <string>

#include "tests/support/gguf_bytes.h"

namespace {

using namespace quern;
using test::gguf;
using test::GgufBytes;
using test::TensorType;

// One small tensor of every type that a file may hold.
GgufBytes every_tensor_type() {
  GgufBytes file = gguf().kv("general.architecture", "llama");
  for (const formats::TensorTypeInfo& info : formats::tensor_types())
    if (formats::find_tensor_type(static_cast<std::uint32_t>(info.type)))
      file.tensor("blk.0." + std::string(info.name), {info.block_elements, 2}, info.type);
  return file;
}

GgufBytes every_value_type() {
  return gguf()
      .kv("u8", std::uint8_t{200})
      .kv("i8", std::int8_t{-100})
      .kv("u16", std::uint16_t{60000})
      .kv("i16", std::int16_t{-30000})
      .kv("u32", 4000000000u)
      .kv("i32", -2000000000)
      .kv("u64", ~std::uint64_t{0})
      .kv("i64", std::int64_t{-1})
      .kv("f32", -0.1f)
      .kv("f64", 1e300)
      .kv("bool", true)
      .kv("string", "text");
}

GgufBytes every_array_type() {
  return gguf()
      .kv("u8", {std::uint8_t{200}, std::uint8_t{1}})
      .kv("i8", {std::int8_t{-100}})
      .kv("u16", {std::uint16_t{60000}})
      .kv("i16", {std::int16_t{-30000}})
      .kv("u32", {4000000000u, 1u})
      .kv("i32", {-2000000000})
      .kv("u64", {~std::uint64_t{0}})
      .kv("i64", {std::int64_t{-1}})
      .kv("f32", {-0.1f, 2.0f})
      .kv("f64", {1e300})
      .kv("bool", {true, false, true})
      .kv("string", std::vector<std::string>{"one", "", "three"})
      .kv("empty", std::initializer_list<std::int32_t>{});
}

GgufBytes tiny_decoder() {
  return gguf()
      .kv("general.architecture", "llama")
      .kv("general.alignment", 64u)
      .alignment(64)
      .kv("llama.block_count", 1u)
      .kv("llama.embedding_length", 32u)
      .kv("llama.attention.head_count", {4u})
      .kv("llama.attention.layer_norm_rms_epsilon", 1e-5f)
      .kv("tokenizer.ggml.model", "llama")
      .kv("tokenizer.ggml.tokens", std::vector<std::string>{"<unk>", "<s>", "</s>", "a"})
      .kv("tokenizer.ggml.scores", {0.0f, 0.0f, 0.0f, -1.0f})
      .kv("tokenizer.ggml.token_type", {2, 3, 3, 1})
      .tensor("token_embd.weight", {32, 4}, TensorType::q8_0)
      .tensor("blk.0.attn_norm.weight", {32})
      .tensor("blk.0.attn_q.weight", {32, 32}, TensorType::f16)
      .tensor("output_norm.weight", {32});
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: make_gguf_corpus FOLDER\n");
    return 2;
  }
  const std::pair<const char*, GgufBytes> files[] = {
      {"empty-model.gguf", gguf()},
      {"version-2.gguf", gguf().version(2).kv("k", 1u).tensor("w", {4})},
      {"big-endian.gguf", gguf().version(0x03000000)},
      {"every-value-type.gguf", every_value_type()},
      {"every-array-type.gguf", every_array_type()},
      {"every-tensor-type.gguf", every_tensor_type()},
      {"tiny-decoder.gguf", tiny_decoder()},
      {"alignment-1.gguf", gguf().kv("general.alignment", 1u).alignment(1).tensor("w", {3}).tensor("v", {5})},
      {"gaps.gguf",
       gguf().tensor("w", {4}, TensorType::f32, 96).tensor("v", {2, 2}, TensorType::f16, 0).data(112)},
      {"four-dimensions.gguf", gguf().tensor("w", {2, 3, 4, 5}, TensorType::i8)},
      {"first-shard.gguf", gguf().kv("split.no", std::uint16_t{0}).kv("split.count", std::uint16_t{2})},
      {"cut-in-the-data.gguf", gguf().tensor("w", {64}).cut(100)},
      {"key-twice.gguf", gguf().kv("k", 1u).kv("k", 2u)},
      {"overlap.gguf", gguf().tensor("w", {8}).tensor("v", {8}, TensorType::f32, 0)},
  };
  for (const auto& [name, file] : files)
    test::write_file(std::filesystem::path(argv[1]) / name, file.bytes());
  return 0;
}
