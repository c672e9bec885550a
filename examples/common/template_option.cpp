#include "common/template_option.h"

#include <algorithm>
#include <filesystem>

#include "common/program.h"

namespace examples {

Option add_template_option(Options& options, std::string& value) {
  return options
      .add_option("--template,--chat-template", value,
                  "File with a chat template (Jinja; - is standard input), or the name of a built-in format: "
                  "chatml, llama3, gemma, ... (a wrong name lists all)")
      .type_name("FILE|NAME");
}

quern::ChatTemplate given_template(const std::string& value, const quern::TemplateOptions& tokens) {
  const auto names = quern::ChatTemplate::names();
  std::error_code ignored;
  if (std::ranges::find(names, value) != names.end() ||
      (value != "-" && !std::filesystem::exists(value, ignored) &&
       std::filesystem::path(value).filename() == value && !std::filesystem::path(value).has_extension()))
    return quern::ChatTemplate::named(value).value();
  return quern::ChatTemplate::compile(read_file(value), tokens).value();
}

quern::ChatTemplate own_template(quern::Result<quern::ChatTemplate> chat) {
  return value_or_advise(std::move(chat), quern::ErrorCode::no_template, "--template FILE or NAME");
}

}  // namespace examples
