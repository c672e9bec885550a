#include "src/chat/print.h"

#include <cmath>
#include <cstdio>

#include "formats/try.h"
#include "src/base/json.h"
#include "src/chat/escape.h"
#include "src/chat/operators.h"
#include "src/chat/text.h"

namespace quern::detail::jinja {

using formats::cat;

namespace {

void append_float_text(TextBuilder& out, double value) {
  std::string text;
  if (std::isfinite(value))
    append_float(text, value);
  else
    text = std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
  out.append(text, false);
}

/// Single quotes, unless the text has single quotes and no double ones.
void append_quoted(Machine& machine, TextBuilder& out, const Value& value) {
  machine.step(value.n / 2);
  const std::string_view text = value.text();
  const bool is_data = value.has_data();
  const char quote =
      text.find('\'') != std::string_view::npos && text.find('"') == std::string_view::npos ? '"' : '\'';
  out.append(quote, 1, false);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t n = first_bytes(text.substr(at, 4));
    const std::string_view character = text.substr(at, n);
    const char32_t code = first_code(character);
    at += n;
    const bool is_special = code == '\\' || code == static_cast<unsigned char>(quote);
    if (!is_special && is_printable(code)) {
      out.append(character, is_data);
      continue;
    }
    char escape[12];
    if (code == '\n' || code == '\r' || code == '\t')
      std::snprintf(escape, sizeof escape, "\\%c", code == '\n' ? 'n' : code == '\r' ? 'r' : 't');
    else if (is_special)
      std::snprintf(escape, sizeof escape, "\\%c", static_cast<char>(code));
    else
      std::snprintf(escape, sizeof escape,
                    code < 0x100     ? "\\x%02x"
                    : code < 0x10000 ? "\\u%04x"
                                     : "\\U%08x",
                    static_cast<unsigned>(code));
    out.append(escape, is_data);
  }
  out.append(quote, 1, false);
}

void append_items(Machine& machine, TextBuilder& out, const Walk& walk, std::size_t depth) {
  for (std::uint32_t i = 0; i < walk.n; ++i) {
    if (i > 0) out.append(", ", false);
    append_repr(machine, out, walk.at(i), depth);
  }
}

void append_entries(Machine& machine, TextBuilder& out, const Entry* entries, std::uint32_t n,
                    std::size_t depth) {
  out.append("{", false);
  for (std::uint32_t i = 0; i < n; ++i) {
    if (i > 0) out.append(", ", false);
    append_repr(machine, out, entries[i].key, depth);
    out.append(": ", false);
    append_repr(machine, out, entries[i].value, depth);
  }
  out.append("}", false);
}

void append_view(Machine& machine, TextBuilder& out, const Value& value, std::size_t depth) {
  constexpr std::string_view names[] = {"dict_keys([", "dict_values([", "dict_items(["};
  out.append(names[static_cast<std::size_t>(value.view->which)], false);
  append_items(machine, out, machine.walk(value), depth);
  out.append("])", false);
}

}  // namespace

void append_repr(Machine& machine, TextBuilder& out, const Value& value, std::size_t depth) {
  machine.step();
  machine.check_depth(depth);
  switch (value.kind) {
    case Kind::undefined: return out.append("Undefined", false);
    case Kind::none: return out.append("None", false);
    case Kind::boolean: return out.append(value.b ? "True" : "False", false);
    case Kind::integer: return out.append(std::to_string(value.i), false);
    case Kind::big_integer: return out.append(value.text(), false);
    case Kind::floating: return append_float_text(out, value.f);
    case Kind::string:
      if (!value.safe()) return append_quoted(machine, out, value);
      out.append("Markup(", false);  // the type that a marked string is to jinja2
      append_quoted(machine, out, value);
      return out.append(")", false);
    case Kind::list:
      out.append("[", false);
      append_items(machine, out, machine.walk(value), depth + 1);
      return out.append("]", false);
    case Kind::tuple:
      out.append("(", false);
      append_items(machine, out, machine.walk(value), depth + 1);
      return out.append(value.n == 1 ? ",)" : ")", false);
    case Kind::dict: return append_entries(machine, out, value.entries, value.n, depth + 1);
    case Kind::range: {
      const Range& r = *value.range;
      const std::string step = r.step == 1 ? "" : cat(", ", r.step);
      return out.append(cat("range(", r.start, ", ", r.stop, step, ")"), false);
    }
    case Kind::view: return append_view(machine, out, value, depth + 1);
    case Kind::name_space:
      out.append("<Namespace ", false);
      append_entries(machine, out, value.name_space->items, value.name_space->n, depth + 1);
      return out.append(">", false);
    default: machine.fail_type(cat("found ", kind_name(value), ", which has no text"));
  }
}

void append_text(Machine& machine, TextBuilder& out, const Value& value) {
  if (value.is_string())
    out.append(value);
  else if (!value.is_undefined())
    append_repr(machine, out, value);
}

Value text_of(Machine& machine, const Value& value) {
  if (value.is_string()) return value;
  if (value.is_undefined()) return Value::string("");
  TextBuilder out(machine);
  append_repr(machine, out, value);
  return out.value();
}

Value escaped(Machine& machine, const Value& text) {
  TextBuilder out(machine);
  std::size_t done = 0;
  const std::string_view all = text.text();
  for (std::size_t i = 0; i < all.size(); ++i) {
    const std::string_view entity = all[i] == '&'    ? "&amp;"
                                    : all[i] == '<'  ? "&lt;"
                                    : all[i] == '>'  ? "&gt;"
                                    : all[i] == '\'' ? "&#39;"
                                    : all[i] == '"'  ? "&#34;"
                                                     : "";
    if (entity.empty()) continue;
    machine.step();
    out.append(text.part(done, i - done));
    out.append(entity, text.has_data());
    done = i + 1;
  }
  out.append(text.part(done, all.size() - done));
  return out.value(Value::is_safe);
}

}  // namespace quern::detail::jinja
