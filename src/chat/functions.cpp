// Functions that every template finds by name, and the search in the tables of filters.
#include <algorithm>

#include "formats/try.h"
#include "src/chat/arguments.h"
#include "src/chat/builtins.h"
#include "src/chat/filters.h"
#include "src/chat/operators.h"
#include "src/chat/print.h"
#include "src/chat/strftime.h"

namespace quern::detail::jinja {
namespace {

using formats::cat;

/// The pairs that dict(...) and namespace(...) are built from: at most one dict or list of pairs, then names.
Value built_dict(Machine& m, Given given, std::string_view name) {
  if (given.n > 1)
    m.fail_type(cat(name, ": found ", given.n, " arguments, expected at most 1 without a name"));
  Namespace entries;
  if (given.n == 1 && given.positional[0].kind == Kind::dict) {
    const Value& from = given.positional[0];
    m.step(from.n);
    for (std::uint32_t i = 0; i < from.n; ++i)
      m.set_attribute(entries, from.entries[i].key, from.entries[i].value);
  } else if (given.n == 1) {
    const Walk pairs = m.walk(given.positional[0]);
    for (std::uint32_t i = 0; i < pairs.n; ++i) {
      const Value pair = pairs.at(i);
      if (!pair.is_sequence() || pair.n != 2) m.fail_type(cat(name, ": found an item that is no pair"));
      m.set_attribute(entries, pair.items[0], pair.items[1]);
    }
  }
  for (std::uint32_t i = 0; i < given.n_named; ++i)
    m.set_attribute(entries, Value::string(given.named[i].name), given.named[i].value);
  return Value::dict(entries.items, entries.n);
}

Value make_cycler(Machine& m, Given given) {
  if (given.n == 0 || given.n_named > 0) m.fail_type("cycler: expected one or more values");
  Value value = Value::of(Kind::cycler);
  value.cycler = m.arena().make(Cycler{given.positional, given.n, 0});
  return value;
}

Value make_dict(Machine& m, Given given) { return built_dict(m, given, "dict"); }

Value make_joiner(Machine& m, Given given) {
  const Parameters<1> p(m, given, "joiner", {"sep"});
  Value value = Value::of(Kind::joiner);
  value.joiner = m.arena().make(Joiner{p[0] == nullptr ? Value::string(", ") : *p[0], false});
  return value;
}

Value make_namespace(Machine& m, Given given) {
  const Value dict = built_dict(m, given, "namespace");
  Value value = Value::of(Kind::name_space);
  value.name_space = m.arena().make(Namespace{const_cast<Entry*>(dict.entries), dict.n, dict.n});
  return value;
}

Value raise_exception(Machine& m, Given given) {
  const Parameters<1> p(m, given, "raise_exception", {"message"});
  m.fail(FailureKind::raised, std::string(text_of(m, p.required(0)).text()));
}

Value make_range(Machine& m, Given given) {
  const Parameters<3> p(m, given, "range", {"start", "stop", "step"});
  p.required(0);
  constexpr std::int64_t most = std::int64_t{1} << 40;  // so that no item, slices included, leaves 64 bits
  const bool one = p[1] == nullptr;
  for (std::size_t i = 0; i < 3; ++i)
    if (p[i] != nullptr) m.refuse_undefined(*p[i]);
  const std::int64_t start = one ? 0 : p.integer(0, 0), stop = one ? p.integer(0, 0) : p.integer(1, 0),
                     step = p.integer(2, 1);
  if (step == 0) m.fail_type("range: found a step of 0");
  for (const std::int64_t number : {start, stop, step})
    if (number > most || number < -most)
      m.fail(FailureKind::limit_range, cat("range: found ", number, ", which is too far from 0"));
  const std::int64_t span = step > 0 ? stop - start : start - stop, stride = step > 0 ? step : -step;
  const std::int64_t n = span > 0 ? (span - 1) / stride + 1 : 0;
  if (n > m.limits().range_items)
    m.fail(FailureKind::limit_range,
           cat("range: found ", n, " items, expected at most ", m.limits().range_items));
  Value value = Value::of(Kind::range);
  value.range = m.arena().make(Range{start, stop, step, n});
  return value;
}

Value strftime_now(Machine& m, Given given) {
  const Parameters<1> p(m, given, "strftime_now", {"format"});
  const Value format = p.string(0);
  m.step(format.n);
  m.arena().charge(format.n);
  const std::string text = strftime(format.text(), m.now());
  m.arena().discharge(format.n);
  return m.copied(text);
}

constexpr Function all_functions[] = {
    {"cycler", make_cycler},
    {"dict", make_dict},
    {"joiner", make_joiner},
    {"namespace", make_namespace},
    {"raise_exception", raise_exception},
    {"range", make_range},
    {"strftime_now", strftime_now},
};

}  // namespace

std::span<const Function> functions() { return all_functions; }

const Filter* find_filter(std::string_view name) {
  for (const std::span<const Filter> table : {text_filters(), value_filters(), sequence_filters()}) {
    const auto found = std::ranges::lower_bound(table, name, {}, &Filter::name);
    if (found != table.end() && found->name == name) return &*found;
  }
  return nullptr;
}

}  // namespace quern::detail::jinja
