// Arithmetic::fastest: the products of OpenBLAS against plain sums, and models against their reproducible
// selves.
#include "src/runtime/blas.h"

#include <gtest/gtest.h>

#include "quern/quern.h"
#include "tests/engine/golden.h"
#include "tests/kernels/inputs.h"

namespace quern::detail {
namespace {

using kernels::testing::Random;

bool has_blas() { return blas_is_quicker_than(*kernels::find_table("scalar")); }

TEST(Blas, ProductsOfEveryTypeAreThatOfTheDecodedWeights) {
  if (!has_blas()) GTEST_SKIP() << "built without QUERN_OPENBLAS";
  Random random(1);
  for (const formats::TensorTypeInfo& info : formats::tensor_types()) {
    if (!info.is_weight) continue;
    const std::size_t n_rows = 70, n_cols = std::max<std::size_t>(info.block_elements, 32) * 3, n = 41;
    const std::vector<float> x = random.bells(n * n_cols);
    const std::size_t row_bytes = n_cols / info.block_elements * info.block_bytes;
    std::vector<std::byte> bytes(n_rows * row_bytes);
    ASSERT_TRUE(formats::encode_rows(info.type, random.bells(n_rows * n_cols), n_cols, "w", bytes))
        << info.name;
    const kernels::WeightView w{info.type, bytes.data(), n_rows, n_cols, row_bytes};
    constexpr std::size_t begin = 3, end = 69, stride = 100;
    std::vector<float> y(n * stride, 7.0f);
    blas_multiply(w, begin, end, x.data(), n, y.data(), stride);
    std::vector<float> row(n_cols);
    for (std::size_t r = begin; r < end; ++r) {
      info.decode(bytes.data() + r * row_bytes, n_cols / info.block_elements, row.data());
      for (std::size_t t = 0; t < n; ++t) {
        double sum = 0, size = 0;
        for (std::size_t c = 0; c < n_cols; ++c) {
          const double product = double{row[c]} * double{x[t * n_cols + c]};
          sum += product;
          size += std::abs(product);
        }
        ASSERT_NEAR(y[t * stride + r - begin], sum, 1e-5 * size + 1e-30) << info.name << ' ' << r << ' ' << t;
      }
    }
    for (std::size_t t = 0; t < n; ++t) ASSERT_EQ(y[t * stride + end - begin], 7.0f) << "beside the rows";
  }
}

std::vector<float> last_logits(const Model& model, std::span<const Token> tokens) {
  Session session = model.new_session({.n_ctx = 256, .threads = 2}).value();
  const std::span<const float> logits = session.feed(tokens).value();
  return {logits.begin(), logits.end()};
}

TEST(Blas, ModelsSayWhatTheyUseAndAgreeWithTheReproducibleKernels) {
  std::vector<Token> tokens;
  for (Token token = 0; token < 70; ++token) tokens.push_back(3 + token % 50);
  const std::string folder = QUERN_TEST_DATA_DIR "/models/";
  for (const char* name : {"llama", "qwen3moe", "deepseek2", "smollm"}) {
    const std::string gguf = folder + name + ".gguf";
    const Model reproducible = Model::open(gguf, {.isa = "generic"}).value();
    const Model fastest = Model::open(gguf, {.isa = "generic", .arithmetic = Arithmetic::fastest}).value();
    EXPECT_EQ(reproducible.info().arithmetic, Arithmetic::reproducible);
    EXPECT_EQ(fastest.info().arithmetic, has_blas() ? Arithmetic::fastest : Arithmetic::reproducible);
    const std::vector<float> want = last_logits(reproducible, tokens), got = last_logits(fastest, tokens);
    if (!has_blas()) {
      EXPECT_EQ(got, want) << name;
      continue;
    }
    EXPECT_NE(got, want) << name << ": nothing was computed otherwise";
    for (std::size_t i = 0; i < want.size(); ++i) ASSERT_NEAR(got[i], want[i], 2e-3) << name << ' ' << i;
  }
}

TEST(Blas, IsNotForKernelsOfAnInstructionSet) {
  const kernels::KernelTables all = kernels::runnable_tables();
  for (std::size_t i = 0; i + 1 < all.size; ++i)  // the last is the generic one
    EXPECT_FALSE(blas_is_quicker_than(*all.tables[i])) << all.tables[i]->isa;
}

}  // namespace
}  // namespace quern::detail
