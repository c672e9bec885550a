// A whole folder: config.json and, after a NUL, model.safetensors beside a sound tokenizer.json. Either an
// error that a person can read and no file, or a file that breaks no rule of the format, whose tensors hold
// what the report says; whether the model can run is planned, whatever comes of it.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string_view>

#include "quern/convert.h"
#include "quern/inspect.h"
#include "quern/model.h"
#include "tests/support/scratch_folder.h"

namespace {

using namespace quern;

void require(bool holds) {
  if (!holds) __builtin_trap();
}

constexpr std::string_view tokenizer =
    R"({"added_tokens":[{"id":0,"content":"<s>","special":true}],"pre_tokenizer":{"type":"ByteLevel",
"add_prefix_space":false,"use_regex":true},"model":{"type":"BPE","vocab":{"<s>":0,"h":1,"e":2,"he":3},
"merges":["h e"]}})";

void write(const std::filesystem::path& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const test::ScratchFolder scratch;
  const auto folder = scratch / "in", results = scratch / "out", gguf = results / "model.gguf";
  std::filesystem::create_directories(folder);
  std::filesystem::create_directories(results);
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t nul = input.find('\0');
  write(folder / "config.json", input.substr(0, nul));
  write(folder / "model.safetensors", nul == input.npos ? std::string_view() : input.substr(nul + 1));
  write(folder / "tokenizer.json", tokenizer);

  ConvertOptions options;
  options.type = static_cast<ConvertType>(size % 5);
  const auto report = convert(folder, gguf, options);
  if (!report) {
    require(!report.error().message.empty() && report.error().message.size() < 8192);
    require(std::filesystem::is_empty(results));
    return 0;
  }
  const auto file = inspect(gguf);
  require(file.has_value() && file->tensors.size() == report->n_tensors);
  require(file->file_bytes == report->file_bytes);
  std::uint64_t n_parameters = 0;
  for (const TensorItem& tensor : file->tensors) {
    std::uint64_t n = 1;
    for (const std::uint64_t dim : tensor.dims) n *= dim;
    n_parameters += n;
  }
  require(n_parameters == report->n_parameters);
  const auto plan = Model::plan(gguf);
  require(plan.has_value() || !plan.error().message.empty());
  std::filesystem::remove(gguf);
  return 0;
}
