// Scalar decode of every tensor type against stored vectors, and what find_tensor_type() says about each
// number.
#include "formats/tensor_type.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <random>
#include <sstream>

#include "formats/codebooks.h"
#include "formats/float16.h"
#include "formats/fp4_blocks.h"
#include "formats/i_quants.h"
#include "tests/formats/quant_vectors.h"

namespace quern::formats {
namespace {

using test::bits_of;
using test::quants_dir;
using test::read_bytes;
using test::read_floats;
using testing::HasSubstr;

std::string name_of(const testing::TestParamInfo<TensorTypeInfo>& info) {
  return std::string(info.param.name);
}

std::vector<TensorTypeInfo> decodable_types() {
  std::vector<TensorTypeInfo> types;
  for (const TensorTypeInfo& info : tensor_types())
    if (info.decode != nullptr) types.push_back(info);
  return types;
}

class Decode : public testing::TestWithParam<TensorTypeInfo> {};
INSTANTIATE_TEST_SUITE_P(Types, Decode, testing::ValuesIn(decodable_types()), name_of);

TEST_P(Decode, EqualsTheStoredValuesBitForBit) {
  const TensorTypeInfo& type = GetParam();
  const std::string stem =
      type.type == TensorType::f32 ? "act" : std::string(type.name);  // any floats will do
  const auto bytes = read_bytes(quants_dir() / (stem + (stem == "act" ? ".f32" : ".bin")));
  const auto want = read_floats(quants_dir() / (stem + ".f32"));
  const std::size_t n_blocks = bytes.size() / type.block_bytes;
  ASSERT_GT(n_blocks, 0u);
  ASSERT_EQ(n_blocks * type.block_bytes, bytes.size());
  ASSERT_EQ(n_blocks * type.block_elements, want.size());
  std::vector<float> got(want.size());
  type.decode(bytes.data(), n_blocks, got.data());
  for (std::size_t i = 0; i < want.size(); ++i) {
    if (std::isnan(want[i])) {
      ASSERT_TRUE(std::isnan(got[i])) << "element " << i;
    } else {
      ASSERT_EQ(bits_of(got[i]), bits_of(want[i]))
          << "element " << i << ": " << got[i] << ", not " << want[i];
    }
  }
}

// Any bytes are a legal block. The block lies at every alignment at the very end of its allocation, so that
// the address sanitizer sees a read beyond it.
TEST_P(Decode, TakesAnyBytesAtAnyAlignment) {
  const TensorTypeInfo& type = GetParam();
  std::mt19937 random(5);
  std::vector<float> values(type.block_elements), again(type.block_elements);
  for (int round = 0; round < 200; ++round) {
    const std::size_t offset = static_cast<std::size_t>(round) % 8;
    const auto buffer = std::make_unique<std::byte[]>(offset + type.block_bytes);
    std::byte* block = buffer.get() + offset;
    for (std::size_t i = 0; i < type.block_bytes; ++i)
      block[i] = round == 0   ? std::byte{0xFF}
                 : round == 1 ? std::byte{0x7F}
                              : static_cast<std::byte>(random());
    std::fill(values.begin(), values.end(), 123.0f);
    std::fill(again.begin(), again.end(), 321.0f);
    type.decode(block, 1, values.data());
    type.decode(block, 1, again.data());
    ASSERT_EQ(std::memcmp(values.data(), again.data(), values.size() * sizeof(float)), 0)
        << "round " << round;
  }
}

TEST_P(Decode, OfManyBlocksIsThatOfEachBlock) {
  const TensorTypeInfo& type = GetParam();
  constexpr std::size_t n_blocks = 5;
  std::mt19937 random(6);
  std::vector<std::byte> blocks(n_blocks * type.block_bytes);
  for (std::byte& byte : blocks) byte = static_cast<std::byte>(random());
  std::vector<float> together(n_blocks * type.block_elements), alone(together.size());
  type.decode(blocks.data(), n_blocks, together.data());
  for (std::size_t b = 0; b < n_blocks; ++b)
    type.decode(blocks.data() + b * type.block_bytes, 1, alone.data() + b * type.block_elements);
  EXPECT_EQ(std::memcmp(together.data(), alone.data(), alone.size() * sizeof(float)), 0);
  type.decode(blocks.data(), 0, nullptr);  // nothing to do, nothing touched
}

TEST(DecodeF32, CopiesBits) {
  const std::uint32_t bits[] = {0x00000001u, 0x80000000u, 0x7F800000u, 0x7FC12345u, 0x3F800000u};
  std::vector<std::byte> bytes(sizeof bits + 1);
  std::memcpy(bytes.data() + 1, bits, sizeof bits);
  float values[5];
  tensor_type_info(TensorType::f32).decode(bytes.data() + 1, 5, values);
  EXPECT_EQ(std::memcmp(values, bits, sizeof bits), 0);
}

TEST(TensorTypes, RowsAreConsistent) {
  for (const TensorTypeInfo& info : tensor_types()) {
    EXPECT_EQ(&tensor_type_info(info.type), &info) << info.name;
    EXPECT_GT(info.block_elements, 0u) << info.name;
    EXPECT_GT(info.block_bytes, 0u) << info.name;
    EXPECT_TRUE(info.decode != nullptr || !info.is_weight) << info.name;
    const auto found = find_tensor_type(static_cast<std::uint32_t>(info.type));
    const bool activation = info.type == TensorType::q8_1 || info.type == TensorType::q8_k;
    EXPECT_EQ(found.has_value(), !activation) << info.name;
    EXPECT_TRUE(!found || *found == &info) << info.name;
  }
}

TEST(TensorTypes, SizesAreThoseOfTheFormat) {
  struct Size {
    TensorType type;
    std::size_t elements, bytes;
  };
  const Size sizes[] = {
      {TensorType::f32, 1, 4},        {TensorType::f16, 1, 2},        {TensorType::bf16, 1, 2},
      {TensorType::q8_0, 32, 34},     {TensorType::q4_0, 32, 18},     {TensorType::q4_1, 32, 20},
      {TensorType::q5_0, 32, 22},     {TensorType::q5_1, 32, 24},     {TensorType::q1_0, 128, 18},
      {TensorType::q2_0, 64, 18},     {TensorType::mxfp4, 32, 17},    {TensorType::nvfp4, 64, 36},
      {TensorType::q2_k, 256, 84},    {TensorType::q3_k, 256, 110},   {TensorType::q4_k, 256, 144},
      {TensorType::q5_k, 256, 176},   {TensorType::q6_k, 256, 210},   {TensorType::tq1_0, 256, 54},
      {TensorType::tq2_0, 256, 66},   {TensorType::iq2_xxs, 256, 66}, {TensorType::iq2_xs, 256, 74},
      {TensorType::iq2_s, 256, 82},   {TensorType::iq3_xxs, 256, 98}, {TensorType::iq3_s, 256, 110},
      {TensorType::iq1_s, 256, 50},   {TensorType::iq1_m, 256, 56},   {TensorType::iq4_nl, 32, 18},
      {TensorType::iq4_xs, 256, 136}, {TensorType::q8_1, 32, 36},     {TensorType::q8_k, 256, 292},
      {TensorType::i8, 1, 1},         {TensorType::i16, 1, 2},        {TensorType::i32, 1, 4},
      {TensorType::i64, 1, 8},        {TensorType::f64, 1, 8},
  };
  EXPECT_EQ(std::size(sizes), tensor_types().size());
  for (const Size& size : sizes) {
    EXPECT_EQ(tensor_type_info(size.type).block_elements, size.elements) << tensor_type_info(size.type).name;
    EXPECT_EQ(tensor_type_info(size.type).block_bytes, size.bytes) << tensor_type_info(size.type).name;
  }
}

TEST(TensorTypes, RefusedNumbersAreNamedWithAdvice) {
  struct Refusal {
    std::uint32_t id;
    const char* name;
    const char* advice;
  };
  const Refusal refusals[] = {
      {4, "Q4_2", "removed"},
      {5, "Q4_3", "removed"},
      {31, "Q4_0_4_4", "as Q4_0"},
      {32, "Q4_0_4_8", "as Q4_0"},
      {33, "Q4_0_8_8", "as Q4_0"},
      {36, "IQ4_NL_4_4", "I2_S"},
      {37, "IQ4_NL_4_8", "as IQ4_NL"},
      {38, "IQ4_NL_8_8", "as IQ4_NL"},
      {9, "Q8_1", "activations"},
      {15, "Q8_K", "activations"},
      {137, "IQ2_K", "convert"},
      {144, "IQ4_KS", "convert"},
      {158, "IQ1_KT", "convert"},
      {202, "row-interleaved", "fork"},
      {399, "row-interleaved", "fork"},
      {43, "43", "unknown"},
      {0xFFFFFFFFu, "4294967295", "unknown"},
  };
  for (const Refusal& refusal : refusals) {
    const auto found = find_tensor_type(refusal.id);
    ASSERT_FALSE(found.has_value()) << refusal.id;
    EXPECT_EQ(found.error().code, ErrorCode::unsupported) << refusal.id;
    EXPECT_THAT(found.error().message, HasSubstr(refusal.name));
    EXPECT_THAT(found.error().message, HasSubstr(refusal.advice));
    EXPECT_THAT(found.error().message, HasSubstr(std::to_string(refusal.id)));
  }
}

TEST(TensorTypes, EveryNumberHasOneAnswer) {
  for (std::uint32_t id = 0; id < 1000; ++id) {
    const auto found = find_tensor_type(id);
    if (found) {
      EXPECT_EQ(static_cast<std::uint32_t>((*found)->type), id);
    } else {
      EXPECT_FALSE(found.error().message.empty()) << id;
    }
  }
}

// Entries of a table file: a comment line, then one number a line.
template <typename Number>
std::vector<Number> read_table(const std::string& name, int base) {
  std::ifstream in(std::filesystem::path(QUERN_TEST_DATA_DIR) / "codebooks" / name);
  EXPECT_TRUE(in) << name;
  std::vector<Number> entries;
  for (std::string line; std::getline(in, line);)
    if (!line.empty() && line[0] != '#') {
      if constexpr (std::is_floating_point_v<Number>) {
        entries.push_back(std::stof(line));
      } else if constexpr (std::is_signed_v<Number>) {
        entries.push_back(static_cast<Number>(std::stoll(line, nullptr, base)));
      } else {
        entries.push_back(static_cast<Number>(std::stoull(line, nullptr, base)));
      }
    }
  return entries;
}

template <typename Entry, unsigned n>
void expect_grid(const Codebook<Entry, n>& grid, const std::string& name) {
  const auto want = read_table<Entry>(name, 16);
  ASSERT_EQ(want.size(), n) << name;
  for (unsigned i = 0; i < n; ++i) ASSERT_EQ(grid.entry[i], want[i]) << name << " entry " << i;
}

TEST(Codebooks, ExpandToTheTablesOfTheFormat) {
  expect_grid(iq2_xxs_grid, "iq2xxs_grid.txt");
  expect_grid(iq2_xs_grid, "iq2xs_grid.txt");
  expect_grid(iq2_s_grid, "iq2s_grid.txt");
  expect_grid(iq3_xxs_grid, "iq3xxs_grid.txt");
  expect_grid(iq3_s_grid, "iq3s_grid.txt");
  expect_grid(iq1_grid, "iq1s_grid.txt");
}

TEST(Codebooks, SmallTablesAreThoseOfTheFormat) {
  const auto signs = read_table<unsigned>("ksigns.txt", 16);
  ASSERT_EQ(signs.size(), 128u);
  for (unsigned k = 0; k < 128; ++k) EXPECT_EQ(even_signs(k), signs[k]) << k;
  const auto iq4 = read_table<int>("kvalues_iq4nl.txt", 10);
  const auto fp4 = read_table<int>("kvalues_fp4.txt", 10);
  ASSERT_EQ(iq4.size(), 16u);
  ASSERT_EQ(fp4.size(), 16u);
  for (unsigned k = 0; k < 16; ++k) {
    EXPECT_EQ(iq4_values[k], iq4[k]) << k;
    EXPECT_EQ(fp4_values[k], fp4[k]) << k;
  }
  const auto scales = read_table<float>("ue4m3_half.txt", 10);
  ASSERT_EQ(scales.size(), 128u);
  for (unsigned x = 0; x < 128; ++x) {
    EXPECT_EQ(ue4m3_half(static_cast<std::uint8_t>(x)), scales[x]) << x;
    EXPECT_EQ(ue4m3_half(static_cast<std::uint8_t>(x | 128)), scales[x]) << "bit 7 is ignored, " << x;
  }
  for (unsigned e = 0; e < 256; ++e)
    EXPECT_EQ(e8m0_half(static_cast<std::uint8_t>(e)), std::ldexp(1.0f, static_cast<int>(e) - 128)) << e;
}

TEST(Float16, RoundTripsEveryPattern) {
  for (std::uint32_t bits = 0; bits < 65536; ++bits) {
    const auto pattern = static_cast<std::uint16_t>(bits);
    const float half = half_to_float(pattern), bf16 = bf16_to_float(pattern);
    EXPECT_EQ(float_to_half(half), std::isnan(half) ? (bits & 0x8000u) | 0x7E00u : bits);
    EXPECT_EQ(float_to_bf16(bf16), std::isnan(bf16) ? bits | 64u : bits);
  }
}

// Nearest is decided by distance in double, where every half and every difference is exact.
TEST(Float16, RoundsToNearestEven) {
  std::mt19937 random(7);
  for (int i = 0; i < 200000; ++i) {
    const float x = float_from_bits(static_cast<std::uint32_t>(random()));
    if (!std::isfinite(x)) continue;
    const std::uint16_t got = float_to_half(x);
    if (std::fabs(x) >= 65520.0f) {
      ASSERT_EQ(got & 0x7FFF, 0x7C00) << x;
      continue;
    }
    const auto magnitude = static_cast<std::uint16_t>(got & 0x7FFF);
    const double error = std::fabs(std::fabs(static_cast<double>(x)) - half_to_float(magnitude));
    for (const int step : {-1, 1}) {
      const int neighbour = magnitude + step;
      if (neighbour < 0 || neighbour >= 0x7C00) continue;
      const double other =
          std::fabs(std::fabs(static_cast<double>(x)) - half_to_float(static_cast<std::uint16_t>(neighbour)));
      ASSERT_TRUE(error < other || (error == other && magnitude % 2 == 0)) << x;
    }
  }
}

// dot.tsv: products of blocks 6..63 with quantized activations, which the decoded values must reproduce in
// double.
TEST(Dot, OfDecodedValuesIsTheStoredProduct) {
  std::ifstream table(quants_dir() / "dot.tsv");
  std::string line;
  std::getline(table, line);
  int n_checked = 0;
  while (std::getline(table, line)) {
    std::istringstream fields(line);
    std::string name, activation;
    std::size_t n = 0;
    double dot = 0, sum_abs = 0;
    fields >> name >> activation >> n >> dot >> sum_abs;
    const auto types = tensor_types();
    const auto find = [&](const std::string& wanted) {
      return std::find_if(types.begin(), types.end(), [&](const auto& info) { return info.name == wanted; });
    };
    const auto type = find(name), act = find(activation);
    ASSERT_NE(type, types.end()) << name;
    ASSERT_NE(act, types.end()) << activation;
    const auto blocks = read_bytes(quants_dir() / (name + ".bin"));
    const auto act_blocks = read_bytes(quants_dir() / ("act." + activation + ".bin"));
    ASSERT_EQ(58 * type->block_elements, n);
    std::vector<float> w(n), a(n);
    type->decode(blocks.data() + 6 * type->block_bytes, 58, w.data());
    act->decode(act_blocks.data(), n / act->block_elements, a.data());
    double sum = 0;
    for (std::size_t i = 0; i < n; ++i) sum += static_cast<double>(w[i]) * a[i];
    // Offsets round once in the decode (2^-24 each), and the products with Q8_1 use a sum rounded to a half.
    const double tolerance = activation == "Q8_1" ? 3e-6 : 1e-7;
    EXPECT_NEAR(sum, dot, tolerance * sum_abs) << name;
    ++n_checked;
  }
  EXPECT_EQ(n_checked, 25);
}

}  // namespace
}  // namespace quern::formats
