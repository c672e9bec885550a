#pragma once
// What operators do with values.
#include "src/chat/machine.h"

namespace quern::detail::jinja {

bool is_true(const Value& value);
bool equal(Machine& machine, const Value& a, const Value& b, std::size_t depth = 0);
/// Negative, zero or positive. Failures type, undefined for what has no order.
int order(Machine& machine, const Value& a, const Value& b, std::size_t depth = 0);
bool contains(Machine& machine, const Value& container, const Value& item);
bool holds(Machine& machine, Comparison comparison, const Value& a, const Value& b);

Value arithmetic(Machine& machine, Op op, const Value& a, const Value& b);
Value add(Machine& machine, const Value& a, const Value& b);
Value negated(Machine& machine, const Value& value);

Value slice(Machine& machine, const Value& value, const Value& start, const Value& stop, const Value& step);

/// "a string", "none"..., for messages.
const char* kind_name(const Value& value);

}  // namespace quern::detail::jinja
