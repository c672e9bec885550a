// value.name, value[index], value[start:stop:step].
#include <algorithm>

#include "formats/try.h"
#include "src/chat/builtins.h"
#include "src/chat/machine.h"
#include "src/chat/operators.h"
#include "src/chat/text.h"

namespace quern::detail::jinja {

using formats::cat;

namespace {

Value loop_attribute(const Loop& loop, std::string_view name) {
  const std::uint32_t i = loop.index, n = loop.walk.n;
  const auto number = [](std::uint32_t x) { return Value::integer(x); };
  if (name == "index") return number(i + 1);
  if (name == "index0") return number(i);
  if (name == "first") return Value::boolean(i == 0);
  if (name == "last") return Value::boolean(i + 1 == n);
  if (name == "length") return number(n);
  if (name == "revindex") return number(n - i);
  if (name == "revindex0") return number(n - i - 1);
  if (name == "depth") return number(loop.depth);
  if (name == "depth0") return number(loop.depth - 1);
  if (name == "previtem" && i > 0) return loop.walk.at(i - 1);
  if (name == "nextitem" && i + 1 < n) return loop.walk.at(i + 1);
  return {};
}

const BuiltinMethod* find_method(const Value& value, std::string_view name) {
  switch (value.kind) {
    case Kind::string: return find_string_method(name);
    case Kind::list:
    case Kind::tuple: return find_sequence_method(name);
    case Kind::dict: return find_dict_method(name);
    case Kind::cycler: return find_cycler_method(name);
    case Kind::loop: return find_loop_method(name);
    default: return nullptr;
  }
}

/// A method or property of the value; undefined if there is none.
Value member(Machine& machine, const Value& value, std::string_view name) {
  if (const BuiltinMethod* const method = find_method(value, name)) {
    Value bound = Value::of(Kind::method);
    bound.method = machine.arena().make(Method{value, method});
    return bound;
  }
  if (value.kind == Kind::loop) return loop_attribute(*value.loop, name);
  if (value.kind == Kind::cycler && name == "current") return value.cycler->items[value.cycler->next];
  if (value.kind == Kind::macro && name == "name") return Value::string(value.macro->syntax->name);
  if ((value.flags & Value::is_group) != 0 && name == "grouper") return value.items[0];
  if ((value.flags & Value::is_group) != 0 && name == "list") return value.items[1];
  Value none;
  if (is_forbidden_method(value.kind, name)) none.flags = Value::is_forbidden;
  return none;
}

const Value* entry(Machine& machine, const Entry* entries, std::uint32_t n, const Value& key) {
  if (key.is_string()) {
    const std::string_view text = key.text();
    for (std::uint32_t i = 0; i < n; ++i) {
      const Value& candidate = entries[i].key;
      if (!candidate.is_string() || candidate.n != key.n) continue;
      machine.step_bytes(key.n);
      if (candidate.text() == text) {
        machine.step(i / 8);
        return &entries[i].value;
      }
    }
    machine.step(n / 8);
    return nullptr;
  }
  for (std::uint32_t i = 0; i < n; ++i)
    if (equal(machine, entries[i].key, key)) return &entries[i].value;
  return nullptr;
}

/// The item at an index that may count from the end; undefined outside.
Value indexed(Machine& machine, const Value& value, std::int64_t index) {
  const auto size = [&]() -> std::int64_t {
    if (value.is_string()) return static_cast<std::int64_t>(count_codes(value.text()));
    return value.kind == Kind::range ? value.range->n : value.n;
  };
  if (value.is_string()) machine.step_bytes(value.n);
  if (index < 0) index += size();
  if (index < 0 || index >= size()) return {};
  if (value.kind == Kind::range) return Value::integer(value.range->at(index));
  if (!value.is_string()) return value.items[index];
  const std::size_t at = byte_of_code(value.text(), static_cast<std::size_t>(index));
  return value.part(at, first_bytes(value.text().substr(at, 4)));
}

bool is_indexed(const Value& value) {
  return value.is_string() || value.is_sequence() || value.kind == Kind::range;
}

/// Bounds of a slice as Python adjusts them.
struct Bounds {
  std::int64_t start, stop, step, n;
};
Bounds bounds(Machine& machine, std::int64_t size, const Value& start, const Value& stop, const Value& step) {
  const auto number = [&](const Value& value, std::int64_t fallback) {
    if (value.is_none()) return fallback;
    machine.refuse_undefined(value);
    if (!value.is_integral()) machine.fail_type(cat("found ", kind_name(value), " as a slice's bound"));
    return value.as_integer();
  };
  Bounds b{};
  b.step = number(step, 1);
  if (b.step == 0) machine.fail_type("found a slice's step of 0");
  b.step = std::clamp(b.step, -size - 1, size + 1);  // a larger one takes one item just the same
  const bool back = b.step < 0;
  const auto clamped = [&](std::int64_t i) {
    if (i < 0) i = std::max<std::int64_t>(i, -size - 1) + size;
    return std::clamp<std::int64_t>(i, back ? -1 : 0, back ? size - 1 : size);
  };
  b.start = start.is_none() ? (back ? size - 1 : 0) : clamped(number(start, 0));
  b.stop = stop.is_none() ? (back ? -1 : size) : clamped(number(stop, 0));
  if (back)
    b.n = b.start > b.stop ? (b.start - b.stop - 1) / -b.step + 1 : 0;
  else
    b.n = b.stop > b.start ? (b.stop - b.start - 1) / b.step + 1 : 0;
  return b;
}

Value string_slice(Machine& machine, const Value& value, const Value& start, const Value& stop,
                   const Value& step) {
  const std::string_view text = value.text();
  machine.step_bytes(text.size());
  const Bounds b = bounds(machine, static_cast<std::int64_t>(count_codes(text)), start, stop, step);
  if (b.n == 0) return value.part(0, 0);
  if (b.step == 1) {
    const std::size_t begin = byte_of_code(text, static_cast<std::size_t>(b.start));
    return value.part(begin, byte_of_code(text.substr(begin), static_cast<std::size_t>(b.n)));
  }
  const Walk letters = machine.walk(value);
  TextBuilder out(machine);
  for (std::int64_t i = 0; i < b.n; ++i)
    out.append(letters.at(static_cast<std::uint32_t>(b.start + i * b.step)));
  return out.value(static_cast<std::uint8_t>(value.flags & Value::is_safe));
}

}  // namespace

Value Machine::attribute(const Value& value, std::string_view name) {
  refuse_undefined(value);
  const Value key = Value::string(name);
  if (value.kind == Kind::name_space) {
    const Value* const found = entry(*this, value.name_space->items, value.name_space->n, key);
    return found == nullptr ? Value() : *found;
  }
  const Value found = name.starts_with('_') ? Value() : member(*this, value, name);
  if (!found.is_undefined() || (found.flags & Value::is_forbidden) != 0 || value.kind != Kind::dict)
    return found;
  const Value* const item = entry(*this, value.entries, value.n, key);
  return item == nullptr ? Value() : *item;
}

Value Machine::item(const Value& value, const Value& index) {
  refuse_undefined(value);
  if (value.kind == Kind::dict) {
    if (const Value* const found = entry(*this, value.entries, value.n, index)) return *found;
  } else if (value.kind == Kind::name_space) {
    const Value* const found = entry(*this, value.name_space->items, value.name_space->n, index);
    return found == nullptr ? Value() : *found;
  } else if (is_indexed(value) && index.is_integral()) {
    return indexed(*this, value, index.as_integer());
  }
  if (!index.is_string() || index.text().starts_with('_')) return {};
  return member(*this, value, index.text());
}

void Machine::set_attribute(Namespace& space, const Value& key, const Value& value) {
  if (const Value* const found = entry(*this, space.items, space.n, key)) {
    *const_cast<Value*>(found) = value;  // the namespace's own entry
    return;
  }
  if (space.n == space.capacity) {
    const std::uint32_t capacity = std::max<std::uint32_t>(4, 2 * space.capacity);
    Entry* const items = arena_.array<Entry>(capacity);
    std::copy_n(space.items, space.n, items);
    space.items = items;
    space.capacity = capacity;
  }
  space.items[space.n++] = {key, value};
}

Value slice(Machine& machine, const Value& value, const Value& start, const Value& stop, const Value& step) {
  machine.refuse_undefined(value);
  if (value.is_string()) return string_slice(machine, value, start, stop, step);
  if (value.kind == Kind::range) {
    const Bounds b = bounds(machine, value.range->n, start, stop, step);
    Value part = Value::of(Kind::range);
    part.range = machine.arena().make(
        Range{value.range->at(b.start), value.range->at(b.stop), value.range->step * b.step, b.n});
    return part;
  }
  if (!value.is_sequence()) {
    if (value.is_none()) return {};
    machine.fail_type(cat("found a slice of ", kind_name(value), ", expected a string or list"));
  }
  const Bounds b = bounds(machine, value.n, start, stop, step);
  if (b.step == 1) return Value::sequence(value.kind, value.items + b.start, static_cast<std::uint32_t>(b.n));
  machine.step(static_cast<std::uint64_t>(b.n));
  Value* const items = machine.arena().array<Value>(static_cast<std::size_t>(b.n));
  for (std::int64_t i = 0; i < b.n; ++i) items[i] = value.items[b.start + i * b.step];
  return Value::sequence(value.kind, items, static_cast<std::uint32_t>(b.n));
}

}  // namespace quern::detail::jinja
