#include "src/chat/format_number.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <string_view>

#include "src/base/json.h"

namespace quern::detail::jinja {
namespace {

bool is_one_of(char c, std::string_view all) { return all.find(c) != std::string_view::npos; }

std::string whole_digits(std::uint64_t value, char type) {
  std::array<char, 65> buffer;
  const int base = type == 'x' || type == 'X' ? 16 : type == 'o' ? 8 : type == 'b' ? 2 : 10;
  return {buffer.data(), std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, base).ptr};
}

// ---- floats, without their sign ----

std::string digits_of(double value, std::chars_format format, std::int64_t precision) {
  std::string buffer(static_cast<std::size_t>(precision) + 400, '\0');
  char* const end = buffer.data() + buffer.size();
  buffer.resize(static_cast<std::size_t>(
      std::to_chars(buffer.data(), end, value, format, static_cast<int>(precision)).ptr - buffer.data()));
  return buffer;
}

/// Of digits with or without an exponent.
std::size_t end_of_mantissa(std::string_view digits) { return std::min(digits.find('e'), digits.size()); }

void drop_zeros_after_point(std::string& digits) {
  if (digits.find('.') == std::string::npos) return;
  const std::size_t end = end_of_mantissa(digits);
  const std::size_t last = digits.find_last_not_of('0', end - 1);
  const std::size_t kept = digits[last] == '.' ? last : last + 1;
  digits.erase(kept, end - kept);
}

/// Python's 'g'. `as_float`: as in a format without a type, which never looks like a whole number.
std::string general_digits(double value, std::int64_t precision, bool alternate, bool as_float) {
  precision = std::max<std::int64_t>(1, precision);
  std::string digits = digits_of(value, std::chars_format::scientific, precision - 1);
  const std::string_view power = std::string_view(digits).substr(digits.find('e') + 1);
  std::int64_t exponent = 0;
  std::from_chars(power.data() + (power[0] == '+' ? 1 : 0), power.data() + power.size(), exponent);
  const bool fixed = exponent >= -4 && exponent < precision - (as_float ? 1 : 0);
  if (fixed) digits = digits_of(value, std::chars_format::fixed, precision - 1 - exponent);
  if (!alternate) drop_zeros_after_point(digits);
  return fixed && as_float && digits.find('.') == std::string::npos ? digits + ".0" : digits;
}

std::string float_digits(const Spec& spec, double value) {
  if (std::isinf(value)) return "inf";
  if (std::isnan(value)) return "nan";
  const std::int64_t precision = spec.precision < 0 ? 6 : spec.precision;
  std::string digits;
  if (spec.type == '\0' && spec.precision < 0)
    append_float(digits, value);
  else if (is_one_of(spec.type, "fF%"))
    digits = digits_of(spec.type == '%' ? value * 100 : value, std::chars_format::fixed, precision);
  else if (is_one_of(spec.type, "eE"))
    digits = digits_of(value, std::chars_format::scientific, precision);
  else
    digits = general_digits(value, precision, spec.alternate, spec.type == '\0');
  if (spec.alternate && digits.find('.') == std::string::npos) digits.insert(end_of_mantissa(digits), ".");
  return digits;
}

/// Between the digits that begin the text; zeros that fill the field up count as digits.
std::string grouped(const Spec& spec, const std::string& digits, std::size_t n_before) {
  const bool hexadecimal = is_one_of(spec.type, "xX");
  const std::size_t every = is_one_of(spec.type, "xXob") ? 4 : 3;
  const std::size_t n =
      std::min(digits.find_first_not_of(hexadecimal ? "0123456789abcdef" : "0123456789"), digits.size());
  if (n == 0) return digits;
  std::size_t filled = n;
  if (spec.align == '=' && spec.fill == "0") {
    const auto width = static_cast<std::size_t>(spec.width);
    while (n_before + filled + (filled - 1) / every + digits.size() - n < width) ++filled;
  }
  std::string out;
  for (std::size_t left = filled; left > 0; --left) {
    out += left > n ? '0' : digits[n - left];
    if (left > 1 && left % every == 1) out += spec.group;
  }
  return out.append(digits, n);
}

}  // namespace

NumberText number_text(const Spec& spec, const Value& value) {
  const bool whole = value.is_integral() && is_one_of(spec.type, std::string_view("\0dnxXob", 7));
  const double x = value.as_double();
  const bool negative = whole ? value.as_integer() < 0 : std::signbit(x) && !std::isnan(x);
  NumberText text;
  if (negative || spec.sign != '-') text.before = negative ? '-' : spec.sign;
  if (whole) {
    const auto number = static_cast<std::uint64_t>(value.as_integer());
    text.digits = whole_digits(negative ? 0 - number : number, spec.type);
    const auto least = static_cast<std::size_t>(std::max<std::int64_t>(0, spec.precision));
    if (text.digits.size() < least) text.digits.insert(0, least - text.digits.size(), '0');
    if (spec.alternate && is_one_of(spec.type, "xXob")) text.before.append({'0', spec.type});
  } else {
    text.digits = float_digits(spec, std::fabs(x));
    if (spec.type == '%') text.digits += '%';
  }
  if (spec.group != '\0') text.digits = grouped(spec, text.digits, text.before.size());
  if (is_one_of(spec.type, "XEFG"))
    std::ranges::transform(text.digits, text.digits.begin(),
                           [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  return text;
}

}  // namespace quern::detail::jinja
