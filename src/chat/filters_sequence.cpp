// Filters of sequences and dicts.
#include <algorithm>

#include "formats/try.h"
#include "src/chat/arguments.h"
#include "src/chat/filters.h"
#include "src/chat/operators.h"
#include "src/chat/print.h"
#include "src/chat/sorting.h"
#include "src/chat/text.h"
#include "src/chat/text_operations.h"

namespace quern::detail::jinja {
namespace {

using formats::cat;

Value apply_batch(Machine& m, const Value& value, Given given) {
  const Parameters<2> p(m, given, "batch", {"linecount", "fill_with"});
  p.required(0);
  const std::int64_t size = p.integer(0, 0);
  if (size < 1) m.fail_type("batch: the number of items is below 1");
  Values lines = m.values(), line = m.values();
  const Values items = m.items(value);
  for (const Value& item : items) {
    if (static_cast<std::int64_t>(line.size()) == size) {
      lines.push_back(m.list(line));
      line.clear();
    }
    line.push_back(item);
  }
  if (!line.empty()) {
    if (p[1] != nullptr && !p[1]->is_none()) {
      const std::size_t n = m.checked_width(size, "number of items");
      m.step(n);
      line.resize(std::max(n, line.size()), *p[1]);
    }
    lines.push_back(m.list(line));
  }
  return m.lazy(lines);
}

/// So many lists of nearly equal size; all but the longer ones end with the filling, even where none is
/// longer.
Value apply_slice(Machine& m, const Value& value, Given given) {
  const Parameters<2> p(m, given, "slice", {"slices", "fill_with"});
  p.required(0);
  const auto n = static_cast<std::int64_t>(m.checked_width(p.integer(0, 0), "number of slices"));
  if (n < 1) m.fail(FailureKind::arithmetic, "slice: the number of slices is below 1");
  const Values items = m.items(value);
  const auto size = static_cast<std::int64_t>(items.size());
  const std::int64_t each = size / n, longer = size % n;
  Values parts = m.values();
  auto next = items.begin();
  m.step(static_cast<std::uint64_t>(n));
  for (std::int64_t i = 0; i < n; ++i) {
    Values part = m.values();
    part.assign(next, next + each + (i < longer ? 1 : 0));
    next += each + (i < longer ? 1 : 0);
    if (p[1] != nullptr && !p[1]->is_none() && i >= longer) part.push_back(*p[1]);
    parts.push_back(m.list(part));
  }
  return m.lazy(parts);
}

Value apply_first(Machine& m, const Value& value, Given given) {
  const Parameters<0> none(m, given, "first", {});
  if (value.is_string() && value.n > 0) {
    Value character = value.part(0, first_bytes(value.text()));
    character.flags = static_cast<std::uint8_t>(character.flags & ~Value::is_safe);  // as in a loop
    return character;
  }
  if (value.kind == Kind::lazy) {
    Lazy& lazy = *value.lazy;
    return lazy.next < lazy.n ? lazy.items[lazy.next++] : Value();
  }
  const Walk walk = m.walk(value);
  return walk.n == 0 ? Value() : walk.at(0);
}
Value apply_last(Machine& m, const Value& value, Given given) {
  const Parameters<0> none(m, given, "last", {});
  if (value.is_string())
    return value.n == 0 ? Value() : value.part(value.n - last_bytes(value.text()), last_bytes(value.text()));
  if (value.kind == Kind::lazy) m.fail_type("last: found a lazy sequence, expected a list");
  const Walk walk = m.walk(value);
  return walk.n == 0 ? Value() : walk.at(walk.n - 1);
}

Value apply_items(Machine& m, const Value& value, Given given) {
  const Parameters<0> none(m, given, "items", {});
  Values pairs = m.values();
  if (value.is_undefined()) return m.lazy(pairs);
  if (value.kind != Kind::dict) m.fail_type(cat("items: found ", kind_name(value), ", expected a dict"));
  m.step(value.n);
  for (std::uint32_t i = 0; i < value.n; ++i)
    pairs.push_back(m.pair(value.entries[i].key, value.entries[i].value));
  return m.lazy(pairs);
}

Value apply_join(Machine& m, const Value& value, Given given) {
  const Parameters<2> p(m, given, "join", {"d", "attribute"});
  const Value separator = p[0] == nullptr ? Value::string("") : text_of(m, *p[0]);
  Walk items = m.walk(value);
  if (p[1] != nullptr && !p[1]->is_none()) {
    Values parts = m.values();
    for (std::uint32_t i = 0; i < items.n; ++i) parts.push_back(attribute_path(m, items.at(i), *p[1]));
    const Value all = m.list(parts);
    items = m.walk(all);
  }
  return joined(m, separator, items, false);
}

Value apply_length(Machine& m, const Value& value, Given given) {
  const Parameters<0> none(m, given, "length", {});
  switch (value.kind) {
    case Kind::undefined: return Value::integer(0);
    case Kind::string:
      m.step_bytes(value.n);
      return Value::integer(static_cast<std::int64_t>(count_codes(value.text())));
    case Kind::list:
    case Kind::tuple:
    case Kind::dict: return Value::integer(value.n);
    case Kind::range: return Value::integer(value.range->n);
    case Kind::view: return Value::integer(value.view->dict.n);
    case Kind::loop: return Value::integer(value.loop->walk.n);
    default: m.fail_type(cat("length: found ", kind_name(value), ", which has none"));
  }
}

Value apply_list(Machine& m, const Value& value, Given given) {
  const Parameters<0> none(m, given, "list", {});
  const Walk walk = m.walk(value);
  if (walk.range == nullptr) return Value::sequence(Kind::list, walk.items, walk.n);
  return m.list(m.items(value));
}

/// What map and its like walk: nothing for any value that is false, none and 0 too.
Walk walk_if_true(Machine& m, const Value& value) { return is_true(value) ? m.walk(value) : Walk{}; }

/// map('filter', ...) or map(attribute=..., default=...).
Value apply_map(Machine& m, const Value& value, Given given) {
  Values out = m.values();
  const Walk items = walk_if_true(m, value);
  if (given.n == 0) {
    const Parameters<2> p(m, given, "map", {"attribute", "default"});
    for (std::uint32_t i = 0; i < items.n; ++i) {
      const Value found = attribute_path(m, items.at(i), p.required(0));
      out.push_back(found.is_undefined() && p[1] != nullptr ? *p[1] : found);
    }
    return m.lazy(out);
  }
  if (!given.positional[0].is_string()) m.fail_type("map: the name of the filter is no string");
  const Filter& filter = m.filter(given.positional[0].text());
  Arguments rest = given;
  ++rest.positional;
  --rest.n;
  for (std::uint32_t i = 0; i < items.n; ++i) {
    m.step();
    out.push_back(filter.apply(m, items.at(i), rest));
  }
  return m.lazy(out);
}

/// select, reject, selectattr, rejectattr: keeps the items for which the test (without one: the truth) is
/// `wanted`.
Value selected(Machine& m, const Value& value, Given given, std::string_view name, bool by_attribute,
               bool wanted) {
  Values out = m.values();
  const Walk items = walk_if_true(m, value);
  Arguments rest = given;
  const auto take = [&]() -> const Value* {
    if (rest.n == 0) return nullptr;
    --rest.n;
    return rest.positional++;
  };
  const Value* const attribute = by_attribute ? take() : nullptr;
  if (by_attribute && attribute == nullptr) m.fail_type(cat(name, ": the attribute was not given"));
  const Value* const test_name = take();
  if (test_name != nullptr && !test_name->is_string())
    m.fail_type(cat(name, ": the name of the test is no string"));
  const Test* const test = test_name == nullptr ? nullptr : &m.test(test_name->text());
  for (std::uint32_t i = 0; i < items.n; ++i) {
    m.step();
    const Value item = items.at(i);
    const Value looked_at = by_attribute ? attribute_path(m, item, *attribute) : item;
    const bool holds = test == nullptr ? is_true(looked_at) : test->holds(m, looked_at, rest);
    if (holds == wanted) out.push_back(item);
  }
  return m.lazy(out);
}
Value apply_select(Machine& m, const Value& v, Given given) {
  return selected(m, v, given, "select", false, true);
}
Value apply_reject(Machine& m, const Value& v, Given given) {
  return selected(m, v, given, "reject", false, false);
}
Value apply_selectattr(Machine& m, const Value& v, Given given) {
  return selected(m, v, given, "selectattr", true, true);
}
Value apply_rejectattr(Machine& m, const Value& v, Given given) {
  return selected(m, v, given, "rejectattr", true, false);
}

Value apply_reverse(Machine& m, const Value& value, Given given) {
  const Parameters<0> none(m, given, "reverse", {});
  if (value.is_string()) return slice(m, value, Value::none(), Value::none(), Value::integer(-1));
  Values items = m.items(value);
  std::ranges::reverse(items);
  return m.lazy(items);
}

Value apply_sum(Machine& m, const Value& value, Given given) {
  const Parameters<2> p(m, given, "sum", {"attribute", "start"});
  Value sum = p[1] == nullptr ? Value::integer(0) : *p[1];
  const Walk items = m.walk(value);
  for (std::uint32_t i = 0; i < items.n; ++i) {
    m.step();
    const bool by_attribute = p[0] != nullptr && !p[0]->is_none();
    sum = add(m, sum, by_attribute ? attribute_path(m, items.at(i), *p[0]) : items.at(i));
  }
  return sum;
}

constexpr Filter sequence_table[] = {
    {"batch", apply_batch},     {"count", apply_length},    {"dictsort", apply_dictsort},
    {"first", apply_first},     {"groupby", apply_groupby}, {"items", apply_items},
    {"join", apply_join},       {"last", apply_last},       {"length", apply_length},
    {"list", apply_list},       {"map", apply_map},         {"max", apply_max},
    {"min", apply_min},         {"reject", apply_reject},   {"rejectattr", apply_rejectattr},
    {"reverse", apply_reverse}, {"select", apply_select},   {"selectattr", apply_selectattr},
    {"slice", apply_slice},     {"sort", apply_sort},       {"sum", apply_sum},
    {"unique", apply_unique},
};

}  // namespace

std::span<const Filter> sequence_filters() { return sequence_table; }

}  // namespace quern::detail::jinja
