// Renderings of other programs: small templates, and the templates of released models where they are in
// place.
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "tests/chat/rendering.h"
#include "tests/support/files.h"

namespace quern::test {
namespace {

using detail::Json;
using detail::parse_json;
using nlohmann::json;
namespace fs = std::filesystem;

TEST(SmallTemplates, RenderAsRecorded) {
  const json groups = json::parse(read_file(fs::path(QUERN_TEST_DATA_DIR) / "chat/small-templates.json"));
  const Json variables = parse_json(R"({
      "m": {"role": "user", "content": "hi", "items": [1, 2]},
      "msgs": [{"role": "user", "content": "x"}, {"role": "assistant"}],
      "l": [3, 1, 2], "d": {"b": 1, "A": 2, "a": 3}, "s": "abc", "n": null, "e": "", "z": 0,
      "names": ["b", "A", "c", "a"]})")
                             .value();
  std::size_t n = 0;
  for (const auto& [group, cases] : groups.items()) {
    for (const json& one : cases) {
      const std::string text = rendered(one[0].get<std::string>(), variables);
      if (one[1].is_string())
        EXPECT_EQ(text, one[1].get<std::string>()) << group << ": " << one[0];
      else
        EXPECT_TRUE(text.starts_with("error: " + one[1]["error"].get<std::string>()))
            << group << ": " << one[0] << text;
      ++n;
    }
  }
  EXPECT_EQ(n, 219u);
}

class GoldenTemplates : public testing::Test {
 protected:
  static fs::path folder() { return fs::path(QUERN_SHARED_DIR) / "golden/chat"; }
  void SetUp() override {
    if (!fs::exists(folder() / "conversations.json"))
      GTEST_SKIP() << "no recorded renderings in " << folder();
    const Json ordered = parse_json(read_file(folder() / "conversations.json")).value();
    for (const Json& conversation : *ordered.find("conversations")->array()) {
      Json context = *conversation.find("context");
      context.set("bos_token", *ordered.find("bos_token"));
      context.set("eos_token", *ordered.find("eos_token"));
      variables_[*conversation.find("name")->string()] = std::move(context);
    }
  }
  /// Compares every pair of one template; gives how many there were.
  std::size_t compare(const std::string& name, const json& expected) {
    const std::string source = read_file(folder() / "templates" / (name + ".jinja"));
    EXPECT_NE(source, "") << name;
    std::size_t n = 0;
    for (const auto& [conversation, text] : expected.items()) {
      const auto compiled = detail::jinja::Template::compile(source);
      if (!compiled) {
        ADD_FAILURE() << name << ": " << compiled.error().message;
        return n;
      }
      const auto result = compiled->render(variables_.at(conversation), noon, {"bos_token", "eos_token"});
      if (text.is_string()) {
        if (result) {
          EXPECT_EQ(result->text, text.get<std::string>()) << name << " " << conversation;
        } else {
          ADD_FAILURE() << name << " " << conversation << ": " << result.error().message;
        }
      } else {
        EXPECT_FALSE(result) << name << " " << conversation;
        if (!result) {
          EXPECT_EQ(result.error().code, ErrorCode::template_raised) << result.error().message;
          EXPECT_EQ(result.error().message, text["error"].get<std::string>()) << name << " " << conversation;
        }
      }
      ++n;
    }
    return n;
  }

  std::map<std::string, Json> variables_;
};

TEST_F(GoldenTemplates, EveryTemplateAndConversation) {
  std::size_t n = 0;
  for (const auto& entry : fs::directory_iterator(folder())) {
    const std::string file = entry.path().filename().string();
    constexpr std::string_view end = ".golden.json";
    if (!file.ends_with(end)) continue;
    n += compare(file.substr(0, file.size() - end.size()), json::parse(read_file(entry.path())));
  }
  EXPECT_EQ(n, 734u);
}

TEST_F(GoldenTemplates, WhatFewerRenderersAgreeOn) {
  const json templates = json::parse(read_file(folder() / "jinja2-only.json"));
  std::size_t n = 0;
  for (const auto& [name, expected] : templates.items()) n += compare(name, expected);
  EXPECT_EQ(n, 79u);
}

TEST_F(GoldenTemplates, WhatNobodyDecidedIsATextOrAnError) {
  for (const json& pair : json::parse(read_file(folder() / "left-out.json"))) {
    const auto compiled = detail::jinja::Template::compile(
        read_file(folder() / "templates" / (pair["template"].get<std::string>() + ".jinja")));
    ASSERT_TRUE(compiled) << compiled.error().message;
    const auto result = compiled->render(variables_.at(pair["conversation"].get<std::string>()), noon);
    const bool other_fails = pair["jinja2"].get<std::string>().starts_with("fails");
    EXPECT_EQ(!result, other_fails) << pair;
    if (!result) {
      EXPECT_NE(result.error().message, "");
    }
  }
}

}  // namespace
}  // namespace quern::test
