// quern-inspect --check, --manifest and --verify as their users meet them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/programs/program.h"

namespace quern::test {
namespace {

using testing::EndsWith;
using testing::HasSubstr;

TEST(InspectProgram, CheckSaysThatNothingIsWrong) {
  const Outcome outcome = run_program("quern-inspect", {"-m", valley_model, "--check"});
  EXPECT_EQ(outcome.status, 0) << outcome.out << outcome.err;
  EXPECT_THAT(outcome.out, EndsWith(": nothing wrong\n"));
  EXPECT_EQ(outcome.err, "");
}

TEST(InspectProgram, AManifestFindsAFlippedBit) {
  const ScratchFolder scratch;
  const std::string manifest = scratch / "manifest.json", copy = scratch / "copy.gguf";
  EXPECT_EQ(run_program("quern-inspect", {"-m", valley_model, "--manifest", manifest}).status, 0);
  const Outcome same = run_program("quern-inspect", {"-m", valley_model, "--verify", manifest});
  EXPECT_EQ(same.status, 0) << same.out << same.err;
  EXPECT_THAT(same.out, HasSubstr("as in the manifest"));

  std::string bytes = read_file(valley_model);
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  write_file(copy, bytes);
  const Outcome other = run_program("quern-inspect", {"-m", copy, "--verify", manifest, "--json"});
  EXPECT_EQ(other.status, 1) << other.err;
  const auto json = nlohmann::json::parse(other.out);
  ASSERT_EQ(json["findings"].size(), 1u) << other.out;
  EXPECT_THAT(json["findings"][0]["what"].get<std::string>(), HasSubstr("SHA-256 is "));
}

TEST(InspectProgram, AManifestThatIsNoneIsOneLine) {
  const ScratchFolder scratch;
  for (const char* text :
       {"", "{", "[]", "{\"quern_manifest\": 2}", "{\"quern_manifest\": 1}",
        "{\"quern_manifest\": 1, \"metadata_sha256\": 3, \"tensors\": []}",
        "{\"quern_manifest\": 1, \"metadata_sha256\": \"\", \"tensors\": [{\"name\": 1}]}"}) {
    write_file(scratch / "manifest.json", text);
    const Outcome outcome =
        run_program("quern-inspect", {"-m", valley_model, "--verify", scratch / "manifest.json"});
    EXPECT_EQ(outcome.status, 1) << text;
    EXPECT_EQ(std::ranges::count(outcome.err, '\n'), 1) << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr("manifest.json is no manifest: "));
  }
  EXPECT_EQ(run_program("quern-inspect", {"-m", valley_model, "--verify", scratch / "nothing.json"}).status,
            1);
}

}  // namespace
}  // namespace quern::test
