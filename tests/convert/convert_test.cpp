// Golden models turned back into Hugging Face folders and converted: the same weights, the same metadata, the
// same tokens, and the same logits bit for bit.
#include "quern/convert.h"

#include <gtest/gtest.h>

#include <cmath>

#include "formats/gguf_writer.h"
#include "quern/check.h"
#include "quern/embedding.h"
#include "src/tokenizer/tokenizer_impl.h"
#include "tests/convert/made_folder.h"
#include "tests/engine/golden.h"
#include "tests/support/scratch_folder.h"

namespace quern::test {
namespace {

using detail::LoadedModel;
using detail::Sequence;
using detail::TokenizerImpl;
using formats::ModelFile;
using formats::Tensor;

/// The golden file as it is written directly from the folder's weights: norms that the folder holds less one,
/// and decays that it holds as logarithms, are rounded once on the way there and once on the way back.
void write_directly(const std::filesystem::path& path, const ModelFile& model, const Dialect& dialect) {
  formats::GgufContents contents;
  contents.copy(model.metadata());
  for (const Tensor& tensor : model.tensors())
    contents.add_tensor(tensor.name, tensor.type, std::span(tensor.dims).first(tensor.n_dims));
  auto writer = formats::GgufWriter::create(path, contents).value();
  for (const Tensor& tensor : model.tensors()) {
    std::vector<float> values = tensor_of(tensor).values;
    if (values.empty()) {
      writer.write({tensor.data, static_cast<std::size_t>(tensor.n_bytes)}).value();
      continue;
    }
    for (const Name& name : dialect.names) {
      const std::string end =
          name.gguf.substr(name.gguf.find('#') == std::string::npos ? 0 : name.gguf.find('#') + 1);
      if (name.undo == Undo::less_one && tensor.name.ends_with(end + ".weight"))
        for (float& value : values) value = (value - 1) + 1;
      if (name.rounded && tensor.name.ends_with(end))
        for (float& value : values) value = name.rounded(value);
    }
    writer.write(std::as_bytes(std::span(values))).value();
  }
  writer.finish().value();
}

void expect_golden_tensors(const ModelFile& expected, const ModelFile& found) {
  for (const Tensor& tensor : found.tensors()) {
    const Tensor* same = expected.find(tensor.name);
    if (!same) {  // phi2: separate in the folder, fused in the golden file; the logits tell
      EXPECT_TRUE(expected.find("blk.0.attn_qkv.weight") && tensor.name.find(".attn_") != std::string::npos)
          << tensor.name;
      continue;
    }
    ASSERT_EQ(same->dims, tensor.dims) << tensor.name;
    ASSERT_EQ(same->type, tensor.type) << tensor.name;
    EXPECT_EQ(std::memcmp(same->data, tensor.data, tensor.n_bytes), 0) << tensor.name;
  }
  for (const Tensor& tensor : expected.tensors())
    EXPECT_TRUE(found.find(tensor.name) || tensor.name.find("attn_qkv") != std::string::npos) << tensor.name;
}

std::string value_text(const formats::MetadataEntry& entry) {
  if (const auto* array = std::get_if<formats::MetadataArray>(&entry.value)) {
    std::string text;
    for (const auto element : array->strings) text.append(element).append("|");
    for (std::uint64_t i = 0; i < array->size && array->strings.empty(); ++i)
      text += element_text(*array, i) + "|";
    return text;
  }
  return std::visit(
      [](const auto& value) -> std::string {
        using T = std::decay_t<decltype(value)>;
        if constexpr (std::is_same_v<T, std::string_view>)
          return std::string(value);
        else if constexpr (std::is_arithmetic_v<T>)
          return std::to_string(value);
        else
          return {};
      },
      entry.value);
}

void expect_same_metadata(const ModelFile& expected, const ModelFile& found) {
  // The name is the folder's; scores and pre are other words for the same rules, which the tokens tell.
  const std::vector<std::string> apart = {"general.name", "tokenizer.ggml.scores", "tokenizer.ggml.pre"};
  for (const auto& entry : expected.metadata().entries()) {
    if (std::find(apart.begin(), apart.end(), entry.key) != apart.end()) continue;
    const auto* same = found.metadata().find(entry.key);
    ASSERT_TRUE(same) << entry.key;
    EXPECT_EQ(same->type, entry.type) << entry.key;
    EXPECT_EQ(value_text(*same), value_text(entry)) << entry.key;
  }
}

void expect_same_tokens(const ModelFile& expected, const ModelFile& found) {
  const auto a = TokenizerImpl::load(expected.metadata()).value(),
             b = TokenizerImpl::load(found.metadata()).value();
  const std::string texts[] = {
      "",
      " ",
      "the quern and the millstone",
      "  grain\n\n flour  1234567 x=y/z!!\n",
      "He'LL don't HELLOworldIs \u00c0BCd Stra\u00dfe \u65e5\u672c\u8a9e \u2026 \u3000 7",
      "in<s>the</s>th",
      "<|begin|>quern<|end|> stone<|turn|>",
      "a\tb\r\nc   d\x01",
      "[CLS] mill [SEP]",
      "aa ba ca"};
  for (const std::string& text : texts)
    for (const bool add_special : {false, true})
      for (const bool parse_special : {false, true}) {
        const auto ids = a->encode(text, add_special, parse_special);
        ASSERT_TRUE(ids) << ids.error().message;
        EXPECT_EQ(*ids, b->encode(text, add_special, parse_special).value()) << text;
        EXPECT_EQ(a->decode(*ids, false, true).value().empty(), b->decode(*ids, false, true).value().empty());
      }
}

class ConvertedModel : public testing::TestWithParam<std::string> {};

TEST_P(ConvertedModel, EqualsTheSameWeightsWrittenDirectly) {
  const auto golden = load_golden("models", GetParam());
  if (!golden) GTEST_SKIP() << "no golden file here";
  const ModelFile model = ModelFile::open(golden->gguf).value();
  const Dialect dialect = dialects().at(GetParam());
  const ScratchFolder scratch;
  MadeFolder(model, dialect).write(scratch / "folder");
  write_directly(scratch / "direct.gguf", model, dialect);

  const auto report = convert(scratch / "folder", scratch / "out.gguf", {.type = ConvertType::f32});
  ASSERT_TRUE(report) << report.error().message;
  const ModelFile direct = ModelFile::open(scratch / "direct.gguf").value(),
                  converted = ModelFile::open(scratch / "out.gguf").value();
  EXPECT_EQ(report->n_tensors, converted.tensors().size());
  EXPECT_EQ(report->file_bytes, converted.file_bytes());
  const auto checked = check(scratch / "out.gguf", {.threads = 1});
  ASSERT_TRUE(checked) << checked.error().message;
  for (const Finding& finding : checked->findings) ADD_FAILURE() << finding.where << ": " << finding.what;
  expect_golden_tensors(direct, converted);
  expect_same_metadata(direct, converted);
  expect_same_tokens(direct, converted);

  // Logits after every token, or the vector of a model that reads whole texts.
  const auto computed = [&](const std::filesystem::path& path) -> std::vector<float> {
    const std::vector<Token> tokens = golden->tokens;
    if (count_of(model, "pooling_type") != 0)
      return Model::open(path)->new_embedder().value().embed_tokens(std::span(&tokens, 1)).value().values;
    const auto loaded = LoadedModel::open(path).value();
    auto sequence =
        Sequence::create(loaded, {.n_ctx = golden->n_ctx, .kv_type = kernels::KvType::f32, .threads = 1})
            .value();
    if (loaded->spec().encoder.size() > 0) sequence.read_source(tokens).value();
    return logits_of(sequence, tokens);
  };
  const std::vector<float> expected = computed(scratch / "direct.gguf"),
                           found = computed(scratch / "out.gguf");
  ASSERT_FALSE(expected.empty());
  ASSERT_EQ(expected.size(), found.size());
  EXPECT_EQ(std::memcmp(expected.data(), found.data(), expected.size() * sizeof(float)), 0);
}

std::vector<std::string> names() {
  std::vector<std::string> names;
  for (const auto& [name, dialect] : dialects()) names.push_back(name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(Families, ConvertedModel, testing::ValuesIn(names()), [](const auto& test) {
  std::string name = test.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

}  // namespace
}  // namespace quern::test
