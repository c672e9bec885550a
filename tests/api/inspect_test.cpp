#include "quern/inspect.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "tests/api/golden_model.h"
#include "tests/support/gguf_bytes.h"
#include "tests/support/scratch_folder.h"

namespace quern {
namespace {

FileReport inspected(const std::vector<std::byte>& bytes) {
  const test::ScratchFolder folder;
  const auto path = folder / "file.gguf";
  test::write_file(path, bytes);
  return inspect(path).value();
}

TEST(Inspect, ShowsEveryKindOfValue) {
  std::vector<std::string> words(20, "w");
  words[0] = "two\nlines";
  const FileReport report = inspected(test::gguf()
                                          .kv("a.string", "caf\u00e9")
                                          .kv("a.control", "bell\x07 \x1b[31m")
                                          .kv("a.long", std::string(300, 'x'))
                                          .kv("a.broken", "\xC3(")
                                          .kv("a.u32", std::uint32_t{7})
                                          .kv("a.i64", std::int64_t{-8})
                                          .kv("a.f32", 0.1f)
                                          .kv("a.bools", {true, false})
                                          .kv("a.numbers", {1.5f, -2.0f})
                                          .kv("a.words", words)
                                          .tensor("w", {32, 2}, formats::TensorType::q8_0)
                                          .bytes());
  const struct {
    const char *key, *type, *value;
    std::uint64_t n_elements;
  } expected[] = {
      {"a.string", "string", "caf\u00e9", 1},
      {"a.control", "string", "bell\\x07 \\x1b[31m", 1},
      {"a.long", "string", nullptr, 1},
      {"a.broken", "string", "\uFFFD(", 1},
      {"a.u32", "u32", "7", 1},
      {"a.i64", "i64", "-8", 1},
      {"a.f32", "f32", "0.1", 1},
      {"a.bools", "array of bool", "[true, false]", 2},
      {"a.numbers", "array of f32", "[1.5, -2]", 2},
      {"a.words", "array of string",
       "[\"two\\nlines\", \"w\", \"w\", \"w\", \"w\", \"w\", \"w\", \"w\", ... 20 in all]", 20},
  };
  ASSERT_EQ(report.metadata.size(), std::size(expected));
  for (std::size_t i = 0; i < std::size(expected); ++i) {
    EXPECT_EQ(report.metadata[i].key, expected[i].key);
    EXPECT_EQ(report.metadata[i].type, expected[i].type);
    EXPECT_EQ(report.metadata[i].n_elements, expected[i].n_elements) << expected[i].key;
    if (expected[i].value != nullptr) {
      EXPECT_EQ(report.metadata[i].value, expected[i].value);
    }
  }
  EXPECT_EQ(report.metadata[2].value, std::string(200, 'x') + "... (300 bytes)");
  ASSERT_EQ(report.tensors.size(), 1u);
  EXPECT_EQ(report.tensors[0].name, "w");
  EXPECT_EQ(report.tensors[0].type, "Q8_0");
  EXPECT_THAT(report.tensors[0].dims, testing::ElementsAre(32, 2));
  EXPECT_EQ(report.tensors[0].n_bytes, 68u);
}

TEST(Inspect, RefusesWhatBreaksTheFormat) {
  const test::ScratchFolder folder;
  std::ofstream(folder / "bad.gguf", std::ios::binary) << "GGUF";
  const auto report = inspect(folder / "bad.gguf");
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, ErrorCode::corrupt);
  EXPECT_THAT(report.error().message, testing::HasSubstr("bad.gguf"));
}

}  // namespace
}  // namespace quern
