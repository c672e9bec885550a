#include "src/chat/sorting.h"

#include <algorithm>
#include <span>

#include "formats/try.h"
#include "src/chat/arguments.h"
#include "src/chat/operators.h"
#include "src/chat/text_operations.h"

namespace quern::detail::jinja {
namespace {

using formats::cat;

/// What an item is compared by.
struct Keyed {
  Value key, item;
};
using KeyedItems = std::vector<Keyed, Counted<Keyed>>;

Value folded(Machine& m, const Value& key, bool case_sensitive) {
  return key.is_string() && !case_sensitive ? lower(m, key) : key;
}

/// By the item itself, one attribute, or several with commas between (then the key is a list).
Value sort_key(Machine& m, const Value& item, const Value* attribute, bool case_sensitive) {
  if (attribute == nullptr || attribute->is_none()) return folded(m, item, case_sensitive);
  if (!attribute->is_string() || attribute->text().find(',') == std::string_view::npos)
    return folded(m, attribute_path(m, item, *attribute), case_sensitive);
  Values keys = m.values();
  for (std::size_t at = 0; at <= attribute->n;) {
    const std::size_t comma = std::min<std::size_t>(attribute->text().find(',', at), attribute->n);
    keys.push_back(folded(m, attribute_path(m, item, attribute->part(at, comma - at)), case_sensitive));
    at = comma + 1;
  }
  return m.list(keys);
}

KeyedItems keyed(Machine& m, const Value& value, const Value* attribute, bool case_sensitive) {
  const Values items = m.items(value);
  KeyedItems out{Counted<Keyed>(m.arena())};
  out.reserve(items.size());
  for (const Value& item : items) {
    m.step();
    out.push_back({sort_key(m, item, attribute, case_sensitive), item});
  }
  return out;
}

/// Of keys as jinja2's sort has them, lists of one item: where equal ones have no order, none is needed.
int order_in_lists(Machine& m, const Value& a, const Value& b) {
  const bool has_order = a.is_string() || a.is_number();
  return !has_order && equal(m, a, b) ? 0 : order(m, a, b);
}

using KeyOrder = int (*)(Machine&, const Value&, const Value&);
int order_of_keys(Machine& m, const Value& a, const Value& b) { return order(m, a, b); }

/// Stable, in both directions as Python has it.
void sort(Machine& m, KeyedItems& items, bool reverse, KeyOrder compare = order_of_keys) {
  std::ranges::stable_sort(items, [&](const Keyed& a, const Keyed& b) {
    const int ordered = compare(m, a.key, b.key);
    return reverse ? ordered > 0 : ordered < 0;
  });
}

Value extreme(Machine& m, const Value& value, Given given, const char* name, int sign) {
  const Parameters<2> p(m, given, name, {"case_sensitive", "attribute"});
  const KeyedItems items = keyed(m, value, p[1], p.boolean(0, false));
  if (items.empty()) return {};
  const Keyed* best = &items.front();
  for (const Keyed& item : std::span(items).subspan(1))
    if (order(m, item.key, best->key) * sign > 0) best = &item;
  return best->item;
}

}  // namespace

Value attribute_path(Machine& m, const Value& value, const Value& path) {
  m.step();
  if (path.is_integral()) return m.item(value, path);
  if (!path.is_string()) m.fail_type(cat("found ", kind_name(path), " as an attribute's name"));
  Value found = value;
  for (std::size_t at = 0; at <= path.n;) {
    const std::size_t dot = std::min<std::size_t>(path.text().find('.', at), path.n);
    const Value part = path.part(at, dot - at);
    const bool is_index =
        part.n > 0 && part.n < 10 && part.text().find_first_not_of("0123456789") == std::string_view::npos;
    found = m.item(found, is_index ? Value::integer(std::stoll(std::string(part.text()))) : part);
    at = dot + 1;
  }
  return found;
}

Value apply_sort(Machine& m, const Value& value, Given given) {
  const Parameters<3> p(m, given, "sort", {"reverse", "case_sensitive", "attribute"});
  KeyedItems items = keyed(m, value, p[2], p.boolean(1, false));
  sort(m, items, p.boolean(0, false), order_in_lists);
  Values out = m.values();
  for (const Keyed& item : items) out.push_back(item.item);
  return m.list(out);
}

Value apply_dictsort(Machine& m, const Value& value, Given given) {
  const Parameters<3> p(m, given, "dictsort", {"case_sensitive", "by", "reverse"});
  if (value.kind != Kind::dict) {
    m.refuse_undefined(value);
    m.fail_type(cat("dictsort: found ", kind_name(value), ", expected a dict"));
  }
  const std::string_view by = p.string(1, "key").text();
  if (by != "key" && by != "value") m.fail_type("dictsort: 'by' is neither key nor value");
  KeyedItems items{Counted<Keyed>(m.arena())};
  for (std::uint32_t i = 0; i < value.n; ++i) {
    const Entry& entry = value.entries[i];
    items.push_back({folded(m, by == "key" ? entry.key : entry.value, p.boolean(0, false)),
                     m.pair(entry.key, entry.value)});
  }
  sort(m, items, p.boolean(2, false));
  Values out = m.values();
  for (const Keyed& item : items) out.push_back(item.item);
  return m.list(out);
}

Value apply_groupby(Machine& m, const Value& value, Given given) {
  const Parameters<3> p(m, given, "groupby", {"attribute", "default", "case_sensitive"});
  p.required(0);
  KeyedItems items{Counted<Keyed>(m.arena())};
  const Values all = m.items(value);
  for (const Value& item : all) {
    Value key = attribute_path(m, item, *p[0]);
    if (key.is_undefined() && p[1] != nullptr) key = *p[1];
    items.push_back({folded(m, key, p.boolean(2, false)), item});
  }
  sort(m, items, false);
  Values groups = m.values();
  for (std::size_t i = 0; i < items.size();) {
    Values group = m.values();
    const std::size_t first = i;
    for (; i < items.size() && equal(m, items[i].key, items[first].key); ++i) group.push_back(items[i].item);
    Value name = attribute_path(m, items[first].item, *p[0]);
    if (name.is_undefined()) name = items[first].key;
    groups.push_back(m.pair(name, m.list(group)));
    groups.back().flags |= Value::is_group;
  }
  return m.list(groups);
}

/// Keeps the first of equal ones.
Value apply_unique(Machine& m, const Value& value, Given given) {
  const Parameters<2> p(m, given, "unique", {"case_sensitive", "attribute"});
  const KeyedItems items = keyed(m, value, p[1], p.boolean(0, false));
  Values out = m.values(), keys = m.values();
  for (const Keyed& item : items) {
    if (std::ranges::any_of(keys, [&](const Value& key) { return equal(m, key, item.key); })) continue;
    keys.push_back(item.key);
    out.push_back(item.item);
  }
  return m.lazy(out);
}

Value apply_max(Machine& m, const Value& value, Given given) { return extreme(m, value, given, "max", 1); }
Value apply_min(Machine& m, const Value& value, Given given) { return extreme(m, value, given, "min", -1); }

}  // namespace quern::detail::jinja
