#pragma once
// What templates find by name: filters, tests, functions and methods. All tables are sorted by name.
#include <span>
#include <string_view>

#include "src/chat/value.h"

namespace quern::detail::jinja {

/// Null: there is none of that name.
const Filter* find_filter(std::string_view name);
const Test* find_test(std::string_view name);
/// The names that every template starts with.
std::span<const Function> functions();

const BuiltinMethod* find_string_method(std::string_view name);
const BuiltinMethod* find_sequence_method(std::string_view name);
const BuiltinMethod* find_dict_method(std::string_view name);
const BuiltinMethod* find_cycler_method(std::string_view name);
const BuiltinMethod* find_loop_method(std::string_view name);
/// Methods of lists and dicts that would change them.
bool is_forbidden_method(Kind kind, std::string_view name);

}  // namespace quern::detail::jinja
