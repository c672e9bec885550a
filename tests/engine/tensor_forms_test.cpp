// The same numbers in the other forms in which files hold them: the same bits come out.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "src/runtime/whole_texts.h"
#include "tests/engine/changed_model.h"
#include "tests/engine/golden.h"

namespace quern::test {
namespace {

using detail::LoadedModel;
using detail::Sequence;
using formats::GgufContents;
using formats::ModelFile;
using formats::TensorType;

struct Piece {
  std::string name;
  TensorType type;
  std::vector<std::uint64_t> dims;
  std::vector<std::byte> data;

  std::span<float> floats() { return {reinterpret_cast<float*>(data.data()), data.size() / sizeof(float)}; }
};

Piece floats_piece(std::string name, std::vector<std::uint64_t> dims, std::span<const float> values) {
  const auto bytes = std::as_bytes(values);
  return {std::move(name), TensorType::f32, std::move(dims), {bytes.begin(), bytes.end()}};
}

Piece& named(std::vector<Piece>& pieces, std::string_view name) {
  return *std::ranges::find(pieces, name, &Piece::name);
}

std::vector<Piece> pieces_of(const ModelFile& file) {
  std::vector<Piece> pieces;
  for (const formats::Tensor& tensor : file.tensors()) {
    pieces.push_back({std::string(tensor.name),
                      tensor.type,
                      {tensor.dims.begin(), tensor.dims.begin() + tensor.n_dims},
                      {tensor.data, tensor.data + tensor.n_bytes}});
  }
  return pieces;
}

/// A file of these tensors with another's keys, in memory.
std::vector<std::byte> file_of(
    const ModelFile& file, const std::vector<Piece>& pieces,
    const std::function<void(GgufContents&)>& change = [](GgufContents&) {}) {
  GgufContents contents;
  contents.copy(file.metadata());
  change(contents);
  for (const Piece& piece : pieces) contents.add_tensor(piece.name, piece.type, piece.dims);
  const auto encoded = contents.encode().value();
  std::vector<std::byte> bytes = encoded.header;
  for (const Piece& piece : pieces) {
    bytes.insert(bytes.end(), piece.data.begin(), piece.data.end());
    bytes.resize((bytes.size() + encoded.alignment - 1) / encoded.alignment * encoded.alignment);
  }
  return bytes;
}

/// What a model makes of the golden tokens: logits after each, or hidden values of each.
std::vector<float> results(const std::shared_ptr<const LoadedModel>& model, const Golden& golden) {
  if (!writes_text(model->spec())) {
    std::vector<float> hidden;
    const std::vector<std::vector<Token>> texts{golden.prompt};
    detail::WholeTexts::create(model, {.threads = 1})
        .value()
        .embed(texts, detail::Pooling::none,
               [&](std::size_t, std::size_t, std::span<const float> rows) {
                 hidden.insert(hidden.end(), rows.begin(), rows.end());
               })
        .value();
    return hidden;
  }
  auto sequence =
      Sequence::create(model, {.n_ctx = golden.n_ctx, .kv_type = kernels::KvType::f32, .threads = 1}).value();
  if (!model->spec().encoder.empty()) sequence.read_source(golden.prompt).value();
  return logits_of(sequence, golden.tokens);
}

std::vector<float> results(std::span<const std::byte> bytes, const Golden& golden) {
  auto model = LoadedModel::from_file(ModelFile::from_bytes(bytes).value());
  EXPECT_TRUE(model) << model.error().message;
  return model ? results(*model, golden) : std::vector<float>();
}

bool same_bits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

constexpr std::string_view stacked = "_exps.weight";

/// Experts' matrices taken out of the stacks: "blk.0.ffn_up_exps.weight" to "blk.0.ffn_up.<e>.weight".
std::vector<Piece> with_experts_apart(const std::vector<Piece>& pieces) {
  std::vector<Piece> apart;
  for (const Piece& piece : pieces) {
    if (!piece.name.ends_with(stacked)) {
      apart.push_back(piece);
      continue;
    }
    const std::string base = piece.name.substr(0, piece.name.size() - stacked.size());
    const std::size_t n_experts = piece.dims[2], n_bytes = piece.data.size() / n_experts;
    for (std::size_t e = 0; e < n_experts; ++e) {
      const auto begin = piece.data.begin() + static_cast<std::ptrdiff_t>(e * n_bytes);
      apart.push_back({base + "." + std::to_string(e) + ".weight",
                       piece.type,
                       {piece.dims[0], piece.dims[1]},
                       {begin, begin + static_cast<std::ptrdiff_t>(n_bytes)}});
    }
  }
  return apart;
}

/// Each layer's gate and up projection of experts as one stack: of every expert the gate's rows, then the
/// others.
std::vector<Piece> with_fused_experts(const std::vector<Piece>& pieces) {
  std::vector<Piece> fused;
  for (const Piece& piece : pieces) {
    if (piece.name.ends_with("ffn_up_exps.weight")) continue;
    fused.push_back(piece);
    if (!piece.name.ends_with("ffn_gate_exps.weight")) continue;
    Piece& both = fused.back();
    both.name.replace(both.name.find("ffn_gate"), 8, "ffn_up");
    const Piece& up = *std::ranges::find(pieces, both.name, &Piece::name);
    both.name.replace(both.name.find("ffn_up"), 6, "ffn_gate_up");
    both.dims[1] *= 2;
    both.data.clear();
    const std::size_t n_bytes = piece.data.size() / piece.dims[2];
    for (std::size_t e = 0; e < piece.dims[2]; ++e) {
      for (const std::vector<std::byte>* data : {&piece.data, &up.data}) {
        const auto begin = data->begin() + static_cast<std::ptrdiff_t>(e * n_bytes);
        both.data.insert(both.data.end(), begin, begin + static_cast<std::ptrdiff_t>(n_bytes));
      }
    }
  }
  return fused;
}

TEST(FusedExperts, GiveTheBitsOfTwoTensorsInEveryFamilyWithAGate) {
  for (const char* name :
       {"mixtral", "qwen2moe", "qwen3moe", "granitemoe", "deepseek2", "lfm2moe", "qwen35moe", "qwen3next"}) {
    const auto golden = load_golden("models", name);
    if (!golden) continue;
    const ModelFile file = ModelFile::open(golden->gguf).value();
    const std::vector<Piece> apart = pieces_of(file), fused = with_fused_experts(apart);
    ASSERT_LT(fused.size(), apart.size()) << name;
    EXPECT_TRUE(same_bits(results(file_of(file, fused), *golden), results(file_of(file, apart), *golden)))
        << name;
  }
}

class ExpertsApart : public testing::Test {
 protected:
  const Golden golden = load_golden("models", "mixtral").value();
  const ModelFile file = ModelFile::open(golden.gguf).value();
  std::vector<Piece> pieces = pieces_of(file);
};

TEST_F(ExpertsApart, GiveTheBitsOfThoseInOneTensor) {
  const auto apart = with_experts_apart(pieces);
  ASSERT_GT(apart.size(), pieces.size());
  EXPECT_TRUE(same_bits(results(file_of(file, apart), golden), results(file_of(file, pieces), golden)));
}

TEST_F(ExpertsApart, MayBeOfDifferentTypes) {
  // Of one expert the upper halves of the floats are kept, here as BF16, there as floats.
  auto apart = with_experts_apart(pieces);
  Piece& half = named(apart, "blk.1.ffn_down.2.weight");
  Piece& whole = named(pieces, "blk.1.ffn_down_exps.weight");
  const std::span<float> values = half.floats();
  std::vector<std::uint16_t> upper;
  for (float& value : values) {
    upper.push_back(static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(value) >> 16));
    value = std::bit_cast<float>(std::uint32_t{upper.back()} << 16);
  }
  std::memcpy(whole.data.data() + 2 * half.data.size(), half.data.data(), half.data.size());
  const auto bytes = std::as_bytes(std::span(upper));
  half.type = TensorType::bf16;
  half.data.assign(bytes.begin(), bytes.end());
  EXPECT_TRUE(same_bits(results(file_of(file, apart), golden), results(file_of(file, pieces), golden)));
}

TEST_F(ExpertsApart, HaveToBeThereAndToReadTheSameActivations) {
  auto apart = with_experts_apart(pieces);
  const std::string name = "blk.0.ffn_up.3.weight";
  Piece& one = named(apart, name);
  one.type = TensorType::q8_0;
  one.data.resize(one.data.size() / 128 * 34);
  const auto mixed = file_of(file, apart);
  auto spec = detail::read_model_spec(ModelFile::from_bytes(mixed).value());
  ASSERT_FALSE(spec);
  EXPECT_EQ(spec.error().code, ErrorCode::unsupported);
  EXPECT_EQ(spec.error().message,
            "tensor 'blk.0.ffn_up.3.weight' has type Q8_0, which does not go with F32 of the layer's first "
            "expert");
  std::erase_if(apart, [&](const Piece& piece) { return piece.name == name; });
  const auto incomplete = file_of(file, apart);
  spec = detail::read_model_spec(ModelFile::from_bytes(incomplete).value());
  ASSERT_FALSE(spec);
  EXPECT_EQ(spec.error().code, ErrorCode::corrupt);
  EXPECT_EQ(spec.error().field, name);
}

// glm4 with sections of rotated pairs: in each head the elements that turn together lie half of the rotated
// part apart, not side by side.
TEST(RotarySections, OfTextTurnTheHalvesOfGlm4) {
  const Golden golden = load_golden("models", "glm4").value();
  const ModelFile file = ModelFile::open(golden.gguf).value();
  const std::size_t head_dim = 16, n_rot = 8;
  ASSERT_EQ(*file.metadata().unsigned_integer("glm4.rope.dimension_count"), n_rot);
  std::vector<Piece> pieces = pieces_of(file);
  for (Piece& piece : pieces) {
    const bool turns =
        piece.name.find("attn_q.") != std::string::npos || piece.name.find("attn_k.") != std::string::npos;
    if (!turns) continue;
    const std::size_t n_rows = piece.dims.back(), row_bytes = piece.data.size() / n_rows;
    const std::vector<std::byte> original = piece.data;
    for (std::size_t row = 0; row < n_rows; ++row) {
      const std::size_t i = row % head_dim;
      const std::size_t from = i < n_rot ? row - i + 2 * (i % (n_rot / 2)) + i / (n_rot / 2) : row;
      std::memcpy(piece.data.data() + row * row_bytes, original.data() + from * row_bytes, row_bytes);
    }
  }
  const auto with_sections = [&](std::vector<std::int32_t> sections) {
    return file_of(file, pieces, [&](GgufContents& c) { c.set("glm4.rope.dimension_sections", sections); });
  };
  EXPECT_LE(max_abs_difference(results(with_sections({1, 1, 2, 0}), golden), golden.logits), 2e-4);
  EXPECT_GT(max_abs_difference(results(file_of(file, pieces), golden), golden.logits), 1e-2);
  for (const auto& sections : {std::vector<std::int32_t>{1, 1, 1, 1}, {4, 0, 0, 0}, {2, 2}, {3, -1, 2, 0}}) {
    const auto bytes = with_sections(sections);
    const auto spec = detail::read_model_spec(ModelFile::from_bytes(bytes).value());
    ASSERT_FALSE(spec);
    EXPECT_EQ(spec.error().field, "glm4.rope.dimension_sections");
  }
}

/// The same keys for an architecture of another name.
void rename_keys(const ModelFile& file, std::string_view from, std::string_view to, GgufContents& contents) {
  for (const formats::MetadataEntry& entry : file.metadata().entries()) {
    if (!entry.key.starts_with(std::string(from) + ".")) continue;
    formats::MetadataEntry renamed = entry;
    const std::string key = std::string(to) + std::string(entry.key.substr(from.size()));
    renamed.key = key;
    contents.copy(renamed);
    contents.remove(entry.key);
  }
  contents.set("general.architecture", to);
}

TEST(OtherNames, Olmo3IsAnOlmo2) {
  const auto golden = load_golden("models", "olmo3");
  if (!golden) GTEST_SKIP() << "no golden file here";
  const ModelFile file = ModelFile::open(golden->gguf).value();
  const auto bytes =
      file_of(file, pieces_of(file), [&](GgufContents& c) { rename_keys(file, "olmo2", "olmo3", c); });
  EXPECT_LE(max_abs_difference(results(bytes, *golden), golden->logits), 2e-4);
}

TEST(OtherNames, Lfm2MayCallItsLastNormByTheUsualName) {
  const Golden golden = load_golden("models", "lfm2").value();
  const ModelFile file = ModelFile::open(golden.gguf).value();
  std::vector<Piece> pieces = pieces_of(file);
  named(pieces, "token_embd_norm.weight").name = "output_norm.weight";
  const auto bytes = file_of(file, pieces, [](GgufContents& c) { c.set("lfm2.feed_forward_length", 144u); });
  EXPECT_LE(max_abs_difference(results(bytes, golden), golden.logits), 2e-4);
}

TEST(OtherNames, GemmaEmbeddingMayGoByGemma3) {
  const auto golden = load_golden("models", "gemma-embedding");
  if (!golden) GTEST_SKIP() << "no golden file here";
  const ModelFile file = ModelFile::open(golden->gguf).value();
  std::vector<Piece> pieces = pieces_of(file);
  named(pieces, "output_norm.weight").name = "norm.weight";
  const std::uint64_t dim = *file.metadata().unsigned_integer("gemma-embedding.embedding_length");
  for (const char* name : {"dense.0.weight", "dense.1.weight"})
    pieces.push_back(floats_piece(name, {dim, dim}, std::vector<float>(dim * dim)));
  const auto bytes = file_of(file, pieces, [&](GgufContents& c) {
    rename_keys(file, "gemma-embedding", "gemma3", c);
    c.remove("gemma3.pooling_type");
    c.remove("gemma3.attention.causal");
  });
  const auto model = LoadedModel::from_file(ModelFile::from_bytes(bytes).value());
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ((*model)->spec().embedding.pooling, detail::Pooling::mean);
  EXPECT_EQ((*model)->spec().embedding.dense.size(), 2u);
  EXPECT_LE(max_abs_difference(results(*model, *golden), golden->hidden), 2e-5);
}

// A file written elsewhere may hold the part that only predicts further tokens under a prefix of its own.
TEST(OtherNames, WhatPredictsFurtherTokensHasNoPart) {
  const ModelFile file = ModelFile::open(golden_models().at("qwen35")).value();
  EXPECT_TRUE(changed(file, [](GgufContents& c) { c.add_tensor("mtp.fc.weight", TensorType::f32, {4, 4}); }));
}

/// Whether a tensor is a matrix, or a stack of them, that activations are multiplied with.
bool is_multiplied(const Piece& piece) {
  constexpr std::string_view others[] = {"token_embd", "position_embd", "token_types", "norm",
                                         "conv",       "rel_b",         "ssm_a",       "ssm_d"};
  const auto is_part = [&](std::string_view part) { return piece.name.find(part) != std::string::npos; };
  const bool is_projection = piece.name.find("shortconv.") != std::string::npos && is_part("_proj");
  return piece.type == TensorType::f32 && piece.dims.size() >= 2 && piece.name.ends_with(".weight") &&
         (is_projection || std::ranges::none_of(others, is_part));
}

// Powers of two move from every matrix into its scale: products are the same, and so is all that follows.
TEST(ProductScales, MultiplyEveryProductOfEveryFamily) {
  std::size_t n_models = 0;
  for (const auto& [name, path] : golden_models()) {
    const auto golden = load_golden("models", name);
    ASSERT_TRUE(golden) << name;
    const ModelFile file = ModelFile::open(path).value();
    std::vector<Piece> pieces = pieces_of(file), scales;
    for (Piece& piece : pieces) {
      if (!is_multiplied(piece)) continue;
      const std::string base = piece.name.substr(0, piece.name.size() - std::string_view("weight").size());
      const std::size_t n_stacked = piece.dims.size() == 3 ? piece.dims[2] : 1;
      const std::span<float> values = piece.floats();
      std::vector<float> stacked_scales;
      for (std::size_t i = 0; i < n_stacked; ++i) stacked_scales.push_back(i % 3 == 0 ? 4.0f : 0.5f);
      for (std::size_t i = 0; i < values.size(); ++i)
        values[i] /= stacked_scales[i / (values.size() / n_stacked)];
      scales.push_back(floats_piece(base + "scale", {n_stacked}, stacked_scales));
      scales.push_back(floats_piece(base + "input_scale", {1}, std::array{0.125f}));
    }
    if (scales.empty()) continue;  // its matrices are of another type than F32
    ++n_models;
    const std::vector<Piece> plain = pieces_of(file);
    pieces.insert(pieces.end(), scales.begin(), scales.end());
    EXPECT_TRUE(same_bits(results(file_of(file, pieces), *golden), results(file_of(file, plain), *golden)))
        << name;
  }
  EXPECT_GE(n_models, 25u);
}

TEST(ProductScales, HaveTheShapeOfOneOrOfOneForEachExpert) {
  const ModelFile file = ModelFile::open(golden_models().at("mixtral")).value();
  const auto with = [&](const char* tensor, std::initializer_list<std::uint64_t> dims) {
    return changed(file, [&](GgufContents& c) { c.add_tensor(tensor, TensorType::f32, dims); });
  };
  EXPECT_TRUE(with("blk.0.ffn_up_exps.scale", {1}));
  EXPECT_TRUE(with("blk.0.ffn_up_exps.scale", {8}));
  for (const auto& [tensor, n] : {std::pair{"blk.0.ffn_up_exps.scale", 3}, {"blk.0.attn_q.scale", 2}}) {
    const auto spec = with(tensor, {static_cast<std::uint64_t>(n)});
    ASSERT_FALSE(spec) << tensor;
    EXPECT_EQ(spec.error().code, ErrorCode::corrupt);
    EXPECT_EQ(spec.error().field, tensor);
  }
  // Embeddings are looked up.
  EXPECT_EQ(with("token_embd.scale", {1}).error().field, "token_embd.scale");
}

}  // namespace
}  // namespace quern::test
