#include "formats/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "nlohmann/json.hpp"

namespace quern::formats {
namespace {

using testing::HasSubstr;

JsonDocument parse(std::string text) { return JsonDocument::parse(std::move(text), "test").value(); }

TEST(Json, ReadsEveryKindOfValue) {
  const auto document =
      parse(R"( {"a": [1, -2.5e1, true, false, null], "b": {"c": "d", "e": {}}, "f": [] } )");
  const JsonValue root = document.root();
  ASSERT_TRUE(root.is_object());
  EXPECT_EQ(root.size(), 3u);
  std::vector<std::string> seen;
  for (const JsonValue element : root.find("a")->elements()) seen.push_back(element.description());
  EXPECT_THAT(seen, testing::ElementsAre("the number 1", "the number -2.5e1", "true", "false", "null"));
  EXPECT_EQ(root.find("a")->elements().begin().operator*().unsigned_integer(), 1u);
  EXPECT_EQ(root.find("b")->find("c")->string(), "d");
  EXPECT_EQ(root.find("b")->find("e")->size(), 0u);
  EXPECT_FALSE(root.find("g"));
  std::string names;
  for (const auto [name, value] : root.members())
    names += std::string(name) + " " + value.description() + ";";
  EXPECT_EQ(names, "a an array of 5;b an object of 2;f an array of 0;");
}

TEST(Json, InfinityIsANumberWhereItIsAskedFor) {
  const JsonDocument document =
      JsonDocument::parse("[Infinity, 1, \"Infinity\"]", "test", {.infinity = true}).value();
  std::vector<bool> infinite;
  for (const JsonValue element : document.root().elements()) {
    infinite.push_back(element.is_infinity());
    EXPECT_EQ(element.number().has_value(), element.description() == "the number 1");
  }
  EXPECT_EQ(infinite, (std::vector{true, false, false}));
  EXPECT_FALSE(JsonDocument::parse("Infinite", "test", {.infinity = true}));
}

TEST(Json, NumbersAreWhatFits) {
  EXPECT_EQ(parse("18446744073709551615").root().unsigned_integer(), UINT64_MAX);
  EXPECT_EQ(parse("18446744073709551616").root().unsigned_integer(), std::nullopt);
  EXPECT_EQ(parse("-1").root().unsigned_integer(), std::nullopt);
  EXPECT_EQ(parse("1.0").root().unsigned_integer(), std::nullopt);
  EXPECT_EQ(parse("1e2").root().number(), 100.0);
  EXPECT_EQ(parse("1e-05").root().number(), 1e-5);
  EXPECT_EQ(parse("1e999").root().number(), std::nullopt);
  EXPECT_EQ(parse("\"1\"").root().number(), std::nullopt);
}

TEST(Json, StringsAreUnescaped) {
  EXPECT_EQ(parse(R"("a\"\\\/\b\f\n\r\t")").root().string(), "a\"\\/\b\f\n\r\t");
  EXPECT_EQ(parse(R"("\u0041\u00e9\u2581\ud83d\ude00")").root().string(), "A\u00e9\u2581\U0001F600");
  EXPECT_EQ(parse(R"("\u0000x")").root().string(), std::string_view("\0x", 2));
  EXPECT_EQ(parse("\"\u00e9\U0001F600\"").root().string(), "\u00e9\U0001F600");
}

TEST(Json, WrongTextIsAnErrorThatSaysWhere) {
  const struct {
    std::string text, says;
  } cases[] = {
      {"", "test: expected a value, found the end (at byte 0)"},
      {"{", "expected a name in quotes, found the end (at byte 1)"},
      {"[1,]", "expected a value, found ']' (at byte 3)"},
      {"[1 2]", "expected ',' or ']', found '2' (at byte 3)"},
      {R"({"a" 1})", "expected ':', found '1'"},
      {R"({"a":1,})", "expected a name in quotes, found '}'"},
      {R"({"a":1,"b":{},"a":2})", "name 'a' stands in an object twice"},
      {"1 1", "expected the end of the text, found '1'"},
      {"01", "expected the end of the text, found '1'"},
      {"1.", "expected a digit"},
      {"-", "expected a digit"},
      {"NaN", "expected a value, found 'N'"},
      {"Infinity", "expected a value, found 'I'"},
      {"tru", "expected a value"},
      {"\"a", "expected the end of a string"},
      {"\"\n\"", "no control character"},
      {R"("\x")", "expected an escape"},
      {R"("\u12g4")", "expected a hexadecimal digit"},
      {R"("\ud800")", "half a surrogate pair"},
      {R"("\ud800\u0041")", "half a surrogate pair"},
      {R"("\udc00")", "half a surrogate pair"},
      {"\"\xff\"", "expected UTF-8, found '\\xff'"},
      {"\"\xc0\x80\"", "expected UTF-8"},
      {"\"\xed\xa0\x80\"", "expected UTF-8"},
      {"\"\xe2\x82\"", "expected UTF-8"},
  };
  for (const auto& c : cases) {
    const auto document = JsonDocument::parse(c.text, "test");
    ASSERT_FALSE(document) << c.text;
    EXPECT_EQ(document.error().code, ErrorCode::corrupt);
    EXPECT_THAT(document.error().message, HasSubstr(c.says)) << c.text;
  }
}

TEST(Json, DepthAndSizeAreBounded) {
  EXPECT_TRUE(JsonDocument::parse(std::string(64, '[') + std::string(64, ']'), "test"));
  const auto deep = JsonDocument::parse(std::string(1 << 20, '['), "test");
  ASSERT_FALSE(deep);
  EXPECT_EQ(deep.error().code, ErrorCode::unsupported);
  EXPECT_THAT(deep.error().message, HasSubstr("more than 64 arrays and objects"));
  const auto large = JsonDocument::parse("[1,2,3]", "test", {.max_bytes = 6});
  ASSERT_FALSE(large);
  EXPECT_EQ(large.error().code, ErrorCode::unsupported);
}

// Any text, right or wrong, is judged and understood as another reader does.
nlohmann::json rebuilt(const JsonValue& value) {
  switch (value.kind()) {
    case json::Kind::null: return nullptr;
    case json::Kind::boolean: return *value.boolean();
    case json::Kind::number:
      if (const auto whole = value.unsigned_integer()) return *whole;
      return value.number().value_or(0);
    case json::Kind::string: return std::string(*value.string());
    case json::Kind::array: {
      auto array = nlohmann::json::array();
      for (const JsonValue element : value.elements()) array.push_back(rebuilt(element));
      return array;
    }
    case json::Kind::object: {
      auto object = nlohmann::json::object();
      for (const auto [name, element] : value.members()) object[std::string(name)] = rebuilt(element);
      return object;
    }
  }
  return {};
}

TEST(Json, AgreesWithAnotherReaderOnDamagedTexts) {
  const std::string sound =
      R"({"a":[1,-2.5e+1,true,null,"x\n\u00e9\ud83d\ude00"],"b":{"c":{"d":[[],{}]}},"e":"é"})";
  std::mt19937 random(7);
  const std::string bytes = "{}[]\",:\\u0a9-+.eE \x80\xc3tfn";
  int n_sound = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string text = sound;
    for (unsigned n = random() % 3; n > 0; --n) text[random() % text.size()] = bytes[random() % bytes.size()];
    const auto ours = JsonDocument::parse(text, "test");
    auto theirs = nlohmann::json::parse(text, nullptr, false);
    if (!ours && ours.error().message.find("twice") != std::string::npos) continue;
    ASSERT_EQ(ours.has_value(), !theirs.is_discarded()) << text << (ours ? "" : ours.error().message);
    if (!ours) continue;
    ++n_sound;
    ASSERT_EQ(rebuilt(ours->root()), theirs) << text;
  }
  EXPECT_GT(n_sound, 5000);
}

}  // namespace
}  // namespace quern::formats
