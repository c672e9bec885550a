// Vectors of texts and ranking through the public API.
#include "quern/embedding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "tests/api/golden_model.h"
#include "tests/support/ranker.h"

namespace quern {
namespace {

using test::Golden;
using test::Ranker;
using testing::HasSubstr;
using Tokens = std::vector<Token>;

Model bert() { return Model::open(test::golden_path("bert.gguf")).value(); }

double length(std::span<const float> vector) {
  double sum = 0;
  for (const float value : vector) sum += double(value) * value;
  return std::sqrt(sum);
}

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
    const Model model = Model::open(ranker.path()).value();
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
  const Ranker ranker(1);
  const Model model = Model::open(ranker.path()).value();
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
  const std::string_view texts[] = {"ab"};
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
}

TEST(Embedder, PairsStandInTheWordsOfTheModelsFile) {
  const Ranker ranker(1, "[MASK] q {query} [SEP] d {document} [MASK]");
  const Model model = Model::open(ranker.path()).value();
  Embedder embedder = model.new_embedder({.n_ctx = 16, .threads = 1}).value();
  Embedder first = bert().new_embedder({.pooling = Pooling::cls, .threads = 1}).value();
  const auto expected = [&](std::string_view query, std::string_view document) {
    Tokens tokens{4};
    for (const auto& [text, after] : {std::pair{query, Token{3}}, {document, Token{4}}}) {
      const std::string with_word = (after == 3 ? "q " : "d ") + std::string(text);
      const Tokens more = model.tokenizer().encode(with_word).value();
      tokens.insert(tokens.end(), more.begin(), more.end());
      tokens.push_back(after);
    }
    const Embeddings hidden = first.embed_tokens({&tokens, 1}, {.normalize = false}).value();
    return ranker.scores(hidden[0])[0];
  };
  const std::string_view documents[] = {"a b", "c", "[MASK]"};  // the last is a word of the document's
  const std::vector<float> scores = embedder.rank("x y", documents).value();
  for (std::size_t i = 0; i < 3; ++i) EXPECT_NEAR(scores[i], expected("x y", documents[i]), 1e-5) << i;

  const std::string_view long_one[] = {"a b c d e f g h i j k l m"};
  EXPECT_EQ(embedder.rank("x y", long_one).error().code, ErrorCode::context_full);
  EXPECT_NEAR(embedder.rank("x y", long_one, {.truncate = true}).value()[0],
              expected("x y", "a b c d e f g h i"), 1e-5);

  const std::string_view none[] = {""};
  const Ranker placeless(1, "{query}");
  const auto refused = Model::open(placeless.path()).value().new_embedder().value().rank("q", none);
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
