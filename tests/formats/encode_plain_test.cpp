// encode_rows() without importances on the types with a plain encoder, byte for byte, and what it refuses.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "formats/encode_plain.h"
#include "formats/tensor_type.h"
#include "tests/formats/quant_vectors.h"

namespace quern::formats {
namespace {

using test::quants_dir;
using test::read_bytes;
using test::read_floats;
using testing::AllOf;
using testing::HasSubstr;

constexpr TensorType plain_types[] = {
    TensorType::f16,  TensorType::bf16,  TensorType::q1_0,  TensorType::q2_0,  TensorType::q4_0,
    TensorType::q4_1, TensorType::q5_0,  TensorType::q5_1,  TensorType::q8_0,  TensorType::q8_1,
    TensorType::q8_k, TensorType::mxfp4, TensorType::nvfp4, TensorType::tq1_0, TensorType::tq2_0,
};

std::vector<std::byte> encode_all(TensorType type, const std::vector<float>& x, std::size_t n_cols) {
  const TensorTypeInfo& info = tensor_type_info(type);
  std::vector<std::byte> out(x.size() / info.block_elements * info.block_bytes);
  const auto done = encode_rows(type, x, n_cols, "w", out);
  EXPECT_TRUE(done.has_value()) << (done ? "" : done.error().message);
  return out;
}

class PlainEncode : public testing::TestWithParam<TensorType> {};
INSTANTIATE_TEST_SUITE_P(Types, PlainEncode, testing::ValuesIn(plain_types),
                         [](const auto& type) { return std::string(tensor_type_info(type.param).name); });

void expect_stored_bytes(TensorType type, const std::string& input, const std::string& stored,
                         std::size_t n_cols) {
  const TensorTypeInfo& info = tensor_type_info(type);
  const auto want = read_bytes(quants_dir() / stored);
  const auto got = encode_all(type, read_floats(quants_dir() / input), n_cols);
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t i = 0; i < want.size(); ++i)
    ASSERT_EQ(got[i], want[i]) << "byte " << i % info.block_bytes << " of block " << i / info.block_bytes;
}

TEST_P(PlainEncode, WritesTheStoredBytes) {
  const std::string name(tensor_type_info(GetParam()).name);
  expect_stored_bytes(GetParam(), "encode-plain.f32", "encode-plain." + name + ".bin", 4096);
}

TEST_P(PlainEncode, DoesNotDependOnTheRowLength) {
  const auto x = read_floats(quants_dir() / "encode-plain.f32");
  EXPECT_EQ(encode_all(GetParam(), x, 256), encode_all(GetParam(), x, 4096));
}

TEST(PlainEncodeActivations, AreTheStoredOnes) {
  expect_stored_bytes(TensorType::q8_0, "act.f32", "act.Q8_0.bin", 14848);
  expect_stored_bytes(TensorType::q8_1, "act.f32", "act.Q8_1.bin", 14848);
  expect_stored_bytes(TensorType::q8_k, "act.f32", "act.Q8_K.bin", 14848);
}

TEST(PlainEncodeF32, CopiesTheBits) {
  const std::vector<float> x = {0.0f, -0.0f, 1e-40f, 3.0e38f};
  const auto out = encode_all(TensorType::f32, x, 2);
  EXPECT_EQ(std::memcmp(out.data(), x.data(), out.size()), 0);
}

// Values so small that 1/d overflows give a zero block and no undefined conversion.
TEST_P(PlainEncode, TinyValuesDecodeToAlmostNothing) {
  const TensorTypeInfo& info = tensor_type_info(GetParam());
  std::vector<float> x(256);
  for (std::size_t i = 0; i < x.size(); ++i)
    x[i] = (i % 3 == 0 ? -1e-42f : 1e-44f) * static_cast<float>(i % 7);
  const auto out = encode_all(GetParam(), x, 256);
  std::vector<float> y(256);
  info.decode(out.data(), 256 / info.block_elements, y.data());
  for (const float value : y) EXPECT_LE(std::fabs(value), 1e-38f);
}

// Every code that an encoder writes survives a second encoding of what it decodes to, where the extreme level
// is hit.
TEST(PlainEncodeRoundTrip, Q8_0IsStable) {
  std::mt19937 random(9);
  std::normal_distribution<float> normal;
  std::vector<float> x(4096), y(4096);
  for (float& value : x) value = normal(random);
  const auto once = encode_all(TensorType::q8_0, x, 4096);
  tensor_type_info(TensorType::q8_0).decode(once.data(), 128, y.data());
  for (std::size_t b = 0; b < 128; ++b) {
    float max = 0;
    for (std::size_t e = 32 * b; e < 32 * b + 32; ++e) max = std::max(max, std::fabs(x[e]));
    for (std::size_t e = 32 * b; e < 32 * b + 32; ++e)
      EXPECT_LE(std::fabs(x[e] - y[e]), 0.563f * max / 127.0f);
  }
}

TEST(UE4M3, CodesRoundTripExceptTheGapBelowTheTop) {
  for (unsigned code = 0; code < 127; ++code) {
    const unsigned want = code >= 0x78 ? 0x7E : code;
    EXPECT_EQ(ue4m3_code(2 * ue4m3_half(static_cast<std::uint8_t>(code))), want) << code;
  }
  EXPECT_EQ(ue4m3_code(-1.0f), 0);
  EXPECT_EQ(ue4m3_code(1e30f), 0x7E);
}

TEST(EncodeRows, RefusesWhatItCannotRepresent) {
  const float inf = std::numeric_limits<float>::infinity();
  std::vector<float> x(512, 0.5f);
  const auto message = [&](TensorType type, std::size_t n_cols = 256) {
    const TensorTypeInfo& info = tensor_type_info(type);
    std::vector<std::byte> out(x.size() / info.block_elements * info.block_bytes);
    const auto done = encode_rows(type, x, n_cols, "blk.3.attn_q.weight", out);
    return done ? std::string("encoded") : done.error().message;
  };
  EXPECT_EQ(message(TensorType::q8_0), "encoded");
  x[300] = inf;
  EXPECT_THAT(message(TensorType::q8_0), AllOf(HasSubstr("blk.3.attn_q.weight"), HasSubstr("element 300")));
  x[300] = std::nanf("");
  for (const TensorType type : plain_types)
    EXPECT_THAT(message(type), AllOf(HasSubstr("blk.3.attn_q.weight"), HasSubstr("element 300")));
  x[300] = 3e38f;
  for (const TensorType type :
       {TensorType::f16, TensorType::q8_0, TensorType::q4_0, TensorType::q4_1, TensorType::q5_0,
        TensorType::q5_1, TensorType::q1_0, TensorType::q2_0, TensorType::tq1_0, TensorType::tq2_0})
    EXPECT_THAT(message(type), AllOf(HasSubstr("blk.3.attn_q.weight"), HasSubstr("too large")))
        << tensor_type_info(type).name;
  EXPECT_EQ(message(TensorType::mxfp4), "encoded");
  x[300] = 0.0f;
  EXPECT_THAT(message(TensorType::q8_0, 100), HasSubstr("multiple of 32"));
  EXPECT_THAT(message(TensorType::q8_0, 0), HasSubstr("multiple of 32"));
  EXPECT_THAT(message(TensorType::q8_0, 384), HasSubstr("whole rows of 384"));
  EXPECT_THAT(message(TensorType::i32), HasSubstr("I32"));
}

TEST(EncodeRows, ChecksImportancesAndTheOutput) {
  const std::vector<float> x(64, 0.5f);
  std::vector<std::byte> out(68);
  std::vector<float> importance(32, 1.0f);
  const auto message = [&] {
    const auto done = encode_rows(TensorType::q8_0, x, 32, "w", out, {.importance = importance});
    return done ? std::string("encoded") : done.error().message;
  };
  EXPECT_EQ(message(), "encoded");
  importance[7] = -1.0f;
  EXPECT_THAT(message(), HasSubstr("column 7"));
  importance[7] = std::nanf("");
  EXPECT_THAT(message(), HasSubstr("column 7"));
  importance.assign(31, 1.0f);
  EXPECT_THAT(message(), HasSubstr("31 importances, expected 32"));
  importance.assign(32, 1.0f);
  out.resize(67);
  EXPECT_THAT(message(), HasSubstr("67 bytes"));
}

}  // namespace
}  // namespace quern::formats
