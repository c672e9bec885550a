// Vectors of texts and ranking through the public API.
#include "quern/embedding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "formats/gguf_writer.h"
#include "formats/model_file.h"
#include "tests/api/golden_model.h"
#include "tests/support/scratch_folder.h"

namespace quern {
namespace {

using test::Golden;
using testing::HasSubstr;
using Tokens = std::vector<Token>;

Model bert() { return Model::open(test::golden_path("bert.gguf")).value(); }

double length(std::span<const float> vector) {
  double sum = 0;
  for (const float value : vector) sum += double(value) * value;
  return std::sqrt(sum);
}

/// bert with layers that rank: `cls` (with tanh) of small weights and an output row for each label.
class Ranker {
 public:
  explicit Ranker(std::size_t n_labels, std::string_view extra_key = {}) : path_(folder_ / "ranker.gguf") {
    const auto file = formats::ModelFile::open(test::golden_path("bert.gguf")).value();
    formats::GgufContents contents;
    contents.copy(file.metadata());
    contents.set("bert.pooling_type", std::uint32_t{4});
    if (!extra_key.empty()) contents.set(extra_key, "{query} {document}");
    std::vector<std::string> labels;
    for (std::size_t i = 0; i < n_labels; ++i) labels.push_back("label " + std::to_string(i));
    if (n_labels != 1) contents.set("bert.classifier.output_labels", labels);
    for (const formats::Tensor& tensor : file.tensors())
      contents.add_tensor(tensor.name, tensor.type, std::span(tensor.dims).first(tensor.n_dims));
    contents.add_tensor("cls.weight", formats::TensorType::f32, {dim, dim});
    contents.add_tensor("cls.bias", formats::TensorType::f32, {dim});
    contents.add_tensor("cls.output.weight", formats::TensorType::f32, {dim, n_labels});
    contents.add_tensor("cls.output.bias", formats::TensorType::f32, {n_labels});
    const auto fill = [](std::size_t n, int seed) {
      std::vector<float> values(n);
      for (std::size_t i = 0; i < n; ++i) values[i] = std::sin(float(i * 7 + std::size_t(seed))) / 8;
      return values;
    };
    cls = fill(dim * dim, 1), cls_bias = fill(dim, 2), output = fill(dim * n_labels, 3),
    output_bias = fill(n_labels, 4);
    auto writer = formats::GgufWriter::create(path_, contents).value();
    for (const formats::Tensor& tensor : file.tensors())
      writer.write({tensor.data, static_cast<std::size_t>(tensor.n_bytes)}).value();
    for (const auto* values : {&cls, &cls_bias, &output, &output_bias})
      writer.write(std::as_bytes(std::span(*values))).value();
    writer.finish().value();
  }
  Model open() const { return Model::open(path_).value(); }
  /// The scores of every label, from the first token's hidden state.
  std::vector<double> scores(std::span<const float> hidden) const {
    std::vector<double> inner(dim), out(output_bias.size());
    for (std::size_t r = 0; r < dim; ++r) {
      inner[r] = cls_bias[r];
      for (std::size_t c = 0; c < dim; ++c) inner[r] += double(cls[r * dim + c]) * hidden[c];
      inner[r] = std::tanh(inner[r]);
    }
    for (std::size_t r = 0; r < out.size(); ++r) {
      out[r] = output_bias[r];
      for (std::size_t c = 0; c < dim; ++c) out[r] += double(output[r * dim + c]) * inner[c];
    }
    return out;
  }

 private:
  static constexpr std::size_t dim = 64;
  test::ScratchFolder folder_;
  std::filesystem::path path_;
  std::vector<float> cls, cls_bias, output, output_bias;
};

TEST(Embedder, GivesTheGoldenVectorAndUnitLength) {
  for (const char* name : {"bert", "modern-bert"}) {
    const Golden golden = Golden::load(name);
    const Model model = Model::open(test::golden_path(std::string(name) + ".gguf")).value();
    Embedder embedder = model.new_embedder({.threads = 1}).value();
    EXPECT_EQ(embedder.pooling(), std::string(name) == "bert" ? Pooling::mean : Pooling::cls);
    EXPECT_EQ(embedder.dim(), 64);
    EXPECT_GT(embedder.memory_bytes(), 0u);
    const Embeddings raw = embedder.embed_tokens({&golden.prompt, 1}, {.normalize = false}).value();
    const Embeddings unit = embedder.embed_tokens({&golden.prompt, 1}).value();
    ASSERT_EQ(raw.size(), 1u);
    ASSERT_EQ(raw.values.size(), golden.logits.size());
    const double norm = length(raw[0]);
    for (std::size_t i = 0; i < raw.values.size(); ++i) {
      EXPECT_NEAR(raw.values[i], golden.logits[i], 5e-6);
      EXPECT_NEAR(unit.values[i], raw.values[i] / norm, 1e-6);
    }
  }
}

TEST(Embedder, TextsAreFramedAndPackedWithoutPadding) {
  const Model model = bert();
  Embedder embedder = model.new_embedder({.threads = 1}).value();
  const std::string_view texts[] = {"a mill", "", "grinds the grain of the valley", "b"};
  const Embeddings together = embedder.embed(texts).value();
  ASSERT_EQ(together.size(), 4u);
  for (std::size_t i = 0; i < 4; ++i) {
    const Tokens tokens = model.tokenizer().encode(texts[i], {.add_special = true}).value();
    const Embeddings alone = embedder.embed_tokens({&tokens, 1}).value();
    EXPECT_EQ(std::memcmp(alone.values.data(), together[i].data(), 64 * sizeof(float)), 0) << texts[i];
    EXPECT_NEAR(length(together[i]), 1, 1e-6);
  }
  EXPECT_EQ(embedder.embed({}).value().size(), 0u);
}

TEST(Embedder, ATextIsCutOnlyWhereThatWasAskedFor) {
  const Model model = bert();
  Embedder embedder = model.new_embedder({.n_ctx = 8, .threads = 1}).value();
  EXPECT_EQ(embedder.n_ctx(), 8);
  const std::string_view texts[] = {"a", "a b c d e f g h i j k l"};
  const auto refused = embedder.embed(texts);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::context_full);
  EXPECT_THAT(refused.error().message, HasSubstr("text 1"));

  const Embeddings cut = embedder.embed(texts, {.truncate = true}).value();
  Tokens tokens = model.tokenizer().encode(texts[1], {.add_special = true}).value();
  tokens.erase(tokens.begin() + 7, tokens.end() - 1);
  EXPECT_EQ(cut.values[64], embedder.embed_tokens({&tokens, 1}).value().values[0]);

  const Tokens nine(9, 5);
  EXPECT_EQ(embedder.embed_tokens({&nine, 1}).error().code, ErrorCode::context_full);
  EXPECT_TRUE(embedder.embed_tokens({&nine, 1}, {.truncate = true}));
}

TEST(Embedder, RanksByTheModelsLayers) {
  const Golden golden = Golden::load("bert");
  for (const std::size_t n_labels : {1u, 3u}) {
    const Ranker ranker(n_labels);
    const Model model = ranker.open();
    Embedder embedder = model.new_embedder({.threads = 1}).value();
    EXPECT_EQ(embedder.pooling(), Pooling::rank);
    EXPECT_EQ(embedder.dim(), int(n_labels));
    const std::string_view documents[] = {"the mill", "a loaf of bread", ""};
    const std::vector<float> scores = embedder.rank("how is flour made", documents).value();
    ASSERT_EQ(scores.size(), 3u);
    // [CLS] query [SEP] document [SEP], and the first token's hidden state.
    Embedder first = bert().new_embedder({.pooling = Pooling::cls, .threads = 1}).value();
    for (std::size_t i = 0; i < 3; ++i) {
      Tokens pair = model.tokenizer().encode("how is flour made", {.add_special = true}).value();
      const Tokens document = model.tokenizer().encode(documents[i]).value();
      pair.insert(pair.end(), document.begin(), document.end());
      pair.push_back(3);
      const Embeddings hidden = first.embed_tokens({&pair, 1}, {.normalize = false}).value();
      EXPECT_NEAR(scores[i], ranker.scores(hidden[0])[0], 1e-5);
    }
    const auto vectors = embedder.embed(documents);
    ASSERT_FALSE(vectors);
    EXPECT_EQ(vectors.error().code, ErrorCode::unsupported);
  }
}

TEST(Embedder, OfAPairTheDocumentIsCut) {
  const Model model = Ranker(1).open();
  Embedder embedder = model.new_embedder({.n_ctx = 10, .threads = 1}).value();
  const std::string_view long_one[] = {"a b c d e f g h i j"}, cut_one[] = {"a b c d"};
  EXPECT_EQ(embedder.rank("q r s", long_one).error().code, ErrorCode::context_full);
  const auto cut = embedder.rank("q r s", long_one, {.truncate = true});
  ASSERT_TRUE(cut) << cut.error().message;
  // [CLS] q r s [SEP] and the last [SEP] leave four.
  EXPECT_EQ(*cut, embedder.rank("q r s", cut_one).value());
  const auto no_room = embedder.rank("q r s t u v w x", long_one, {.truncate = true});
  ASSERT_FALSE(no_room);
  EXPECT_EQ(no_room.error().code, ErrorCode::context_full);
}

TEST(Embedder, SaysWhatAModelCannotDo) {
  // A decoder declares no pooling, but can be given one.
  const Model decoder = test::golden_model();
  const auto undeclared = decoder.new_embedder();
  ASSERT_FALSE(undeclared);
  EXPECT_EQ(undeclared.error().code, ErrorCode::unsupported);
  EXPECT_EQ(undeclared.error().field, "llama.pooling_type");
  EXPECT_EQ(decoder.new_embedder({.pooling = Pooling::rank}).error().code, ErrorCode::unsupported);
  Embedder last = decoder.new_embedder({.pooling = Pooling::last, .threads = 1}).value();
  const std::string_view texts[] = {"ab"}, none[] = {""};
  EXPECT_EQ(last.embed(texts).value().dim, 64u);

  Embedder embedder = bert().new_embedder({.threads = 1}).value();
  EXPECT_EQ(embedder.rank("q", texts).error().code, ErrorCode::unsupported);
  const Tokens nothing, foreign{1, 320};
  EXPECT_EQ(embedder.embed_tokens({&nothing, 1}).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(embedder.embed_tokens({&foreign, 1}).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(bert().new_embedder({.n_ctx = 129}).error().field, "n_ctx");  // it has 128 positions
  EXPECT_EQ(bert().new_embedder({.n_ctx = -1}).error().field, "n_ctx");
  EXPECT_EQ(bert().new_embedder({.batch = 0}).error().field, "batch");
  EXPECT_EQ(bert().new_embedder({.threads = -1}).error().field, "threads");
  const auto session = bert().new_session();
  ASSERT_FALSE(session);
  EXPECT_EQ(session.error().code, ErrorCode::unsupported);

  const Ranker with_template(1, "tokenizer.chat_template.rerank");
  const auto refused = with_template.open().new_embedder().value().rank("q", none);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().field, "tokenizer.chat_template.rerank");
}

TEST(Embedder, CanBeStoppedAndWatched) {
  Embedder embedder = bert().new_embedder({.batch = 4, .threads = 1}).value();
  const std::string_view texts[] = {"a b", "c d", "e f"};
  std::vector<double> heard;
  EXPECT_TRUE(embedder.embed(texts, {.progress = [&](double fraction) { heard.push_back(fraction); }}));
  ASSERT_GT(heard.size(), 1u);
  EXPECT_TRUE(std::ranges::is_sorted(heard));
  EXPECT_EQ(heard.back(), 1);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(embedder.embed(texts, {.stop = stop.get_token()}).error().code, ErrorCode::cancelled);
  EXPECT_TRUE(embedder.embed(texts));
}

TEST(Embedder, APlanIsMadeForEncodersToo) {
  const auto path = test::golden_path("bert.gguf");
  const Plan plan = Model::plan(path, {.n_ctx = 100, .threads = 1}).value();
  EXPECT_EQ(plan.n_ctx, 100);
  Embedder embedder = bert().new_embedder({.n_ctx = 100, .batch = 1, .threads = 1}).value();
  const Tokens hundred(100, 7);
  EXPECT_TRUE(embedder.embed_tokens({&hundred, 1}));
  EXPECT_EQ(embedder.memory_bytes(), plan.scratch_bytes + plan.kv_bytes);
  EXPECT_EQ(Model::plan(path, {.n_ctx = 129}).error().field, "n_ctx");
}

TEST(CosineSimilarity, IsThatOfTheAngle) {
  const std::vector<float> a{3, 0}, b{1, 1}, c{0, -2}, zero{0, 0};
  EXPECT_FLOAT_EQ(cosine_similarity(a, a), 1);
  EXPECT_FLOAT_EQ(cosine_similarity(a, b), std::sqrt(0.5f));
  EXPECT_FLOAT_EQ(cosine_similarity(a, c), 0);
  EXPECT_FLOAT_EQ(cosine_similarity(b, c), -std::sqrt(0.5f));
  EXPECT_EQ(cosine_similarity(a, zero), 0);
}

}  // namespace
}  // namespace quern
