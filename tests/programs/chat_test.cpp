// quern-chat in a pipe, where each line is a message.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/programs/program.h"

namespace quern::test {
namespace {

using testing::HasSubstr;
using testing::Not;

Outcome chat(std::string_view input, std::vector<std::string> more = {}) {
  more.insert(more.end(), {"-m", valley_model, "--temp", "0"});
  return run_program("quern-chat", more, input);
}

TEST(QuernChat, AnswersLinesAndPrintsNothingElse) {
  const Outcome one = chat("Where does Mira live?\n");
  EXPECT_EQ(one.status, 0);
  EXPECT_EQ(one.out, "Mira lives in Pellow.\n");
  EXPECT_EQ(one.err, "");
  const Outcome two = chat("Where does Mira live?\n\nWho is Finn?");
  EXPECT_TRUE(two.out.starts_with(one.out)) << two.out;
  EXPECT_EQ(std::ranges::count(two.out, '\n'), 2) << two.out;
  EXPECT_EQ(two.err, "");
}

TEST(QuernChat, ReadsOnlyWhatIsNew) {
  const Outcome outcome =
      chat("Where does Mira live?\n/stats\nWhere does Mira live?\n/stats\n/retry\n/stats\n");
  EXPECT_THAT(outcome.err, HasSubstr("last prompt 0 tokens kept, 11 read"));
  // The first question with its answer and its end: 11 tokens and 6.
  EXPECT_THAT(outcome.err, HasSubstr("last prompt 17 tokens kept, "));
  EXPECT_THAT(outcome.err, HasSubstr(" tokens kept, 0 read"));  // again from the same prompt
  EXPECT_THAT(outcome.out, Not(HasSubstr("kept")));
}

TEST(QuernChat, Commands) {
  const ScratchFolder folder;
  const std::string file = (folder / "talk.json").string();
  const Outcome saved =
      chat("/system Be brief.\nWhere does Mira live?\n/undo\nWhere does Mira live?\n/save " + file +
           "\n/system\n/clear\n/undo\n");
  EXPECT_EQ(saved.out, "Mira lives in Pellow.\nMira lives in Pellow.\n");
  EXPECT_THAT(saved.err, HasSubstr("taken back\n3 messages saved in " + file + "\nBe brief.\n"));
  EXPECT_THAT(saved.err, HasSubstr("there is nothing to take back"));
  const nlohmann::json talk = nlohmann::json::parse(read_file(file));
  EXPECT_EQ(talk, nlohmann::json::parse(R"({"messages": [{"role": "system", "content": "Be brief."},
                      {"role": "user", "content": "Where does Mira live?"},
                      {"role": "assistant", "content": "Mira lives in Pellow."}]})"));
  const Outcome loaded = chat("/load " + file + "\n/retry\n");
  EXPECT_EQ(loaded.out, "Mira lives in Pellow.\n");
  EXPECT_EQ(loaded.err, "3 messages loaded\n");
  EXPECT_THAT(chat("/set max_tokens 2\nWhere does Mira live?\n/set\n").err,
              HasSubstr("[stopped after max_tokens = 2]\n  temp 0\n"));
  EXPECT_THAT(chat("/help\n").err, HasSubstr("/retry"));
  EXPECT_EQ(chat("/system Be brief.\n/system -\n/system\n").err, "no system message\n");
  EXPECT_EQ(chat("/exit\nWhere does Mira live?\n").out, "");
}

TEST(QuernChat, WhatGoesWrongIsSaidAndTheConversationGoesOn) {
  const ScratchFolder folder;
  write_file(folder / "bad.json", "{\"messages\": [{\"content\": \"x\"}]}");
  const struct {
    std::string line, says;
  } cases[] = {
      {"/grind", "there is no command /grind"},
      {"/set speed 3", "there is no setting 'speed'"},
      {"/set temp hot", "temp is 'hot', expected a number"},
      {"/set temp", "/set temp needs a value"},
      {"/set top_k 1.5", "top_k is '1.5', expected a whole number"},
      {"/set seed 18446744073709551616",
       "expected \"random\" or a whole number from 0 to 18446744073709551615"},
      {"/set temp -1", "temperature"},
      {"/retry", "there is nothing to answer"},
      {"/load " + (folder / "none.json").string(), "none.json"},
      {"/load " + (folder / "bad.json").string(), "a message without a role"},
      {"/save", "/save needs the name of a file"},
      {"/load", "/load needs the name of a file"},
  };
  for (const auto& c : cases) {
    const Outcome outcome = chat(c.line + "\nWhere does Mira live?\n");
    EXPECT_EQ(outcome.out, "Mira lives in Pellow.\n") << c.line;
    EXPECT_THAT(outcome.err, HasSubstr(c.says)) << c.line;
    EXPECT_EQ(std::ranges::count(outcome.err, '\n'), 1) << outcome.err;
  }
  std::string long_question(5000, 'x');
  const Outcome full = chat(long_question + "\nWhere does Mira live?\n");
  EXPECT_EQ(full.status, 1);
  EXPECT_THAT(full.err, HasSubstr("/clear makes room"));
  EXPECT_EQ(full.out, "Mira lives in Pellow.\n");
}

TEST(QuernChat, ReasoningStaysOutOfAPipe) {
  const ScratchFolder folder;
  // The prompt opens reasoning that the model never closes.
  write_file(folder / "t.jinja",
             "{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}<|end|>\n{% endfor %}<|assistant|>\n"
             "{# </think> #}{{ think }}");
  const std::string file = (folder / "t.jinja").string();
  EXPECT_EQ(chat("Where does Mira live?\n", {"--template", file}).out, "Mira lives in Pellow.\n");
  const Outcome thinking =
      chat("Where does Mira live?\n", {"--template", file, "--variables", R"({"think": "<think>"})"});
  EXPECT_EQ(thinking.status, 0) << thinking.err;
  EXPECT_EQ(thinking.out, "\n");
}

TEST(QuernChat, AModelWithoutATemplateNeedsOne) {
  const std::string base = std::string(QUERN_TEST_DATA_DIR) + "/models/llama.gguf";
  const Outcome outcome = run_program("quern-chat", {"-m", base}, "x\n");
  EXPECT_EQ(outcome.status, 1);
  EXPECT_THAT(outcome.err, HasSubstr("the file has no chat template"));
  const ScratchFolder folder;
  write_file(folder / "t.jinja", "{{ messages[0].content }}");
  const Outcome given =
      run_program("quern-chat", {"-m", base, "--template", (folder / "t.jinja").string(), "-n", "1"}, "ab\n");
  EXPECT_EQ(given.status, 0) << given.err;
  const Outcome named =
      run_program("quern-chat", {"-m", base, "--chat-template", "zephyr", "-n", "1"}, "ab\n");
  EXPECT_EQ(named.status, 0) << named.err;
}

}  // namespace
}  // namespace quern::test
