// Formats that are called by a name alone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "formats/gguf_writer.h"
#include "quern/chat.h"
#include "tests/support/scratch_folder.h"

namespace quern::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

const json& recorded() {
  static const json data =
      json::parse(std::ifstream(std::string(QUERN_TEST_DATA_DIR) + "/chat/builtin-formats.json"));
  return data;
}

TEST(BuiltinTemplates, RenderAsTheFormatsAreDescribed) {
  const json& expected = recorded().at("expected");
  std::vector<std::string> names;
  for (const auto& [name, texts] : expected.items()) {
    SCOPED_TRACE(name);
    names.push_back(name);
    const auto chat = ChatTemplate::named(name);
    ASSERT_TRUE(chat) << chat.error().message;
    for (std::size_t i = 0; i < texts.size(); ++i) {
      const auto rendering = chat->render_json(recorded().at("conversations").at(i).dump());
      ASSERT_TRUE(rendering) << rendering.error().message;
      EXPECT_EQ(rendering->text, texts.at(i).get<std::string>());
    }
    EXPECT_FALSE(chat->capabilities().tools || chat->capabilities().tool_calls ||
                 chat->capabilities().content_parts);
    EXPECT_EQ(chat->capabilities().reasoning_field, "");
  }
  EXPECT_EQ(names.size(), 54u);
  const auto known = ChatTemplate::names();
  EXPECT_EQ(std::vector<std::string>(known.begin(), known.end()), names);
}

TEST(BuiltinTemplates, TakeWhatTheApiGives) {
  const auto chat = ChatTemplate::named("chatml").value();
  const auto rendering = chat.render(std::vector<ChatMessage>{
      {.role = "developer", .content = "Be brief."},
      {.role = "user",
       .content_parts = R"([{"type": "text", "text": "One."}, {"type": "text", "text": "Two."}])"}});
  ASSERT_TRUE(rendering) << rendering.error().message;
  EXPECT_EQ(rendering->text,
            "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nOne.\nTwo.<|im_end|>\n"
            "<|im_start|>assistant\n");
  std::string data;
  for (const TextSpan& span : rendering->data)
    data += rendering->text.substr(span.begin, span.end - span.begin);
  EXPECT_EQ(data, "Be brief.One.\nTwo.") << "the format's own words may become control tokens";
  // A format that leaves the system's text out gets it before the user's.
  EXPECT_EQ(ChatTemplate::named("yandex")
                .value()
                .render(std::vector<ChatMessage>{{.role = "system", .content = "S"},
                                                 {.role = "user", .content = "U"}})
                .value()
                .text,
            " Пользователь: S\n\nU\n\n Ассистент:[SEP]");
  const auto unknown = ChatTemplate::named("chatmill");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, ErrorCode::invalid_argument);
  EXPECT_THAT(unknown.error().message, HasSubstr("'chatmill', expected one of bailing, bailing-think,"));
}

TEST(BuiltinTemplates, AnswersAreTakenApartWhereTheFormatHasReasoning) {
  const auto answer = [](std::string_view format, std::string_view text) {
    const auto chat = ChatTemplate::named(format).value();
    const std::vector<ChatMessage> messages = {{.role = "user", .content = "x"}};
    const std::string prompt = chat.render(messages).value().text;
    auto parser = AnswerParser::create(AnswerFormat::of_template(chat.source()), {.prompt = prompt}).value();
    parser.push(text).value();
    parser.finish().value();
    return parser.answer();
  };
  const Answer channels = answer(
      "gpt-oss", "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>Yes.");
  EXPECT_EQ(channels.reasoning, "Hm.");
  EXPECT_EQ(channels.content, "Yes.");
  const Answer opened = answer("bailing-think", "Hm.</think>Yes.");
  EXPECT_EQ(opened.reasoning, "Hm.");
  EXPECT_EQ(opened.content, "Yes.");
  EXPECT_EQ(answer("chatml", "<b>Yes.</b>").content, "<b>Yes.</b>");
}

class FileWithName : public testing::Test {
 protected:
  Result<ChatTemplate> open(std::initializer_list<std::pair<std::string, std::string>> keys,
                            std::vector<std::string_view> tokens = {}, std::int32_t type = 3) {
    formats::GgufContents contents;
    contents.set("general.architecture", std::string_view("llama"));
    for (const auto& [key, value] : keys) contents.set(key, std::string_view(value));
    if (!tokens.empty()) {
      contents.set("tokenizer.ggml.tokens", tokens);
      contents.set("tokenizer.ggml.token_type", std::vector<std::int32_t>(tokens.size(), type));
    }
    auto writer = formats::GgufWriter::create(folder_ / "m.gguf", contents).value();
    writer.finish().value();
    return ChatTemplate::open(folder_ / "m.gguf");
  }
  ScratchFolder folder_;
};

TEST_F(FileWithName, GetsTheFormatOfThatName) {
  const auto chat = open({{"tokenizer.chat_template", "llama3"}});
  ASSERT_TRUE(chat) << chat.error().message;
  EXPECT_EQ(chat->render(std::vector<ChatMessage>{{.role = "user", .content = " x "}}).value().text,
            "<|start_header_id|>user<|end_header_id|>\n\nx<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\n");
}

TEST_F(FileWithName, IsAnErrorThatHelpsWhereTheNameIsUnknown) {
  const auto chat = open({{"tokenizer.chat_template", "surprise"}}, {"<|im_start|>", "<|im_end|>"});
  ASSERT_FALSE(chat);
  EXPECT_EQ(chat.error().code, ErrorCode::no_template);
  EXPECT_THAT(chat.error().message, HasSubstr("'surprise'"));
  EXPECT_THAT(chat.error().message, HasSubstr("of 'chatml'"));
  constexpr std::int32_t user_defined = 4;
  const auto plain = open({}, {"<|im_start|>", "<|im_end|>"}, user_defined);
  EXPECT_THAT(plain.error().message, testing::Not(HasSubstr("chatml")));
}

TEST_F(FileWithName, VariantsServeToolsAndDocuments) {
  const auto chat = open({{"tokenizer.chat_template", "plain {{ messages[0].content }}"},
                          {"tokenizer.chat_template.tool_use", "tools {{ tools | length }}"},
                          {"tokenizer.chat_template.rag", "documents {{ documents | length }}"}});
  ASSERT_TRUE(chat) << chat.error().message;
  const std::vector<ChatMessage> messages = {{.role = "user", .content = "x"}};
  const std::string documents = R"({"documents": [{"text": "a"}, {"text": "b"}]})";
  const std::string tools = R"([{"name": "mill"}])";
  EXPECT_EQ(chat->render(messages).value().text, "plain x");
  EXPECT_EQ(chat->render(messages, {.variables = R"({"documents": []})"}).value().text, "plain x");
  EXPECT_EQ(chat->render(messages, {.variables = documents}).value().text, "documents 2");
  EXPECT_EQ(chat->render(messages, {.tools = tools, .variables = documents}).value().text, "tools 1");
  EXPECT_EQ(chat->render(messages, {.tools = "[]"}).value().text, "plain x");
  EXPECT_EQ(chat->render_json(documents).value().text, "documents 2");
  EXPECT_EQ(chat->render(messages, {.variables = "{"}).error().code, ErrorCode::invalid_argument);
}

}  // namespace
}  // namespace quern::test
