// quern-embed as a user meets it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "tests/programs/program.h"
#include "tests/support/ranker.h"

namespace quern::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

const std::string folder = std::string(QUERN_TEST_DATA_DIR) + "/models/";
const std::string bert = folder + "bert.gguf";

std::string golden_ids(const std::string& name) {
  const json tokens = json::parse(read_file(folder + name + ".tokens.json"));
  std::string ids;
  for (const int id : tokens.at("prompt").get<std::vector<int>>())
    ids += (ids.empty() ? "" : ",") + std::to_string(id);
  return ids;
}

std::vector<float> floats(std::string_view bytes) {
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
  return values;
}

TEST(QuernEmbed, GivesTheGoldenVectors) {
  for (const std::string name : {"bert", "modern-bert"}) {
    const Outcome outcome =
        run_program("quern-embed", {"-m", folder + name + ".gguf", "--tokens", golden_ids(name), "--format",
                                    "f32", "--no-normalize", "-t", "1"});
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    const std::vector<float> got = floats(outcome.out),
                             want = floats(read_file(folder + name + ".logits.f32"));
    ASSERT_EQ(got.size(), want.size());
    for (std::size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], want[i], 5e-6);
  }
}

TEST(QuernEmbed, EveryFormatHoldsTheSameVectors) {
  ScratchFolder scratch;
  const std::string lines = "the mill\r\n\ngrinds grain\n", npy = (scratch / "out.npy").string();
  const Outcome raw = run_program("quern-embed", {"-m", bert, "--format", "f32"}, lines);
  const Outcome text = run_program("quern-embed", {"-m", bert, "-t", "1"}, lines);
  const Outcome array = run_program("quern-embed", {"-m", bert, "--format", "npy", "--out", npy}, lines);
  EXPECT_EQ(raw.status + text.status + array.status, 0) << raw.err << text.err << array.err;
  const std::vector<float> values = floats(raw.out);
  ASSERT_EQ(values.size(), 3u * 64);

  const json parsed = json::parse(text.out);
  EXPECT_EQ(parsed.at("dim"), 64);
  EXPECT_EQ(parsed.at("pooling"), "mean");
  EXPECT_EQ(parsed.at("normalized"), true);
  std::vector<float> from_json;
  for (const auto& row : parsed.at("embeddings"))
    for (const float value : row.get<std::vector<float>>()) from_json.push_back(value);
  EXPECT_EQ(from_json, values);

  const std::string bytes = read_file(npy);
  ASSERT_EQ(bytes.substr(0, 8), std::string("\x93NUMPY\x01\x00", 8));
  const std::size_t data =
      10 + std::size_t(std::uint8_t(bytes[8])) + 256 * std::size_t(std::uint8_t(bytes[9]));
  EXPECT_EQ(data % 64, 0u);
  EXPECT_THAT(bytes.substr(10, data - 10), HasSubstr("'<f4'"));
  EXPECT_THAT(bytes.substr(10, data - 10), HasSubstr("(3, 64)"));
  EXPECT_EQ(bytes.substr(data), raw.out);
}

TEST(QuernEmbed, ComparesTwoFiles) {
  ScratchFolder scratch;
  const std::string a = (scratch / "a").string(), b = (scratch / "b").string();
  write_file(a, "the mill\ngrain\n");
  write_file(b, "grain\n");
  const Outcome outcome = run_program("quern-embed", {"-m", bert, "--similarity", a, b});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  std::istringstream rows(outcome.out);
  double other = 0, same = 0;
  rows >> other >> same;
  EXPECT_NEAR(same, 1, 1e-6);
  EXPECT_LT(other, same);
  const Outcome as_json = run_program("quern-embed", {"-m", bert, "--json", "--similarity", a, b});
  EXPECT_NEAR(json::parse(as_json.out).at("similarity").at(1).at(0).get<double>(), 1, 1e-6);
}

TEST(QuernEmbed, RanksLinesBestFirst) {
  const Ranker ranker(1);
  const std::vector<std::string> arguments{"-m", ranker.path().string(), "--rerank", "how is flour made"};
  const std::string lines = "the mill\na loaf of bread\nz\n";
  const Outcome text = run_program("quern-embed", arguments, lines);
  EXPECT_EQ(text.status, 0) << text.err;
  auto with_json = arguments;
  with_json.push_back("--json");
  const Outcome as_json = run_program("quern-embed", with_json, lines);
  EXPECT_EQ(as_json.status, 0) << as_json.err;
  const json results = json::parse(as_json.out).at("results");
  ASSERT_EQ(results.size(), 3u);
  std::istringstream rows(text.out);
  std::vector<std::string> ranked;
  double last = INFINITY;
  for (const json& result : results) {
    double score = 0;
    std::size_t index = 0;
    std::string line;
    rows >> score >> index;
    rows.get();
    std::getline(rows, line);
    EXPECT_NEAR(score, result.at("score").get<double>(), 1e-6);
    EXPECT_EQ(index, result.at("index").get<std::size_t>());
    EXPECT_EQ(line, result.at("text"));
    EXPECT_LE(score, last);
    last = score;
    ranked.push_back(line);
  }
  EXPECT_THAT(ranked, testing::UnorderedElementsAre("the mill", "a loaf of bread", "z"));
}

TEST(QuernEmbed, ErrorsAreOneLine) {
  ScratchFolder scratch;
  const std::string out = (scratch / "out").string();
  const struct {
    std::vector<std::string> arguments;
    int status;
    std::string says;
  } cases[] = {
      {{"-m", bert, "--format", "xml"}, 2, "'xml' is none of json, f32, npy"},
      {{"-m", bert, "--tokens", "1,x"}, 2, "'x' is not a whole number"},
      {{"-m", bert, "--tokens", "1", "--rerank", "q"}, 2, "excludes"},
      {{"-m", bert, "--tokens", "1,320"}, 1, "320"},
      {{"-m", bert, "--rerank", "q"}, 1, "no scores"},
      {{"-m", bert, "--n-ctx", "3"}, 1, "text 0 has 4 tokens"},
      {{"-m", folder + "llama.gguf"}, 1, "(--pooling mean, cls or last)"},
  };
  for (auto c : cases) {
    c.arguments.insert(c.arguments.end(), {"--out", out});
    const Outcome outcome = run_program("quern-embed", c.arguments, "a b\n");
    EXPECT_EQ(outcome.status, c.status) << c.says;
    EXPECT_EQ(std::ranges::count(outcome.err, '\n'), 1) << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr(c.says));
    EXPECT_FALSE(std::filesystem::exists(out)) << c.says;
  }
  const Outcome cut = run_program("quern-embed", {"-m", bert, "--n-ctx", "3", "--truncate"}, "a b\n");
  EXPECT_EQ(cut.status, 0) << cut.err;
}

}  // namespace
}  // namespace quern::test
