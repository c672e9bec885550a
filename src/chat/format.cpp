#include "src/chat/format.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "formats/try.h"
#include "src/chat/operators.h"
#include "src/chat/print.h"
#include "src/chat/text.h"
#include "src/tokenizer/unicode.h"

namespace quern::detail::jinja {
namespace {

using formats::cat;

/// How one value is written: [[fill]align][sign][#][0][width][,][.precision][type].
struct Spec {
  std::string fill = " ";
  char align = '\0', sign = '-', type = '\0';
  bool alternate = false, comma = false;
  std::int64_t width = 0, precision = -1;
};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::int64_t read_number(std::string_view text, std::size_t& at) {
  std::int64_t n = 0;
  for (; at < text.size() && is_digit(text[at]); ++at)
    n = std::min<std::int64_t>(n * 10 + (text[at] - '0'), 1'000'000'000);
  return n;
}

std::string integer_digits(std::uint64_t value, char type) {
  std::array<char, 65> buffer;
  const int base = type == 'x' || type == 'X' ? 16 : type == 'o' ? 8 : type == 'b' ? 2 : 10;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, base).ptr;
  std::string digits(buffer.data(), end);
  if (type == 'X')
    std::ranges::transform(digits, digits.begin(),
                           [](char c) { return c >= 'a' ? static_cast<char>(c - 32) : c; });
  return digits;
}

/// Without the sign. Requires: precision is within Limits::width.
std::string float_digits(double value, char type, std::int64_t precision) {
  if (std::isinf(value)) return "inf";
  if (std::isnan(value)) return "nan";
  const char kind = static_cast<char>(type | 0x20);
  const auto format = kind == 'f'   ? std::chars_format::fixed
                      : kind == 'e' ? std::chars_format::scientific
                                    : std::chars_format::general;
  std::string buffer(static_cast<std::size_t>(precision) + 400, '\0');
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, format,
                                 static_cast<int>(kind == 'g' && precision == 0 ? 1 : precision))
                       .ptr;
  buffer.resize(static_cast<std::size_t>(end - buffer.data()));
  return buffer;
}

void insert_commas(std::string& digits) {
  std::size_t end = 0;
  while (end < digits.size() && is_digit(digits[end])) ++end;
  for (std::size_t i = end; i > 3; i -= 3) digits.insert(i - 3, 1, ',');
}

class Formatter {
 public:
  Formatter(Machine& machine, const Value& format)
      : machine_(machine), format_(format), text_(format.text()), out_(machine) {}

  Value percent(const Value& values);
  Value braces(const Arguments& arguments);

 private:
  [[noreturn]] void fail(std::string_view what) const { machine_.fail_type(cat("format: ", what)); }
  void check(const Spec& spec) const {
    machine_.step(machine_.checked_width(spec.width, "field's width"));
    machine_.step(machine_.checked_width(spec.precision, "precision"));
  }

  void put_padded(const Spec& spec, const Value& body, char usual_align, std::size_t n_sign = 0) {
    check(spec);
    const auto n = static_cast<std::int64_t>(count_codes(body.text()));
    const std::int64_t pad = std::max<std::int64_t>(0, spec.width - n);
    const char align = spec.align == '\0' ? usual_align : spec.align;
    const std::int64_t left = align == '<' ? 0 : align == '^' ? pad / 2 : pad;
    if (align == '=') {
      out_.append(body.part(0, n_sign));
      put_fill(spec, pad);
      out_.append(body.part(n_sign, body.n - n_sign));
      return;
    }
    put_fill(spec, left);
    out_.append(body);
    put_fill(spec, pad - left);
  }
  void put_fill(const Spec& spec, std::int64_t n) {
    if (spec.fill.size() == 1) return out_.append(spec.fill.front(), n, format_.has_data());
    for (std::int64_t i = 0; i < n; ++i) out_.append(spec.fill, format_.has_data());
  }

  void put_text(const Spec& spec, Value text) {
    check(spec);
    if (spec.precision >= 0)
      text = text.part(0, byte_of_code(text.text(), static_cast<std::size_t>(spec.precision)));
    put_padded(spec, text, '<');
  }

  /// Any number, as its type says; without one as it prints.
  void put_number(const Spec& spec, const Value& value) {
    check(spec);
    std::string digits;
    bool negative = false;
    const std::string_view integer_types = "dixXobc";
    const bool as_integer =
        value.is_integral() && (spec.type == '\0' || integer_types.find(spec.type) != std::string_view::npos);
    if (as_integer && spec.type == 'c') {
      const std::int64_t code = value.as_integer();
      if (code < 1 || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
        fail("found a number that is no character");
      append_utf8(digits, static_cast<char32_t>(code));
      return put_padded(spec, machine_.copied(digits), '<');
    }
    if (as_integer) {
      const std::int64_t number = value.as_integer();
      negative = number < 0;
      digits = integer_digits(
          negative ? 0 - static_cast<std::uint64_t>(number) : static_cast<std::uint64_t>(number), spec.type);
      if (spec.alternate && spec.type != '\0' && spec.type != 'd' && spec.type != 'i')
        digits = cat("0", spec.type, digits);
    } else {
      double number = value.as_double();
      negative = std::signbit(number) && !std::isnan(number);
      number = std::fabs(number);
      if (spec.type == '%') {
        digits = float_digits(number * 100, 'f', spec.precision < 0 ? 6 : spec.precision) + "%";
      } else if (spec.type == '\0' && spec.precision < 0) {
        digits = text_of(machine_, Value::floating(number)).text();
      } else {
        digits = float_digits(number, spec.type == '\0' ? 'g' : spec.type,
                              spec.precision < 0 ? 6 : spec.precision);
      }
      if (spec.type == 'E' || spec.type == 'G')
        std::ranges::transform(digits, digits.begin(), [](char c) { return c == 'e' ? 'E' : c; });
    }
    if (spec.comma) insert_commas(digits);
    const std::string sign = negative ? "-" : spec.sign == '-' ? "" : std::string(1, spec.sign);
    put_padded(spec, machine_.copied(sign + digits), '>', sign.size());
  }

  Value converted(char how, const Value& value) {
    if (how == 's') return text_of(machine_, value);
    TextBuilder text(machine_);
    append_repr(machine_, text, value);
    return text.value();
  }

  void put_percent(Spec spec, char type, const Value& value);
  Value field(std::string_view name, const Arguments& arguments);
  Spec brace_spec(std::string_view text, const Arguments& arguments);
  void put_brace(std::string_view inside, const Arguments& arguments);

  Machine& machine_;
  const Value& format_;
  const std::string_view text_;
  TextBuilder out_;
  std::uint32_t next_ = 0;  ///< positional value
};

// ---- "%s" % values ----

void Formatter::put_percent(Spec spec, char type, const Value& value) {
  if (type == 's' || type == 'r' || type == 'a')
    return put_text(spec, converted(type == 's' ? 's' : 'r', value));
  if (type == 'c' && value.is_string()) {
    if (count_codes(value.text()) != 1) fail("%c: found a string, expected one character");
    return put_padded(spec, value, '>');
  }
  machine_.refuse_undefined(value);
  if (!value.is_number()) fail(cat("%", type, ": found ", kind_name(value), ", expected a number"));
  const bool whole = std::string_view("diuxXoc").find(type) != std::string_view::npos;
  if (!whole) {
    spec.type = type;
    return put_number(spec, Value::floating(value.as_double()));
  }
  if (value.kind == Kind::floating && type != 'd' && type != 'i' && type != 'u')
    fail(cat("%", type, ": found a float, expected a whole number"));
  if (value.kind == Kind::floating && !(std::fabs(value.f) < 9.2e18))
    fail("found a float that is no whole number of 64 bits");
  spec.type = type == 'i' || type == 'u' ? 'd' : type;
  put_number(spec, Value::integer(value.kind == Kind::floating ? static_cast<std::int64_t>(value.f)
                                                               : value.as_integer()));
}

Value Formatter::percent(const Value& values) {
  const Value* const items = values.kind == Kind::tuple ? values.items : &values;
  const std::uint32_t n = values.kind == Kind::tuple ? values.n : 1;
  bool by_name = false;
  const auto take = [&]() -> const Value& {
    if (next_ == n) fail("there are too few values");
    return items[next_++];
  };
  std::size_t at = 0;
  while (at < text_.size()) {
    const std::size_t percent = std::min(text_.find('%', at), text_.size());
    out_.append(format_.part(at, percent - at));
    at = percent + 1;
    if (percent == text_.size()) break;
    machine_.step();
    Spec spec;
    Value value;
    bool named = false;
    if (at < text_.size() && text_[at] == '(') {
      const std::size_t close = text_.find(')', at);
      if (close == std::string_view::npos) fail("'%(' without ')'");
      if (values.kind != Kind::dict) fail("'%(name)' needs a dict");
      const Value key = format_.part(at + 1, close - at - 1);
      bool found = false;
      for (std::uint32_t i = 0; i < values.n && !found; ++i) {
        found = equal(machine_, values.entries[i].key, key);
        if (found) value = values.entries[i].value;
      }
      if (!found) fail("the dict has no such key");
      named = by_name = true;
      at = close + 1;
    }
    for (; at < text_.size() && std::string_view("-+ #0").find(text_[at]) != std::string_view::npos; ++at) {
      if (text_[at] == '-') spec.align = '<';
      if (text_[at] == '+' || (text_[at] == ' ' && spec.sign == '-')) spec.sign = text_[at];
      if (text_[at] == '#') spec.alternate = true;
      if (text_[at] == '0') spec.fill = "0";
    }
    const auto size = [&]() -> std::int64_t {
      if (at >= text_.size() || text_[at] != '*') return read_number(text_, at);
      ++at;
      const Value& given = take();
      if (!given.is_integral()) fail("'*' needs a whole number");
      return given.as_integer();
    };
    spec.width = size();
    if (spec.width < 0) {
      spec.align = '<';
      spec.width = spec.width < -machine_.limits().width ? machine_.limits().width + 1 : -spec.width;
    }
    if (at < text_.size() && text_[at] == '.') {
      ++at;
      spec.precision = std::max<std::int64_t>(0, size());
    }
    while (at < text_.size() && std::string_view("hlL").find(text_[at]) != std::string_view::npos) ++at;
    if (at == text_.size()) fail("the format ends inside '%'");
    const char type = text_[at++];
    if (type == '%') {
      out_.append("%", format_.has_data());
      continue;
    }
    if (std::string_view("srcadiuxXofFeEgG").find(type) == std::string_view::npos)
      fail("found an unknown kind after '%'");
    const bool numeric = std::string_view("srca").find(type) == std::string_view::npos;
    if (spec.align == '<' || !numeric)
      spec.fill = " ";
    else if (spec.fill == "0")
      spec.align = '=';
    if (spec.align == '\0') spec.align = '>';
    put_percent(spec, type, named ? value : take());
  }
  const bool may_be_left = by_name || values.is_undefined() || values.kind == Kind::dict ||
                           values.kind == Kind::list || values.kind == Kind::range;
  if (next_ < n && !may_be_left) fail("there are too many values");
  return out_.value(static_cast<std::uint8_t>(format_.flags & Value::is_safe));
}

// ---- "{}".format(...) ----

Value Formatter::field(std::string_view name, const Arguments& arguments) {
  std::size_t end = std::min(name.find_first_of(".["), name.size());
  const std::string_view first = name.substr(0, end);
  Value value;
  if (first.empty() || is_digit(first.front())) {
    std::size_t at = 0;
    const std::int64_t i = first.empty() ? next_++ : read_number(first, at);
    if (!first.empty() && at != first.size()) fail("found a field's name that is no number");
    if (i >= arguments.n) fail("there are too few values");
    value = arguments.positional[i];
  } else {
    const auto* const named = std::find_if(arguments.named, arguments.named + arguments.n_named,
                                           [&](const NamedValue& v) { return v.name == first; });
    if (named == arguments.named + arguments.n_named) fail("there is no value for a named field");
    value = named->value;
  }
  while (end < name.size()) {
    machine_.step();
    const bool dot = name[end] == '.';
    const std::size_t begin = end + 1;
    const std::size_t stop =
        dot ? std::min(name.find_first_of(".[", begin), name.size()) : name.find(']', begin);
    if (stop == std::string_view::npos) fail("'[' without ']'");
    const std::string_view part = name.substr(begin, stop - begin);
    if (part.empty()) fail("found an empty name after '.' or '['");
    if (dot) {
      value = machine_.attribute(value, part);
    } else {
      std::size_t at = 0;
      const std::int64_t index = read_number(part, at);
      value = machine_.item(value, at == part.size() ? Value::integer(index) : machine_.copied(part));
    }
    machine_.refuse_undefined(value);
    end = dot ? stop : stop + 1;
    if (end < name.size() && name[end] != '.' && name[end] != '[')
      fail("found a field's name that ends in more");
  }
  return value;
}

/// A field's own fields, one level deep, are replaced first: {:>{width}}.
Spec Formatter::brace_spec(std::string_view text, const Arguments& arguments) {
  std::string expanded;
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] != '{') {
      expanded += text[at++];
      continue;
    }
    const std::size_t close = text.find('}', at);
    if (close == std::string_view::npos) fail("'{' without '}'");
    expanded += text_of(machine_, field(text.substr(at + 1, close - at - 1), arguments)).text();
    if (expanded.size() > 1000) fail("a field's format is too long");
    at = close + 1;
  }
  const std::string_view spec_text = expanded;
  Spec spec;
  std::size_t at = 0;
  const auto is_align = [&](std::size_t i) {
    return i < spec_text.size() && std::string_view("<>=^").find(spec_text[i]) != std::string_view::npos;
  };
  const std::size_t n_fill = spec_text.empty() ? 0 : first_bytes(spec_text);
  if (n_fill > 0 && is_align(n_fill)) {
    spec.fill = spec_text.substr(0, n_fill);
    spec.align = spec_text[n_fill];
    at = n_fill + 1;
  } else if (is_align(0)) {
    spec.align = spec_text[at++];
  }
  const auto next_is = [&](std::string_view any) {
    return at < spec_text.size() && any.find(spec_text[at]) != std::string_view::npos;
  };
  if (next_is("+- ")) spec.sign = spec_text[at++];
  if (next_is("#")) spec.alternate = ++at > 0;
  if (next_is("0")) {
    if (spec.align == '\0') {
      spec.align = '=';
      spec.fill = "0";
    }
    ++at;
  }
  spec.width = read_number(spec_text, at);
  if (next_is(",")) spec.comma = ++at > 0;
  if (next_is(".")) {
    ++at;
    spec.precision = read_number(spec_text, at);
  }
  if (at < spec_text.size()) spec.type = spec_text[at++];
  if (at != spec_text.size() ||
      (spec.type != '\0' && std::string_view("sdxXobceEfFgG%").find(spec.type) == std::string_view::npos))
    fail("found a field's format that is not known");
  return spec;
}

void Formatter::put_brace(std::string_view inside, const Arguments& arguments) {
  std::size_t bracket = 0, split = 0;
  for (; split < inside.size(); ++split) {
    if (inside[split] == '[') ++bracket;
    if (inside[split] == ']' && bracket > 0) --bracket;
    if (bracket == 0 && (inside[split] == ':' || inside[split] == '!')) break;
  }
  Value value = field(inside.substr(0, split), arguments);
  if (split < inside.size() && inside[split] == '!') {
    if (split + 1 >= inside.size() ||
        std::string_view("sra").find(inside[split + 1]) == std::string_view::npos)
      fail("found an unknown conversion after '!'");
    value = converted(inside[split + 1] == 's' ? 's' : 'r', value);
    split += 2;
    if (split < inside.size() && inside[split] != ':') fail("found more after a conversion");
  }
  const Spec spec = split < inside.size() ? brace_spec(inside.substr(split + 1), arguments) : Spec();
  const bool plain = split + 1 >= inside.size();
  if (value.is_number() && !plain) {
    if (spec.type == 's') fail("found a number for a field of text");
    const bool whole_type =
        spec.type != '\0' && std::string_view("dxXobc").find(spec.type) != std::string_view::npos;
    if (whole_type && value.kind == Kind::floating) fail("found a float for a field of a whole number");
    if (value.is_integral() && spec.precision >= 0 && (whole_type || spec.type == '\0'))
      fail("found a precision for a whole number");
    put_number(spec, value);
    return;
  }
  if (spec.comma || spec.sign != '-') fail("found a sign or comma for a field of text");
  if (!plain && !value.is_string() && !value.is_number())
    fail(cat("found ", kind_name(value), " for a field with a format"));
  if (spec.type != '\0' && spec.type != 's') fail("found text for a field of a number");
  if (spec.align == '=' && spec.fill != "0") fail("found text for a field that is padded like a number");
  Spec text_spec = spec;
  if (text_spec.align == '=') text_spec.align = '<';
  put_text(text_spec, text_of(machine_, value));
}

Value Formatter::braces(const Arguments& arguments) {
  std::size_t at = 0;
  while (at < text_.size()) {
    const std::size_t brace = std::min(text_.find_first_of("{}", at), text_.size());
    out_.append(format_.part(at, brace - at));
    if (brace == text_.size()) break;
    machine_.step();
    if (brace + 1 < text_.size() && text_[brace + 1] == text_[brace]) {
      out_.append(format_.part(brace, 1));
      at = brace + 2;
      continue;
    }
    if (text_[brace] == '}') fail("'}' without '{'");
    std::size_t close = brace + 1;
    for (int open = 1; close < text_.size(); ++close) {
      if (text_[close] == '{') ++open;
      if (text_[close] == '}' && --open == 0) break;
    }
    if (close >= text_.size()) fail("'{' without '}'");
    put_brace(text_.substr(brace + 1, close - brace - 1), arguments);
    at = close + 1;
  }
  return out_.value(static_cast<std::uint8_t>(format_.flags & Value::is_safe));
}

}  // namespace

Value percent_formatted(Machine& machine, const Value& format, const Value& values) {
  return Formatter(machine, format).percent(values);
}
Value brace_formatted(Machine& machine, const Value& format, const Arguments& arguments) {
  return Formatter(machine, format).braces(arguments);
}

}  // namespace quern::detail::jinja
