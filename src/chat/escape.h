#pragma once
#include "src/chat/machine.h"

namespace quern::detail::jinja {

/// The text with & < > ' " as HTML entities, and the mark of `safe`. Requires: a string.
Value escaped(Machine& machine, const Value& text);

}  // namespace quern::detail::jinja
