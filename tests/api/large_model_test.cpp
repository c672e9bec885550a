// Models of several gigabytes, most of them a hole in the file: opening must not read it.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "quern/quern.h"
#include "tests/support/gguf_bytes.h"
#include "tests/support/scratch_folder.h"

namespace quern {
namespace {

using formats::TensorType;

struct Shape {
  std::uint64_t dim, hidden_dim, n_layers, n_tokens;
  std::uint32_t n_heads, n_kv_heads;
  TensorType type;
  std::uint64_t kv_dim() const { return dim / n_heads * n_kv_heads; }
};

class LargeModel {
 public:
  explicit LargeModel(const Shape& shape) : shape_(shape) {
    const std::uint64_t dim = shape.dim, hidden_dim = shape.hidden_dim, n_tokens = shape.n_tokens;
    std::vector<std::string> tokens = {"<unk>", "<s>", "</s>"};
    for (std::size_t i = tokens.size(); i < n_tokens; ++i) tokens.push_back("\u2581w" + std::to_string(i));
    header_.kv("general.architecture", "llama")
        .kv("llama.block_count", static_cast<std::uint32_t>(shape.n_layers))
        .kv("llama.context_length", std::uint32_t{2048})
        .kv("llama.embedding_length", static_cast<std::uint32_t>(dim))
        .kv("llama.feed_forward_length", static_cast<std::uint32_t>(hidden_dim))
        .kv("llama.attention.head_count", shape.n_heads)
        .kv("llama.attention.head_count_kv", shape.n_kv_heads)
        .kv("llama.attention.layer_norm_rms_epsilon", 1e-5f)
        .kv("tokenizer.ggml.model", "llama")
        .kv("tokenizer.ggml.tokens", tokens);
    add("token_embd.weight", {dim, n_tokens});
    add("output_norm.weight", {dim});
    add("output.weight", {dim, n_tokens});
    for (std::uint64_t layer = 0; layer < shape.n_layers; ++layer) {
      const std::string block = "blk." + std::to_string(layer) + ".";
      add(block + "attn_norm.weight", {dim});
      for (const char* name : {"attn_q", "attn_output"}) add(block + name + ".weight", {dim, dim});
      for (const char* name : {"attn_k", "attn_v"}) add(block + name + ".weight", {dim, shape.kv_dim()});
      add(block + "ffn_norm.weight", {dim});
      add(block + "ffn_gate.weight", {dim, hidden_dim});
      add(block + "ffn_up.weight", {dim, hidden_dim});
      add(block + "ffn_down.weight", {hidden_dim, dim});
    }
    const auto bytes = header_.data(0).bytes();
    test::write_file(path(), bytes);
    std::filesystem::resize_file(path(), bytes.size() + data_bytes_, failed_);
  }
  std::filesystem::path path() const { return folder_ / "large.gguf"; }
  const std::error_code& failed() const { return failed_; }

 private:
  void add(const std::string& name, std::vector<std::uint64_t> dims) {
    const bool matrix = dims.size() == 2;
    const TensorType type = matrix ? shape_.type : TensorType::f32;
    const formats::TensorTypeInfo& info_of_type = formats::tensor_type_info(type);
    std::uint64_t n_bytes = info_of_type.block_bytes;
    for (const std::uint64_t d : dims) n_bytes *= d;
    n_bytes /= info_of_type.block_elements;
    std::string info(4, '\0');
    info[0] = static_cast<char>(dims.size());
    const auto append = [&](auto value) { info.append(reinterpret_cast<const char*>(&value), sizeof value); };
    for (const std::uint64_t d : dims) append(d);
    append(static_cast<std::uint32_t>(type));
    append(data_bytes_);
    header_.raw_info(name, info);
    data_bytes_ += n_bytes;  // all multiples of the alignment
  }

  Shape shape_;
  test::ScratchFolder folder_;
  test::GgufBytes header_;
  std::uint64_t data_bytes_ = 0;
  std::error_code failed_;
};

TEST(LargeModel, OpensInMillisecondsAndIsPlannedExactly) {
  constexpr std::uint64_t dim = 4096, hidden_dim = 11008, n_layers = 13, n_tokens = 32000;
  const LargeModel file({dim, hidden_dim, n_layers, n_tokens, 32, 32, TensorType::f16});
  if (file.failed()) GTEST_SKIP() << "no sparse files here: " << file.failed().message();
  ASSERT_GT(std::filesystem::file_size(file.path()), 5'000'000'000u);

  EXPECT_TRUE(Model::open(file.path()).value().info().mapped);

  const Plan plan = Model::plan(file.path(), {.n_ctx = 1000, .kv_type = KvType::f16, .threads = 1}).value();
  EXPECT_EQ(plan.n_ctx, 1000);
  // Tensor bytes: what add() above has counted.
  const std::uint64_t expected_weights =
      2 * n_tokens * dim * 2 + dim * 4 +
      n_layers * (2 * dim * 4 + (4 * dim * dim + 3 * dim * hidden_dim) * 2);
  EXPECT_EQ(plan.weight_bytes, expected_weights);
  // Keys and values: 2 bytes each; the cache grows in blocks of 64 positions.
  const double kv = 2.0 * n_layers * dim * 2 * 1000;
  EXPECT_GE(static_cast<double>(plan.kv_bytes), kv);
  EXPECT_LT(static_cast<double>(plan.kv_bytes), kv * 1.03);
  EXPECT_GT(plan.bytes_read_per_token, expected_weights - n_tokens * dim * 2);
  EXPECT_LT(plan.bytes_read_per_token, expected_weights);
}

TEST(LargeModel, OfEightBillionParametersWorksInLessThan64MiB) {
  const LargeModel file({4096, 14336, 32, 128256, 32, 8, TensorType::q4_k});
  if (file.failed()) GTEST_SKIP() << "no sparse files here: " << file.failed().message();
  const Plan plan = Model::plan(file.path(), {.threads = 2, .batch = 512}).value();
  EXPECT_LT(plan.scratch_bytes, 64u << 20);
  // The residual stream alone, and the rows that are added to it.
  EXPECT_GT(plan.scratch_bytes, std::uint64_t{2 * 512 * 4096 * sizeof(float)});
}

}  // namespace
}  // namespace quern
