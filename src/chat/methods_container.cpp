// Methods of lists, tuples, dicts, cyclers and loops.
#include <algorithm>

#include "formats/try.h"
#include "src/chat/arguments.h"
#include "src/chat/builtins.h"
#include "src/chat/operators.h"

namespace quern::detail::jinja {
namespace {

using formats::cat;

template <std::size_t n>
const BuiltinMethod* find_in(const BuiltinMethod (&table)[n], std::string_view name) {
  const auto* const found = std::ranges::find(table, name, &BuiltinMethod::name);
  return found == std::end(table) ? nullptr : found;
}

Value call_copy(Machine& m, const Value& self, Given given) {
  const Parameters<0> none(m, given, "copy", {});
  return self;  // nothing can change it
}
Value call_count_items(Machine& m, const Value& self, Given given) {
  const Parameters<1> p(m, given, "count", {"value"});
  std::int64_t n = 0;
  for (std::uint32_t i = 0; i < self.n; ++i) n += equal(m, self.items[i], p.required(0)) ? 1 : 0;
  return Value::integer(n);
}
Value call_index_of_item(Machine& m, const Value& self, Given given) {
  const Parameters<1> p(m, given, "index", {"value"});
  for (std::uint32_t i = 0; i < self.n; ++i)
    if (equal(m, self.items[i], p.required(0))) return Value::integer(i);
  m.fail_type("index: the value is not among the items");
}

Value call_get(Machine& m, const Value& self, Given given) {
  const Parameters<2> p(m, given, "get", {"key", "default"});
  const Value& key = p.required(0);
  for (std::uint32_t i = 0; i < self.n; ++i) {
    const Value& candidate = self.entries[i].key;
    if (candidate.is_string() && key.is_string() && candidate.n != key.n) continue;
    if (equal(m, candidate, key)) return self.entries[i].value;
  }
  m.step(self.n / 8);
  return p[1] == nullptr ? Value::none() : *p[1];
}
template <View::Which which>
Value call_view(Machine& m, const Value& self, Given given) {
  const Parameters<0> none(m, given, "items", {});
  Value view = Value::of(Kind::view);
  view.view = m.arena().make(View{which, self});
  return view;
}

Value call_next(Machine& m, const Value& self, Given given) {
  const Parameters<0> none(m, given, "next", {});
  Cycler& cycler = *self.cycler;
  const Value item = cycler.items[cycler.next];
  cycler.next = (cycler.next + 1) % cycler.n;
  return item;
}
Value call_reset(Machine& m, const Value& self, Given given) {
  const Parameters<0> none(m, given, "reset", {});
  self.cycler->next = 0;
  return Value::none();
}

Value call_cycle(Machine& m, const Value& self, Given given) {
  if (given.n == 0 || given.n_named > 0) m.fail_type("cycle: expected one or more values");
  return given.positional[self.loop->index % given.n];
}
Value call_changed(Machine& m, const Value& self, Given given) {
  const Value now = Value::sequence(Kind::tuple, given.positional, given.n);
  Loop& loop = *self.loop;
  const bool changed = !loop.has_changed || !equal(m, loop.last_changed, now);
  loop.last_changed = now;
  loop.has_changed = true;
  return Value::boolean(changed);
}

constexpr BuiltinMethod sequence_methods[] = {
    {"copy", call_copy}, {"count", call_count_items}, {"index", call_index_of_item}};
constexpr BuiltinMethod dict_methods[] = {{"copy", call_copy},
                                          {"get", call_get},
                                          {"items", call_view<View::Which::items>},
                                          {"keys", call_view<View::Which::keys>},
                                          {"values", call_view<View::Which::values>}};
constexpr BuiltinMethod cycler_methods[] = {{"next", call_next}, {"reset", call_reset}};
constexpr BuiltinMethod loop_methods[] = {{"changed", call_changed}, {"cycle", call_cycle}};

}  // namespace

const BuiltinMethod* find_sequence_method(std::string_view name) { return find_in(sequence_methods, name); }
const BuiltinMethod* find_dict_method(std::string_view name) { return find_in(dict_methods, name); }
const BuiltinMethod* find_cycler_method(std::string_view name) { return find_in(cycler_methods, name); }
const BuiltinMethod* find_loop_method(std::string_view name) { return find_in(loop_methods, name); }

bool is_forbidden_method(Kind kind, std::string_view name) {
  constexpr std::string_view of_lists[] = {"append", "clear",  "extend",  "insert",
                                           "pop",    "remove", "reverse", "sort"};
  constexpr std::string_view of_dicts[] = {"clear", "fromkeys", "pop", "popitem", "setdefault", "update"};
  if (kind == Kind::list) return std::ranges::find(of_lists, name) != std::end(of_lists);
  return kind == Kind::dict && std::ranges::find(of_dicts, name) != std::end(of_dicts);
}

}  // namespace quern::detail::jinja
