// The public convert(): reads the folder, plans, writes.
#include "quern/convert.h"

#include <algorithm>

#include "formats/printable.h"
#include "formats/try.h"
#include "src/api/edge.h"
#include "src/convert/folder.h"
#include "src/convert/sentence_modules.h"
#include "src/convert/tokenizer_json.h"
#include "src/convert/weights.h"

namespace quern::detail {
namespace {

using formats::cat;
using formats::GgufContents;
using formats::GgufWriter;
using formats::JsonDocument;
using formats::JsonValue;
using formats::Safetensors;

Result<const FamilyRule*> find_family(const JsonValue& config) {
  const auto list = config.find("architectures");
  std::string_view name;
  if (list && list->is_array() && list->size() > 0) name = (*list->elements().begin()).string().value_or("");
  std::string known;
  for (const FamilyRule& family : checkpoints::family_rules()) {
    for (const std::string_view known_name : family.names) {
      if (known_name == name) return &family;
      known += cat(known.empty() ? "" : ", ", known_name);
    }
  }
  return Error{
      ErrorCode::unsupported,
      cat("config.json: 'architectures' is ",
          name.empty() ? "absent" : cat("'", formats::printable(name), "'"), ", expected one of ", known),
      "architectures"};
}

// How the model's makers sample, where they say so.
void write_sampling(const std::optional<JsonDocument>& generation, GgufContents& contents) {
  if (!generation) return;
  const JsonValue root = generation->root();
  const auto samples = root.find("do_sample");
  if (!samples || samples->boolean() != true) return;
  constexpr std::pair<std::string_view, std::string_view> numbers[] = {
      {"temperature", "general.sampling.temp"},
      {"top_p", "general.sampling.top_p"},
      {"min_p", "general.sampling.min_p"},
      {"repetition_penalty", "general.sampling.penalty_repeat"}};
  for (const auto& [from, to] : numbers)
    if (const auto value = root.find(from); value && value->number())
      contents.set(to, static_cast<float>(*value->number()));
  if (const auto top_k = root.find("top_k");
      top_k && top_k->unsigned_integer().value_or(UINT64_MAX) <= INT32_MAX)
    contents.set("general.sampling.top_k", static_cast<std::int32_t>(*top_k->unsigned_integer()));
}

// The commonest type by bytes, as general.file_type counts them.
std::uint32_t file_type(std::span<const OutputTensor> tensors) {
  std::map<formats::TensorType, std::uint64_t> elements;
  for (const OutputTensor& tensor : tensors)
    if (tensor.dims.size() > 1) elements[tensor.type] += tensor.n_elements();
  const auto most = std::max_element(elements.begin(), elements.end(),
                                     [](const auto& a, const auto& b) { return a.second < b.second; });
  if (most == elements.end()) return 0;
  switch (most->first) {
    case formats::TensorType::f16: return 1;
    case formats::TensorType::q8_0: return 7;
    case formats::TensorType::bf16: return 32;
    default: return 0;
  }
}

// The folder's own name, whatever form the path has.
std::string folder_name(const std::filesystem::path& folder) {
  std::error_code ignored;
  std::filesystem::path whole = std::filesystem::weakly_canonical(folder, ignored);
  if (!whole.has_filename()) whole = whole.parent_path();
  return whole.filename().string();
}

// Rows of the embedding, which every family's rows list first.
Result<std::uint64_t> vocabulary_rows(const OutputTensor& embedding) {
  constexpr std::uint64_t max_rows = std::uint64_t{1} << 24;
  if (embedding.dims.size() == 2 && embedding.dims[1] <= max_rows) return embedding.dims[1];
  return Error{ErrorCode::unsupported,
               cat("tensor '", formats::printable(embedding.parts.front()->name),
                   "' is no matrix of at most ", max_rows, " rows, as an embedding is"),
               formats::printable(embedding.parts.front()->name)};
}

Result<void> write_tensors(std::span<const OutputTensor> tensors, const Safetensors& checkpoint,
                           GgufWriter& writer, const ConvertOptions& options) {
  std::uint64_t n_elements = 0, n_done = 0;
  for (const OutputTensor& tensor : tensors) n_elements += tensor.n_elements();
  for (const OutputTensor& tensor : tensors) {
    const formats::TensorTypeInfo& type = formats::tensor_type_info(tensor.type);
    const auto take = [&](std::span<const std::byte> bytes) -> Result<void> {
      if (options.stop.stop_requested()) return Error{ErrorCode::cancelled, "conversion was stopped"};
      n_done += bytes.size() / type.block_bytes * type.block_elements;
      if (options.progress) call_user(options.progress, double(n_done) / double(n_elements));
      return writer.write(bytes);
    };
    QUERN_CHECK(make_tensor(tensor, checkpoint, take));
  }
  return writer.finish();
}

Result<ConvertReport> convert_folder(const std::filesystem::path& folder, const std::filesystem::path& gguf,
                                     const ConvertOptions& options) {
  QUERN_TRY(const JsonDocument config_file, read_json(folder / "config.json", {.infinity = true}));
  QUERN_TRY(const FamilyRule* const family, find_family(config_file.root()));
  QUERN_TRY(const JsonDocument defaults, JsonDocument::parse(std::string(family->defaults), "defaults"));
  const auto text_config = config_file.root().find("text_config");  // of models that see images too
  Config config(text_config ? *text_config : config_file.root(), defaults.root(), "config.json");
  QUERN_TRY(const Safetensors checkpoint, Safetensors::open_folder(folder));

  ConvertReport report{.architecture = std::string(family->architecture)};
  GgufContents contents;
  contents.set("general.architecture", family->architecture);
  contents.set("general.type", std::string_view("model"));
  contents.set("general.name", std::string_view(folder_name(folder)));
  Conversion conversion{.family = *family, .config = config, .contents = contents, .notes = report.notes};
  write_hyper_parameters(conversion);
  if (config.error()) return *config.error();
  std::vector<DenseModule> modules;
  if (family->output == Output::none) {
    QUERN_TRY(modules, read_sentence_modules(folder, conversion));
  }
  QUERN_TRY(std::vector<OutputTensor> tensors, plan_tensors(conversion, checkpoint, options.type));
  if (config.error()) return *config.error();
  for (const DenseModule& module : modules) {
    QUERN_TRY(OutputTensor tensor, plan_dense_module(conversion, module, options.type));
    tensors.push_back(std::move(tensor));
  }
  QUERN_TRY(const std::uint64_t n_rows, vocabulary_rows(tensors.front()));
  conversion.set("vocab_size", static_cast<std::uint32_t>(n_rows));
  contents.set("general.file_type", file_type(tensors));
  contents.set("general.quantization_version", std::uint32_t{2});

  QUERN_TRY(JsonDocument tokenizer, read_json(folder / "tokenizer.json"));
  TokenizerFiles files{.tokenizer = std::move(tokenizer)};
  QUERN_TRY(files.config, read_json_if_there(folder / "tokenizer_config.json"));
  files.model_config = config_file;
  std::error_code ignored;
  if (std::filesystem::exists(folder / "chat_template.jinja", ignored)) {
    QUERN_TRY(files.chat_template, read_text(folder / "chat_template.jinja"));
  }
  QUERN_CHECK(write_tokenizer(files, {.n_rows = n_rows, .pre = options.pre}, contents, report.notes));
  QUERN_TRY(const auto generation, read_json_if_there(folder / "generation_config.json"));
  write_sampling(generation, contents);

  for (const OutputTensor& tensor : tensors) {
    contents.add_tensor(tensor.name, tensor.type, tensor.dims);
    report.n_parameters += tensor.n_elements();
  }
  report.n_tensors = tensors.size();
  QUERN_TRY(GgufWriter writer, GgufWriter::create(gguf, contents));
  QUERN_CHECK(write_tensors(tensors, checkpoint, writer, options));
  report.file_bytes = std::filesystem::file_size(gguf, ignored);
  return report;
}

}  // namespace
}  // namespace quern::detail

namespace quern {

Result<ConvertReport> convert(const std::filesystem::path& folder, const std::filesystem::path& gguf,
                              const ConvertOptions& options) {
  return detail::at_edge([&] { return detail::convert_folder(folder, gguf, options); });
}

}  // namespace quern
