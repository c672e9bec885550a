// Filters of single values: numbers, defaults, JSON.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

#include "formats/try.h"
#include "src/chat/arguments.h"
#include "src/chat/filters.h"
#include "src/chat/operators.h"
#include "src/chat/print.h"
#include "src/chat/text.h"
#include "src/chat/text_operations.h"

namespace quern::detail::jinja {
namespace {

using formats::cat;

/// A number as Python's int() and float() read it: white space around it and single underscores inside
/// allowed.
std::optional<std::string> number_text(Machine& m, const Value& value) {
  const std::string_view text = stripped(m, value, nullptr, Side::both).text();
  m.step_bytes(text.size());
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool lone = text[i] == '_' && i > 0 && i + 1 < text.size() && text[i - 1] != '_';
    if (text[i] == '_' && !lone) return std::nullopt;
    if (text[i] != '_') out += text[i];
  }
  if (out.starts_with('+')) out.erase(0, 1);
  if (out.starts_with('+') || out.starts_with("-+") || out.starts_with("--")) return std::nullopt;
  return out;
}

std::optional<double> read_double(Machine& m, const Value& value) {
  const auto text = number_text(m, value);
  if (!text || text->empty()) return std::nullopt;
  double number = 0;
  const auto parsed = std::from_chars(text->data(), text->data() + text->size(), number);
  if (parsed.ptr != text->data() + text->size() || parsed.ec == std::errc::invalid_argument)
    return std::nullopt;
  if (parsed.ec == std::errc::result_out_of_range) {
    const bool small = text->find("e-") != std::string::npos || text->find("E-") != std::string::npos;
    number = small ? 0 : std::numeric_limits<double>::infinity();
    if (text->front() == '-') number = -number;
  }
  return number;
}

std::optional<std::int64_t> read_integer(Machine& m, const Value& value, std::int64_t base) {
  auto text = number_text(m, value);
  if (!text) return std::nullopt;
  const bool negative = text->starts_with('-');
  std::string_view digits = std::string_view(*text).substr(negative ? 1 : 0);
  const std::string_view prefix = base == 16 ? "0x" : base == 8 ? "0o" : base == 2 ? "0b" : "";
  if (!prefix.empty() && digits.size() > 2 && digits[0] == '0' && (digits[1] | 0x20) == prefix[1])
    digits.remove_prefix(2);
  const std::string whole = cat(negative ? "-" : "", digits);
  if (digits.empty() || digits.starts_with('-')) return std::nullopt;
  std::int64_t number = 0;
  const auto parsed =
      std::from_chars(whole.data(), whole.data() + whole.size(), number, static_cast<int>(base));
  if (parsed.ptr != whole.data() + whole.size() || parsed.ec == std::errc::invalid_argument)
    return std::nullopt;
  if (parsed.ec != std::errc()) m.fail(FailureKind::arithmetic, "int: the number is beyond 64 bits");
  return number;
}

Value truncated(Machine& m, double number, const Value& fallback) {
  if (std::isnan(number)) return fallback;
  if (!(std::fabs(number) < 9.2e18)) m.fail(FailureKind::arithmetic, "int: the number is beyond 64 bits");
  return Value::integer(static_cast<std::int64_t>(number));
}

Value apply_abs(Machine& m, const Value& value, Given given) {
  const Parameters<0> none(m, given, "abs", {});
  m.refuse_undefined(value);
  if (value.kind == Kind::floating) return Value::floating(std::fabs(value.f));
  if (!value.is_integral()) m.fail_type(cat("abs: found ", kind_name(value), ", expected a number"));
  return value.as_integer() < 0 ? negated(m, value) : Value::integer(value.as_integer());
}

Value apply_attr(Machine& m, const Value& value, Given given) {
  const Parameters<1> p(m, given, "attr", {"name"});
  const Value name = p.string(0);
  // Members only: an item of that name is not looked at.
  if (value.kind == Kind::dict) {
    const Value found = m.attribute(Value::dict(nullptr, 0), name.text());
    if (!found.is_undefined()) return m.attribute(value, name.text());
    return {};
  }
  return m.attribute(value, name.text());
}

Value apply_default(Machine& m, const Value& value, Given given) {
  const Parameters<2> p(m, given, "default", {"default_value", "boolean"});
  const bool use = value.is_undefined() || (p.boolean(1, false) && !is_true(value));
  if (!use) return value;
  return p[0] == nullptr ? Value::string("") : *p[0];
}

Value apply_float(Machine& m, const Value& value, Given given) {
  const Parameters<1> p(m, given, "float", {"default"});
  m.refuse_undefined(value);
  const Value fallback = p[0] == nullptr ? Value::floating(0) : *p[0];
  if (value.is_number()) return Value::floating(value.as_double());
  if (!value.is_string()) return fallback;
  const auto number = read_double(m, value);
  return number ? Value::floating(*number) : fallback;
}

Value apply_int(Machine& m, const Value& value, Given given) {
  const Parameters<2> p(m, given, "int", {"default", "base"});
  m.refuse_undefined(value);
  const Value fallback = p[0] == nullptr ? Value::integer(0) : *p[0];
  const std::int64_t base = p.integer(1, 10);
  if (base < 2 || base > 36) m.fail_type("int: found a base that is not from 2 to 36");
  if (value.is_integral()) return Value::integer(value.as_integer());
  if (value.kind == Kind::big_integer) return value;
  if (value.kind == Kind::floating) return std::isinf(value.f) ? fallback : truncated(m, value.f, fallback);
  if (!value.is_string()) return fallback;
  if (const auto whole = read_integer(m, value, base)) return Value::integer(*whole);
  const auto number = read_double(m, value);
  return number && !std::isinf(*number) ? truncated(m, *number, fallback) : fallback;
}

Value apply_round(Machine& m, const Value& value, Given given) {
  const Parameters<2> p(m, given, "round", {"precision", "method"});
  m.refuse_undefined(value);
  const std::string_view method = p.string(1, "common").text();
  if (method != "common" && method != "ceil" && method != "floor")
    m.fail_type("round: the method is none of common, ceil, floor");
  if (!value.is_number()) m.fail_type(cat("round: found ", kind_name(value), ", expected a number"));
  const std::int64_t digits = std::clamp<std::int64_t>(p.integer(0, 0), -400, 400);
  const double x = value.as_double();
  if (!std::isfinite(x)) return Value::floating(x);
  if (value.is_integral() && method == "common" && digits >= 0) return Value::integer(value.as_integer());
  if (method != "common") {
    const double scale = std::pow(10.0, static_cast<double>(digits));
    const double scaled = x * scale;
    const double whole = method == "ceil" ? std::ceil(scaled) : std::floor(scaled);
    return Value::floating((whole + 0.0) / scale);  // without a zero's sign
  }
  // Python rounds the decimal expansion, halves to even: so does printing with so many digits.
  if (digits >= 0) {
    std::string text(800, '\0');
    const auto end = std::to_chars(text.data(), text.data() + text.size(), x, std::chars_format::fixed,
                                   static_cast<int>(digits))
                         .ptr;
    double rounded = 0;
    std::from_chars(text.data(), end, rounded);
    return Value::floating(rounded);
  }
  const double scale = std::pow(10.0, static_cast<double>(-digits));
  const double rounded = std::nearbyint(x / scale) * scale;
  return value.is_integral() ? truncated(m, rounded, value) : Value::floating(rounded);
}

/// The first positional argument is ensure_ascii.
Value apply_tojson(Machine& m, const Value& value, Given given) {
  const Parameters<4> p(m, given, "tojson", {"ensure_ascii", "indent", "separators", "sort_keys"});
  JsonOptions options{.ensure_ascii = p.boolean(0, false), .sort_keys = p.boolean(3, false)};
  if (p[1] != nullptr && !p[1]->is_none()) {
    options.has_indent = true;
    options.item_separator = ",";
    if (p[1]->is_string()) {
      options.indent = p[1]->text();
    } else {
      TextBuilder spaces(m);
      spaces.append(' ', static_cast<std::int64_t>(m.checked_width(p.integer(1, 0), "indentation")), false);
      options.indent = spaces.value().text();
    }
  }
  if (p[2] != nullptr && !p[2]->is_none()) {
    const bool two =
        p[2]->is_sequence() && p[2]->n == 2 && p[2]->items[0].is_string() && p[2]->items[1].is_string();
    if (!two) m.fail_type("tojson: the separators are not two strings");
    options.item_separator = p[2]->items[0].text();
    options.key_separator = p[2]->items[1].text();
  }
  return to_json(m, value, options);
}

constexpr Filter value_table[] = {
    {"abs", apply_abs},     {"attr", apply_attr}, {"d", apply_default},   {"default", apply_default},
    {"float", apply_float}, {"int", apply_int},   {"round", apply_round}, {"tojson", apply_tojson},
};

}  // namespace

std::span<const Filter> value_filters() { return value_table; }

}  // namespace quern::detail::jinja
