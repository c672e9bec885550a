#include "src/chat/operators.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "formats/try.h"
#include "src/chat/escape.h"
#include "src/chat/format.h"
#include "src/chat/text_operations.h"

namespace quern::detail::jinja {

using formats::cat;

const char* kind_name(const Value& value) {
  switch (value.kind) {
    case Kind::undefined: return "an undefined value";
    case Kind::none: return "none";
    case Kind::boolean: return "a boolean";
    case Kind::integer:
    case Kind::big_integer: return "a whole number";
    case Kind::floating: return "a float";
    case Kind::string: return "a string";
    case Kind::list: return "a list";
    case Kind::tuple: return "a tuple";
    case Kind::dict: return "a dict";
    case Kind::range: return "a range";
    case Kind::view: return "a dict's view";
    case Kind::lazy: return "a lazy sequence";
    case Kind::name_space: return "a namespace";
    case Kind::macro: return "a macro";
    case Kind::method: return "a method";
    case Kind::function: return "a function";
    case Kind::loop: return "a loop";
    case Kind::cycler: return "a cycler";
    case Kind::joiner: return "a joiner";
  }
  return "";
}

bool is_true(const Value& value) {
  switch (value.kind) {
    case Kind::undefined:
    case Kind::none: return false;
    case Kind::boolean: return value.b;
    case Kind::integer: return value.i != 0;
    case Kind::floating: return value.f != 0;
    case Kind::string:
    case Kind::list:
    case Kind::tuple:
    case Kind::dict: return value.n != 0;
    case Kind::range: return value.range->n != 0;
    case Kind::view: return value.view->dict.n != 0;
    case Kind::loop: return value.loop->walk.n != 0;
    default: return true;
  }
}

// ---- equality and order ----

namespace {

bool equal_numbers(const Value& a, const Value& b) {
  if (a.is_integral() && b.is_integral()) return a.as_integer() == b.as_integer();
  return a.as_double() == b.as_double();
}

bool equal_items(Machine& machine, const Walk& a, const Walk& b, std::size_t depth) {
  if (a.n != b.n) return false;
  for (std::uint32_t i = 0; i < a.n; ++i)
    if (!equal(machine, a.at(i), b.at(i), depth)) return false;
  return true;
}

bool equal_dicts(Machine& machine, const Value& a, const Value& b, std::size_t depth) {
  if (a.n != b.n) return false;
  for (std::uint32_t i = 0; i < a.n; ++i) {
    const Value* other = nullptr;
    // Dicts that are compared mostly have their keys in the same order.
    for (std::uint32_t k = 0; k < b.n && other == nullptr; ++k) {
      const Entry& entry = b.entries[(i + k) % b.n];
      if (equal(machine, a.entries[i].key, entry.key, depth)) other = &entry.value;
    }
    if (other == nullptr || !equal(machine, a.entries[i].value, *other, depth)) return false;
  }
  return true;
}

}  // namespace

bool equal(Machine& machine, const Value& a, const Value& b, std::size_t depth) {
  machine.step();
  machine.check_depth(depth);
  if (a.is_number() && b.is_number()) return equal_numbers(a, b);
  if (a.kind != b.kind) return false;
  switch (a.kind) {
    case Kind::undefined:
    case Kind::none: return true;
    case Kind::string:
    case Kind::big_integer: machine.step_bytes(std::min(a.n, b.n)); return a.text() == b.text();
    case Kind::list:
    case Kind::tuple:
      return equal_items(machine, {.items = a.items, .n = a.n}, {.items = b.items, .n = b.n}, depth + 1);
    case Kind::range: return equal_items(machine, machine.walk(a), machine.walk(b), depth + 1);
    case Kind::dict: return equal_dicts(machine, a, b, depth + 1);
    default: return a.i == b.i;  // the same object
  }
}

int order(Machine& machine, const Value& a, const Value& b, std::size_t depth) {
  machine.step();
  machine.check_depth(depth);
  machine.refuse_undefined(a);
  machine.refuse_undefined(b);
  if (a.is_integral() && b.is_integral())
    return a.as_integer() < b.as_integer() ? -1 : a.as_integer() > b.as_integer();
  if (a.is_number() && b.is_number())
    return a.as_double() < b.as_double() ? -1 : a.as_double() > b.as_double();
  if (a.is_string() && b.is_string()) {
    machine.step_bytes(std::min(a.n, b.n));
    return a.text().compare(b.text());  // the order of UTF-8's bytes is that of the code points
  }
  if (!a.is_sequence() || a.kind != b.kind)
    machine.fail_type(cat("found ", kind_name(a), " and ", kind_name(b), ", which have no order"));
  for (std::uint32_t i = 0; i < std::min(a.n, b.n); ++i)
    if (!equal(machine, a.items[i], b.items[i], depth + 1))
      return order(machine, a.items[i], b.items[i], depth + 1);
  return a.n < b.n ? -1 : a.n > b.n;
}

bool contains(Machine& machine, const Value& container, const Value& item) {
  switch (container.kind) {
    case Kind::undefined: return false;
    case Kind::string:
      if (!item.is_string())
        machine.fail_type(cat("found ", kind_name(item), " before 'in', expected a string"));
      return find(machine, container.text(), item.text()) != std::string_view::npos;
    case Kind::dict:
      for (std::uint32_t i = 0; i < container.n; ++i)
        if (equal(machine, container.entries[i].key, item)) return true;
      return false;
    case Kind::range: {
      const Range& range = *container.range;
      if (!item.is_number() || range.n == 0) return false;
      const double steps =
          (item.as_double() - static_cast<double>(range.start)) / static_cast<double>(range.step);
      return steps >= 0 && steps < static_cast<double>(range.n) && steps == std::floor(steps);
    }
    case Kind::list:
    case Kind::tuple:
    case Kind::view:
    case Kind::lazy: {
      const Walk walk = machine.walk(container);
      for (std::uint32_t i = 0; i < walk.n; ++i)
        if (equal(machine, walk.at(i), item)) return true;
      return false;
    }
    default:
      machine.fail_type(cat("found ", kind_name(container), " after 'in', expected something with items"));
  }
}

bool holds(Machine& machine, Comparison comparison, const Value& a, const Value& b) {
  const bool has_nan =
      (a.kind == Kind::floating && std::isnan(a.f)) || (b.kind == Kind::floating && std::isnan(b.f));
  switch (comparison) {
    case Comparison::equal: return equal(machine, a, b);
    case Comparison::not_equal: return !equal(machine, a, b);
    case Comparison::less: return order(machine, a, b) < 0 && !has_nan;
    case Comparison::less_equal: return order(machine, a, b) <= 0 && !has_nan;
    case Comparison::greater: return order(machine, a, b) > 0 && !has_nan;
    case Comparison::greater_equal: return order(machine, a, b) >= 0 && !has_nan;
    case Comparison::in: return contains(machine, b, a);
    case Comparison::not_in: return !contains(machine, b, a);
  }
  return false;
}

// ---- arithmetic ----

namespace {

const char* op_symbol(Op op) {
  switch (op) {
    case Op::add: return "+";
    case Op::subtract: return "-";
    case Op::multiply: return "*";
    case Op::divide: return "/";
    case Op::floor_divide: return "//";
    case Op::modulo: return "%";
    default: return "**";
  }
}

[[noreturn]] void fail_overflow(Machine& machine) {
  machine.fail(FailureKind::arithmetic, "the result is a whole number beyond 64 bits");
}

Value float_power(Machine& machine, double base, double exponent) {
  const double result = std::pow(base, exponent);
  if (!std::isfinite(result) && std::isfinite(base) && std::isfinite(exponent))
    machine.fail(FailureKind::arithmetic, "the power is no finite number");
  return Value::floating(result);
}

Value integer_power(Machine& machine, std::int64_t base, std::int64_t exponent) {
  std::int64_t result = 1;
  for (bool more = true; exponent > 0; exponent >>= 1) {
    if (!more) fail_overflow(machine);
    if ((exponent & 1) != 0 && __builtin_mul_overflow(result, base, &result)) fail_overflow(machine);
    more = !__builtin_mul_overflow(base, base, &base);
  }
  return Value::integer(result);
}

Value integers(Machine& machine, Op op, std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  switch (op) {
    case Op::add:
      if (__builtin_add_overflow(a, b, &result)) fail_overflow(machine);
      return Value::integer(result);
    case Op::subtract:
      if (__builtin_sub_overflow(a, b, &result)) fail_overflow(machine);
      return Value::integer(result);
    case Op::multiply:
      if (__builtin_mul_overflow(a, b, &result)) fail_overflow(machine);
      return Value::integer(result);
    case Op::floor_divide:
      if (b == -1) return integers(machine, Op::subtract, 0, a);
      return Value::integer(a / b - ((a % b != 0 && (a < 0) != (b < 0)) ? 1 : 0));
    case Op::modulo:
      if (b == -1) return Value::integer(0);
      return Value::integer(a % b + ((a % b != 0 && (a < 0) != (b < 0)) ? b : 0));
    case Op::power:
      if (b >= 0) return integer_power(machine, a, b);
      [[fallthrough]];
    default: break;
  }
  const double x = static_cast<double>(a), y = static_cast<double>(b);
  return op == Op::divide ? Value::floating(x / y) : float_power(machine, x, y);
}

Value floats(Machine& machine, Op op, double a, double b) {
  switch (op) {
    case Op::add: return Value::floating(a + b);
    case Op::subtract: return Value::floating(a - b);
    case Op::multiply: return Value::floating(a * b);
    case Op::divide: return Value::floating(a / b);
    case Op::power: return float_power(machine, a, b);
    default: break;
  }
  // Towards minus infinity: the remainder has the divisor's sign.
  double remainder = std::fmod(a, b);
  if (remainder != 0 && (remainder < 0) != (b < 0)) remainder += b;
  if (op == Op::modulo) return Value::floating(remainder == 0 ? std::copysign(0.0, b) : remainder);
  // A whole number but for rounding; a half goes down, as in Python.
  const double quotient = (a - remainder) / b, down = std::floor(quotient);
  const double whole = quotient - down > 0.5 ? down + 1 : down;
  return Value::floating(whole == 0 ? std::copysign(0.0, a / b) : whole);
}

Value repeated(Machine& machine, const Value& what, std::int64_t times) {
  const std::uint64_t count = times < 0 ? 0 : static_cast<std::uint64_t>(times);
  const std::uint64_t most = std::uint64_t{1} << 31;
  if (what.n != 0 && count > most / what.n)
    machine.fail(FailureKind::limit_memory, "a repetition of more than 2 GiB");
  const std::uint64_t n = count * what.n;
  machine.step(n / 64 + count / 8);
  if (what.is_string()) {
    char* const bytes = machine.arena().array<char>(n);
    for (std::uint64_t i = 0; i < n; i += what.n) std::memcpy(bytes + i, what.s, what.n);
    return Value::string({bytes, n}, static_cast<std::uint8_t>((what.has_data() ? Value::is_data : 0) |
                                                               (what.flags & Value::is_safe)));
  }
  machine.step(n / 4);
  Value* const items = machine.arena().array<Value>(n);
  for (std::uint64_t i = 0; i < n; ++i) items[i] = what.items[i % what.n];
  return Value::sequence(what.kind, items, static_cast<std::uint32_t>(n));
}

}  // namespace

Value add(Machine& machine, const Value& a, const Value& b) {
  if (a.is_string() && b.is_string()) {
    if (!a.safe() && !b.safe()) return machine.concatenated(a, b);
    Value sum = machine.concatenated(a.safe() ? a : escaped(machine, a), b.safe() ? b : escaped(machine, b));
    sum.flags |= Value::is_safe;
    return sum;
  }
  if (a.is_sequence() && a.kind == b.kind) return machine.joined_lists(a, b);
  return arithmetic(machine, Op::add, a, b);
}

Value arithmetic(Machine& machine, Op op, const Value& a, const Value& b) {
  if (op == Op::modulo && a.is_string()) return percent_formatted(machine, a, b);
  machine.refuse_undefined(a);
  machine.refuse_undefined(b);
  if (op == Op::multiply) {
    const bool left = a.is_string() || a.is_sequence(), right = b.is_string() || b.is_sequence();
    if (left && b.is_integral()) return repeated(machine, a, b.as_integer());
    if (right && a.is_integral()) return repeated(machine, b, a.as_integer());
  }
  if (a.kind == Kind::big_integer || b.kind == Kind::big_integer) fail_overflow(machine);
  if (!a.is_number() || !b.is_number())
    machine.fail_type(cat("found ", kind_name(a), " ", op_symbol(op), " ", kind_name(b)));
  const bool divides = op == Op::divide || op == Op::floor_divide || op == Op::modulo;
  const bool by_zero =
      divides ? b.as_double() == 0 : op == Op::power && a.as_double() == 0 && b.as_double() < 0;
  if (by_zero) machine.fail(FailureKind::arithmetic, "division by zero");
  if (a.is_integral() && b.is_integral()) return integers(machine, op, a.as_integer(), b.as_integer());
  return floats(machine, op, a.as_double(), b.as_double());
}

Value negated(Machine& machine, const Value& value) {
  machine.refuse_undefined(value);
  if (value.kind == Kind::floating) return Value::floating(-value.f);
  if (!value.is_integral())
    machine.fail_type(cat("found ", kind_name(value), " after '-', expected a number"));
  return integers(machine, Op::subtract, 0, value.as_integer());
}

}  // namespace quern::detail::jinja
