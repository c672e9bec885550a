// quern-convert as its users meet it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/convert/made_folder.h"
#include "tests/programs/program.h"

namespace quern::test {
namespace {

using testing::HasSubstr;

TEST(ConvertProgram, WritesAModelThatRuns) {
  const ScratchFolder scratch;
  made_llama().write(scratch / "folder");
  const std::string out = scratch / "out.gguf";
  const Outcome converted = run_program("quern-convert", {scratch / "folder", out, "--type", "q8_0"});
  EXPECT_EQ(converted.status, 0) << converted.err;
  EXPECT_THAT(converted.out, HasSubstr("llama, "));
  EXPECT_EQ(converted.err, "");
  const Outcome run = run_program("quern-run", {"-m", out, "-n", "4", "--temp", "0", "the quern"});
  EXPECT_EQ(run.status, 0) << run.err;
}

TEST(ConvertProgram, JsonHoldsTheReport) {
  const ScratchFolder scratch;
  made_llama().write(scratch / "folder");
  const Outcome outcome = run_program("quern-convert", {scratch / "folder", scratch / "out.gguf", "--json"});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  const auto report = nlohmann::json::parse(outcome.out);
  EXPECT_EQ(report["architecture"], "llama");
  EXPECT_EQ(report["tensors"], 30);
  EXPECT_EQ(report["bytes"], std::filesystem::file_size(scratch / "out.gguf"));
}

TEST(ConvertProgram, FailuresAreOneLine) {
  const ScratchFolder scratch;
  const Outcome nothing = run_program("quern-convert", {scratch / "nothing", scratch / "out.gguf"});
  EXPECT_EQ(nothing.status, 1);
  EXPECT_EQ(std::ranges::count(nothing.err, '\n'), 1) << nothing.err;
  EXPECT_THAT(nothing.err, HasSubstr("config.json"));
  EXPECT_FALSE(std::filesystem::exists(scratch / "out.gguf"));
  const Outcome usage =
      run_program("quern-convert", {scratch / "folder", scratch / "out.gguf", "--type", "q3"});
  EXPECT_EQ(usage.status, 2);
  EXPECT_THAT(usage.err, HasSubstr("'q3' is none of as-is, f32, f16, bf16, q8_0"));
}

}  // namespace
}  // namespace quern::test
