// Matrix products of every weight type: against the decoded weights in double precision, and by bits between
// tables, numbers of tokens, splits of rows and token lists.
#include <algorithm>
#include <string>

#include "tests/kernels/support.h"

namespace quern::kernels::testing {
namespace {

using formats::TensorTypeInfo;

std::vector<std::size_t> column_counts(const TensorTypeInfo& info, Random& random) {
  if (info.block_elements == 1) return {1, 15, 16, 17, 33, 255, 257, 1 + random.below(700)};
  const std::size_t block = info.block_elements;
  return {block, 3 * block, (512 / block + 1) * block, (2048 / block) * block,
          (1 + random.below(5000 / block)) * block};
}

class Matmul : public ::testing::TestWithParam<const TensorTypeInfo*> {};

TEST_P(Matmul, MatchesDecodedWeightsInDoublePrecision) {
  const TensorTypeInfo& info = *GetParam();
  Random random(100 + static_cast<std::uint64_t>(info.type));
  for (const Bytes kind : {Bytes::any_finite, Bytes::extreme}) {
    if (info.block_elements == 1 && kind == Bytes::extreme) continue;
    for (const std::size_t n_cols : column_counts(info, random)) {
      const std::size_t n_rows = 1 + random.below(20), n_tokens = 5;
      std::vector<float> x = random.bells(n_tokens * n_cols);
      if (kind == Bytes::extreme)  // codes of +-127 only
        for (float& v : x) v = v < 0 ? -1.0f : 1.0f;
      const Packed packed(activation_kind(info.type), std::move(x), n_tokens, n_cols);
      const std::vector<std::byte> bytes = random_weights(info, n_rows, n_cols, kind, random);
      const WeightView w{info.type, bytes.data(), n_rows, n_cols, bytes.size() / n_rows};
      std::vector<float> values(n_rows * n_cols);
      info.decode(bytes.data(), values.size() / info.block_elements, values.data());
      for (const KernelTable* table : tables()) {
        const std::vector<float> y = multiply(*table, w, 0, n_rows, packed.acts, {0, 1, 2, 3, 4});
        for (std::size_t t = 0; t < n_tokens; ++t) {
          for (std::size_t r = 0; r < n_rows; ++r) {
            double want = 0, magnitude = 0, largest = 0;
            for (std::size_t c = 0; c < n_cols; ++c) {
              if (c % 32 == 0) {  // with a minimum, the two parts may both be as large as the largest weight
                largest = 0;
                for (std::size_t k = c; k < std::min(c + 32, n_cols); ++k)
                  largest = std::max(largest, std::abs(double{values[r * n_cols + k]}));
              }
              want += double{values[r * n_cols + c]} * packed.value(t, c);
              magnitude += largest * std::abs(packed.value(t, c));
            }
            ASSERT_NEAR(y[t * n_rows + r], want, 2e-6 * magnitude + 1e-37)
                << table->isa << " row " << r << " token " << t << " columns " << n_cols;
          }
        }
      }
    }
  }
}

TEST_P(Matmul, BitsDoNotDependOnTableTokensOrSplits) {
  const TensorTypeInfo& info = *GetParam();
  Random random(200 + static_cast<std::uint64_t>(info.type));
  for (const Bytes kind : {Bytes::any_finite, Bytes::extreme, Bytes::any}) {
    for (const std::size_t n_cols : column_counts(info, random)) {
      const std::size_t n_rows = 1 + random.below(40), n_tokens = 1 + random.below(50);
      const Packed packed(activation_kind(info.type), random.bells(n_tokens * n_cols), n_tokens, n_cols);
      const std::vector<std::byte> bytes = random_weights(info, n_rows, n_cols, kind, random);
      const WeightView w{info.type, bytes.data(), n_rows, n_cols, bytes.size() / n_rows};
      std::vector<std::uint32_t> all(n_tokens);
      for (std::size_t i = 0; i < n_tokens; ++i) all[i] = static_cast<std::uint32_t>(i);
      const std::vector<float> want = multiply(*find_table("scalar"), w, 0, n_rows, packed.acts, all);
      for (const KernelTable* table : tables()) {
        SCOPED_TRACE(std::string(table->isa) + " columns " + std::to_string(n_cols));
        ASSERT_TRUE(same_bits(multiply(*table, w, 0, n_rows, packed.acts, all), want));
        // One token of the list, and a few in another order, for a part of the rows.
        const std::size_t begin = random.below(n_rows), end = begin + 1 + random.below(n_rows - begin);
        for (std::size_t n_list : {std::size_t{1}, std::size_t{3}, n_tokens}) {
          std::vector<std::uint32_t> list(n_list);
          for (std::uint32_t& t : list) t = static_cast<std::uint32_t>(random.below(n_tokens));
          std::vector<float> part;
          for (const std::uint32_t t : list)
            part.insert(part.end(), want.begin() + static_cast<std::ptrdiff_t>(t * n_rows + begin),
                        want.begin() + static_cast<std::ptrdiff_t>(t * n_rows + end));
          ASSERT_TRUE(same_bits(multiply(*table, w, begin, end, packed.acts, list), part));
        }
      }
    }
  }
}

// More rows and tokens than a kernel takes at a time, with the ends of both.
TEST_P(Matmul, BitsDoNotDependOnTableBeyondBlocks) {
  const TensorTypeInfo& info = *GetParam();
  Random random(250 + static_cast<std::uint64_t>(info.type));
  const std::size_t n_cols = (700 / info.block_elements + 1) * info.block_elements;
  for (const std::size_t n_tokens : {13, 16, 17, 64, 131}) {
    const std::size_t n_rows = n_tokens < 64 ? 33 : 129 + random.below(20);
    std::vector<float> x = random.bells(n_tokens * n_cols);
    for (std::size_t i = 0; i < n_cols; ++i) x[i] = x[i] < 0 ? -1.0f : 1.0f;  // codes of +-127 only
    const Packed packed(activation_kind(info.type), std::move(x), n_tokens, n_cols);
    const std::vector<std::byte> bytes =
        random_weights(info, n_rows, n_cols, n_tokens % 2 ? Bytes::extreme : Bytes::any, random);
    const WeightView w{info.type, bytes.data(), n_rows, n_cols, bytes.size() / n_rows};
    std::vector<std::uint32_t> all(n_tokens);
    for (std::size_t i = 0; i < n_tokens; ++i) all[i] = static_cast<std::uint32_t>(i);
    const std::vector<float> want = multiply(*find_table("scalar"), w, 0, n_rows, packed.acts, all);
    for (const KernelTable* table : tables())
      ASSERT_TRUE(same_bits(multiply(*table, w, 0, n_rows, packed.acts, all), want))
          << table->isa << " tokens " << n_tokens << " rows " << n_rows;
  }
}

INSTANTIATE_TEST_SUITE_P(Types, Matmul, ::testing::ValuesIn(weight_types()),
                         [](const auto& test) { return std::string(test.param->name); });

TEST(MatmulTokens, NaNInOneTokenStaysThere) {
  Random random(300);
  const std::size_t n_cols = 512, n_rows = 3, n_tokens = 20;
  std::vector<std::uint32_t> all(n_tokens);
  for (std::size_t i = 0; i < n_tokens; ++i) all[i] = static_cast<std::uint32_t>(i);
  for (const TensorTypeInfo* info : weight_types()) {
    std::vector<float> x = random.bells(n_tokens * n_cols);
    const std::vector<std::byte> bytes = random_weights(*info, n_rows, n_cols, Bytes::any_finite, random);
    const WeightView w{info->type, bytes.data(), n_rows, n_cols, bytes.size() / n_rows};
    const Packed clean(activation_kind(info->type), x, n_tokens, n_cols);
    x[2 * n_cols + 77] = std::nanf("");
    const Packed dirty(activation_kind(info->type), x, n_tokens, n_cols);
    for (const KernelTable* table : tables()) {
      const std::vector<float> a = multiply(*table, w, 0, n_rows, clean.acts, all);
      const std::vector<float> b = multiply(*table, w, 0, n_rows, dirty.acts, all);
      for (std::size_t i = 0; i < a.size(); ++i) {
        if (i / n_rows == 2)
          EXPECT_TRUE(std::isnan(b[i])) << info->name << " " << table->isa;
        else
          EXPECT_EQ(a[i], b[i]) << info->name << " " << table->isa;
      }
    }
  }
}

}  // namespace
}  // namespace quern::kernels::testing
