// Families without golden texts, and what every family has in common.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "quern/answer.h"
#include "tests/chat/answer_support.h"

namespace quern::test {
namespace {

using testing::HasSubstr;

const std::string tools = R"([
  {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {
    "place": {"type": "string"}, "days": {"type": "integer"}, "exact": {"type": "boolean"},
    "limit": {"anyOf": [{"type": "number"}, {"type": "null"}]}, "note": {"type": ["string", "null"]},
    "kind": {"$ref": "#/$defs/kind"}, "list": {"type": "array"}, "free": {}},
    "$defs": {"kind": {"enum": ["rain", "wind"]}}}}},
  {"name": "stop", "parameters": {}}])";

/// By bytes, so that every hold is tried; the golden tests cut the other ways.
Answer parse(const std::string& format, const std::string& text, const std::string& prompt = "",
             const std::string& offered = tools, bool by_itself = true) {
  std::vector<std::string_view> bytes;
  for (std::size_t i = 0; i < text.size(); ++i) bytes.push_back(std::string_view(text).substr(i, 1));
  const AnswerFormat f = AnswerFormat::named(format).value();
  const Answer answer = parse_pieces(f, prompt, offered, bytes, by_itself);
  EXPECT_EQ(parse_pieces(f, prompt, offered, {text}, by_itself), answer);
  return answer;
}

ToolCall call(const std::string& name, const std::string& arguments, const std::string& id = "") {
  return {.id = id, .name = name, .arguments = arguments};
}

TEST(AnswerFormats, FamiliesWithoutGoldenTexts) {
  const struct {
    std::string format, text;
    Answer answer;
  } cases[] = {
      {"hunyuan",
       "<think:ab>Hm.</think:ab>So.<tool_calls:ab>\n<tool_call:ab>weather<tool_sep:ab>\n<arg_key:ab>place</"
       "arg_key:ab>"
       "\n<arg_value:ab>Oslo</arg_value:ab>\n<arg_key:ab>days</arg_key:ab>\n<arg_value:ab>3</arg_value:ab>\n"
       "</tool_call:ab>\n<tool_call:ab>stop<tool_sep:ab>\n</tool_call:ab>\n</tool_calls:ab>",
       {.content = "So.",
        .reasoning = "Hm.",
        .tool_calls = {call("weather", R"({"place": "Oslo", "days": 3})"), call("stop", "{}")}}},
      {"minimax-m3",
       "<mm:think>Hm.</mm:think>]<]minimax[>[<tool_call>\n]<]minimax[>[<invoke name=\"weather\">\n"
       "]<]minimax[>[<place>a <b> c</place>]<]minimax[>[</place>\n]<]minimax[>[<list>\n]<]minimax[>[<item>1"
       "]<]minimax[>[</item>\n]<]minimax[>[<item>]<]minimax[>[<x>y]<]minimax[>[</x>]<]minimax[>[</item>\n"
       "]<]minimax[>[</list>\n]<]minimax[>[</invoke>\n]<]minimax[>[</tool_call>",
       {.reasoning = "Hm.",
        .tool_calls = {call("weather", R"({"place": "a <b> c</place>", "list": [1, {"x": "y"}]})")}}},
      {"nemotron-v2",
       "Yes.<TOOLCALL>[{\"name\": \"stop\", \"arguments\": {}}, {\"name\": \"a\", \"arguments\": "
       "{\"n\": 12345678901234567890.50}}]</TOOLCALL>",
       {.content = "Yes.",
        .tool_calls = {call("stop", "{}"), call("a", R"({"n": 12345678901234567890.50})")}}},
      {"command-r",
       "Plan: do.\nAction: ```json\n[\n    {\n        \"tool_name\": \"stop\",\n        "
       "\"parameters\": {}\n    }\n]```",
       {.content = "Plan: do.", .tool_calls = {call("stop", "{}")}}},
      {"command-r", "Action:```json\n[{\"tool_name\": \"directly-answer\", \"parameters\": {}}]\n```", {}},
      {"firefunction",
       " functools[{\"name\": \"stop\", \"arguments\": {}}]",
       {.tool_calls = {call("stop", "{}")}}},
      {"firefunction", "Use functools[0] or functools.", {.content = "Use functools[0] or functools."}},
      {"functionary-v3.1",
       "<function=stop>{}</function><function=weather>{\"days\": 1}</function>",
       {.tool_calls = {call("stop", "{}"), call("weather", "{\"days\": 1}")}}},
      {"functionary-v3.1", "<function=other>{}</function>", {.content = "<function=other>{}</function>"}},
      {"gigachat3.1",
       "Now.<|function_call|>{\"name\": \"stop\", \"arguments\": {}}",
       {.content = "Now.", .tool_calls = {call("stop", "{}")}}},
      {"apriel",
       "Here are my reasoning steps:\nHm.\n[BEGIN FINAL RESPONSE]\nDone.\n[END FINAL RESPONSE]",
       {.content = "Done.", .reasoning = "Hm."}},
      {"apriel",
       "<tool_calls>\n{\"name\": \"stop\", \"arguments\": {}}\n{\"name\": \"weather\", \"arguments\": {}, "
       "\"id\": \"7\"}\n</tool_calls>",
       {.tool_calls = {call("stop", "{}"), call("weather", "{}", "7")}}},
      {"llama3",
       "{\"name\": \"stop\", \"parameters\": {}}; {\"name\": \"stop\", \"parameters\": {}}",
       {.tool_calls = {call("stop", "{}"), call("stop", "{}")}}},
      {"gpt-oss",
       " to=python<|channel|>analysis code<|message|>print(\"1\")",
       {.tool_calls = {call("python", "\"print(\\\"1\\\")\"")}}},
      {"gpt-oss", "Plain words.", {.content = "Plain words."}},
      {"kimi-k3",
       "<|open|>tools<|sep|><|open|>call tool=\"stop\" index=\"1\"<|sep|><|open|>json type=\"object\"<|sep|>"
       "{\"a\": 1}<|close|>json<|sep|><|close|>call<|sep|><|close|>tools<|sep|>",
       {.tool_calls = {call("stop", "{\"a\": 1}")}}},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.format + ": " + c.text);
    EXPECT_EQ(parse(c.format, c.text), c.answer);
  }
}

TEST(AnswerFormats, ArgumentsInTagsFollowTheSchema) {
  const auto argument = [](const std::string& key, const std::string& value) {
    const Answer answer =
        parse("minimax-m2", "<minimax:tool_call><invoke name=\"weather\"><parameter name=\"" + key + "\">" +
                                value + "</parameter></invoke></minimax:tool_call>");
    return answer.tool_calls.empty() ? "no call" : answer.tool_calls.front().arguments;
  };
  EXPECT_EQ(argument("place", " 42 "), R"({"place": " 42 "})");
  EXPECT_EQ(argument("days", " 42 "), R"({"days": 42})");
  EXPECT_EQ(argument("exact", "True"), R"({"exact": true})");
  EXPECT_EQ(argument("limit", "None"), R"({"limit": null})");
  EXPECT_EQ(argument("note", "null"), R"({"note": null})");
  EXPECT_EQ(argument("note", "none"), R"({"note": "none"})");
  EXPECT_EQ(argument("place", "null"), R"({"place": "null"})");
  EXPECT_EQ(argument("kind", "1"), R"({"kind": "1"})");
  EXPECT_EQ(argument("list", "['a', (1, 2.5), {'k': None}, \"\\u00e9\\x41\\n\"]"),
            "{\"list\": [\"a\", [1, 2.5], {\"k\": null}, \"\u00e9A\\n\"]}");
  EXPECT_EQ(argument("list", "[1, oops"), R"({"list": "[1, oops"})");
  EXPECT_EQ(argument("unknown", "1"), R"({"unknown": 1})");
  EXPECT_EQ(argument("unknown", "True"), R"({"unknown": "True"})");
  EXPECT_EQ(argument("free", "{\"a\": 1}"), R"({"free": {"a": 1}})");
}

TEST(AnswerFormats, SmallMistakesInJsonAreForgiven) {
  const auto one = call("stop", R"({"a": 1})");
  for (
      const std::string text :
      {R"(<tool_call>{"name": "stop", "arguments": {"a": 1},}</tool_call>)",
       R"(<tool_call>{"name": "stop", "arguments": {"a": 1}
</tool_call>)",
       R"(<tool_call>{"name": "stop", "arguments": {"a": 1})",
       R"(<tool_call>{"type": "function", "function": {"name": "stop", "parameters": "{\"a\": 1}"}}</tool_call>)"}) {
    SCOPED_TRACE(text);
    EXPECT_EQ(parse("hermes", text).tool_calls, std::vector{one});
  }
  // A limit may have cut the last two: then nothing says that no more was to come.
  const Answer cut =
      parse("hermes", R"(<tool_call>{"name": "stop", "arguments": {"a": 1})", "", tools, /*by_itself=*/false);
  EXPECT_TRUE(cut.tool_calls.empty());
  EXPECT_TRUE(cut.incomplete);
}

TEST(AnswerFormats, WhatDoesNotFitIsContent) {
  for (const std::string text : {
           "The tag <tool_call> opens a call and </tool_call> closes it.",
           "<tool_call>{\"no\": \"call\"}</tool_call>",
           "<tool_call>{oops}</tool_call>",
           "<tool_call>[1]</tool_call>",
           "<tool_call>{\"name\": 1}</tool_call>",
       })
    EXPECT_EQ(parse("hermes", text), Answer{.content = text});
  EXPECT_EQ(parse("hermes", "<tool_call> <tool_call>{\"name\": \"stop\"}"),
            (Answer{.content = "<tool_call>", .tool_calls = {call("stop", "{}")}}));
  EXPECT_EQ(parse("glm", "<tool_call>a b</tool_call>"), Answer{.content = "<tool_call>a b</tool_call>"});
  EXPECT_EQ(parse("llama3", "{\"name\": \"Bob\", \"age\": 4"),
            Answer{.content = "{\"name\": \"Bob\", \"age\": 4"});
  EXPECT_EQ(parse("lfm2", "<|tool_call_start|>[stop(1)]<|tool_call_end|>"),
            Answer{.content = "<|tool_call_start|>[stop(1)]<|tool_call_end|>"});
}

TEST(AnswerFormats, ToolsMayBeUnknown) {
  const auto parsed = [](std::string_view format, std::string_view text) {
    auto parser = AnswerParser::create(AnswerFormat::named(format).value(), {.any_tool = true}).value();
    EXPECT_TRUE(parser.push(text));
    EXPECT_TRUE(parser.finish());
    return parser.answer();
  };
  EXPECT_EQ(parsed("llama3", "{\"name\": \"fly\", \"parameters\": {}}").tool_calls,
            std::vector{call("fly", "{}")});
  EXPECT_EQ(parsed("llama3", "{\"name\": \"Bob\"}").content, "{\"name\": \"Bob\"}");
  EXPECT_EQ(
      parsed("glm", "<tool_call>fly<arg_key>to</arg_key><arg_value>7</arg_value></tool_call>").tool_calls,
      std::vector{call("fly", "{\"to\": 7}")});
}

TEST(AnswerFormats, OpenReasoningEndsAtACallOnlyIfItIsOne) {
  EXPECT_EQ(
      parse("hermes", "<think>Is <tool_call> right? <tool_call>{\"name\": \"stop\"}</tool_call> Yes."),
      (Answer{.content = "Yes.", .reasoning = "Is <tool_call> right?", .tool_calls = {call("stop", "{}")}}));
  EXPECT_EQ(parse("hermes", "<think>Is <tool_call> right?"),
            (Answer{.reasoning = "Is <tool_call> right?", .incomplete = true}));
  EXPECT_EQ(parse("hermes", "<think>Is <tool_call> right?</think>No."),
            (Answer{.content = "No.", .reasoning = "Is <tool_call> right?"}));
}

TEST(AnswerFormats, TextFlowsAsSoonAsItIsCertain) {
  const AnswerFormat format = AnswerFormat::named("hermes").value();
  AnswerParser parser = AnswerParser::create(format, {.prompt = "<think>\n", .tools = tools}).value();
  EXPECT_EQ(parser.push("One \xc3").value().reasoning, "One");
  EXPECT_EQ(parser.push("\xa9 <").value().reasoning, " \u00e9");
  EXPECT_EQ(parser.push("/thin").value().reasoning, "");
  EXPECT_EQ(parser.push("g").value().reasoning, " </thing");
  EXPECT_EQ(parser.push("</think>\n\nTwo.\n").value().content, "Two.");
  EXPECT_EQ(parser.push("<tool").value().content, "");
  EXPECT_EQ(parser.push("s>").value().content, "\n<tools>");
  const AnswerPieces given = parser.push(" <tool_call>{\"name\": \"stop\"}").value();
  EXPECT_EQ(given.content, "");
  EXPECT_EQ(given.tool_calls, std::vector{call("stop", "{}")});
  EXPECT_EQ(parser.push("</tool_call>\n").value().content, "");
  EXPECT_EQ(parser.push("<tool").value().content, "");
  EXPECT_EQ(parser.finish().value().content, " \n<tool");  // the space before the call too
  EXPECT_FALSE(parser.answer().incomplete);
}

TEST(AnswerFormats, TemplatesAndNames) {
  EXPECT_EQ(AnswerFormat::of_template("").name(), "plain");
  EXPECT_FALSE(AnswerFormat::of_template("{{ messages }}").has_reasoning());
  EXPECT_TRUE(AnswerFormat::of_template("...</think>").has_reasoning());
  EXPECT_EQ(AnswerFormat::of_template("<tool_call>").name(), "hermes");
  EXPECT_EQ(AnswerFormat::of_template("<tool_call><function=x><parameter=y>").name(), "qwen3-coder");
  for (const std::string_view name : AnswerFormat::names())
    EXPECT_EQ(AnswerFormat::named(name).value().name(), name);
  EXPECT_EQ(AnswerFormat::names().size(), 34u);
  EXPECT_THAT(AnswerFormat::named("chatty").error().message, HasSubstr("no answer format 'chatty'"));
  EXPECT_EQ(AnswerFormat::named("gpt-oss").value().ends(),
            (std::vector<std::string_view>{"<|return|>", "<|call|>"}));
}

TEST(AnswerFormats, ToolsThatAreNoneAreRefused) {
  const AnswerFormat format = AnswerFormat::named("hermes").value();
  for (const auto& [text, says] : {std::pair{"{", "JSON"},
                                   {"{}", "is an object, expected an array"},
                                   {"[1]", "tools[0] is a whole number"},
                                   {"[{}]", "tools[0] has no name"}}) {
    const auto parser = AnswerParser::create(format, {.tools = text});
    ASSERT_FALSE(parser);
    EXPECT_EQ(parser.error().code, ErrorCode::invalid_argument);
    EXPECT_EQ(parser.error().field, "tools");
    EXPECT_THAT(parser.error().message, HasSubstr(says));
  }
}

// Text that makes each family try again and again must cost no more than its length: in quadratic time this
// would take hours.
TEST(AnswerFormats, HostileTextTakesLinearTime) {
  for (const std::string_view name : AnswerFormat::names())
    for (const std::string unit : {"<", "<tool_call>", "<tool_call>{\"", "<tool_calls>[[", "<think>",
                                   "<think><tool_call>", "{\"name\": {", "<|tool_call>call:a{", "<|\"",
                                   "[TOOL_CALLS]a[ARGS]{\"a\":", "<function=stop>\n<parameter=a>\n",
                                   "<|tool_calls|>x<|think|>", "<|channel|>", "<|start|>assistant", ">>>stop",
                                   "]<]minimax[>[", " ", "\\\"", "<|tool_call_start|>[stop(a=["}) {
      std::string text;
      while (text.size() < 50'000) text += unit;
      AnswerParser parser =
          AnswerParser::create(AnswerFormat::named(name).value(), {.prompt = "<think>", .tools = tools})
              .value();
      ASSERT_TRUE(parser.push(text)) << name << ": " << unit;
      ASSERT_TRUE(parser.finish()) << name << ": " << unit;
    }
}

}  // namespace
}  // namespace quern::test
