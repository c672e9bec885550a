// Tests: {{ value is name(arguments) }}.
#include <algorithm>

#include "formats/try.h"
#include "src/chat/arguments.h"
#include "src/chat/builtins.h"
#include "src/chat/operators.h"
#include "src/chat/print.h"
#include "src/chat/text_operations.h"

namespace quern::detail::jinja {
namespace {

using formats::cat;

template <Kind kind>
bool is_kind(Machine& m, const Value& value, Given given) {
  expect_none(m, given, "test");
  return value.kind == kind;
}

bool is_boolean(Machine& m, const Value& value, Given given) {
  return is_kind<Kind::boolean>(m, value, given);
}
bool is_callable(Machine& m, const Value& value, Given given) {
  expect_none(m, given, "callable");
  switch (value.kind) {
    case Kind::undefined:
    case Kind::macro:
    case Kind::method:
    case Kind::function:
    case Kind::loop:
    case Kind::joiner: return true;
    default: return false;
  }
}
bool is_defined(Machine& m, const Value& value, Given given) {
  expect_none(m, given, "defined");
  return !value.is_undefined();
}
bool is_divisible(Machine& m, const Value& value, Given given) {
  const Parameters<1> p(m, given, "divisibleby", {"num"});
  const Value rest = arithmetic(m, Op::modulo, value, p.required(0));
  return equal(m, rest, Value::integer(0));
}
bool is_escaped(Machine& m, const Value& value, Given given) {
  expect_none(m, given, "escaped");
  return value.is_string() && value.safe();
}
bool is_parity(Machine& m, const Value& value, std::int64_t parity) {
  return equal(m, arithmetic(m, Op::modulo, value, Value::integer(2)), Value::integer(parity));
}
bool is_even(Machine& m, const Value& value, Given given) {
  expect_none(m, given, "even");
  return is_parity(m, value, 0);
}
bool is_odd(Machine& m, const Value& value, Given given) {
  expect_none(m, given, "odd");
  return is_parity(m, value, 1);
}
bool is_false(Machine& m, const Value& value, Given given) {
  expect_none(m, given, "false");
  return value.kind == Kind::boolean && !value.b;
}
bool is_true_itself(Machine& m, const Value& value, Given given) {
  expect_none(m, given, "true");
  return value.kind == Kind::boolean && value.b;
}
bool is_filter(Machine& m, const Value& value, Given given) {
  expect_none(m, given, "filter");
  return value.is_string() && find_filter(value.text()) != nullptr;
}
bool is_test(Machine& m, const Value& value, Given given) {
  expect_none(m, given, "test");
  return value.is_string() && find_test(value.text()) != nullptr;
}
bool is_in(Machine& m, const Value& value, Given given) {
  const Parameters<1> p(m, given, "in", {"seq"});
  return contains(m, p.required(0), value);
}
bool is_integer(Machine& m, const Value& value, Given given) {
  expect_none(m, given, "integer");
  return value.kind == Kind::integer || value.kind == Kind::big_integer;
}
bool is_iterable(Machine& m, const Value& value, Given given) {
  expect_none(m, given, "iterable");
  switch (value.kind) {
    case Kind::undefined:
    case Kind::string:
    case Kind::list:
    case Kind::tuple:
    case Kind::dict:
    case Kind::range:
    case Kind::view:
    case Kind::lazy:
    case Kind::loop: return true;
    default: return false;
  }
}
bool is_sequence(Machine& m, const Value& value, Given given) {
  expect_none(m, given, "sequence");
  switch (value.kind) {
    case Kind::undefined:
    case Kind::string:
    case Kind::list:
    case Kind::tuple:
    case Kind::dict:
    case Kind::range: return true;
    default: return false;
  }
}
bool is_lower(Machine& m, const Value& value, Given given) {
  expect_none(m, given, "lower");
  const Value text = text_of(m, value);
  return !equal(m, text, upper(m, text)) && equal(m, text, lower(m, text));
}
bool is_upper(Machine& m, const Value& value, Given given) {
  expect_none(m, given, "upper");
  const Value text = text_of(m, value);
  return !equal(m, text, lower(m, text)) && equal(m, text, upper(m, text));
}
bool is_number(Machine& m, const Value& value, Given given) {
  expect_none(m, given, "number");
  return value.is_number() || value.kind == Kind::big_integer;
}
bool is_same(Machine& m, const Value& value, Given given) {
  const Parameters<1> p(m, given, "sameas", {"other"});
  const Value& other = p.required(0);
  if (value.kind != other.kind || value.n != other.n) return false;
  return value.is_string() ? equal(m, value, other)
                           : value.i == other.i || value.is_none() || value.is_undefined();
}

template <Comparison comparison>
bool compares(Machine& m, const Value& value, Given given) {
  const Parameters<1> p(m, given, "comparison", {"other"});
  return holds(m, comparison, value, p.required(0));
}

constexpr Test tests[] = {
    {"!=", compares<Comparison::not_equal>},
    {"<", compares<Comparison::less>},
    {"<=", compares<Comparison::less_equal>},
    {"==", compares<Comparison::equal>},
    {">", compares<Comparison::greater>},
    {">=", compares<Comparison::greater_equal>},
    {"boolean", is_boolean},
    {"callable", is_callable},
    {"defined", is_defined},
    {"divisibleby", is_divisible},
    {"eq", compares<Comparison::equal>},
    {"equalto", compares<Comparison::equal>},
    {"escaped", is_escaped},
    {"even", is_even},
    {"false", is_false},
    {"filter", is_filter},
    {"float", is_kind<Kind::floating>},
    {"ge", compares<Comparison::greater_equal>},
    {"greaterthan", compares<Comparison::greater>},
    {"gt", compares<Comparison::greater>},
    {"in", is_in},
    {"integer", is_integer},
    {"iterable", is_iterable},
    {"le", compares<Comparison::less_equal>},
    {"lessthan", compares<Comparison::less>},
    {"lower", is_lower},
    {"lt", compares<Comparison::less>},
    {"mapping", is_kind<Kind::dict>},
    {"ne", compares<Comparison::not_equal>},
    {"none", is_kind<Kind::none>},
    {"number", is_number},
    {"odd", is_odd},
    {"sameas", is_same},
    {"sequence", is_sequence},
    {"string", is_kind<Kind::string>},
    {"test", is_test},
    {"true", is_true_itself},
    {"undefined", is_kind<Kind::undefined>},
    {"upper", is_upper},
};

}  // namespace

const Test* find_test(std::string_view name) {
  const auto* const found = std::ranges::lower_bound(tests, name, {}, &Test::name);
  return found != std::end(tests) && found->name == name ? found : nullptr;
}

}  // namespace quern::detail::jinja
