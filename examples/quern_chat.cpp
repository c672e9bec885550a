// A conversation in the terminal.
//
//   quern-chat -m tiny.gguf --system "Answer in one sentence."
//   echo "Where does Mira live?" | quern-chat -m tiny.gguf --temp 0
//
// Answers go to standard output, everything else to standard error. In a pipe each line of standard input is
// a message.
#include <nlohmann/json.hpp>

#include "common/chat.h"
#include "common/program.h"
#include "common/progress.h"
#include "common/settings.h"
#include "common/template_option.h"

namespace {

std::string json_object(const std::string& text) {
  const bool good = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false).is_object();
  return good ? "" : "'" + text + "' is no JSON object";
}

}  // namespace

int main(int argc, char** argv) {
  examples::Program program("quern-chat", "A conversation in the terminal.", examples::Program::Input::model,
                            examples::Program::Output::text);
  program.add_compute_options();
  program.add_session_options(/*most_by_default=*/8192);
  std::string system, source, variables, tools;
  quern::GenerateOptions options{.max_tokens = 1024};
  program.add_option("-s,--system", system, "The system message");
  examples::add_template_option(program, source);
  program.add_option("--variables", variables, "Variables of the template, as {\"enable_thinking\": false}")
      .check(json_object)
      .type_name("JSON");
  program
      .add_option("--tools", tools,
                  "File with the tools that the model may call, a JSON array; a call is shown as a line of "
                  "JSON, and /tool gives its result")
      .type_name("FILE");
  examples::add_generation_options(program, options);

  return program.run(argc, argv, [&] {
    examples::ProgressBar loading("loading");
    program.open.progress = loading.callback();
    const auto model = quern::Model::open(program.model, program.open).value();
    loading.clear();
    const quern::Tokenizer tokenizer = model.tokenizer();
    const auto name_of = [&](std::optional<quern::Token> token) {
      return token ? std::string(tokenizer.token_text(*token)) : std::string();
    };
    const quern::TemplateOptions names = {.bos_token = name_of(tokenizer.bos()),
                                          .eos_token = name_of(tokenizer.eos())};
    const auto chat = source.empty() ? examples::own_template(model.chat_template())
                                     : examples::given_template(source, names);
    examples::Conversation conversation(model, chat, model.new_session(program.session_for(model)).value());
    conversation.variables = variables;
    conversation.set_system(system);
    if (!tools.empty()) conversation.offer_tools(examples::read_file(tools));
    return examples::Chat(std::move(conversation), options).run();
  });
}
