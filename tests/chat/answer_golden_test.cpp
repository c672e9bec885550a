// Every generated text of the golden file, whole, cut in two at every byte, and byte by byte. The templates
// that the formats are found in are not part of the project; without them the formats go by name.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "quern/answer.h"
#include "tests/chat/answer_support.h"
#include "tests/support/files.h"

namespace quern::test {
namespace {

using nlohmann::json;

const std::filesystem::path shared_templates =
    std::filesystem::path(QUERN_SHARED_DIR) / "golden" / "chat" / "templates";

const json& golden() {
  static const json value =
      json::parse(read_file(std::filesystem::path(QUERN_TEST_DATA_DIR) / "chat" / "tool-parsing.json"));
  return value;
}

struct Case {
  std::string name, family, template_name, prompt, text, tools;
  json expected;
};

std::vector<Case> cases() {
  std::vector<Case> out;
  for (const json& one : golden()["cases"]) {
    json tools = json::array();
    for (const auto& [name, tool] : golden()["tools"].items())
      if (!one.contains("tools") ||
          std::find(one["tools"].begin(), one["tools"].end(), json(name)) != one["tools"].end())
        tools.push_back(tool);
    out.push_back({one["name"], one["family"], one["template"], one["prompt_end"], one["text"], tools.dump(),
                   one["expected"]});
  }
  return out;
}

AnswerFormat format_of(const Case& c) { return AnswerFormat::named(c.family).value(); }

json as_json(const Answer& answer, const json& like) {
  json calls = json::array();
  for (const ToolCall& call : answer.tool_calls)
    calls.push_back({{"name", call.name},
                     {"arguments", json::parse(call.arguments)},
                     {"id", call.id.empty() ? json() : json(call.id)}});
  json out = {{"content", answer.content}, {"reasoning", answer.reasoning}, {"tool_calls", calls}};
  if (answer.incomplete || like.contains("incomplete")) out["incomplete"] = answer.incomplete;
  return out;
}

TEST(AnswerGolden, WholeTexts) {
  EXPECT_EQ(cases().size(), 163u);
  for (const Case& c : cases()) {
    SCOPED_TRACE(c.name);
    const Answer answer = parse_pieces(format_of(c), c.prompt, c.tools, {c.text});
    EXPECT_EQ(as_json(answer, c.expected), c.expected);
  }
}

TEST(AnswerGolden, CutAtEveryByte) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(c.name);
    const std::string_view text = c.text;
    const Answer whole = parse_pieces(format_of(c), c.prompt, c.tools, {text});
    for (std::size_t cut = 1; cut < text.size(); ++cut)
      ASSERT_EQ(parse_pieces(format_of(c), c.prompt, c.tools, {text.substr(0, cut), text.substr(cut)}), whole)
          << "cut at " << cut;
    std::vector<std::string_view> bytes;
    for (std::size_t i = 0; i < text.size(); ++i) bytes.push_back(text.substr(i, 1));
    EXPECT_EQ(parse_pieces(format_of(c), c.prompt, c.tools, bytes), whole);
  }
}

TEST(AnswerGolden, TheTemplateTellsTheFormat) {
  if (!std::filesystem::exists(shared_templates)) GTEST_SKIP() << "no templates here";
  for (const Case& c : cases()) {
    SCOPED_TRACE(c.name);
    const AnswerFormat format = AnswerFormat::of_template(read_file(shared_templates / c.template_name));
    EXPECT_EQ(format.name(), c.family);
    EXPECT_EQ(as_json(parse_pieces(format, c.prompt, c.tools, {c.text}), c.expected), c.expected);
  }
}

}  // namespace
}  // namespace quern::test
