// Templates with what jinja2 made of them: the ways of writing that released models have, each in a few
// lines, and random ones.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/chat/rendering.h"
#include "tests/support/files.h"

namespace quern::test {
namespace {

void expect_as_recorded(const std::string& name, std::size_t n_cases) {
  const std::string text = read_file(QUERN_TEST_DATA_DIR "/chat/" + name);
  const detail::Json recorded = detail::parse_json(text).value();
  const detail::Json& variables = *recorded.find("variables");
  const nlohmann::json cases = nlohmann::json::parse(text)["cases"];
  for (const auto& one : cases) {
    const std::string result = rendered(one[0].get<std::string>(), variables);
    if (one[1].is_string()) {
      EXPECT_EQ(result, one[1].get<std::string>()) << one[0];
    } else {
      const std::string kind = "error: " + one[1]["error"].get<std::string>() + ": ";
      EXPECT_TRUE(result.starts_with(kind)) << one[0] << " " << result;
      EXPECT_NE(result.find(one[1].value("says", "")), std::string::npos) << one[0] << " " << result;
    }
  }
  EXPECT_EQ(cases.size(), n_cases);
}

TEST(RecordedTemplates, IdiomsOfReleasedModels) { expect_as_recorded("idioms.json", 63); }
TEST(RecordedTemplates, RandomOnes) { expect_as_recorded("random-templates.json", 615); }

}  // namespace
}  // namespace quern::test
