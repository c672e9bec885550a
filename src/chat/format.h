#pragma once
// Python's two ways to format text.
#include "src/chat/machine.h"

namespace quern::detail::jinja {

/// format % values. Requires: format is a string.
Value percent_formatted(Machine& machine, const Value& format, const Value& values);
/// format.format(...). Requires: format is a string.
Value brace_formatted(Machine& machine, const Value& format, const Arguments& arguments);

}  // namespace quern::detail::jinja
