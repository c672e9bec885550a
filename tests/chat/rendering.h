#pragma once
// What the tests of templates share.
#include <chrono>
#include <string>
#include <string_view>

#include "src/chat/template.h"

namespace quern::test {

/// 2026-08-01 12:00:00, where the clock of the recorded renderings stands.
inline constexpr std::chrono::local_seconds noon =
    std::chrono::local_days(std::chrono::year(2026) / 8 / 1) + std::chrono::hours(12);

/// The text; or "error: " and the kind of error, then what it says.
inline std::string rendered(std::string_view source, const detail::Json& variables = detail::Json::Object(),
                            const detail::jinja::Limits& limits = {}) {
  const auto compiled = detail::jinja::Template::compile(source, limits);
  const auto failed = [](const Error& error) { return "error: " + error.field + ": " + error.message; };
  if (!compiled) return failed(compiled.error());
  const auto result = compiled->render(variables, noon);
  return result ? result->text : failed(result.error());
}

}  // namespace quern::test
