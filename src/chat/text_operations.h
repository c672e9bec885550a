#pragma once
// What filters and methods of strings share. All take and give strings.
#include "src/chat/machine.h"

namespace quern::detail::jinja {

/// As std::string_view's find and rfind, with the steps that long needles cost.
std::size_t find(Machine& machine, std::string_view text, std::string_view part, std::size_t from = 0);
std::size_t find_last(Machine& machine, std::string_view text, std::string_view part);

enum class Side : std::uint8_t { both, left, right };
/// Without white space at the ends, or without the characters of the set.
Value stripped(Machine& machine, const Value& text, const Value* set, Side side);
/// count < 0: all.
Value replaced(Machine& machine, const Value& text, const Value& from, const Value& to, std::int64_t count);

Value upper(Machine& machine, const Value& text);
Value lower(Machine& machine, const Value& text);
Value title(Machine& machine, const Value& text);
/// The first letter upper, the others lower.
Value capitalized(Machine& machine, const Value& text);
/// In the middle of a field of so many characters.
Value centred(Machine& machine, const Value& text, std::int64_t width, const Value& fill);
/// In the order of the items, with the separator between.
Value joined(Machine& machine, const Value& separator, const Walk& items, bool only_strings);

}  // namespace quern::detail::jinja
