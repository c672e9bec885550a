#pragma once
// Values as text.
#include "src/chat/machine.h"

namespace quern::detail::jinja {

/// What {{ value }} prints. A string is itself.
Value text_of(Machine& machine, const Value& value);
/// Appends the same.
void append_text(Machine& machine, TextBuilder& out, const Value& value);
/// Appends Python's repr().
void append_repr(Machine& machine, TextBuilder& out, const Value& value, std::size_t depth = 0);

struct JsonOptions {
  bool ensure_ascii = false;
  bool has_indent = false;
  std::string_view indent = {};
  std::string_view item_separator = ", ", key_separator = ": ";
  bool sort_keys = false;
};
Value to_json(Machine& machine, const Value& value, const JsonOptions& options);

}  // namespace quern::detail::jinja
