#pragma once
// Filters that put items in order.
#include "src/chat/machine.h"

namespace quern::detail::jinja {

/// An item's attribute by a dotted name ("function.name") or a number. Undefined if there is none.
Value attribute_path(Machine& machine, const Value& value, const Value& path);

Value apply_dictsort(Machine& machine, const Value& value, const Arguments& given);
Value apply_groupby(Machine& machine, const Value& value, const Arguments& given);
Value apply_max(Machine& machine, const Value& value, const Arguments& given);
Value apply_min(Machine& machine, const Value& value, const Arguments& given);
Value apply_sort(Machine& machine, const Value& value, const Arguments& given);
Value apply_unique(Machine& machine, const Value& value, const Arguments& given);

}  // namespace quern::detail::jinja
