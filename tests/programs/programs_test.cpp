// The example programs as a user meets them: what they print, and their exit status.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "quern/version.h"
#include "tests/programs/program.h"

namespace quern::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

/// One line, which begins with the program's name.
void expect_one_line(const Outcome& outcome, const std::string& name, const std::string& part) {
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(std::ranges::count(outcome.err, '\n'), 1) << outcome.err;
  EXPECT_TRUE(outcome.err.starts_with(name + ": ")) << outcome.err;
  EXPECT_TRUE(outcome.err.ends_with('\n')) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr(part));
}

TEST(Programs, WrongUsageIsOneLineAndStatusTwo) {
  const struct {
    std::string program;
    std::vector<std::string> arguments;
    std::string says;
  } cases[] = {
      {"quern-run", {"hello"}, "--model is required"},
      {"quern-run", {"-m", llama_model, "-t", "-1", "hello"}, "'-1' is not a whole number from 0 to 1024"},
      {"quern-run", {"-m", llama_model, "-t", "two", "hello"}, "'two' is not a whole number"},
      {"quern-run", {"-m", llama_model, "--kv", "q4_0", "hello"}, "'q4_0' is none of f16, f32, bf16, q8_0"},
      {"quern-run", {"-m", llama_model, "--isa", "abacus", "hello"}, "'abacus' is none of"},
      {"quern-run", {"-m", llama_model, "-n", "-5", "hello"}, "'-5' is not a whole number from 0 to"},
      {"quern-run", {"-m", llama_model, "--top-p", "1.5", "hello"}, "'1.5' is not a number from 0 to 1"},
      {"quern-run", {"-m", llama_model, "--temp", "nan", "hello"}, "'nan' is not a number"},
      {"quern-run", {"-m", llama_model, "--wat", "hello"}, "--wat"},
      {"quern-run", {"-m", llama_model, "--seed", "x", "hello"}, "'x' is not a whole number"},
      {"quern-run",
       {"-m", llama_model, "--seed", "18446744073709551616", "hello"},
       "'18446744073709551616' is not a whole number from 0 to 18446744073709551615"},
      {"quern-run", {"-m", llama_model, "--temp", "1e39", "hello"}, "'1e39' is not a number of 0 or more"},
      {"quern-run", {"-m", llama_model, "--stop", "x", "--stop", "", "hello"}, "--stop: the text is empty"},
      {"quern-run", {"-m", llama_model, "--n-ctx", "-1", "hello"}, "'-1' is not a whole number"},
      {"quern-chat", {"-m", llama_model, "--variables", "[1]"}, "'[1]' is no JSON object"},
      {"quern-inspect", {}, "--model is required"},
      {"quern-embed", {"-m", llama_model, "--json", "--format", "npy"}, "--json excludes --format"},
      {"quern-logits", {"-m", llama_model, "--json", "--tokens", "1", "--out", "x"}, "--json"},
      {"quern-tokenize", {"-m", llama_model, "--encode"}, "--encode"},
      {"quern-logits", {"-m", llama_model, "--out", "x"}, "tokens"},
      {"quern-logits", {"-m", llama_model, "--tokens", "1,-2", "--out", "x"}, "'-2' is not a whole number"},
      {"quern-logits",
       {"-m", llama_model, "--tokens", "1", "--chunk", "0", "--out", "x"},
       "'0' is not a whole number"},
      {"quern-logits", {"-m", llama_model, "--tokens", "1"}, "--out is required"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.program + " " + testing::PrintToString(c.arguments));
    const Outcome outcome = run_program(c.program, c.arguments);
    EXPECT_EQ(outcome.status, 2);
    expect_one_line(outcome, c.program, c.says);
  }
}

TEST(Programs, NumbersAreDecimalAndWholeTo64Bits) {
  const Outcome outcome = run_program(
      "quern-run", {"-m", llama_model, "-n", "08", "--seed", "18446744073709551615", "--json", "hello"});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  const json result = json::parse(outcome.out);
  EXPECT_EQ(result.at("new_tokens"), 8);
  EXPECT_EQ(result.at("seed"), 18446744073709551615u);
  const Outcome zeros = run_program("quern-logits", {"-m", llama_model, "--tokens", "010,1", "--out", "-"});
  EXPECT_EQ(zeros.out,
            run_program("quern-logits", {"-m", llama_model, "--tokens", "10,1", "--out", "-"}).out);
  EXPECT_NE(zeros.out, "");
}

TEST(Programs, HelpAndVersionAreNoErrors) {
  for (const std::string name : {"quern-run", "quern-inspect", "quern-tokenize", "quern-logits"}) {
    const Outcome help = run_program(name, {"--help"});
    EXPECT_EQ(help.status, 0) << name;
    EXPECT_EQ(help.err, "") << name;
    EXPECT_THAT(help.out, HasSubstr("--model")) << name;
    const Outcome version = run_program(name, {"--version"});
    EXPECT_EQ(version.status, 0) << name;
    EXPECT_EQ(version.out, name + " " QUERN_VERSION_STRING "\n");
  }
}

TEST(Programs, AFileTheLibraryRefusesIsOneLineAndStatusOne) {
  ScratchFolder folder;
  const std::string broken = (folder / "broken.gguf").string();
  const std::string good = read_file(llama_model);
  std::string renamed = good;
  renamed.replace(renamed.find("llama"), 5, "lmaoa");  // general.architecture's value
  for (const std::string& bytes :
       {std::string(), std::string("GGUX"), good.substr(0, 1000), good.substr(0, good.size() - 1), renamed}) {
    write_file(broken, bytes);
    for (const auto& [name, arguments] : std::vector<std::pair<std::string, std::vector<std::string>>>{
             {"quern-run", {"-m", broken, "hello"}},
             {"quern-inspect", {"-m", broken}},
             {"quern-inspect", {"-m", broken, "--json"}},
             {"quern-logits", {"-m", broken, "--tokens", "1", "--out", (folder / "out").string()}}}) {
      const Outcome outcome = run_program(name, arguments);
      EXPECT_EQ(outcome.status, 1) << name;
      expect_one_line(outcome, name, "broken.gguf");
    }
  }
  EXPECT_FALSE(std::filesystem::exists(folder / "out"));
  for (const std::string name : {"quern-run", "quern-inspect", "quern-tokenize"}) {
    const Outcome outcome = run_program(name, {"-m", (folder / "absent.gguf").string()});
    EXPECT_EQ(outcome.status, 1) << name;
    expect_one_line(outcome, name, "absent.gguf");
  }
}

TEST(Programs, OutputThatCannotBeWrittenIsAFailure) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "no /dev/full here";
  for (const std::string command :
       {"quern-run -m MODEL -n 5 hello", "quern-run -m MODEL -n 5 --json hello", "quern-inspect -m MODEL",
        "quern-inspect -m MODEL --json", "quern-logits -m MODEL --tokens 1 --out -"}) {
    std::string line = std::string(QUERN_PROGRAM_DIR) + "/" + command + " > /dev/full 2> /dev/null";
    line.replace(line.find("MODEL"), 5, shell_word(llama_model));
    const int status = std::system(line.c_str());
    EXPECT_EQ(WEXITSTATUS(status), 1) << command;
  }
}

TEST(QuernRun, StreamsTheTextAndSaysHowItWent) {
  const Outcome text =
      run_program("quern-run", {"-m", llama_model, "-n", "12", "--seed", "5", "-t", "1", "ab"});
  EXPECT_EQ(text.status, 0);
  EXPECT_TRUE(text.out.ends_with('\n'));
  EXPECT_THAT(text.err, HasSubstr("seed 5"));
  EXPECT_THAT(text.err, HasSubstr("memory"));

  const Outcome again =
      run_program("quern-run", {"-m", llama_model, "-n", "12", "--seed", "5", "-t", "2", "--json"}, "ab");
  EXPECT_EQ(again.status, 0);
  EXPECT_EQ(again.err, "");
  const json result = json::parse(again.out);
  EXPECT_EQ(result.at("text").get<std::string>() + "\n", text.out);
  EXPECT_EQ(result.at("seed"), 5);
  EXPECT_EQ(result.at("finish"), "max_tokens");
  EXPECT_EQ(result.at("new_tokens"), 12);
  EXPECT_GT(result.at("timings").at("prompt_ms"), 0);
  EXPECT_GT(result.at("peak_memory_bytes"), 0);
}

TEST(QuernRun, ReadsThePromptFromAnyPlace) {
  ScratchFolder folder;
  const std::string file = (folder / "prompt.txt").string();
  write_file(file, "hello there");
  const std::vector<std::string> common = {"-m", llama_model, "-n", "6", "--temp", "0", "--json"};
  const auto text = [&](std::vector<std::string> more, const std::string& input = {}) {
    more.insert(more.end(), common.begin(), common.end());
    const Outcome outcome = run_program("quern-run", more, input);
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    return json::parse(outcome.out).at("text").get<std::string>();
  };
  const std::string expected = text({"hello there"});
  EXPECT_FALSE(expected.empty());
  EXPECT_EQ(text({"-p", "hello there"}), expected);
  EXPECT_EQ(text({"-f", file}), expected);
  EXPECT_EQ(text({}, "hello there"), expected);
  EXPECT_NE(text({"-p", "other"}), expected);
}

TEST(QuernRun, EndsBeforeAStopString) {
  const std::vector<std::string> common = {"-m", llama_model, "-n", "20", "--temp", "0", "--json"};
  const auto run = [&](std::vector<std::string> more) {
    more.insert(more.begin(), common.begin(), common.end());
    return json::parse(run_program("quern-run", more).out);
  };
  const std::string all = run({"hello"}).at("text");
  std::size_t at = 1;  // of two characters of one byte each
  while (at + 2 < all.size() && (all[at] <= ' ' || all[at + 1] <= ' ')) ++at;
  const std::string stop = all.substr(at, 2);
  const json stopped = run({"--stop", "never met", "--stop", stop, "hello"});
  EXPECT_EQ(stopped.at("finish"), "stop_string");
  EXPECT_EQ(stopped.at("stop_string"), stop);
  EXPECT_EQ(stopped.at("text"), all.substr(0, all.find(stop)));
}

TEST(QuernRun, APromptThatDoesNotFitIsRefused) {
  const Outcome outcome =
      run_program("quern-run", {"-m", llama_model, "--n-ctx", "16"}, std::string(400, 'x'));
  EXPECT_EQ(outcome.status, 1);
  expect_one_line(outcome, "quern-run", "16");
}

TEST(QuernTokenize, OneArrayALineAndBack) {
  const std::string input = "hello\n\nwith CR\r\nlast line without LF";
  const Outcome ids = run_program("quern-tokenize", {"-m", llama_model, "--ids"}, input);
  ASSERT_EQ(ids.status, 0) << ids.err;
  std::vector<json> lines;
  for (std::size_t at = 0; at < ids.out.size(); at = ids.out.find('\n', at) + 1)
    lines.push_back(json::parse(ids.out.substr(at, ids.out.find('\n', at) - at)));
  ASSERT_EQ(lines.size(), 4u);
  for (const json& line : lines) EXPECT_TRUE(line.is_array());
  EXPECT_TRUE(lines[1].empty());
  EXPECT_FALSE(lines[0].empty());

  const Outcome text = run_program("quern-tokenize", {"-m", llama_model, "--decode"}, ids.out);
  EXPECT_EQ(text.status, 0) << text.err;
  EXPECT_EQ(text.out, input + "\n");

  const Outcome from_hex =
      run_program("quern-tokenize", {"-m", llama_model, "--ids", "--hex"}, "68656C6c6f\n\n0aff00");
  EXPECT_EQ(from_hex.status, 0) << from_hex.err;
  EXPECT_EQ(from_hex.out.substr(0, from_hex.out.find('\n')), lines[0].dump());
  const Outcome to_hex =
      run_program("quern-tokenize", {"-m", llama_model, "--decode", "--hex"}, from_hex.out);
  EXPECT_EQ(to_hex.out, "68656c6c6f\n\n0aff00\n");
  const Outcome to_json =
      run_program("quern-tokenize", {"-m", llama_model, "--decode", "--json"}, from_hex.out);
  EXPECT_EQ(to_json.out, "\"hello\"\n\"\"\n\"\\n\uFFFD\\u0000\"\n");

  const Outcome special =
      run_program("quern-tokenize", {"-m", llama_model, "--ids", "--add-special"}, "hello");
  EXPECT_EQ(json::parse(special.out).size(), lines[0].size() + 1);
  const Outcome listing = run_program("quern-tokenize", {"-m", llama_model}, "hello");
  EXPECT_EQ(static_cast<std::size_t>(std::ranges::count(listing.out, '\n')), lines[0].size() + 1);
}

TEST(QuernTokenize, BadLinesAreNamed) {
  const struct {
    std::vector<std::string> arguments;
    std::string input, says;
  } cases[] = {
      {{"--decode"}, "[1]\n[2,\n", "line 2"},   {{"--decode"}, "[1]\n{}\n", "line 2"},
      {{"--decode"}, "[1, -1]", "-1"},          {{"--decode"}, "[1, 1.5]", "1.5"},
      {{"--decode"}, "[99999999]", "99999999"}, {{"--decode"}, "[99999999999999]", "99999999999999"},
      {{"--ids", "--hex"}, "00\n0", "line 2"},  {{"--ids", "--hex"}, "zz", "zz"},
  };
  for (const auto& c : cases) {
    std::vector<std::string> arguments = {"-m", llama_model};
    arguments.insert(arguments.end(), c.arguments.begin(), c.arguments.end());
    const Outcome outcome = run_program("quern-tokenize", arguments, c.input);
    EXPECT_EQ(outcome.status, 1) << c.input;
    EXPECT_EQ(std::ranges::count(outcome.err, '\n'), 1) << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr(c.says));
  }
}

TEST(QuernLogits, AnswersToASource) {
  const std::string t5 = std::string(QUERN_TEST_DATA_DIR) + "/models/t5";
  const json tokens = json::parse(read_file(t5 + ".tokens.json"));
  const auto ids = [&](const char* key) {
    std::string out;
    for (const int id : tokens.at(key).get<std::vector<int>>())
      out += (out.empty() ? "" : ",") + std::to_string(id);
    return out;
  };
  const Outcome outcome =
      run_program("quern-logits", {"-m", t5 + ".gguf", "--encoder-tokens", ids("encoder"), "--tokens",
                                   ids("prompt"), "--kv", "f32", "--chunk", "3", "--out", "-"});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  const std::string golden = read_file(t5 + ".logits.f32");
  ASSERT_EQ(outcome.out.size(), 8 * 320 * sizeof(float));
  for (std::size_t i = 0; i < outcome.out.size(); i += sizeof(float)) {
    float got = 0, want = 0;
    std::memcpy(&got, outcome.out.data() + i, sizeof got);
    std::memcpy(&want, golden.data() + i, sizeof want);
    ASSERT_NEAR(got, want, 2e-4);
  }
  const Outcome unread = run_program("quern-logits", {"-m", t5 + ".gguf", "--tokens", "0", "--out", "-"});
  EXPECT_EQ(unread.status, 1);
  expect_one_line(unread, "quern-logits", "source");
}

TEST(QuernLogits, GoldenValuesAndTheSameBytesForEveryThreadAndChunk) {
  ScratchFolder folder;
  const auto golden = json::parse(read_file(std::string(QUERN_TEST_DATA_DIR) + "/models/llama.tokens.json"));
  json tokens = golden.at("prompt");
  for (const auto& token : golden.at("greedy")) tokens.push_back(token);
  const std::string file = (folder / "tokens.json").string(), out = (folder / "out.f32").string();
  write_file(file, tokens.dump());
  std::string first;
  for (const std::string threads : {"1", "2", "3"}) {
    for (const std::string chunk : {"", "1", "7", "33", "64"}) {
      std::vector<std::string> arguments = {"-m",    llama_model, "--tokens-file", file,
                                            "--out", out,         "--kv",          "f32",
                                            "-t",    threads,     "--n-ctx",       "128"};
      if (!chunk.empty()) arguments.insert(arguments.end(), {"--chunk", chunk});
      const Outcome outcome = run_program("quern-logits", arguments);
      ASSERT_EQ(outcome.status, 0) << outcome.err;
      const std::string bytes = read_file(out);
      if (first.empty()) first = bytes;
      ASSERT_TRUE(bytes == first) << "threads " << threads << ", chunk " << chunk;
    }
  }
  const std::string expected = read_file(std::string(QUERN_TEST_DATA_DIR) + "/models/llama.logits.f32");
  ASSERT_EQ(first.size(), expected.size());
  double worst = 0;
  for (std::size_t at = 0; at < first.size(); at += sizeof(float)) {
    float got, want;
    std::memcpy(&got, first.data() + at, sizeof got);
    std::memcpy(&want, expected.data() + at, sizeof want);
    worst = std::max(worst, std::abs(static_cast<double>(got) - want));
  }
  EXPECT_LT(worst, 2e-4);

  const Outcome listed =
      run_program("quern-logits", {"-m", llama_model, "--tokens", "1,234,272", "--out", "-", "--kv", "f32"});
  EXPECT_EQ(listed.status, 0) << listed.err;
  EXPECT_TRUE(listed.out == first.substr(0, 3 * 320 * sizeof(float)));
}

TEST(QuernLogits, LeavesNoFileBehindAFailure) {
  ScratchFolder folder;
  const std::string out = (folder / "out.f32").string();
  const Outcome outcome =
      run_program("quern-logits", {"-m", llama_model, "--tokens", "1,2,320", "--chunk", "1", "--out", out});
  EXPECT_EQ(outcome.status, 1);
  expect_one_line(outcome, "quern-logits", "320");
  EXPECT_FALSE(std::filesystem::exists(out));
}

TEST(QuernInspect, ShowsTheFileTheModelAndItsMemory) {
  const Outcome text = run_program("quern-inspect", {"-m", llama_model, "--n-ctx", "100"});
  EXPECT_EQ(text.status, 0) << text.err;
  for (const char* part :
       {"general.architecture", "blk.0.attn_q.weight", "F32", "keys and values", "context of 100"})
    EXPECT_THAT(text.out, HasSubstr(part));

  const Outcome with_json =
      run_program("quern-inspect", {"-m", llama_model, "--n-ctx", "100", "--kv", "f32", "--json"});
  EXPECT_EQ(with_json.status, 0) << with_json.err;
  const json result = json::parse(with_json.out);
  EXPECT_EQ(result.at("model").at("architecture"), "llama");
  EXPECT_EQ(result.at("plan").at("n_ctx"), 100);
  EXPECT_EQ(result.at("file_bytes"), std::filesystem::file_size(llama_model));
  std::uint64_t tensor_bytes = 0;
  for (const json& tensor : result.at("tensors")) tensor_bytes += tensor.at("bytes").get<std::uint64_t>();
  EXPECT_EQ(result.at("plan").at("weight_bytes"), tensor_bytes);
}

}  // namespace
}  // namespace quern::test
