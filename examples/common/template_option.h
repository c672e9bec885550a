#pragma once
// The option --template of programs that render conversations.
#include <string>

#include "common/options.h"
#include "quern/quern.h"

namespace examples {

/// Adds --template (also --chat-template) FILE|NAME.
Option add_template_option(Options& options, std::string& value);

/// The built-in format of that name, or what a file holds ("-": standard input). Throws std::runtime_error.
quern::ChatTemplate given_template(const std::string& value, const quern::TemplateOptions& tokens = {});

/// A model's own template, or a std::runtime_error that says which option helps.
quern::ChatTemplate own_template(quern::Result<quern::ChatTemplate> chat);

}  // namespace examples
