// The ways of writing that the templates of released models have, each in a template of a few lines.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "tests/chat/rendering.h"

namespace quern::test {
namespace {

TEST(TemplateIdioms, RenderAsRecorded) {
  std::ifstream file(QUERN_TEST_DATA_DIR "/chat/idioms.json", std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
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
  EXPECT_EQ(cases.size(), 63u);
}

}  // namespace
}  // namespace quern::test
