// A block counts as not finite exactly where its decoded values are not, for every type and every byte of the
// block at which a scale could stand.
#include "formats/finite_blocks.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

namespace quern::formats {
namespace {

bool decodes_finite(const TensorTypeInfo& type, const std::vector<std::byte>& block) {
  std::vector<float> values(type.block_elements);
  type.decode(block.data(), 1, values.data());
  return std::ranges::all_of(values, [](float value) { return std::isfinite(value); });
}

TEST(FiniteBlocks, AgreesWithDecodingInEveryType) {
  std::mt19937 random(1);
  for (const TensorTypeInfo& type : tensor_types()) {
    if (type.decode == nullptr || !type.is_weight) continue;
    SCOPED_TRACE(type.name);
    std::size_t n_bad = 0;
    for (int round = 0; round < 20; ++round) {
      std::vector<std::byte> block(type.block_bytes);
      for (auto& byte : block) byte = static_cast<std::byte>(random() & 0x33);  // small exponents everywhere
      for (std::size_t at = 0; at < block.size(); ++at)
        for (const int value : {0x7B, 0x7C, 0x7E, 0x7F, 0xFC, 0xFE, 0xFF}) {
          std::vector<std::byte> changed = block;
          changed[at] = static_cast<std::byte>(value);
          // Numbers of several bytes, and IQ1_M, whose scale is in four pieces.
          for (const std::size_t next : {at + 1, at + 2})
            if (next < block.size() && round % 2 == 1) changed[next] = changed[at];
          const std::size_t n = count_non_finite(type.type, changed.data(), 1);
          // The two eight-bit scales have a NaN that decodes to a number.
          const bool named = (type.type == TensorType::mxfp4 && at == 0 && value == 0xFF) ||
                             (type.type == TensorType::nvfp4 && at < 4 && (value & 0x7F) == 0x7F);
          EXPECT_EQ(n, named || !decodes_finite(type, changed) ? 1u : 0u) << "byte " << at << " is " << value;
          n_bad += n;
        }
    }
    EXPECT_GT(n_bad, 0u);
  }
}

TEST(FiniteBlocks, CountsEachBlock) {
  const double values[] = {1, NAN, 2, INFINITY, -INFINITY};
  std::byte bytes[sizeof values];
  std::memcpy(bytes, values, sizeof values);
  EXPECT_EQ(count_non_finite(TensorType::f64, bytes, 5), 3u);
  EXPECT_EQ(count_non_finite(TensorType::i32, bytes, 10), 0u);
}

}  // namespace
}  // namespace quern::formats
