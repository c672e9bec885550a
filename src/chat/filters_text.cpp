// Filters that take text and give text. What is no text is turned into text first.
#include <algorithm>

#include "src/chat/arguments.h"
#include "src/chat/escape.h"
#include "src/chat/filters.h"
#include "src/chat/format.h"
#include "src/chat/operators.h"
#include "src/chat/print.h"
#include "src/chat/text.h"
#include "src/chat/text_operations.h"

namespace quern::detail::jinja {
namespace {

Value unmarked(Value text) {
  text.flags = static_cast<std::uint8_t>(text.flags & ~Value::is_safe);
  return text;
}

Value apply_capitalize(Machine& m, const Value& value, Given given) {
  const Parameters<0> none(m, given, "capitalize", {});
  return capitalized(m, text_of(m, value));
}
Value apply_center(Machine& m, const Value& value, Given given) {
  const Parameters<1> p(m, given, "center", {"width"});
  return centred(m, text_of(m, value), p.integer(0, 80), Value::string(" "));
}
Value apply_escape(Machine& m, const Value& value, Given given) {
  const Parameters<0> none(m, given, "escape", {});
  const Value text = text_of(m, value);
  return text.safe() ? text : escaped(m, text);
}
Value apply_format(Machine& m, const Value& value, Given given) {
  const Value format = text_of(m, value);
  if (given.n > 0 && given.n_named > 0) m.fail_type("format: found values both with and without names");
  if (given.n_named == 0)
    return percent_formatted(m, format, Value::sequence(Kind::tuple, given.positional, given.n));
  Entry* const entries = m.arena().array<Entry>(given.n_named);
  for (std::uint32_t i = 0; i < given.n_named; ++i)
    entries[i] = {Value::string(given.named[i].name), given.named[i].value};
  return percent_formatted(m, format, Value::dict(entries, given.n_named));
}

/// After each newline, not on empty lines unless `blank`.
Value apply_indent(Machine& m, const Value& value, Given given) {
  const Parameters<3> p(m, given, "indent", {"width", "first", "blank"});
  m.refuse_undefined(value);
  if (!value.is_string())
    m.fail_type(std::string("indent: found ") + kind_name(value) + ", expected a string");
  const Value text = value;
  Value indent;
  if (p[0] != nullptr && p[0]->is_string()) {
    indent = *p[0];
  } else {
    TextBuilder spaces(m);
    const std::size_t width = m.checked_width(p.integer(0, 4), "indentation");
    spaces.append(' ', static_cast<std::int64_t>(width), false);
    indent = spaces.value();
  }
  const bool blank = p.boolean(2, false);
  TextBuilder out(m);
  if (p.boolean(1, false)) out.append(indent);
  const std::string_view all = text.text();
  m.step_bytes(all.size());
  for (std::size_t at = 0;;) {
    const std::size_t newline = std::min(all.find('\n', at), all.size());
    const std::size_t end = std::min(newline + 1, all.size());
    out.append(text.part(at, end - at));
    m.step();
    if (newline == all.size()) break;
    at = end;
    const bool empty = at == all.size() || all[at] == '\n';
    if (!empty || blank) out.append(indent);
  }
  return out.value(static_cast<std::uint8_t>(text.flags & Value::is_safe));
}

Value apply_lower(Machine& m, const Value& value, Given given) {
  const Parameters<0> none(m, given, "lower", {});
  return lower(m, text_of(m, value));
}
Value apply_replace(Machine& m, const Value& value, Given given) {
  const Parameters<3> p(m, given, "replace", {"old", "new", "count"});
  const bool counted = p[2] != nullptr && !p[2]->is_none();
  return unmarked(replaced(m, text_of(m, value), text_of(m, p.required(0)), text_of(m, p.required(1)),
                           counted ? p.integer(2, -1) : -1));
}
Value apply_safe(Machine& m, const Value& value, Given given) {
  const Parameters<0> none(m, given, "safe", {});
  Value text = text_of(m, value);
  text.flags |= Value::is_safe;
  return text;
}
Value apply_string(Machine& m, const Value& value, Given given) {
  const Parameters<0> none(m, given, "string", {});
  return text_of(m, value);
}
/// Upper case after white space and - ( { [ <, unlike the method of strings.
Value apply_title(Machine& m, const Value& value, Given given) {
  const Parameters<0> none(m, given, "title", {});
  const Value text = text_of(m, value);
  m.step(text.n / 16);
  std::string out;
  bool begins = true;
  for (std::size_t at = 0; at < text.n;) {
    const std::string_view rest = text.text().substr(at, 4);
    const char32_t code = first_code(rest);
    begins ? append_upper(out, code) : append_lower(out, code);
    begins = is_space(code) || (code < 0x80 && std::string_view("-({[<").find(static_cast<char>(code)) !=
                                                   std::string_view::npos);
    at += first_bytes(rest);
  }
  TextBuilder result(m);
  result.append(out, text.has_data());
  return result.value(static_cast<std::uint8_t>(text.flags & Value::is_safe));
}
Value apply_trim(Machine& m, const Value& value, Given given) {
  const Parameters<1> p(m, given, "trim", {"chars"});
  return stripped(m, text_of(m, value), p[0], Side::both);
}
Value apply_truncate(Machine& m, const Value& value, Given given) {
  const Parameters<4> p(m, given, "truncate", {"length", "killwords", "end", "leeway"});
  const Value end = p.string(2, "...");
  const std::int64_t length = p.integer(0, 255), leeway = p.integer(3, 5);
  const auto n_end = static_cast<std::int64_t>(count_codes(end.text()));
  if (length < n_end || leeway < 0)
    m.fail_type("truncate: the length is below that of the end, or the leeway below 0");
  if (!value.is_string()) {
    // What has few enough items stays as it is.
    const bool has_items = value.is_undefined() || value.is_sequence() || value.kind == Kind::dict;
    if (has_items && std::int64_t{value.n} - length <= leeway) return value;
    m.fail_type(std::string("truncate: found ") + kind_name(value) + ", expected a string");
  }
  const Value text = value;
  m.step_bytes(text.n);
  const auto n = static_cast<std::int64_t>(count_codes(text.text()));
  if (n <= length || n - length <= leeway) return text;
  Value kept = text.part(0, byte_of_code(text.text(), static_cast<std::size_t>(length - n_end)));
  if (!p.boolean(1, false))
    if (const std::size_t space = kept.text().rfind(' '); space != std::string_view::npos)
      kept = kept.part(0, space);
  return m.concatenated(kept, end);
}
Value apply_upper(Machine& m, const Value& value, Given given) {
  const Parameters<0> none(m, given, "upper", {});
  return upper(m, text_of(m, value));
}
/// Runs of letters, digits and underscores.
Value apply_wordcount(Machine& m, const Value& value, Given given) {
  const Parameters<0> none(m, given, "wordcount", {});
  const Value text = text_of(m, value);
  m.step(text.n / 16);
  std::int64_t n = 0;
  bool inside = false;
  for (std::size_t at = 0; at < text.n;) {
    const std::string_view rest = text.text().substr(at, 4);
    const char32_t code = first_code(rest);
    const bool is_word =
        code == '_' || (code < 0x80 ? std::isalnum(static_cast<int>(code)) != 0 : is_letter(code));
    n += is_word && !inside ? 1 : 0;
    inside = is_word;
    at += first_bytes(rest);
  }
  return Value::integer(n);
}

constexpr Filter text_table[] = {
    {"capitalize", apply_capitalize}, {"center", apply_center},   {"e", apply_escape},
    {"escape", apply_escape},         {"format", apply_format},   {"indent", apply_indent},
    {"lower", apply_lower},           {"replace", apply_replace}, {"safe", apply_safe},
    {"string", apply_string},         {"title", apply_title},     {"trim", apply_trim},
    {"truncate", apply_truncate},     {"upper", apply_upper},     {"wordcount", apply_wordcount},
};

}  // namespace

std::span<const Filter> text_filters() { return text_table; }

}  // namespace quern::detail::jinja
