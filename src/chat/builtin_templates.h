#pragma once
// Chat formats that files and people call by a name alone.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace quern::detail {

/// The format of that name as a template's text; nothing where there is none. It takes text only: no tools,
/// no reasoning, no parts but text.
std::optional<std::string> builtin_template(std::string_view name);
std::vector<std::string_view> builtin_template_names();

}  // namespace quern::detail
