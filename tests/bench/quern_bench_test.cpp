// quern-bench as a user meets it: its rows, its JSON, its page, and its comparison with another program.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>

#include "quern/version.h"
#include "tests/programs/program.h"

namespace quern::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

const std::string model = std::string(QUERN_TEST_DATA_DIR) + "/models/llama.gguf";

Outcome bench(const std::vector<std::string>& arguments) { return run_program("quern-bench", arguments); }

json rows_of(const std::vector<std::string>& arguments) {
  const Outcome outcome = bench(arguments);
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  return json::parse(outcome.out);
}

void expect_one_line(const Outcome& outcome, const std::string& part) {
  EXPECT_EQ(std::ranges::count(outcome.err, '\n'), 1) << outcome.err;
  EXPECT_TRUE(outcome.err.starts_with("quern-bench: ")) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr(part));
}

// A stand-in for another engine: writes down its arguments and prints what it is told.
std::string other_engine(const ScratchFolder& folder, const std::string& body) {
  const auto path = folder / "other-bench";
  write_file(path, "#!/bin/sh\necho \"$*\" >> '" + (folder / "calls").string() + "'\n" + body);
  std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  return path.string();
}

TEST(QuernBench, MeasuresEveryCombinationAndTellsItAsLlamaBenchDoes) {
  const json rows = rows_of({"--synthetic", "tiny:Q4_K_M", "-p", "0,16", "-n", "4", "-d", "0,8", "-b", "1,2",
                             "-t", "1", "-r", "3", "--json"});
  ASSERT_TRUE(rows.is_array());
  std::set<std::tuple<int, int, int, int>> seen;
  for (const json& row : rows) {
    const int n_prompt = row.at("n_prompt"), n_gen = row.at("n_gen"), n_sequences = row.at("n_sequences");
    seen.emplace(n_prompt, n_gen, row.at("n_depth").get<int>(), n_sequences);
    EXPECT_EQ(row.at("n_threads"), 1);
    EXPECT_EQ(row.at("model_filename"), "tiny:Q4_K_M");
    EXPECT_FALSE(row.at("cpu_info").get<std::string>().empty());
    EXPECT_EQ(row.at("engine_version"), QUERN_VERSION_STRING);
    EXPECT_GT(row.at("model_n_params"), 1000000);
    EXPECT_GT(row.at("model_size"), 500000);

    const auto ns = row.at("samples_ns").get<std::vector<double>>();
    const auto rates = row.at("samples_ts").get<std::vector<double>>();
    ASSERT_EQ(ns.size(), 3u);
    ASSERT_EQ(rates.size(), 3u);
    double sum = 0, squares = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      ASSERT_GT(ns[i], 0);
      EXPECT_NEAR(rates[i], (n_prompt + n_gen) * n_sequences * 1e9 / ns[i], 1e-4 * rates[i]);
      sum += rates[i];
    }
    for (const double rate : rates) squares += (rate - sum / 3) * (rate - sum / 3);
    EXPECT_NEAR(row.at("avg_ts").get<double>(), sum / 3, 1e-9 * sum);
    EXPECT_NEAR(row.at("stddev_ts").get<double>(), std::sqrt(squares / 2), 1e-9 * sum);
    EXPECT_GT(row.at("ceiling_share"), 0);
    EXPECT_GT(row.at("ceiling_int8_gops"), 0);
    EXPECT_GT(row.at("ceiling_read_gbps"), 0);
    EXPECT_FALSE(row.contains("versus"));
  }
  using testing::ElementsAre;
  using T = std::tuple<int, int, int, int>;
  EXPECT_EQ(rows.size(), 8u);
  EXPECT_THAT(seen, ElementsAre(T{0, 4, 0, 1}, T{0, 4, 0, 2}, T{0, 4, 8, 1}, T{0, 4, 8, 2}, T{16, 0, 0, 1},
                                T{16, 0, 0, 2}, T{16, 0, 8, 1}, T{16, 0, 8, 2}));
}

TEST(QuernBench, MeasuresAFileAndPrintsATable) {
  const Outcome outcome = bench({"-m", model, "-p", "8", "-n", "2", "-t", "1", "-r", "1"});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(outcome.err, "");  // progress is for terminals
  EXPECT_THAT(outcome.out, HasSubstr("llama.gguf: llama, "));
  EXPECT_THAT(outcome.out, HasSubstr("GB/s read\n"));
  EXPECT_THAT(outcome.out, HasSubstr("\npp8 "));
  EXPECT_THAT(outcome.out, HasSubstr("\ntg2 "));
}

TEST(QuernBench, MakesModelsOfAnyType) {
  for (const std::string type : {"F16", "q8_0", "Q6_K", "IQ4_XS", "IQ2_XXS", "MXFP4"}) {
    const json rows =
        rows_of({"--synthetic", "tiny:" + type, "-p", "4", "-n", "0", "-t", "1", "-r", "1", "--json"});
    ASSERT_EQ(rows.size(), 1u) << type;
    std::string upper = type;
    std::ranges::transform(upper, upper.begin(), [](unsigned char c) { return std::toupper(c); });
    EXPECT_THAT(rows[0].at("model_type").get<std::string>(), HasSubstr("llama " + upper + " "));
  }
}

TEST(QuernBench, AReportIsSelfContainedAndNamesNoFolder) {
  ScratchFolder folder;
  const auto page = folder / "page.html";
  const Outcome outcome = bench(
      {"-m", model, "-p", "8", "-n", "2", "-d", "0,4", "-t", "1", "-r", "2", "--report", page.string()});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  std::string html = read_file(page);
  for (const char* part :
       {"<!doctype html>", "<svg ", "</svg>", "pp8 @ d4", "llama.gguf", "GB/s", "</html>\n"})
    EXPECT_THAT(html, HasSubstr(part));
  EXPECT_THAT(html, Not(HasSubstr(std::filesystem::path(model).parent_path().string())));
  char host[256] = {};
  ASSERT_EQ(gethostname(host, sizeof host - 1), 0);
  if (std::string(host).size() > 3 && std::string(host) != "localhost") {
    EXPECT_THAT(html, Not(HasSubstr(host)));
  }
  for (const char* number : {"nan", "inf"}) EXPECT_THAT(html, Not(HasSubstr(std::string("=\"") + number)));
  // Nothing is fetched: the only address is the name of the SVG format.
  const std::string name = "http://www.w3.org/2000/svg";
  html.erase(html.find(name), name.size());
  for (const char* part : {"http", "src=", "<script", "@import", "url("})
    EXPECT_THAT(html, Not(HasSubstr(part)));
  EXPECT_EQ(bench({"-m", model, "-p", "4", "-n", "0", "-t", "1", "-r", "1", "--report",
                   (folder / "no" / "such" / "folder.html").string()})
                .status,
            1);
}

TEST(QuernBench, ComparesPairByPair) {
  ScratchFolder folder;
  const std::string other = other_engine(
      folder, "echo '[{\"n_prompt\": 16, \"n_gen\": 0, \"n_threads\": 1, \"avg_ts\": 100.0}]'\n");
  const json rows = rows_of({"--synthetic", "tiny:q4_0", "-p", "16", "-n", "0", "-d", "8", "-b", "1,2", "-t",
                             "1", "-r", "3", "--versus", other, "--json"});
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].at("versus"), "other-bench");
  EXPECT_EQ(rows[0].at("versus_samples_ts"), json({100.0, 100.0, 100.0}));
  auto ratios = rows[0].at("versus_ratios").get<std::vector<double>>();
  ASSERT_EQ(ratios.size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_NEAR(ratios[i] * 100, rows[0].at("samples_ts").at(i), 1e-6);
  std::ranges::sort(ratios);
  EXPECT_EQ(rows[0].at("versus_median_ratio"), ratios[1]);
  EXPECT_FALSE(rows[1].contains("versus_ratios"));  // such programs know one sequence only

  const std::string calls = read_file(folder / "calls");
  EXPECT_EQ(std::ranges::count(calls, '\n'), 3);
  EXPECT_THAT(calls, HasSubstr("-p 16 -n 0 -t 1 -r 1 -o json -d 8\n"));
  EXPECT_THAT(calls, HasSubstr("-m /proc/"));
}

TEST(QuernBench, AnotherProgramThatFailsIsAnError) {
  const struct {
    std::string body, says;
  } cases[] = {
      {"exit 3\n", "ended with status 3"},
      {"echo hello\n", "did not print a JSON array of one result"},
      {"echo '[{}]'\n", "did not print a rate as 'avg_ts'"},
      {"echo '[{\"avg_ts\": \"fast\"}]'\n", "did not print a rate as 'avg_ts'"},
      {"echo '[{\"avg_ts\": 1, \"n_prompt\": 512}]'\n", "measured n_prompt 512, asked was 4"},
      {"echo '[{\"avg_ts\": 1, \"n_prompt\": \"x\"}]'\n", "measured n_prompt \"x\", asked was 4"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.body);
    ScratchFolder folder;
    const Outcome outcome = bench(
        {"-m", model, "-p", "4", "-n", "0", "-t", "1", "-r", "1", "--versus", other_engine(folder, c.body)});
    EXPECT_EQ(outcome.status, 1);
    expect_one_line(outcome, c.says);
  }
  const Outcome missing =
      bench({"-m", model, "-p", "4", "-n", "0", "-t", "1", "-r", "1", "--versus", "/no/such/program"});
  EXPECT_EQ(missing.status, 1);
  expect_one_line(missing, "cannot be run");
}

TEST(QuernBench, WrongUsageIsOneLineAndStatusTwo) {
  const struct {
    std::vector<std::string> arguments;
    std::string says;
  } cases[] = {
      {{}, "--model or --synthetic is required"},
      {{"-m", model, "--synthetic", "tiny:Q4_0"}, "excludes"},
      {{"-m", model, "-p", "many"}, "'many' is not a whole number from 0 to"},
      {{"-m", model, "-p", "16,-1"}, "'-1' is not a whole number"},
      {{"-m", model, "-p", "0", "-n", "0"}, "leave nothing to measure"},
      {{"-m", model, "-t", "0"}, "'0' is not a whole number from 1"},
      {{"-m", model, "-b", "0"}, "'0' is not a whole number from 1"},
      {{"-m", model, "-r", "0"}, "'0' is not a whole number from 1"},
      {{"-m", model, "--isa", "abacus"}, "'abacus' is none of"},
      {{"-m", model, "--wat"}, "--wat"},
      {{"--synthetic", "tiny"}, "'tiny' is not SHAPE:TYPE"},
      {{"--synthetic", "huge:Q4_0"}, "a shape of tiny, 135m, 1b"},
      {{"--synthetic", "tiny:Q9_9"}, "no weights of type 'Q9_9'"},
      {{"--synthetic", "135m:Q4_K"}, "which blocks of 256 do not divide"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(testing::PrintToString(c.arguments));
    const Outcome outcome = bench(c.arguments);
    EXPECT_EQ(outcome.status, 2);
    EXPECT_EQ(outcome.out, "");
    expect_one_line(outcome, c.says);
  }
}

TEST(QuernBench, AFileThatCannotBeOpenedIsStatusOne) {
  const Outcome outcome = bench({"-m", "/no/such/file.gguf"});
  EXPECT_EQ(outcome.status, 1);
  EXPECT_EQ(outcome.out, "");
  expect_one_line(outcome, "/no/such/file.gguf");
}

TEST(QuernBench, HelpAndVersionAreNoErrors) {
  const Outcome help = bench({"--help"}), version = bench({"--version"});
  EXPECT_EQ(help.status, 0);
  EXPECT_THAT(help.out, HasSubstr("--synthetic"));
  EXPECT_EQ(version.status, 0);
  EXPECT_EQ(version.out, "quern-bench " QUERN_VERSION_STRING "\n");
}

}  // namespace
}  // namespace quern::test
