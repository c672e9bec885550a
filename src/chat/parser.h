#pragma once
// Source to syntax.
#include <memory>
#include <string_view>

#include "src/chat/limits.h"
#include "src/chat/syntax.h"

namespace quern::detail::jinja {

/// Failures syntax, unsupported, limit_source, limit_depth.
std::unique_ptr<const Syntax> parse_template(std::string_view source, const Limits& limits);

}  // namespace quern::detail::jinja
