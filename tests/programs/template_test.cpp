// quern-template as a user meets it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/programs/program.h"
#include "tests/support/sanitizers.h"

namespace quern::test {
namespace {

using testing::HasSubstr;

class QuernTemplate : public testing::Test {
 protected:
  Outcome run(std::string_view source, std::string_view context, std::vector<std::string> more = {}) {
    write_file(folder_ / "t.jinja", source);
    more.insert(more.end(), {"--template", (folder_ / "t.jinja").string()});
    return run_context(context, std::move(more));
  }
  Outcome run_context(std::string_view context, std::vector<std::string> more) {
    write_file(folder_ / "c.json", context);
    more.insert(more.end(), {"--context", (folder_ / "c.json").string()});
    return run_program("quern-template", more);
  }
  ScratchFolder folder_;
};

TEST_F(QuernTemplate, PrintsTheRenderingAndNothingElse) {
  const Outcome outcome =
      run("{% for m in messages %}[{{ m.role }}] {{ m.content }}\n{% endfor %}",
          R"({"messages": [{"role": "user", "content": "hé"}, {"role": "assistant", "content": ""}]})");
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(outcome.out, "[user] hé\n[assistant] \n");
  EXPECT_EQ(outcome.err, "");
}

TEST_F(QuernTemplate, TakesTheTemplateOfAModel) {
  const Outcome outcome =
      run_context(R"({"messages": [{"role": "user", "content": "Who?"}], "add_generation_prompt": true})",
                  {"-m", valley_model});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "<|user|>\nWho?<|end|>\n<|assistant|>\n");
}

TEST_F(QuernTemplate, TheClockCanBeSet) {
  for (const std::string now : {"2026-08-01T12:00:00", "2026-08-01T12:00:00Z", "2026-08-01 12:00"}) {
    const Outcome outcome = run("{{ strftime_now('%d %b %Y %H:%M') }}", "{}", {"--now", now});
    EXPECT_EQ(outcome.out, "01 Aug 2026 12:00") << now << outcome.err;
  }
  for (const std::string now :
       {"yesterday", "2026-02-30", "2026-08-01T25:00:00", "2026-08-01T12:00:00+02:00"}) {
    const Outcome outcome = run("x", "{}", {"--now", now});
    EXPECT_EQ(outcome.status, 2) << now;
    EXPECT_THAT(outcome.err, HasSubstr("is not a time")) << now;
  }
}

TEST_F(QuernTemplate, ErrorsAreOneLineThatNamesThePlace) {
  const struct {
    const char *source, *context, *says;
  } cases[] = {
      {"a\n{% if x %}", "{}", "line 2 column 11: found the end of the template, expected '{% endif %}'"},
      {"a\n {{ x.y }}", "{}", "line 2 column 6: 'x' is undefined; the line is: {{ x.y }}"},
      {"{% include 'passwd' %}", "{}", "the tag 'include' is not supported"},
      {"{{ raise_exception('Roles must alternate') }}", "{}", "quern-template: Roles must alternate\n"},
      {"{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", "{}", "more steps"},
      {"x", "{\"a\": }", "JSON, line 1 column 7: found '}', expected a value"},
      {"x", "[]", "the variables are an array, expected an object"},
  };
  for (const auto& c : cases) {
    const Outcome outcome = run(c.source, c.context);
    EXPECT_EQ(outcome.status, 1) << c.source;
    EXPECT_EQ(outcome.out, "") << c.source;
    EXPECT_THAT(outcome.err, HasSubstr(c.says));
    EXPECT_EQ(std::ranges::count(outcome.err, '\n'), 1) << outcome.err;
  }
}

#ifndef QUERN_SANITIZED
TEST_F(QuernTemplate, HostileTemplatesFailWithin64MiB) {
  constexpr const char* hostile[] = {
      "{{ 'a' * 10**9 }}",
      "{{ ([0] * 10**9) | length }}",
      "{% set ns = namespace(x='a') %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
      "{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
      "{% set x = 'y' * 9999 %}{% for i in range(99999) %}{{ x }}{% endfor %}",
      "{{ ('a' * 100000) | replace('a', 'b' * 100000) }}",
      "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
      "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
  };
  for (const char* source : hostile) {
    write_file(folder_ / "t.jinja", source);
    const Outcome outcome =
        run_program("quern-template", {"--template", (folder_ / "t.jinja").string(), "--context", "-"}, "{}",
                    "ulimit -d 65536; ");
    EXPECT_EQ(outcome.status, 1) << source;
    EXPECT_EQ(outcome.out, "");
    EXPECT_THAT(outcome.err, HasSubstr("quern-template: chat template, line 1 column ")) << source;
  }
}
#endif

TEST_F(QuernTemplate, AModelWithoutATemplateIsAnErrorWithAWayOut) {
  const Outcome outcome = run_context("{}", {"-m", std::string(QUERN_TEST_DATA_DIR) + "/models/llama.gguf"});
  EXPECT_EQ(outcome.status, 1);
  EXPECT_THAT(outcome.err, HasSubstr("the file has no chat template"));
  EXPECT_THAT(outcome.err,
              HasSubstr("give a template's text or the name of a built-in format (--template FILE or NAME)"));
}

TEST_F(QuernTemplate, KnowsFormatsByName) {
  constexpr std::string_view context =
      R"({"messages": [{"role": "user", "content": "x"}], "add_generation_prompt": true})";
  for (const char* option : {"--template", "--chat-template"}) {
    const Outcome outcome = run_context(context, {option, "phi3"});
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_EQ(outcome.out, "<|user|>\nx<|end|>\n<|assistant|>\n");
  }
  const Outcome unknown = run_context(context, {"--template", "phi33"});
  EXPECT_EQ(unknown.status, 1);
  EXPECT_THAT(unknown.err, HasSubstr("'phi33', expected one of bailing,"));
  const Outcome no_file = run_context(context, {"--template", "phi33.jinja"});
  EXPECT_EQ(no_file.status, 1);
  EXPECT_THAT(no_file.err, HasSubstr("phi33.jinja: No such file"));
}

TEST_F(QuernTemplate, TakesAnAnswerApart) {
  constexpr std::string_view source =
      "{% for m in messages %}{{ m.content }}{% endfor %}{% if tools %}<tool_call>{% endif %}"
      "{% if add_generation_prompt %}{{ open }}{% endif %}{# <think></think> #}";
  constexpr std::string_view answer =
      "so it is</think>\nYes.\n<tool_call>\n{\"name\": \"mill\", \"arguments\": {\"k\": 1e2}}\n</tool_call>";
  write_file(folder_ / "answer", answer);
  const std::vector<std::string> parse = {"--parse", (folder_ / "answer").string()};
  const auto parsed = [&](const std::string& more) {
    return run(source, R"({"messages": [{"role": "user", "content": "Grind?"}])" + more + "}", parse).out;
  };
  const std::string call = "[\n    {\"name\": \"mill\", \"arguments\": {\"k\": 1e2}, \"id\": null}\n  ]\n}\n";
  EXPECT_EQ(parsed(R"(, "open": "<think>\n", "tools": [{"name": "mill"}])"),
            "{\n  \"content\": \"Yes.\",\n  \"reasoning\": \"so it is\",\n  \"tool_calls\": " + call);
  // Nothing has opened the reasoning, and no tool was offered.
  const std::string plain = parsed("");
  EXPECT_THAT(plain, HasSubstr("\"content\": \"so it is</think>\\nYes."));
  EXPECT_THAT(plain, HasSubstr("\"reasoning\": \"\",\n  \"tool_calls\": []\n}\n"));
  // Without a context every name may be a tool's.
  write_file(folder_ / "t.jinja", source);
  std::vector<std::string> alone = parse;
  alone.insert(alone.end(), {"--template", (folder_ / "t.jinja").string()});
  EXPECT_THAT(run_program("quern-template", alone).out, HasSubstr("\"tool_calls\": " + call));
  write_file(folder_ / "t.jinja",
             "{{ messages[0].content }}{% if add_generation_prompt %}<think>{% endif %}"
             "{# </think> #}");
  EXPECT_THAT(run_program("quern-template", alone).out, HasSubstr("\"reasoning\": \"so it is\""));
  write_file(folder_ / "t.jinja", source);
  write_file(folder_ / "answer", "<tool_call>\n{\"name\": \"mi");
  EXPECT_EQ(
      run_program("quern-template", alone).out,
      "{\n  \"content\": \"\",\n  \"reasoning\": \"\",\n  \"tool_calls\": [],\n  \"incomplete\": true\n}\n");
}

TEST_F(QuernTemplate, WrongUsage) {
  EXPECT_EQ(run_context("{}", {}).status, 2);
  EXPECT_EQ(run("x", "{}", {"-m", valley_model}).status, 2);
  EXPECT_EQ(run_program("quern-template", {"-m", valley_model}).status, 2);
}

}  // namespace
}  // namespace quern::test
