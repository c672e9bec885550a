// Broken files, one rule each: the error says which key or tensor, and what about it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "formats/model_file.h"
#include "tests/support/gguf_bytes.h"

namespace quern::formats {
namespace {

using enum ErrorCode;
using test::gguf;
using test::GgufBytes;

constexpr std::uint64_t huge = 1ull << 63;
const std::string long_text(70000, 'k');

struct BadFile {
  const char* what;
  GgufBytes file;
  ErrorCode code;
  std::string field;    // the key or tensor at fault
  std::string message;  // a part of it
};

const BadFile bad_files[] = {
    // Size and header.
    {"empty file", gguf().cut(1000), corrupt, "", "has 0 bytes"},
    {"four bytes", gguf().cut(20), corrupt, "", "has 4 bytes, expected a GGUF header of 24"},
    {"one byte short of a header", gguf().cut(1), corrupt, "", "has 23 bytes"},
    {"magic of another format", gguf().magic("GGUX"), corrupt, "", "'GGUX'"},
    {"magic that is not text", gguf().magic("\x1b[2J"), corrupt, "", "\\x1b[2J"},
    {"version 0", gguf().version(0), corrupt, "", "version 0"},
    {"version 1", gguf().version(1), unsupported, "", "version 1, expected 2 or 3"},
    {"newer version", gguf().version(99), unsupported, "", "version 99"},
    {"big-endian", gguf().version(0x03000000), unsupported, "", "big-endian (GGUF version 3)"},

    // Counts.
    {"more tensors than the file has room for", gguf().n_tensors(1), corrupt, "", "1 tensors"},
    {"tensor count that would wrap", gguf().n_tensors(~0ull), corrupt, "", "18446744073709551615 tensors"},
    {"more keys than the file has room for", gguf().n_kv(1), corrupt, "", "1 keys"},
    {"key count that would wrap", gguf().n_kv(~0ull / 13 + 1), corrupt, "", "keys"},
    {"key count over the limit", gguf().n_kv(65537).data(1 << 20), unsupported, "", "expected at most 65536"},

    // Keys.
    {"empty key", gguf().kv("", 1u), corrupt, "", "metadata entry 0 has an empty key"},
    {"key too long", gguf().kv(long_text, 1u), unsupported, "", "70000 bytes as the length of its key"},
    {"key length beyond the file", gguf().n_kv(1).raw(std::string(8, '\xff') + "abcdefgh"), corrupt, "",
     "18446744073709551615 bytes as the length of its key"},
    {"key twice", gguf().kv("a.b", 1u).kv("c", 2u).kv("a.b", 1u), corrupt, "a.b", "twice"},
    {"file ends before the type", gguf().kv("a.b", std::uint8_t{1}).kv("k", 1u).cut(6), corrupt, "k",
     "2 bytes are missing"},

    // Values.
    {"value type 13", gguf().raw_kv("k", 13, "12345678"), corrupt, "k",
     "13 as its value type, expected 0 to 12"},
    {"value type that is negative if signed", gguf().raw_kv("k", ~0u, "12345678"), corrupt, "k",
     "4294967295"},
    {"number cut short", gguf().kv("k", 1.5).cut(1), corrupt, "k", "1 bytes are missing"},
    {"boolean 2", gguf().raw_kv("k", 7, "\x02"), corrupt, "k", "byte 2 as a boolean"},
    {"boolean 255 in an array", gguf().array_kv("k", 7, 3, std::string("\0\1\xff", 3)), corrupt, "k",
     "byte 255 as boolean 2"},
    {"string longer than the file", gguf().raw_kv("k", 8, std::string(8, '\xff')), corrupt, "k",
     "18446744073709551615 bytes as the length"},
    {"string one byte too long", gguf().kv("k", "text").cut(1), corrupt, "k",
     "4 bytes as the length of its value"},

    // Arrays.
    {"array without elements or type", gguf().n_kv(1).raw(std::string("\1\0\0\0\0\0\0\0k\x09\0\0\0", 13)),
     corrupt, "k", "needs 4 bytes for its element type"},
    {"element type 13", gguf().array_kv("k", 13, 1, "12345678"), corrupt, "k", "13 as its element type"},
    {"element type negative if signed", gguf().array_kv("k", ~0u, 1, "12345678"), corrupt, "k",
     "element type"},
    {"array of arrays", gguf().array_kv("k", 9, 1, std::string(20, '\0')), corrupt, "k", "array of arrays"},
    {"array count that would wrap", gguf().array_kv("k", 4, huge / 2 + 1, "12345678"), corrupt, "k",
     "elements of u32"},
    {"array one element too long", gguf().array_kv("k", 10, 2, "123456789012345"), corrupt, "k",
     "2 elements of u64"},
    {"string array count beyond the file", gguf().array_kv("k", 8, huge, "12345678"), corrupt, "k",
     "elements of string"},
    {"string array that ends early", gguf().array_kv("k", 8, 2, std::string(8, '\0') + "1234567"), corrupt,
     "k", "2 elements of string"},
    {"string in an array beyond the file", gguf().array_kv("k", 8, 1, std::string(8, '\x7f')), corrupt, "k",
     "as the length of an element"},

    // Alignment.
    {"alignment 0", gguf().kv("general.alignment", 0u), corrupt, "general.alignment", "is 0"},
    {"alignment 24", gguf().kv("general.alignment", 24u), corrupt, "general.alignment", "power of two"},
    {"alignment 2^21", gguf().kv("general.alignment", 1u << 21), corrupt, "general.alignment", "2097152"},
    {"alignment 2^63", gguf().kv("general.alignment", huge), corrupt, "general.alignment",
     "expected a power of two"},
    {"negative alignment", gguf().kv("general.alignment", -32), corrupt, "general.alignment", "i32 -32"},
    {"alignment as text", gguf().kv("general.alignment", "32"), corrupt, "general.alignment",
     "the string '32'"},
    {"alignment as f32", gguf().kv("general.alignment", 32.0f), corrupt, "general.alignment", "f32 32"},
    {"alignment as array", gguf().kv("general.alignment", {32u}), corrupt, "general.alignment",
     "an array of 1 u32"},

    // Tensor infos.
    {"empty tensor name", gguf().tensor("", {4}), corrupt, "", "tensor info 0 has an empty name"},
    {"tensor name too long", gguf().tensor(std::string(128, 'n'), {4}), unsupported, "", "128 bytes"},
    {"tensor name beyond the file", gguf().n_tensors(1).raw(std::string(8, '\xfe') + std::string(30, 'n')),
     corrupt, "", "as the length of its name"},
    {"tensor twice", gguf().tensor("w", {4}).tensor("v", {4}).tensor("w", {4}), corrupt, "w", "twice"},
    {"no dimensions", gguf().tensor("w", {}), corrupt, "w", "0 dimensions, expected 1 to 4"},
    {"five dimensions", gguf().tensor("w", {1, 1, 1, 1, 1}), corrupt, "w", "5 dimensions"},
    {"2^32-1 dimensions", gguf().raw_info("w", std::string(40, '\xff')), corrupt, "w",
     "4294967295 dimensions"},
    {"dimension of zero", gguf().tensor("w", {0, 4}), corrupt, "w", "0 as dimension 0"},
    {"last dimension of zero", gguf().tensor("w", {4, 4, 4, 0}), corrupt, "w", "0 as dimension 3"},
    {"dimension of 2^63", gguf().tensor("w", {huge}), corrupt, "w", "9223372036854775808 as dimension 0"},
    {"element count overflows", gguf().tensor("w", {huge / 4, 8}), corrupt, "w", "8 as dimension 1"},
    {"element count wraps to 0", gguf().tensor("w", {1ull << 32, 1ull << 32}), corrupt, "w", "dimension 1"},
    {"byte count overflows", gguf().tensor("w", {huge - 1}), corrupt, "w", "more than 2^63 bytes"},
    {"byte count wraps while elements and bytes fit",
     gguf().tensor("w", {32, huge / 32 - 1}, TensorType::q8_0), corrupt, "w", "more than 2^63 bytes"},
    {"unknown type", gguf().tensor("w", {4}, TensorType{77}), unsupported, "w", "tensor type 77"},
    {"type negative if signed", gguf().tensor("w", {4}, TensorType{~0u}), unsupported, "w",
     "tensor type 4294967295"},
    {"removed type", gguf().tensor("w", {32}, TensorType{4}), unsupported, "w", "Q4_2"},
    {"row that is not whole blocks", gguf().tensor("w", {48, 2}, TensorType::q8_0), corrupt, "w",
     "rows of 48 values, expected a multiple of 32 for Q8_0"},
    {"infos cut short", gguf().tensor("w", {4}).raw_info("v", "\1\0\0\0").n_tensors(2).data(0).cut(21),
     corrupt, "v", "bytes are missing"},

    // Places.
    {"offset between alignments", gguf().tensor("w", {4}, TensorType::f32, 8).data(64), corrupt, "w",
     "offset 8, expected a multiple of the alignment 32"},
    {"offset that wraps", gguf().tensor("w", {4}, TensorType::f32, ~0ull - 31).data(64), corrupt, "w",
     "beyond 2^63"},
    {"offset beyond the file", gguf().tensor("w", {4}, TensorType::f32, 1ull << 40).data(64), corrupt, "w",
     "bytes are missing at its end"},
    {"incomplete download", gguf().tensor("w", {1024}).tensor("v", {1024}).cut(5000), corrupt, "w",
     "5000 bytes are missing at its end"},
    {"no data at all", gguf().tensor("w", {4}).data(0), corrupt, "w", "16 bytes are missing"},
    {"two tensors in one place", gguf().tensor("w", {8}).tensor("v", {8}, TensorType::f32, 0), corrupt, "v",
     "inside tensor 'w'"},
    {"overlap out of order",
     gguf().tensor("w", {16}, TensorType::f32, 32).tensor("v", {9}, TensorType::f32, 0).data(96), corrupt,
     "w", "inside tensor 'v'"},
    {"sum of sizes wraps", gguf().tensor("w", {huge / 4 - 16}).tensor("v", {huge / 4 - 16}), corrupt, "w",
     "missing"},

    // Split files.
    {"a shard instead of a model",
     gguf().kv("split.count", std::uint16_t{2}).kv("split.no", std::uint16_t{0}), unsupported, "split.count",
     "shard 1 of 2"},
    {"too many shards", gguf().kv("split.count", std::uint32_t{10000}), corrupt, "split.count",
     "from 0 to 9999"},
    {"shard number out of range", gguf().kv("split.count", std::uint16_t{2}).kv("split.no", std::uint16_t{2}),
     corrupt, "split.no", "from 0 to 1"},
    {"shard without number", gguf().kv("split.count", std::uint16_t{2}), corrupt, "split.no", "absent"},
};

void expect_error(const BadFile& bad) {
  SCOPED_TRACE(bad.what);
  const auto bytes = bad.file.bytes();
  const auto model = ModelFile::from_bytes(bytes);
  ASSERT_FALSE(model.has_value());
  EXPECT_EQ(to_string(model.error().code), std::string_view(to_string(bad.code))) << model.error().message;
  EXPECT_EQ(model.error().field, bad.field) << model.error().message;
  EXPECT_THAT(model.error().message, testing::HasSubstr(bad.message));
}

TEST(HostileGguf, EachBrokenFileIsATypedErrorThatNamesTheFault) {
  for (const BadFile& bad : bad_files) expect_error(bad);
}

TEST(HostileGguf, LimitsHoldForFilesThatAreAsLargeAsTheySay) {
  expect_error({"tensor count over the limit", gguf().n_tensors((1 << 20) + 1).data(26 << 20), unsupported,
                "", "expected at most 1048576"});
  expect_error({"string over the limit", gguf().kv("k", std::string((64 << 20) + 1, 'x')), unsupported, "k",
                "67108865 bytes"});
  expect_error({"array over the limit",
                gguf().array_kv("k", 0, (1u << 27) + 1, std::string((1u << 27) + 1, 'x')), unsupported, "k",
                "expected at most 134217728"});
}

TEST(HostileGguf, WhatOtherWritersMayDoIsAccepted) {
  const struct {
    const char* what;
    GgufBytes file;
  } good_files[] = {
      {"smallest legal file", gguf()},
      {"version 2", gguf().version(2)},
      {"no padding without tensors", gguf().kv("k", std::uint8_t{1})},
      {"no padding after the last tensor", gguf().tensor("w", {3}).data(12)},
      {"bytes after the data", gguf().tensor("w", {3}).data(5000)},
      {"gaps and any order",
       gguf().tensor("w", {4}, TensorType::f32, 96).tensor("v", {4}, TensorType::f32, 0).data(112)},
      {"tensors that touch", gguf().tensor("w", {8}).tensor("v", {8})},
      {"alignment 1", gguf().kv("general.alignment", 1u).alignment(1).tensor("w", {3}).tensor("v", {3})},
      {"alignment 2^20", gguf().kv("general.alignment", 1u << 20).alignment(1 << 20).tensor("w", {3})},
      {"alignment in other integers",
       gguf().kv("general.alignment", std::int64_t{64}).alignment(64).tensor("w", {3})},
      {"empty arrays", gguf().kv("k", std::initializer_list<float>{}).kv("l", std::vector<std::string>{})},
      {"NUL and other bytes in strings", gguf().kv("k", std::string_view("a\0\xff", 3))},
      {"name of 127 bytes", gguf().tensor(std::string(127, 'n'), {4})},
      {"key of 65535 bytes", gguf().kv(long_text.substr(0, 65535), 1u)},
      {"split.count 1 is not split", gguf().kv("split.count", std::uint16_t{1})},
  };
  for (const auto& good : good_files) {
    SCOPED_TRACE(good.what);
    const auto bytes = good.file.bytes();
    const auto model = ModelFile::from_bytes(bytes);
    EXPECT_TRUE(model.has_value()) << model.error().message;
  }
}

// A good file cut anywhere: an error, or (after the last tensor's bytes) the same model.
TEST(HostileGguf, EveryTruncationIsAnError) {
  const auto whole = gguf()
                         .kv("general.architecture", "llama")
                         .kv("a.floats", {1.0f, 2.0f})
                         .kv("a.texts", std::vector<std::string>{"one", "", "three"})
                         .kv("a.flag", true)
                         .tensor("w", {32, 2}, TensorType::q8_0)
                         .tensor("v", {8})
                         .bytes();
  ASSERT_TRUE(ModelFile::from_bytes(whole).has_value());
  for (std::size_t n = 0; n < whole.size(); ++n) {
    const std::vector<std::byte> part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n));
    const auto model = ModelFile::from_bytes(part);
    ASSERT_FALSE(model.has_value()) << n;
    EXPECT_EQ(model.error().code, corrupt) << n;
  }
}

// Any one byte changed: no crash (the sanitizers' business), and tensors that lie within the file.
TEST(HostileGguf, EveryChangedByteIsAnErrorOrASoundModel) {
  auto bytes = gguf()
                   .kv("general.alignment", 32u)
                   .kv("a.texts", std::vector<std::string>{"one", "two"})
                   .tensor("w", {32, 2}, TensorType::q8_0)
                   .tensor("v", {8})
                   .bytes();
  for (std::byte& byte : bytes) {
    const std::byte original = byte;
    for (const int flip : {0x01, 0x80, 0xff}) {
      byte = original ^ std::byte(flip);
      const auto model = ModelFile::from_bytes(bytes);
      if (!model) continue;
      for (const Tensor& tensor : model->tensors()) {
        ASSERT_LE(tensor.n_bytes, bytes.size());
        ASSERT_LE(tensor.file_offset, bytes.size() - tensor.n_bytes);
      }
    }
    byte = original;
  }
}

TEST(HostileGguf, HostileNamesDoNotReachMessagesAsTheyAre) {
  const std::string name = "\x1b]0;owned\x07\xff" + std::string(300, 'x');
  const auto bytes = gguf().raw_kv(name, 77, "").data(100).bytes();
  const auto model = ModelFile::from_bytes(bytes);
  ASSERT_FALSE(model.has_value());
  EXPECT_THAT(model.error().message, testing::HasSubstr("\\x1b]0;owned\\x07\\xff"));
  EXPECT_LT(model.error().message.size(), 400u);
  EXPECT_LT(model.error().field.size(), 200u);
}

}  // namespace
}  // namespace quern::formats
