// Renders a chat template, and prints the rendering and nothing else; or takes an answer to it apart.
//
//   quern-template --template chat.jinja --context conversation.json
//   quern-template --template chatml --context conversation.json
//   quern-template -m tiny.gguf --context conversation.json --now 2026-08-01T12:00:00
//   quern-template -m tiny.gguf --context conversation.json --parse answer.txt
//
// The context is a JSON object of the template's variables: "messages", "tools", "add_generation_prompt"...
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>

#include "common/program.h"
#include "common/template_option.h"

namespace {

/// What a clock on the wall shows: 2026-08-01, 2026-08-01T12:00 or 2026-08-01T12:00:00, with or without a Z.
std::chrono::local_seconds wall_clock(const std::string& text) {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, n_date = 0, n_minute = 0, n_second = 0;
  std::sscanf(text.c_str(), "%4d-%2d-%2d%n", &year, &month, &day, &n_date);
  if (n_date > 0)
    std::sscanf(text.c_str() + n_date, "%*1[T ]%2d:%2d%n:%2d%n", &hour, &minute, &n_minute, &second,
                &n_second);
  const std::string rest = text.substr(static_cast<std::size_t>(n_date + std::max(n_minute, n_second)));
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  const bool in_day = hour >= 0 && hour < 24 && minute >= 0 && minute < 60 && second >= 0 && second < 61;
  if (n_date == 0 || !date.ok() || !in_day || (!rest.empty() && rest != "Z"))
    throw examples::UsageError("--now '" + text + "' is not a time like 2026-08-01T12:00:00");
  return std::chrono::local_days(date) + std::chrono::hours(hour) + std::chrono::minutes(minute) +
         std::chrono::seconds(second);
}

using Clock = std::optional<std::chrono::local_seconds>;

/// A generated text as JSON. The context says which tools there were and, rendered, whether the prompt has
/// opened the reasoning. Without one (empty) that is seen from a question, and any name may be a tool's.
std::string parsed(const quern::ChatTemplate& chat, const std::string& context, const Clock& now,
                   const std::string& text) {
  constexpr const char* question =
      R"({"messages": [{"role": "user", "content": "?"}], "bos_token": "", "eos_token": ""})";
  const bool has_context = !context.empty();
  nlohmann::ordered_json variables =
      nlohmann::ordered_json::parse(has_context ? context : question, nullptr, /*allow_exceptions=*/false);
  std::string tools;
  if (variables.is_object()) {
    variables["add_generation_prompt"] = true;
    if (const auto offered = variables.find("tools"); offered != variables.end() && !offered->is_null())
      tools = offered->dump();
  }
  auto rendering = chat.render_json(variables.is_object() ? variables.dump() : context, now);
  std::string prompt;
  if (rendering || has_context) prompt = std::move(rendering).value().text;
  const auto format = quern::AnswerFormat::of_template(chat.source());
  auto parser =
      quern::AnswerParser::create(format, {.prompt = prompt, .tools = tools, .any_tool = !has_context})
          .value();
  parser.push(text).value();
  parser.finish().value();

  const quern::Answer& answer = parser.answer();
  const auto quoted = [](const std::string& value) { return nlohmann::json(value).dump(); };
  std::string calls;
  for (const quern::ToolCall& call : answer.tool_calls)
    calls += (calls.empty() ? "" : ",") + ("\n    {\"name\": " + quoted(call.name)) +
             ", \"arguments\": " + call.arguments +  // JSON with the numbers as the model wrote them
             ", \"id\": " + (call.id.empty() ? "null" : quoted(call.id)) + "}";
  return "{\n  \"content\": " + quoted(answer.content) + ",\n  \"reasoning\": " + quoted(answer.reasoning) +
         ",\n  \"tool_calls\": [" + calls + (calls.empty() ? "]" : "\n  ]") +
         (answer.incomplete ? ",\n  \"incomplete\": true" : "") + "\n}\n";
}

}  // namespace

int main(int argc, char** argv) {
  examples::Program program("quern-template", "Renders a chat template.",
                            examples::Program::Input::model_or_other, examples::Program::Output::text);
  std::string source, context, now, variant, answer;
  const examples::Option given = examples::add_template_option(program, source).excludes("--model");
  program.add_option("--variant", variant, "Which of the model's templates, \"tool_use\" for one")
      .needs("--model")
      .type_name("NAME");
  program.add_option("--context", context, "File with the variables, a JSON object; - is standard input")
      .type_name("FILE");
  program
      .add_option(
          "--parse", answer,
          "File with a text that a model has generated: print its content, reasoning and tool calls as "
          "JSON; without --context for an answer to a question, with tools of any name")
      .type_name("FILE");
  program.add_option("--now", now, "The time that the template sees (default: this machine's local time)")
      .type_name("TIME");

  return program.run(argc, argv, [&] {
    if (!given.given() && program.model.empty())
      throw examples::UsageError("--template or --model is required");
    if (context.empty() && answer.empty()) throw examples::UsageError("--context or --parse is required");
    const Clock clock = now.empty() ? std::nullopt : std::optional(wall_clock(now));
    const auto chat = given.given()
                          ? examples::given_template(source)
                          : examples::own_template(quern::ChatTemplate::open(program.model, variant));
    const std::string variables = context.empty() ? "" : examples::read_file(context);
    examples::write_out(answer.empty() ? chat.render_json(variables, clock).value().text
                                       : parsed(chat, variables, clock, examples::read_file(answer)));
    return 0;
  });
}
