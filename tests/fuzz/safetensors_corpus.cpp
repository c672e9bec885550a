// Writes inputs for the safetensors fuzz target: sound files, and the header alone that breaks a rule.
//
//   make_safetensors_corpus FOLDER
#include <cstdio>
#include <filesystem>

#include "tests/support/safetensors_bytes.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: make_safetensors_corpus FOLDER\n");
    return 2;
  }
  using quern::test::safetensors_file;
  using quern::test::SafetensorsBytes;
  const std::filesystem::path folder = argv[1];
  std::filesystem::create_directories(folder);
  const auto write = [&](const char* name, const std::string& bytes) {
    std::ofstream(folder / name, std::ios::binary)
        .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  };
  write("floats", SafetensorsBytes()
                      .tensor("model.embed_tokens.weight", "BF16", {3, 2}, std::string(12, 'x'))
                      .tensor("model.norm.weight", "F32", {2}, std::string(8, 'y'))
                      .tensor("lm_head.weight", "F16", {2, 1}, std::string(4, 'z'))
                      .tensor("h", "F64", {1}, std::string(8, 'w'))
                      .bytes());
  write("no-elements",
        SafetensorsBytes().tensor("scalar", "I64", {}, "12345678").tensor("n", "U8", {0, 3}, "").bytes());
  write("metadata", safetensors_file(R"({"__metadata__":{"format":"pt","a\u00e9\n":"b"}}  )"));
  write("overlap", safetensors_file(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},)"
                                    R"("b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})",
                                    "xxx"));
  write("wraps",
        safetensors_file(R"({"w":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}})"));
  return 0;
}
