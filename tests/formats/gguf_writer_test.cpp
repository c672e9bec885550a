#include "formats/gguf_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "formats/model_file.h"
#include "tests/support/files.h"
#include "tests/support/gguf_bytes.h"
#include "tests/support/scratch_folder.h"

namespace quern::formats {
namespace {

namespace fs = std::filesystem;
using test::gguf;

std::vector<std::byte> pattern(std::size_t n, int start) {
  std::vector<std::byte> bytes(n);
  for (std::size_t i = 0; i < n; ++i) bytes[i] = std::byte((static_cast<std::size_t>(start) + i * 7) & 0xff);
  return bytes;
}

std::size_t n_files(const fs::path& folder) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

TEST(GgufWriter, WhatIsWrittenIsRead) {
  const test::ScratchFolder folder;
  const fs::path path = folder / "model.gguf";
  GgufContents contents;
  contents.set("z.count", 7u);
  contents.set("general.architecture", "llama");
  contents.set("a.scale", 0.5f);
  contents.set("a.flag", true);
  contents.set("a.small", std::int8_t{-3});
  contents.set("a.scores", std::vector<float>{1, 2, 3});
  contents.set("a.tokens", std::vector<std::string>{"one", "", std::string("t\0o", 3)});
  contents.add_tensor("w", TensorType::q8_0, {32, 3});
  contents.add_tensor("v", TensorType::f32, {5});
  contents.add_tensor("u", TensorType::f16, {2, 3, 4, 5});
  const auto data = pattern(3 * 34 + 20 + 240, 1);

  auto writer = GgufWriter::create(path, contents);
  ASSERT_TRUE(writer.has_value()) << writer.error().message;
  // In pieces that begin and end anywhere.
  for (std::size_t at = 0; at < data.size(); at += 33)
    ASSERT_TRUE(writer->write(std::span(data).subspan(at, std::min<std::size_t>(33, data.size() - at))));
  EXPECT_FALSE(fs::exists(path));
  ASSERT_TRUE(writer->finish());
  EXPECT_EQ(n_files(folder.path()), 1u);

  const auto model = ModelFile::open(path);
  ASSERT_TRUE(model.has_value()) << model.error().message;
  EXPECT_EQ(model->version(), 3u);
  EXPECT_EQ(model->file_bytes() % 32, 0u);
  const Metadata& m = model->metadata();
  ASSERT_EQ(m.entries().size(), 7u);
  EXPECT_EQ(m.entries()[0].key, "general.architecture");
  EXPECT_EQ(m.entries()[1].key, "z.count");
  EXPECT_EQ(m.find("z.count")->type, ValueType::u32);
  EXPECT_EQ(m.find("a.small")->type, ValueType::i8);
  EXPECT_EQ(std::get<std::int64_t>(m.find("a.small")->value), -3);
  EXPECT_EQ(m.number("a.scale").value(), 0.5);
  EXPECT_TRUE(m.boolean("a.flag").value());
  EXPECT_THAT(m.numbers("a.scores").value(), testing::ElementsAre(1, 2, 3));
  EXPECT_THAT(m.strings("a.tokens").value(), testing::ElementsAre("one", "", std::string_view("t\0o", 3)));

  std::size_t at = 0;
  for (const Tensor& tensor : model->tensors()) {
    EXPECT_EQ(tensor.file_offset % 32, 0u);
    ASSERT_LE(at + tensor.n_bytes, data.size());
    EXPECT_EQ(std::memcmp(tensor.data, data.data() + at, tensor.n_bytes), 0) << tensor.name;
    at += tensor.n_bytes;
  }
  EXPECT_EQ(at, data.size());
  const Tensor* u = model->find("u");
  ASSERT_NE(u, nullptr);
  EXPECT_EQ(u->dims, (std::array<std::uint64_t, 4>{2, 3, 4, 5}));
  EXPECT_EQ(u->n_dims, 4u);
}

// The header byte for byte against a second, independent way of writing it.
TEST(GgufWriter, TheBytesAreThoseOfTheFormat) {
  const test::ScratchFolder folder;
  const fs::path path = folder / "model.gguf";
  GgufContents contents(64);
  contents.set("general.architecture", "llama");
  contents.set("k", std::int16_t{-5});
  contents.set("l", std::vector<std::string>{"a", "bc"});
  contents.add_tensor("w", TensorType::f32, {3, 2});
  contents.add_tensor("v", TensorType::f32, {16});
  auto writer = GgufWriter::create(path, contents).value();
  std::vector<std::byte> expected = gguf()
                                        .kv("general.architecture", "llama")
                                        .kv("k", std::int16_t{-5})
                                        .kv("l", std::vector<std::string>{"a", "bc"})
                                        .kv("general.alignment", 64u)
                                        .alignment(64)
                                        .tensor("w", {3, 2})
                                        .tensor("v", {16})
                                        .bytes();
  // The builder fills data and padding with a pattern; padding is zero in a file.
  const std::size_t data_start = expected.size() - 128;
  ASSERT_TRUE(writer.write(std::span(expected).subspan(data_start, 24)));
  ASSERT_TRUE(writer.write(std::span(expected).subspan(data_start + 64, 64)));
  std::fill_n(expected.begin() + static_cast<std::ptrdiff_t>(data_start) + 24, 40, std::byte{0});
  ASSERT_TRUE(writer.finish());
  EXPECT_EQ(test::read_bytes(path), expected);
}

TEST(GgufWriter, CopiesEveryTypeOfValue) {
  const test::ScratchFolder folder;
  const auto bytes = gguf()
                         .kv("u8", std::uint8_t{200})
                         .kv("i8", std::int8_t{-100})
                         .kv("u16", std::uint16_t{60000})
                         .kv("i16", std::int16_t{-30000})
                         .kv("u32", 4000000000u)
                         .kv("i32", -2000000000)
                         .kv("u64", ~std::uint64_t{0})
                         .kv("i64", std::int64_t{-1})
                         .kv("f32", -0.1f)
                         .kv("f64", 0.1)
                         .kv("bool", true)
                         .kv("string", std::string_view("a\0b", 3))
                         .kv("reals", {1.0f, 2.0f})
                         .kv("truths", {true, false})
                         .kv("texts", std::vector<std::string>{"", "x"})
                         .bytes();
  const auto other = gguf().kv("general.alignment", 64u).kv("split.count", std::uint16_t{1}).bytes();
  GgufContents contents;
  contents.copy(ModelFile::from_bytes(bytes).value().metadata());
  contents.copy(
      ModelFile::from_bytes(other).value().metadata());  // both keys describe the other file: not copied
  ASSERT_TRUE(GgufWriter::create(folder / "copy.gguf", contents).value().finish());
  EXPECT_EQ(test::read_bytes(folder / "copy.gguf"), bytes);
}

TEST(GgufWriter, KeysAreReplacedAndRemoved) {
  GgufContents contents;
  contents.set("a", 1u);
  contents.set("b", 2u);
  contents.set("a", "text");
  contents.set("c", 3u);
  contents.remove("c");
  contents.remove("never there");
  contents.set("b", std::vector<float>{});
  EXPECT_EQ(contents.encode().value().header, gguf().kv("a", "text").bytes());
}

TEST(GgufWriter, NothingIsLeftWhenWritingStopsHalfWay) {
  const test::ScratchFolder folder;
  const fs::path path = folder / "model.gguf";
  test::write_file(path, pattern(10, 3));
  GgufContents contents;
  contents.add_tensor("w", TensorType::f32, {4});
  contents.add_tensor("v", TensorType::f32, {4});
  {
    auto writer = GgufWriter::create(path, contents).value();
    ASSERT_TRUE(writer.write(pattern(20, 1)));
    const auto finished = writer.finish();
    ASSERT_FALSE(finished.has_value());
    EXPECT_EQ(finished.error().code, ErrorCode::invalid_argument);
    EXPECT_EQ(finished.error().field, "v");
    EXPECT_THAT(finished.error().message, testing::HasSubstr("got 4 bytes, expected 16"));
  }
  EXPECT_EQ(test::read_bytes(path), pattern(10, 3));
  EXPECT_EQ(n_files(folder.path()), 1u);
}

TEST(GgufWriter, MoreBytesThanTheTensorsHoldAreRefused) {
  const test::ScratchFolder folder;
  GgufContents contents;
  contents.add_tensor("w", TensorType::f32, {4});
  auto writer = GgufWriter::create(folder / "model.gguf", contents).value();
  ASSERT_TRUE(writer.write(pattern(16, 1)));
  EXPECT_TRUE(writer.write({}));
  EXPECT_EQ(writer.write(pattern(1, 1)).error().code, ErrorCode::invalid_argument);
}

TEST(GgufWriter, RefusesWhatNoReaderAccepts) {
  struct Row {
    const char* what;
    std::string field, message;
    std::function<void(GgufContents&)> make;
  };
  const auto tensor = [](std::string name, TensorType type, std::vector<std::uint64_t> dims) {
    return [=](GgufContents& c) { c.add_tensor(name, type, dims); };
  };
  const Row rows[] = {
      {"empty key", "", "0 bytes", [](GgufContents& c) { c.set("", 1u); }},
      {"empty name", "", "0 bytes", tensor("", TensorType::f32, {4})},
      {"long name", std::string(120, 'n') + "...", "128 bytes",
       tensor(std::string(128, 'n'), TensorType::f32, {4})},
      {"no dimensions", "w", "0 dimensions", tensor("w", TensorType::f32, {})},
      {"five dimensions", "w", "5 dimensions", tensor("w", TensorType::f32, {1, 1, 1, 1, 1})},
      {"dimension of zero", "w", "zero", tensor("w", TensorType::f32, {4, 0})},
      {"row of zero", "w", "zero", tensor("w", TensorType::f32, {0, 4})},
      {"half a block", "w", "a multiple of 32 for Q8_0", tensor("w", TensorType::q8_0, {48})},
      {"too many bytes", "w", "2^63", tensor("w", TensorType::f32, {1ull << 40, 1ull << 40})},
      {"too many bytes together", "v", "2^63",
       [&](GgufContents& c) {
         c.add_tensor("w", TensorType::i8, {1ull << 62});
         c.add_tensor("v", TensorType::i8, {1ull << 62});
       }},
      {"name twice", "w", "twice",
       [&](GgufContents& c) {
         c.add_tensor("w", TensorType::f32, {4});
         c.add_tensor("w", TensorType::f32, {4});
       }},
      {"alignment", "general.alignment", "is 24", [](GgufContents& c) { c = GgufContents(24); }},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.what);
    GgufContents contents;
    row.make(contents);
    const auto encoded = contents.encode();
    ASSERT_FALSE(encoded.has_value());
    EXPECT_EQ(encoded.error().code, ErrorCode::invalid_argument);
    EXPECT_EQ(encoded.error().field, row.field);
    EXPECT_THAT(encoded.error().message, testing::HasSubstr(row.message));
  }
}

TEST(GgufWriter, AFolderThatIsNotThereIsAnIoError) {
  const test::ScratchFolder folder;
  const auto writer = GgufWriter::create(folder / "none" / "model.gguf", GgufContents());
  ASSERT_FALSE(writer.has_value());
  EXPECT_EQ(writer.error().code, ErrorCode::io);
  EXPECT_THAT(writer.error().message, testing::HasSubstr("none/model.gguf"));
  EXPECT_THAT(writer.error().message, testing::HasSubstr("No such file"));
}

}  // namespace
}  // namespace quern::formats
