#include "formats/metadata.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <random>

#include "formats/model_file.h"
#include "tests/support/gguf_bytes.h"

namespace quern::formats {
namespace {

using test::gguf;
using test::GgufBytes;

Metadata metadata_of(const GgufBytes& file) {
  const auto bytes = file.bytes();
  return ModelFile::from_bytes(bytes).value().metadata();  // outlives both the ModelFile and the bytes
}

template <typename T>
void expect_fault(const Result<T>& result, std::string_view key, std::string_view found,
                  std::string_view expected) {
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, ErrorCode::corrupt);
  EXPECT_EQ(result.error().field, key);
  EXPECT_THAT(result.error().message, testing::HasSubstr(std::string(found)));
  EXPECT_THAT(result.error().message, testing::HasSubstr(std::string(expected)));
}

TEST(Metadata, IntegersOfAnyWidthAreTheSameNumber) {
  const Metadata m = metadata_of(gguf()
                                     .kv("u8", std::uint8_t{200})
                                     .kv("i8", std::int8_t{100})
                                     .kv("u16", std::uint16_t{60000})
                                     .kv("i16", std::int16_t{30000})
                                     .kv("u32", 4000000000u)
                                     .kv("i32", 2000000000)
                                     .kv("u64", ~std::uint64_t{0})
                                     .kv("i64", std::int64_t{1} << 60));
  EXPECT_EQ(m.unsigned_integer("u8").value(), 200u);
  EXPECT_EQ(m.unsigned_integer("i8").value(), 100u);
  EXPECT_EQ(m.unsigned_integer("u16").value(), 60000u);
  EXPECT_EQ(m.unsigned_integer("i16").value(), 30000u);
  EXPECT_EQ(m.unsigned_integer("u32").value(), 4000000000u);
  EXPECT_EQ(m.unsigned_integer("i32").value(), 2000000000u);
  EXPECT_EQ(m.unsigned_integer("u64").value(), ~std::uint64_t{0});
  EXPECT_EQ(m.unsigned_integer("i64").value(), std::uint64_t{1} << 60);
  EXPECT_EQ(m.number("i32").value(), 2e9);
  EXPECT_EQ(m.unsigned_integer("u8", 200).value(), 200u);
  expect_fault(m.unsigned_integer("u8", 199), "u8", "u8 200", "from 0 to 199");
}

TEST(Metadata, NegativeNumbersAreNoUnsignedOnes) {
  const Metadata m =
      metadata_of(gguf().kv("a", std::int8_t{-1}).kv("b", std::numeric_limits<std::int64_t>::min()));
  expect_fault(m.unsigned_integer("a"), "a", "i8 -1", "an unsigned integer");
  expect_fault(m.unsigned_integer("b"), "b", "i64 -9223372036854775808", "an unsigned integer");
  EXPECT_EQ(m.number("a").value(), -1.0);
}

TEST(Metadata, RealNumbersAreFinite) {
  const float infinity = std::numeric_limits<float>::infinity();
  const Metadata m = metadata_of(gguf()
                                     .kv("f32", 0.1f)
                                     .kv("f64", 0.1)
                                     .kv("inf", infinity)
                                     .kv("nan", std::numeric_limits<double>::quiet_NaN()));
  EXPECT_EQ(m.number("f32").value(), static_cast<double>(0.1f));
  EXPECT_EQ(m.number("f64").value(), 0.1);
  expect_fault(m.number("inf"), "inf", "inf", "a finite number");
  expect_fault(m.number("nan"), "nan", "nan", "a finite number");
}

// Every getter against every kind of value: what fits is given, everything else is an error and never a cast.
TEST(Metadata, WrongTypesAreErrors) {
  const Metadata m = metadata_of(gguf()
                                     .kv("integer", 1u)
                                     .kv("real", 1.0f)
                                     .kv("truth", true)
                                     .kv("text", "1")
                                     .kv("integers", {1u})
                                     .kv("reals", {1.0f})
                                     .kv("truths", {true})
                                     .kv("texts", std::vector<std::string>{"1"}));
  struct Row {
    const char* key;
    bool integer, number, truth, text, texts, integers, numbers;
  };
  const Row rows[] = {
      {"integer", true, true, false, false, false, false, false},
      {"real", false, true, false, false, false, false, false},
      {"truth", false, false, true, false, false, false, false},
      {"text", false, false, false, true, false, false, false},
      {"integers", false, false, false, false, false, true, true},
      {"reals", false, false, false, false, false, false, true},
      {"truths", false, false, false, false, false, true, false},
      {"texts", false, false, false, false, true, false, false},
      {"absent", false, false, false, false, false, false, false},
  };
  const auto check = [](const auto& result, bool good, const char* key) {
    ASSERT_EQ(result.has_value(), good) << key;
    if (good) return;
    EXPECT_EQ(result.error().code, ErrorCode::corrupt);
    EXPECT_EQ(result.error().field, key);
    EXPECT_THAT(result.error().message, testing::HasSubstr(std::string("key '") + key + "' is"));
    EXPECT_THAT(result.error().message, testing::HasSubstr("expected a"));
  };
  for (const Row& row : rows) {
    check(m.unsigned_integer(row.key), row.integer, row.key);
    check(m.number(row.key), row.number, row.key);
    check(m.boolean(row.key), row.truth, row.key);
    check(m.string(row.key), row.text, row.key);
    check(m.strings(row.key), row.texts, row.key);
    check(m.integers(row.key), row.integers, row.key);
    check(m.numbers(row.key), row.numbers, row.key);
  }
}

TEST(Metadata, FallbacksServeAbsentKeysOnly) {
  const Metadata m = metadata_of(gguf().kv("n", 5u).kv("x", 2.5f).kv("b", true).kv("s", "text"));
  EXPECT_EQ(m.unsigned_integer_or("none", 7).value(), 7u);
  EXPECT_EQ(m.unsigned_integer_or("n", 7).value(), 5u);
  EXPECT_EQ(m.number_or("none", 7.5).value(), 7.5);
  EXPECT_EQ(m.number_or("x", 7.5).value(), 2.5);
  EXPECT_EQ(m.boolean_or("none", true).value(), true);
  EXPECT_EQ(m.boolean_or("b", false).value(), true);
  EXPECT_EQ(m.string_or("none", "other").value(), "other");
  EXPECT_EQ(m.string_or("s", "other").value(), "text");
  expect_fault(m.unsigned_integer_or("s", 7), "s", "the string 'text'", "an unsigned integer");
  expect_fault(m.unsigned_integer_or("n", 7, 4), "n", "u32 5", "from 0 to 4");
  expect_fault(m.number_or("s", 7), "s", "the string 'text'", "a finite number");
  expect_fault(m.boolean_or("n", true), "n", "u32 5", "a boolean");
  expect_fault(m.string_or("n", "x"), "n", "u32 5", "a string");
}

TEST(Metadata, ArraysKeepTheirValuesInEveryWidth) {
  const Metadata m = metadata_of(gguf()
                                     .kv("u8", {std::uint8_t{255}, std::uint8_t{0}})
                                     .kv("i8", {std::int8_t{-128}, std::int8_t{127}})
                                     .kv("i16", {std::int16_t{-32768}})
                                     .kv("u16", {std::uint16_t{65535}})
                                     .kv("i32", {-2147483647 - 1, 5})
                                     .kv("u32", {4294967295u})
                                     .kv("i64", {std::numeric_limits<std::int64_t>::min()})
                                     .kv("u64", {std::uint64_t{1} << 62})
                                     .kv("too large", {std::uint64_t{0}, std::uint64_t{1} << 63})
                                     .kv("bool", {true, false})
                                     .kv("f32", {0.5f, -0.0f})
                                     .kv("f64", {0.25, 1e-3})
                                     .kv("beyond f32", {0.0, 1e300})
                                     .kv("none", std::initializer_list<std::int32_t>{}));
  using testing::ElementsAre;
  EXPECT_THAT(m.integers("u8").value(), ElementsAre(255, 0));
  EXPECT_THAT(m.integers("i8").value(), ElementsAre(-128, 127));
  EXPECT_THAT(m.integers("i16").value(), ElementsAre(-32768));
  EXPECT_THAT(m.integers("u16").value(), ElementsAre(65535));
  EXPECT_THAT(m.integers("i32").value(), ElementsAre(-2147483648LL, 5));
  EXPECT_THAT(m.integers("u32").value(), ElementsAre(4294967295LL));
  EXPECT_THAT(m.integers("i64").value(), ElementsAre(std::numeric_limits<std::int64_t>::min()));
  EXPECT_THAT(m.integers("u64").value(), ElementsAre(std::int64_t{1} << 62));
  EXPECT_THAT(m.integers("bool").value(), ElementsAre(1, 0));
  EXPECT_THAT(m.integers("none").value(), ElementsAre());
  EXPECT_THAT(m.numbers("f32").value(), ElementsAre(0.5f, 0.0f));
  EXPECT_THAT(m.numbers("f64").value(), ElementsAre(0.25f, 0.001f));
  EXPECT_THAT(m.numbers("i32").value(), ElementsAre(-2147483648.0f, 5.0f));
  expect_fault(m.integers("too large"), "too large", "element 1", "64-bit");
  expect_fault(m.numbers("beyond f32"), "beyond f32", "1e+300", "element 1");
}

TEST(Metadata, KeepsTheOrderOfTheFileAndFindsByName) {
  const Metadata m = metadata_of(gguf().kv("b", 1u).kv("a", "x").kv("c", {1.0f}));
  ASSERT_EQ(m.entries().size(), 3u);
  EXPECT_EQ(m.entries()[0].key, "b");
  EXPECT_EQ(m.entries()[1].key, "a");
  EXPECT_EQ(m.entries()[2].key, "c");
  EXPECT_EQ(m.find("a"), &m.entries()[1]);
  EXPECT_EQ(m.find("aa"), nullptr);
  EXPECT_EQ(m.find(""), nullptr);
  EXPECT_TRUE(m.has("c"));
  EXPECT_TRUE(Metadata().entries().empty());
  EXPECT_FALSE(Metadata().has("c"));
}

TEST(Metadata, TextsLargerThanOneReadAreWhole) {
  const std::string large(3 << 20, 'x');
  const Metadata m = metadata_of(gguf()
                                     .kv("first", std::string(1000000, 'a'))
                                     .kv("second", std::vector<std::string>{large, "end", large})
                                     .kv("third", "tail"));
  EXPECT_EQ(m.string("first").value(), std::string(1000000, 'a'));
  const auto texts = m.strings("second").value();
  ASSERT_EQ(texts.size(), 3u);
  EXPECT_EQ(texts[0], large);
  EXPECT_EQ(texts[1], "end");
  EXPECT_EQ(texts[2], large);
  EXPECT_EQ(m.string("third").value(), "tail");
}

// Values of every length across the borders of what the reader holds at a time (64 KiB, then 1 MiB).
TEST(Metadata, ValuesAcrossTheBordersOfReadsAreWhole) {
  std::mt19937 random(7);
  std::vector<std::string> texts;
  GgufBytes file = gguf();
  for (int i = 0; i < 3000; ++i) {
    texts.emplace_back(random() % (i % 100 == 0 ? 100000 : 700), static_cast<char>('a' + i % 26));
    texts.back() += std::to_string(i);
    file.kv(std::to_string(i), texts.back());
  }
  const Metadata m = metadata_of(file);
  ASSERT_EQ(m.entries().size(), texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i) {
    EXPECT_EQ(m.entries()[i].key, std::to_string(i));
    ASSERT_EQ(m.string(std::to_string(i)).value(), texts[i]);
  }
}

}  // namespace
}  // namespace quern::formats
