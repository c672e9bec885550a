// Safetensors files, sound and broken: one rule each, and the error says which tensor, what was found and
// what was expected.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "formats/safetensors.h"
#include "tests/formats/allocated.h"
#include "tests/support/safetensors_bytes.h"
#include "tests/support/scratch_folder.h"

namespace quern::formats {
namespace {

using enum ErrorCode;
using test::safetensors_file;
using test::SafetensorsBytes;
using testing::HasSubstr;

Result<Safetensors> open_bytes(const std::string& bytes) {
  return Safetensors::from_bytes(std::as_bytes(std::span(bytes)));
}

void write(const std::filesystem::path& path, std::string_view text) {
  std::ofstream(path, std::ios::binary).write(text.data(), static_cast<std::streamsize>(text.size()));
}

std::string one(std::string_view info, std::size_t n_data) {
  return safetensors_file("{\"w\":{" + std::string(info) + "}}", std::string(n_data, 'x'));
}

TEST(Safetensors, ReadsTensorsOfEveryType) {
  SafetensorsBytes file;
  for (const auto& [type, bytes] : {std::pair{"BOOL", 1},
                                    {"U8", 1},
                                    {"I8", 1},
                                    {"F8_E5M2", 1},
                                    {"F8_E4M3", 1},
                                    {"I16", 2},
                                    {"U16", 2},
                                    {"F16", 2},
                                    {"BF16", 2},
                                    {"I32", 4},
                                    {"U32", 4},
                                    {"F32", 4},
                                    {"I64", 8},
                                    {"U64", 8},
                                    {"F64", 8}})
    file.tensor(type, type, {2, 3}, std::string(static_cast<std::size_t>(6 * bytes), bytes));
  const std::string bytes =
      file.tensor("scalar", "F32", {}, "abcd").tensor("none", "F16", {0, 7}, "").bytes();
  const auto opened = open_bytes(bytes);
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(opened->tensors().size(), 17u);
  for (const SafeTensor& tensor : opened->tensors()) {
    if (tensor.dims.size() != 2 || tensor.n_bytes == 0) continue;
    EXPECT_EQ(to_string(tensor.type), tensor.name);
    EXPECT_EQ(tensor.n_elements(), 6u);
    std::string data(tensor.n_bytes, '\0');
    ASSERT_TRUE(opened->read(tensor, 0, std::as_writable_bytes(std::span(data))));
    EXPECT_EQ(data, std::string(tensor.n_bytes, static_cast<char>(value_bytes(tensor.type))));
  }
  EXPECT_EQ(opened->find("scalar")->n_elements(), 1u);
  EXPECT_EQ(opened->find("none")->n_elements(), 0u);
  EXPECT_EQ(opened->find("nothing"), nullptr);
}

TEST(Safetensors, FloatsComeOutExactly) {
  const auto floats = [](SafeType type, std::string_view bytes) {
    std::vector<float> values(bytes.size() / value_bytes(type));
    to_floats(type, std::as_bytes(std::span(bytes)), values);
    return values;
  };
  using testing::ElementsAre;
  EXPECT_THAT(floats(SafeType::f32, {"\0\0\x80\x3f\0\0\x20\xc0", 8}), ElementsAre(1.0f, -2.5f));
  EXPECT_THAT(floats(SafeType::f16, {"\x00\x3c\x00\xc1", 4}), ElementsAre(1.0f, -2.5f));
  EXPECT_THAT(floats(SafeType::bf16, {"\x80\x3f\x20\xc0", 4}), ElementsAre(1.0f, -2.5f));
  EXPECT_THAT(floats(SafeType::f64, {"\0\0\0\0\0\0\xf0\x3f", 8}), ElementsAre(1.0f));
}

TEST(Safetensors, HeaderMayEndInSpaces) {
  EXPECT_TRUE(
      open_bytes(safetensors_file(R"({"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}   )", "x")));
  EXPECT_TRUE(open_bytes(safetensors_file(R"({"__metadata__":{"format":"pt"}})")));
}

TEST(SafetensorsHostile, BrokenFilesAreErrorsThatNameTheTensor) {
  const struct {
    const char* what;
    std::string file;
    ErrorCode code;
    std::string field, message;
  } cases[] = {
      {"empty file", "", corrupt, "header", "has 0 bytes, expected at least 8"},
      {"seven bytes", std::string(7, 'x'), corrupt, "header", "has 7 bytes"},
      {"length beyond the file", std::string("\x09\0\0\0\0\0\0\0{}", 10), corrupt, "header",
       "declares a header of 9 bytes, expected at most 2"},
      {"length that would wrap", std::string(8, '\xff') + "{}", corrupt, "header", "18446744073709551615"},
      {"no header", std::string(8, '\0'), corrupt, "header", "begins with ''"},
      {"header that is an array", safetensors_file("[]"), corrupt, "header", "begins with '['"},
      {"a GGUF file", "GGUF" + std::string(20, '\0'), corrupt, "header", "declares a header of"},
      {"header that is cut", safetensors_file(R"({"w":{"dtype":"U8")"), corrupt, "header",
       "expected ',' or '}'"},
      {"header with a NUL after it", safetensors_file(std::string("{}\0", 3)), corrupt, "header",
       "expected the end of the text"},
      {"deep header", safetensors_file(R"({"w":{"shape":[[[[1]]]]}})"), unsupported, "header", "more than 4"},
      {"name twice",
       safetensors_file(R"({"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                        R"("w":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})",
                        "xx"),
       corrupt, "header", "name 'w' stands in an object twice"},
      {"empty name", safetensors_file(R"({"":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", "x"),
       corrupt, "", "has a name of 0 bytes"},
      {"metadata that is no object", safetensors_file(R"({"__metadata__":[1]})"), corrupt, "__metadata__",
       "an array of 1, expected an object of strings"},
      {"metadata of numbers", safetensors_file(R"({"__metadata__":{"a":1}})"), corrupt, "__metadata__",
       "of strings"},
      {"tensor that is a number", safetensors_file(R"({"w":7})"), corrupt, "w",
       "is the number 7, expected an object"},
      {"no dtype", one(R"("shape":[1],"data_offsets":[0,1])", 1), corrupt, "w", "has nothing as dtype"},
      {"dtype that is a number", one(R"("dtype":5,"shape":[1],"data_offsets":[0,1])", 1), corrupt, "w",
       "has the number 5 as dtype"},
      {"unknown dtype", one(R"("dtype":"F5","shape":[1],"data_offsets":[0,1])", 1), unsupported, "w",
       "has dtype 'F5', expected one of BOOL, U8"},
      {"no shape", one(R"("dtype":"U8","data_offsets":[0,1])", 1), corrupt, "w", "has nothing as shape"},
      {"negative dimension", one(R"("dtype":"U8","shape":[-1],"data_offsets":[0,1])", 1), corrupt, "w",
       "the number -1 in its shape"},
      {"fraction in the shape", one(R"("dtype":"U8","shape":[1.5],"data_offsets":[0,1])", 1), corrupt, "w",
       "the number 1.5 in its shape"},
      {"dimension of 2^63", one(R"("dtype":"U8","shape":[9223372036854775808],"data_offsets":[0,1])", 1),
       corrupt, "w", "in its shape"},
      {"nine dimensions", one(R"("dtype":"U8","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,1])", 1),
       unsupported, "w", "9 numbers as shape, expected at most 8"},
      {"shape that would wrap",
       one(R"("dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0])", 0), corrupt, "w",
       "more than 2^63 bytes"},
      {"shape that would wrap in bytes",
       one(R"("dtype":"F64","shape":[2305843009213693952],"data_offsets":[0,0])", 0), corrupt, "w",
       "more than 2^63 bytes"},
      {"too little data for the shape", one(R"("dtype":"F32","shape":[2],"data_offsets":[0,4])", 4), corrupt,
       "w", "has 4 bytes of data, expected 8 for its shape in F32"},
      {"offsets turned round", one(R"("dtype":"U8","shape":[1],"data_offsets":[1,0])", 1), corrupt, "w",
       "no begin and end"},
      {"three offsets", one(R"("dtype":"U8","shape":[1],"data_offsets":[0,1,2])", 1), unsupported, "w",
       "3 numbers as data_offsets"},
      {"one offset", one(R"("dtype":"U8","shape":[1],"data_offsets":[1])", 1), corrupt, "w",
       "no begin and end"},
      {"an unknown member", one(R"("dtype":"U8","shape":[1],"data_offsets":[0,1],"x":1)", 1), corrupt, "w",
       "has a member 'x'"},
      {"data cut short", one(R"("dtype":"U8","shape":[4],"data_offsets":[0,4])", 3), corrupt, "w",
       "ends at byte 4 of the data, which has 3"},
      {"data left over", one(R"("dtype":"U8","shape":[4],"data_offsets":[0,4])", 5), corrupt, "data_offsets",
       "has 5 bytes, expected 4"},
      {"offsets near 2^63",
       one(R"("dtype":"U8","shape":[1],"data_offsets":[9223372036854775806,9223372036854775807])", 1),
       corrupt, "w", "a hole lies before it"},
      {"a hole",
       safetensors_file(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                        R"("b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}})",
                        "xxx"),
       corrupt, "b", "begins at byte 2 of the data, expected 1: a hole lies before it"},
      {"an overlap",
       safetensors_file(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},)"
                        R"("b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})",
                        "xxx"),
       corrupt, "b", "begins at byte 1 of the data, expected 2: it overlaps another"},
      {"two names for the same data",
       safetensors_file(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                        R"("b":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})",
                        "x"),
       corrupt, "b", "overlaps"},
  };
  for (const auto& c : cases) {
    const auto opened = open_bytes(c.file);
    ASSERT_FALSE(opened) << c.what;
    EXPECT_EQ(opened.error().code, c.code) << c.what;
    EXPECT_EQ(opened.error().field, c.field) << c.what;
    EXPECT_THAT(opened.error().message, HasSubstr(c.message)) << c.what;
  }
}

TEST(SafetensorsHostile, ASmallFileCostsLittleWhateverItClaims) {
  const std::string claims[] = {
      std::string("\x00\xe1\xf5\x05\0\0\0\0", 8) + "{",  // a header of as many bytes as the format allows
      safetensors_file(R"({"w":{"dtype":"F32","shape":[1099511627776],"data_offsets":[0,4398046511104]}})"),
      safetensors_file("{\"w\":" + std::string(180, '[')),
      safetensors_file(R"({"w":{"shape":[)" + std::string(150, '1')),
  };
  for (const std::string& claim : claims) {
    ASSERT_LE(claim.size(), 256u);
    const std::size_t before = test::allocated_so_far();
    EXPECT_FALSE(open_bytes(claim));
    EXPECT_LE(test::allocated_so_far() - before, 64u << 10);
  }
}

TEST(SafetensorsHostile, EveryTruncationIsAnError) {
  const std::string whole =
      SafetensorsBytes().tensor("a", "F32", {2}, "12345678").tensor("b", "U8", {3}, "abc").bytes();
  ASSERT_TRUE(open_bytes(whole));
  for (std::size_t n = 0; n < whole.size(); ++n) EXPECT_FALSE(open_bytes(whole.substr(0, n))) << n;
}

class ShardedFolder : public testing::Test {
 protected:
  void SetUp() override {
    SafetensorsBytes().tensor("a", "U8", {2}, "aa").write(folder_ / "model-00001-of-00002.safetensors");
    SafetensorsBytes().tensor("b", "U8", {3}, "bbb").write(folder_ / "model-00002-of-00002.safetensors");
  }
  void index(std::string_view weight_map) {
    write(folder_ / "model.safetensors.index.json",
          "{\"metadata\":{\"total_size\":5},\"weight_map\":" + std::string(weight_map) + "}");
  }
  void expect_error(std::string_view weight_map, const std::string& part) {
    index(weight_map);
    const auto opened = Safetensors::open_folder(folder_.path());
    ASSERT_FALSE(opened) << weight_map;
    EXPECT_THAT(opened.error().message, HasSubstr(part));
  }
  test::ScratchFolder folder_;
};

TEST_F(ShardedFolder, OpensAsOneCheckpoint) {
  index(R"({"a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors"})");
  const auto opened = Safetensors::open_folder(folder_.path());
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(opened->data_bytes(), 5u);
  std::string b(2, '\0');
  ASSERT_TRUE(opened->read(*opened->find("b"), 1, std::as_writable_bytes(std::span(b))));
  EXPECT_EQ(b, "bb");
}

TEST_F(ShardedFolder, NamesInTheIndexCannotLeaveTheFolder) {
  for (const char* name :
       {"../x.safetensors", "/etc/x.safetensors", "..", ".", "", "sub/x.safetensors", "a\\\\b.safetensors",
        "c:x.safetensors", "x.bin", ".safetensors", "x\\u0000.safetensors"})
    expect_error("{\"a\":\"" + std::string(name) + "\"}",
                 "expected the name of a .safetensors file in this folder");
  expect_error(R"({"a":5})", "tensor 'a' is in the number 5");
}

TEST_F(ShardedFolder, IndexAndFilesMustAgree) {
  expect_error("[]", "'weight_map' is an array of 0");
  expect_error("{}", "'weight_map' is an object of 0");
  expect_error(R"({"a":"model-00003-of-00002.safetensors"})", "cannot open");
  expect_error(R"({"a":"model-00002-of-00002.safetensors","b":"model-00001-of-00002.safetensors"})",
               "tensor 'a' is not in");
  expect_error(R"({"c":"model-00002-of-00002.safetensors"})", "tensor 'c' is not in");
  SafetensorsBytes().tensor("a", "U8", {1}, "a").write(folder_ / "model-00002-of-00002.safetensors");
  expect_error(R"({"a":"model-00001-of-00002.safetensors","x":"model-00002-of-00002.safetensors"})",
               "tensor 'a' stands in");
  write(folder_ / "model-00002-of-00002.safetensors", "");
  expect_error(R"({"a":"model-00001-of-00002.safetensors","x":"model-00002-of-00002.safetensors"})",
               "model-00002-of-00002.safetensors: has 0 bytes");
}

TEST_F(ShardedFolder, AFolderWithoutACheckpointIsAnError) {
  test::ScratchFolder empty;
  const auto opened = Safetensors::open_folder(empty.path());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, io);
  EXPECT_THAT(opened.error().message, HasSubstr("model.safetensors"));
}

}  // namespace
}  // namespace quern::formats
