// quern-chat --tools, with a model that calls one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/programs/program.h"
#include "tests/support/scripted_model.h"

namespace quern::test {
namespace {

using testing::HasSubstr;

constexpr const char* weather_template =
    "{% if tools %}{{ tools | tojson }}{% endif %}"
    "{% for m in messages %}{{ m.role }}{% if m.name %}({{ m.name }}){% endif %}:{{ m.content }}"
    "{% for c in m.tool_calls %}<tool_call>{{ c.function | tojson }}</tool_call>{% endfor %};{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|told|>' if messages[-1].role == 'tool' else '<|asked|>' }}{% endif "
    "%}";
constexpr const char* tools =
    R"([{"type": "function", "function": {"name": "weather", "parameters": {"type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}}}}])";

class QuernChatTools : public testing::Test {
 protected:
  QuernChatTools() {
    const std::string call =
        R"(<tool_call>{"name": "weather", "arguments": {"city": "Oslo", "days": 2}}</tool_call>)";
    write_scripted_model(folder_ / "m.gguf", {{"<|asked|>", "I look it up. " + call}, {"<|told|>", "Rain."}},
                         weather_template);
    write_file(folder_ / "tools.json", tools);
  }
  Outcome chat(std::string_view input, const std::string& tools_file) const {
    return run_program("quern-chat",
                       {"-m", path("m.gguf"), "--temp", "0", "-t", "1", "--tools", path(tools_file)}, input);
  }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  ScratchFolder folder_;
};

constexpr const char* the_call =
    R"({"id": "call_1", "name": "weather", "arguments": {"city": "Oslo", "days": 2}})";

TEST_F(QuernChatTools, ACallIsALineOfJsonAndItsResultLetsTheModelGoOn) {
  const Outcome outcome =
      chat("Weather?\n/tool weather {\"sky\": \"grey\"}\n/save " + path("talk.json") + "\n", "tools.json");
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(outcome.out, std::string("I look it up.\n") + the_call + "\nRain.\n");
  EXPECT_EQ(nlohmann::json::parse(read_file(path("talk.json")))["messages"], nlohmann::json::parse(R"([
      {"role": "user", "content": "Weather?"},
      {"role": "assistant", "content": "I look it up.", "tool_calls": [{"id": "call_1", "type": "function",
       "function": {"name": "weather", "arguments": {"city": "Oslo", "days": 2}}}]},
      {"role": "tool", "content": "{\"sky\": \"grey\"}", "name": "weather", "tool_call_id": "call_1"},
      {"role": "assistant", "content": "Rain."}])"));
  // What was kept goes on as it was.
  const Outcome loaded = chat("/load " + path("talk.json") + "\n/retry\n/undo\n/undo\n", "tools.json");
  EXPECT_EQ(loaded.out, "Rain.\n");
  EXPECT_THAT(loaded.err, HasSubstr("4 messages loaded\ntaken back\nthere is nothing to take back\n"));
}

TEST_F(QuernChatTools, AResultNamesACallThatWaits) {
  const Outcome none =
      chat("/tool weather 3\nWeather?\n/tool map 3\n/tool call_1 3\n/tool call_1 3\n", "tools.json");
  EXPECT_EQ(none.status, 0);
  EXPECT_EQ(none.out, std::string("I look it up.\n") + the_call + "\nRain.\n");
  EXPECT_EQ(none.err,
            "no call of 'weather' waits for a result\nno call of 'map' waits for a result\n"
            "no call of 'call_1' waits for a result\n");
}

TEST_F(QuernChatTools, ToolsHaveToBeToolsAndTheTemplateHasToTakeThem) {
  write_file(folder_ / "bad.json", "{\"name\": 1}");
  const Outcome bad = chat("Weather?\n", "bad.json");
  EXPECT_EQ(bad.status, 1);
  EXPECT_EQ(bad.out, "");
  EXPECT_EQ(std::ranges::count(bad.err, '\n'), 1) << bad.err;
  const Outcome plain = run_program("quern-chat", {"-m", valley_model, "--tools", path("tools.json")}, "x\n");
  EXPECT_EQ(plain.status, 1);
  EXPECT_EQ(plain.err, "quern-chat: the chat template has no tools\n");
}

}  // namespace
}  // namespace quern::test
