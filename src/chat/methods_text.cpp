// Methods of strings.
#include <algorithm>

#include "formats/try.h"
#include "src/chat/arguments.h"
#include "src/chat/builtins.h"
#include "src/chat/format.h"
#include "src/chat/operators.h"
#include "src/chat/text.h"
#include "src/chat/text_operations.h"
#include "src/tokenizer/unicode.h"

namespace quern::detail::jinja {
namespace {

using formats::cat;
constexpr std::size_t npos = std::string_view::npos;

// ---- cutting ----

Value call_strip(Machine& m, const Value& self, Given given) {
  const Parameters<1> p(m, given, "strip", {"chars"});
  return stripped(m, self, p[0], Side::both);
}
Value call_lstrip(Machine& m, const Value& self, Given given) {
  const Parameters<1> p(m, given, "lstrip", {"chars"});
  return stripped(m, self, p[0], Side::left);
}
Value call_rstrip(Machine& m, const Value& self, Given given) {
  const Parameters<1> p(m, given, "rstrip", {"chars"});
  return stripped(m, self, p[0], Side::right);
}

/// At runs of white space, without empty parts at the ends; at most `most` cuts (negative: all).
Values split_at_space(Machine& m, const Value& self, std::int64_t most, bool from_right) {
  Values parts = m.values();
  Value rest = stripped(m, self, nullptr, from_right ? Side::right : Side::left);
  m.step(self.n / 16);
  while (rest.n > 0) {
    m.step();
    const std::string_view text = rest.text();
    if (most-- == 0) {
      parts.push_back(stripped(m, rest, nullptr, from_right ? Side::right : Side::left));
      break;
    }
    std::size_t word = 0;
    while (word < text.size()) {
      const std::string_view left = from_right ? text.substr(0, text.size() - word) : text.substr(word);
      const std::size_t n = from_right ? last_bytes(left) : first_bytes(left.substr(0, 4));
      if (is_space(first_code(from_right ? left.substr(left.size() - n) : left.substr(0, n)))) break;
      word += n;
    }
    parts.push_back(from_right ? rest.part(rest.n - word, word) : rest.part(0, word));
    rest = from_right ? rest.part(0, rest.n - word) : rest.part(word, rest.n - word);
    rest = stripped(m, rest, nullptr, from_right ? Side::right : Side::left);
  }
  return parts;
}

Values split_at(Machine& m, const Value& self, std::string_view separator, std::int64_t most,
                bool from_right) {
  Values parts = m.values();
  Value rest = self.part(0, self.n);
  while (most-- != 0) {
    m.step();
    const std::size_t at =
        from_right ? find_last(m, rest.text(), separator) : find(m, rest.text(), separator);
    if (at == npos) break;
    const std::size_t after = at + separator.size();
    const Value left = rest.part(0, at), right = rest.part(after, rest.n - after);
    parts.push_back(from_right ? right : left);
    rest = from_right ? left : right;
  }
  parts.push_back(rest);
  return parts;
}

Value split(Machine& m, const Value& self, Given given, const char* name, bool from_right) {
  const Parameters<2> p(m, given, name, {"sep", "maxsplit"});
  const std::int64_t most = p.integer(1, -1);
  Values parts = m.values();
  if (p[0] == nullptr || p[0]->is_none()) {
    parts = split_at_space(m, self, most, from_right);
  } else {
    const std::string_view separator = p.string(0).text();
    if (separator.empty()) m.fail_type(cat(name, ": found an empty separator"));
    parts = split_at(m, self, separator, most, from_right);
  }
  if (from_right) std::ranges::reverse(parts);
  return m.list(parts);
}
Value call_split(Machine& m, const Value& self, Given given) { return split(m, self, given, "split", false); }
Value call_rsplit(Machine& m, const Value& self, Given given) {
  return split(m, self, given, "rsplit", true);
}

Value call_splitlines(Machine& m, const Value& self, Given given) {
  const Parameters<1> p(m, given, "splitlines", {"keepends"});
  const bool keep = p.boolean(0, false);
  Values lines = m.values();
  const std::string_view text = self.text();
  m.step(text.size() / 16);
  std::size_t begin = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t n = first_bytes(text.substr(at, 4));
    const char32_t c = first_code(text.substr(at, n));
    const bool ends =
        (c >= 0x0a && c <= 0x0d) || (c >= 0x1c && c <= 0x1e) || c == 0x85 || c == 0x2028 || c == 0x2029;
    const std::size_t end = at;
    at += n;
    if (!ends) continue;
    if (c == '\r' && at < text.size() && text[at] == '\n') ++at;
    m.step();
    lines.push_back(self.part(begin, (keep ? at : end) - begin));
    begin = at;
  }
  if (begin < text.size()) lines.push_back(self.part(begin, text.size() - begin));
  return m.list(lines);
}

Value partition(Machine& m, const Value& self, Given given, const char* name, bool from_right) {
  const Parameters<1> p(m, given, name, {"sep"});
  const Value separator = p.string(0);
  if (separator.n == 0) m.fail_type(cat(name, ": found an empty separator"));
  const std::size_t at =
      from_right ? find_last(m, self.text(), separator.text()) : find(m, self.text(), separator.text());
  Values parts = m.values();
  const Value empty = Value::string("");
  if (at == npos) {
    if (from_right)
      parts.assign({empty, empty, self});
    else
      parts.assign({self, empty, empty});
  } else {
    const std::size_t after = at + separator.n;
    parts.assign({self.part(0, at), separator, self.part(after, self.n - after)});
  }
  return m.tuple(parts);
}
Value call_partition(Machine& m, const Value& self, Given given) {
  return partition(m, self, given, "partition", false);
}
Value call_rpartition(Machine& m, const Value& self, Given given) {
  return partition(m, self, given, "rpartition", true);
}

Value call_removeprefix(Machine& m, const Value& self, Given given) {
  const Parameters<1> p(m, given, "removeprefix", {"prefix"});
  const Value prefix = p.string(0);
  return self.text().starts_with(prefix.text()) ? self.part(prefix.n, self.n - prefix.n) : self;
}
Value call_removesuffix(Machine& m, const Value& self, Given given) {
  const Parameters<1> p(m, given, "removesuffix", {"suffix"});
  const Value suffix = p.string(0);
  return self.text().ends_with(suffix.text()) ? self.part(0, self.n - suffix.n) : self;
}

// ---- searching ----

/// The part of the string between two optional bounds in characters, negative ones from the end. False: start
/// is behind the end.
bool bounded(Machine& m, const Value& self, const Value* start, const Value* stop, Value& part,
             std::size_t& offset) {
  offset = 0;
  part = self;
  const bool has_start = start != nullptr && !start->is_none(),
             has_stop = stop != nullptr && !stop->is_none();
  if (!has_start && !has_stop) return true;
  const auto n = static_cast<std::int64_t>(count_codes(self.text()));
  m.step_bytes(self.n);
  const auto number = [&](const Value& value) {
    if (!value.is_integral())
      m.fail_type(cat("found ", kind_name(value), " as a bound, expected a whole number"));
    std::int64_t i = value.as_integer();
    if (i < 0) i = std::max<std::int64_t>(i, -n) + n;
    return i;
  };
  const std::int64_t begin = has_start ? number(*start) : 0;
  const std::int64_t end = has_stop ? std::min(number(*stop), n) : n;
  if (begin > end) return false;
  offset = byte_of_code(self.text(), static_cast<std::size_t>(begin));
  part = self.part(offset, byte_of_code(self.text().substr(offset), static_cast<std::size_t>(end - begin)));
  return true;
}

bool ends_in(Machine& m, const Value& self, Given given, const char* name, bool at_start) {
  const Parameters<3> p(m, given, name, {"prefix", "start", "end"});
  const Value& wanted = p.required(0);
  Value part;
  std::size_t offset = 0;
  const bool inside = bounded(m, self, p[1], p[2], part, offset);
  const auto holds_for = [&](const Value& one) {
    if (!one.is_string())
      m.fail_type(cat(name, ": found ", kind_name(one), ", expected a string or a tuple of strings"));
    m.step_bytes(one.n);
    return inside && (at_start ? part.text().starts_with(one.text()) : part.text().ends_with(one.text()));
  };
  if (wanted.kind != Kind::tuple) return holds_for(wanted);
  bool any = false;
  for (std::uint32_t i = 0; i < wanted.n; ++i) {
    m.step();
    any = holds_for(wanted.items[i]) || any;
  }
  return any;
}
Value call_startswith(Machine& m, const Value& self, Given given) {
  return Value::boolean(ends_in(m, self, given, "startswith", true));
}
Value call_endswith(Machine& m, const Value& self, Given given) {
  return Value::boolean(ends_in(m, self, given, "endswith", false));
}

/// In characters; -1: not there.
std::int64_t found_at(Machine& m, const Value& self, Given given, const char* name, bool from_right) {
  const Parameters<3> p(m, given, name, {"sub", "start", "end"});
  const Value wanted = p.string(0);
  Value part;
  std::size_t offset = 0;
  if (!bounded(m, self, p[1], p[2], part, offset)) return -1;
  const std::size_t at =
      from_right ? find_last(m, part.text(), wanted.text()) : find(m, part.text(), wanted.text());
  if (at == npos) return -1;
  m.step_bytes(offset + at);
  return static_cast<std::int64_t>(count_codes(self.text().substr(0, offset + at)));
}
Value call_find(Machine& m, const Value& self, Given given) {
  return Value::integer(found_at(m, self, given, "find", false));
}
Value call_rfind(Machine& m, const Value& self, Given given) {
  return Value::integer(found_at(m, self, given, "rfind", true));
}
Value call_index(Machine& m, const Value& self, Given given) {
  const std::int64_t at = found_at(m, self, given, "index", false);
  if (at < 0) m.fail_type("index: the text is not there");
  return Value::integer(at);
}
Value call_rindex(Machine& m, const Value& self, Given given) {
  const std::int64_t at = found_at(m, self, given, "rindex", true);
  if (at < 0) m.fail_type("rindex: the text is not there");
  return Value::integer(at);
}
Value call_count(Machine& m, const Value& self, Given given) {
  const Parameters<3> p(m, given, "count", {"sub", "start", "end"});
  const Value wanted = p.string(0);
  Value part;
  std::size_t offset = 0;
  if (!bounded(m, self, p[1], p[2], part, offset)) return Value::integer(0);
  if (wanted.n == 0) return Value::integer(static_cast<std::int64_t>(count_codes(part.text())) + 1);
  std::int64_t n = 0;
  for (std::size_t at = 0; (at = find(m, part.text(), wanted.text(), at)) != npos; at += wanted.n) {
    m.step();
    ++n;
  }
  return Value::integer(n);
}

// ---- making new text ----

Value call_replace(Machine& m, const Value& self, Given given) {
  const Parameters<3> p(m, given, "replace", {"old", "new", "count"});
  return replaced(m, self, p.string(0), p.string(1), p.integer(2, -1));
}
Value call_format(Machine& m, const Value& self, Given given) { return brace_formatted(m, self, given); }
Value call_join(Machine& m, const Value& self, Given given) {
  const Parameters<1> p(m, given, "join", {"iterable"});
  m.refuse_undefined(p.required(0));
  return joined(m, self, m.walk(*p[0]), true);
}
Value call_upper(Machine& m, const Value& self, Given given) {
  expect_none(m, given, "upper");
  return upper(m, self);
}
Value call_lower(Machine& m, const Value& self, Given given) {
  expect_none(m, given, "lower");
  return lower(m, self);
}
Value call_title(Machine& m, const Value& self, Given given) {
  expect_none(m, given, "title");
  return title(m, self);
}
Value call_capitalize(Machine& m, const Value& self, Given given) {
  expect_none(m, given, "capitalize");
  return capitalized(m, self);
}
Value call_swapcase(Machine& m, const Value& self, Given given) {
  expect_none(m, given, "swapcase");
  m.step(self.n / 16);
  TextBuilder out(m);
  std::string one;
  for (std::size_t at = 0; at < self.n;) {
    const std::string_view rest = self.text().substr(at, 4);
    const char32_t code = first_code(rest);
    one.clear();
    lower_case(code) != code ? append_lower(one, code) : append_upper(one, code);
    out.append(one, self.has_data());
    at += first_bytes(rest);
  }
  return out.value(static_cast<std::uint8_t>(self.flags & Value::is_safe));
}

Value padded(Machine& m, const Value& self, Given given, const char* name, Side side) {
  const Parameters<2> p(m, given, name, {"width", "fillchar"});
  p.required(0);
  const Value fill = p.string(1, " ");
  if (count_codes(fill.text()) != 1) m.fail_type(cat(name, ": the fill is not one character"));
  const std::int64_t width = p.integer(0, 0);
  if (side == Side::both) return centred(m, self, width, fill);
  m.step(m.checked_width(width, "field's width"));
  const std::int64_t pad = width - static_cast<std::int64_t>(count_codes(self.text()));
  TextBuilder out(m);
  if (side == Side::left) out.append(self);
  for (std::int64_t i = 0; i < pad; ++i) out.append(fill);
  if (side == Side::right) out.append(self);
  return out.value(static_cast<std::uint8_t>(self.flags & Value::is_safe));
}
Value call_center(Machine& m, const Value& self, Given given) {
  return padded(m, self, given, "center", Side::both);
}
Value call_ljust(Machine& m, const Value& self, Given given) {
  return padded(m, self, given, "ljust", Side::left);
}
Value call_rjust(Machine& m, const Value& self, Given given) {
  return padded(m, self, given, "rjust", Side::right);
}

Value call_zfill(Machine& m, const Value& self, Given given) {
  const Parameters<1> p(m, given, "zfill", {"width"});
  p.required(0);
  const std::size_t width = m.checked_width(p.integer(0, 0), "field's width");
  m.step(width / 16);
  const auto pad = static_cast<std::int64_t>(width) - static_cast<std::int64_t>(count_codes(self.text()));
  const std::size_t n_sign = self.text().starts_with('-') || self.text().starts_with('+') ? 1 : 0;
  TextBuilder out(m);
  out.append(self.part(0, n_sign));
  out.append('0', pad, false);
  out.append(self.part(n_sign, self.n - n_sign));
  return out.value(static_cast<std::uint8_t>(self.flags & Value::is_safe));
}

// ---- asking ----

/// True where the text is not empty and holds for each of its characters.
template <typename Holds>
Value every(Machine& m, const Value& self, Given given, const char* name, Holds holds_for) {
  expect_none(m, given, name);
  m.step(self.n / 16);
  for (std::size_t at = 0; at < self.n;) {
    const std::string_view rest = self.text().substr(at, 4);
    if (!holds_for(first_code(rest))) return Value::boolean(false);
    at += first_bytes(rest);
  }
  return Value::boolean(self.n > 0);
}
bool is_decimal(char32_t c) { return c < 0x80 ? c >= '0' && c <= '9' : (char_class(c) & number) != 0; }
Value call_isdigit(Machine& m, const Value& self, Given given) {
  return every(m, self, given, "isdigit", is_decimal);
}
Value call_isalpha(Machine& m, const Value& self, Given given) {
  return every(m, self, given, "isalpha", is_letter);
}
Value call_isalnum(Machine& m, const Value& self, Given given) {
  return every(m, self, given, "isalnum", [](char32_t c) { return is_letter(c) || is_decimal(c); });
}
Value call_isspace(Machine& m, const Value& self, Given given) {
  return every(m, self, given, "isspace", is_space);
}

Value has_case(Machine& m, const Value& self, Given given, const char* name, bool upper_case) {
  bool any = false;
  const Value all = every(m, self, given, name, [&](char32_t c) {
    std::string other, same;
    append_utf8(same, c);
    upper_case ? append_lower(other, c) : append_upper(other, c);
    if (other != same) any = true;
    return other != same || !is_cased(c);
  });
  return Value::boolean(all.b && any);
}
Value call_isupper(Machine& m, const Value& self, Given given) {
  return has_case(m, self, given, "isupper", true);
}
Value call_islower(Machine& m, const Value& self, Given given) {
  return has_case(m, self, given, "islower", false);
}

constexpr BuiltinMethod methods[] = {
    {"capitalize", call_capitalize},
    {"center", call_center},
    {"count", call_count},
    {"endswith", call_endswith},
    {"find", call_find},
    {"format", call_format},
    {"index", call_index},
    {"isalnum", call_isalnum},
    {"isalpha", call_isalpha},
    {"isdigit", call_isdigit},
    {"islower", call_islower},
    {"isspace", call_isspace},
    {"isupper", call_isupper},
    {"join", call_join},
    {"ljust", call_ljust},
    {"lower", call_lower},
    {"lstrip", call_lstrip},
    {"partition", call_partition},
    {"removeprefix", call_removeprefix},
    {"removesuffix", call_removesuffix},
    {"replace", call_replace},
    {"rfind", call_rfind},
    {"rindex", call_rindex},
    {"rjust", call_rjust},
    {"rpartition", call_rpartition},
    {"rsplit", call_rsplit},
    {"rstrip", call_rstrip},
    {"split", call_split},
    {"splitlines", call_splitlines},
    {"startswith", call_startswith},
    {"strip", call_strip},
    {"swapcase", call_swapcase},
    {"title", call_title},
    {"upper", call_upper},
    {"zfill", call_zfill},
};

}  // namespace

const BuiltinMethod* find_string_method(std::string_view name) {
  const auto* const found = std::ranges::lower_bound(methods, name, {}, &BuiltinMethod::name);
  return found != std::end(methods) && found->name == name ? found : nullptr;
}

}  // namespace quern::detail::jinja
