#include "src/base/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace quern::detail {
namespace {

using testing::HasSubstr;

std::string round_trip(std::string_view text) {
  const auto value = parse_json(text);
  return value ? dump_json(*value) : "error: " + value.error().message;
}

TEST(Json, WritesWhatItReadAsPythonDoes) {
  const struct {
    const char* text;
    const char* expected;
  } cases[] = {
      {"null", "null"},
      {" [ true,false ] ", "[true, false]"},
      {"{\"b\":1,\"a\":{}, \"c\":[]}", "{\"b\": 1, \"a\": {}, \"c\": []}"},
      {"{\"k\":1,\"l\":2,\"k\":3}", "{\"k\": 3, \"l\": 2}"},
      {"{\"k\":1,\"k\":2,\"k\":3,\"j\":0,\"j\":1}", "{\"k\": 3, \"j\": 1}"},
      {"[0, -0, 7, -12, 9223372036854775807, -9223372036854775808]",
       "[0, 0, 7, -12, 9223372036854775807, -9223372036854775808]"},
      {"[9223372036854775808, -123456789012345678901234567890]",
       "[9223372036854775808, -123456789012345678901234567890]"},
      {"[1.0, 1e2, -0.0, 0.1, 1e-7, 1E16, 123456789012345680.0, 1e15, 0.0001, 0.00001, 5e-324]",
       "[1.0, 100.0, -0.0, 0.1, 1e-07, 1e+16, 1.2345678901234568e+17, 1000000000000000.0, 0.0001, 1e-05, "
       "5e-324]"},
      {"[1e400, -1e400, 1e-400, 0.001e402, 10e-400, 1e99999999999999999999]",
       "[Infinity, -Infinity, 0.0, Infinity, 0.0, Infinity]"},
      {"\"\\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u0041 \\u00e9 \\ud83d\\ude00 \\u0001 \x7f\"",
       "\"\\\" \\\\ / \\b \\f \\n \\r \\t A é 😀 \\u0001 \x7f\""},
  };
  for (const auto& c : cases) EXPECT_EQ(round_trip(c.text), c.expected) << c.text;
}

TEST(Json, StylesOfWriting) {
  const Json value = parse_json("{\"b\": [1, {\"é\": []}], \"a\": {}, \"😀\": 1.5}").value();
  EXPECT_EQ(dump_json(value, {.ensure_ascii = true}),
            "{\"b\": [1, {\"\\u00e9\": []}], \"a\": {}, \"\\ud83d\\ude00\": 1.5}");
  EXPECT_EQ(dump_json(value, {.item_separator = ",", .key_separator = ":", .sort_keys = true}),
            "{\"a\":{},\"b\":[1,{\"é\":[]}],\"😀\":1.5}");
  EXPECT_EQ(dump_json(value, {.indent = "  ", .item_separator = ","}),
            "{\n  \"b\": [\n    1,\n    {\n      \"é\": []\n    }\n  ],\n  \"a\": {},\n  \"😀\": 1.5\n}");
}

TEST(Json, RefusesWhatIsNoJson) {
  const struct {
    std::string text;
    const char* says;
  } cases[] = {
      {"", "line 1 column 1: found the end, expected a value"},
      {"{\"a\":\n 1,}", "line 2 column 4: found '}', expected a key"},
      {"[1 2]", "column 4: found '2', expected ',' or ']'"},
      {"[1,]", "expected a value"},
      {"01", "found '1', expected the end"},
      {"1.", "expected a digit"},
      {"-", "expected a digit"},
      {"+1", "expected a value"},
      {"NaN", "expected a value"},
      {"nul", "expected 'null'"},
      {"'a'", "expected a value"},
      {"\"a", "expected '\"'"},
      {"\"a\nb\"", "control character"},
      {"\"\\x\"", "after a backslash"},
      {"\"\\u12g4\"", "hexadecimal"},
      {"\"\\ud83d\"", "surrogate"},
      {"\"\\ude00\"", "surrogate"},
      {"\"\xc0\xaf\"", "not UTF-8"},
      {"\"\xed\xa0\x80\"", "not UTF-8"},
      {"\"\xf4\x90\x80\x80\"", "not UTF-8"},
      {"\"\xe2\x82\"", "not UTF-8"},
      {std::string("\"\0\"", 3), "control character"},
      {std::string(100000, '['), "nested deeper than 200"},
      {std::string(201, '[') + std::string(201, ']'), "nested deeper than 200"},
  };
  for (const auto& c : cases) {
    const auto value = parse_json(c.text);
    ASSERT_FALSE(value) << c.text.substr(0, 50);
    EXPECT_EQ(value.error().code, ErrorCode::invalid_argument);
    EXPECT_THAT(value.error().message, HasSubstr(c.says)) << c.text.substr(0, 50);
  }
  EXPECT_TRUE(parse_json(std::string(200, '[') + std::string(200, ']')));
}

TEST(Json, APrefixEndsWhereItsValueEnds) {
  const auto prefix = parse_json_prefix(" {\"a\": \"</tool_call>\"}</tool_call> more").value();
  EXPECT_EQ(prefix.n_bytes, 22u);
  EXPECT_EQ(*prefix.value.find("a")->string(), "</tool_call>");

  const std::string whole = "{\"a\": [1, true, \"\\u00e9\\ud83d\\ude00x\"], \"b\": null}";
  for (std::size_t n = 0; n < whole.size(); ++n) {
    const auto cut = parse_json_prefix(whole.substr(0, n));
    ASSERT_FALSE(cut) << n;
    EXPECT_EQ(cut.error().field, "end") << whole.substr(0, n);
  }
  EXPECT_EQ(parse_json_prefix("{\"a\": x").error().field, "");
}

TEST(Json, ValuesCanBeBuiltAndCompared) {
  Json call;
  call.set("name", "grind");
  call.set("n", 3);
  call.set("name", "mill");
  EXPECT_EQ(dump_json(call), "{\"name\": \"mill\", \"n\": 3}");
  EXPECT_EQ(call, parse_json("{\"name\": \"mill\", \"n\": 3}").value());
  EXPECT_NE(Json(1), Json(1.0));
  EXPECT_EQ(call.find("absent"), nullptr);
  EXPECT_STREQ(call.kind(), "an object");
}

TEST(Json, ManyEqualKeysTakeNoLongerThanOthers) {
  std::string text = "{";
  for (int i = 0; i < 100000; ++i)
    text += "\"k" + std::to_string(i % 50000) + "\":" + std::to_string(i) + ",";
  text.back() = '}';
  const Json value = parse_json(text).value();
  EXPECT_EQ(value.object()->size(), 50000u);
  EXPECT_EQ(value.object()->front().key, "k0");
  EXPECT_EQ(*value.object()->front().value.integer(), 50000);
}

}  // namespace
}  // namespace quern::detail
