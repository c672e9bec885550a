#include "src/chat/format.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "formats/try.h"
#include "src/chat/format_number.h"
#include "src/chat/operators.h"
#include "src/chat/print.h"
#include "src/chat/text.h"
#include "src/tokenizer/unicode.h"

namespace quern::detail::jinja {
namespace {

using formats::cat;

std::int64_t read_number(std::string_view text, std::size_t& at) {
  std::int64_t n = 0;
  for (; at < text.size() && is_digit(text[at]); ++at)
    n = std::min<std::int64_t>(n * 10 + (text[at] - '0'), 1'000'000'000);
  return n;
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
    if (value.is_integral() && spec.type == 'c') return put_character(spec, value.as_integer());
    const NumberText text = number_text(spec, value);
    put_padded(spec, machine_.copied(text.before + text.digits), '>', text.before.size());
  }

  void put_character(const Spec& spec, std::int64_t code) {
    if (code < 1 || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
      fail("found a number that is no character");
    std::string character;
    append_utf8(character, static_cast<char32_t>(code));
    put_padded(spec, machine_.copied(character), '<');
  }

  Value converted(char how, const Value& value) {
    if (how == 's') return text_of(machine_, value);
    TextBuilder text(machine_);
    append_repr(machine_, text, value);
    return text.value();
  }

  const Value& next_value();
  std::int64_t read_size(std::size_t& at);
  Spec percent_spec(std::size_t& at);
  Value named_value(const Value& values, std::size_t& at);
  void put_percent(Spec spec, char type, const Value& value);
  Value field(std::string_view name, const Arguments& arguments);
  Spec brace_spec(std::string_view text, const Arguments& arguments);
  void put_brace(std::string_view inside, const Arguments& arguments);

  Machine& machine_;
  const Value& format_;
  const std::string_view text_;
  TextBuilder out_;
  const Value* values_ = nullptr;  ///< of '%', by position
  std::uint32_t n_values_ = 0;
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

const Value& Formatter::next_value() {
  if (next_ == n_values_) fail("there are too few values");
  return values_[next_++];
}

/// A number, or '*' for the next value.
std::int64_t Formatter::read_size(std::size_t& at) {
  if (at >= text_.size() || text_[at] != '*') return read_number(text_, at);
  ++at;
  const Value& given = next_value();
  if (!given.is_integral()) fail("'*' needs a whole number");
  return given.as_integer();
}

/// What stands between '%', or '%(name)', and the type.
Spec Formatter::percent_spec(std::size_t& at) {
  Spec spec;
  for (; at < text_.size() && std::string_view("-+ #0").find(text_[at]) != std::string_view::npos; ++at) {
    if (text_[at] == '-') spec.align = '<';
    if (text_[at] == '+' || (text_[at] == ' ' && spec.sign == '-')) spec.sign = text_[at];
    if (text_[at] == '#') spec.alternate = true;
    if (text_[at] == '0') spec.fill = "0";
  }
  spec.width = read_size(at);
  if (spec.width < 0) {
    spec.align = '<';
    spec.width = spec.width < -machine_.limits().width ? machine_.limits().width + 1 : -spec.width;
  }
  if (at < text_.size() && text_[at] == '.') {
    ++at;
    spec.precision = std::max<std::int64_t>(0, read_size(at));
  }
  while (at < text_.size() && std::string_view("hlL").find(text_[at]) != std::string_view::npos) ++at;
  return spec;
}

/// Of '%(name)'; `at` stands on the '('.
Value Formatter::named_value(const Value& values, std::size_t& at) {
  const std::size_t close = text_.find(')', at);
  if (close == std::string_view::npos) fail("'%(' without ')'");
  if (values.kind != Kind::dict) fail("'%(name)' needs a dict");
  const Value key = format_.part(at + 1, close - at - 1);
  at = close + 1;
  for (std::uint32_t i = 0; i < values.n; ++i)
    if (equal(machine_, values.entries[i].key, key)) return values.entries[i].value;
  fail("the dict has no such key");
}

Value Formatter::percent(const Value& values) {
  values_ = values.kind == Kind::tuple ? values.items : &values;
  n_values_ = values.kind == Kind::tuple ? values.n : 1;
  bool by_name = false;
  std::size_t at = 0;
  while (at < text_.size()) {
    const std::size_t percent = std::min(text_.find('%', at), text_.size());
    out_.append(format_.part(at, percent - at));
    at = percent + 1;
    if (percent == text_.size()) break;
    machine_.step();
    const bool named = at < text_.size() && text_[at] == '(';
    by_name |= named;
    const Value value = named ? named_value(values, at) : Value();
    Spec spec = percent_spec(at);
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
    put_percent(spec, type, named ? value : next_value());
  }
  const bool may_be_left = by_name || values.is_undefined() || values.kind == Kind::dict ||
                           values.kind == Kind::list || values.kind == Kind::range;
  if (next_ < n_values_ && !may_be_left) fail("there are too many values");
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
  const bool filled = n_fill > 0 && is_align(n_fill);
  if (filled) {
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
    if (!filled) spec.fill = "0";
    if (spec.align == '\0') spec.align = '=';
    ++at;
  }
  spec.width = read_number(spec_text, at);
  if (next_is(",_")) spec.group = spec_text[at++];
  if (next_is(".")) {
    ++at;
    spec.precision = read_number(spec_text, at);
  }
  if (at < spec_text.size()) spec.type = spec_text[at++];
  if (at != spec_text.size() ||
      (spec.type != '\0' && std::string_view("sdxXobcneEfFgG%").find(spec.type) == std::string_view::npos))
    fail("found a field's format that is not known");
  const bool grouped =
      spec.type == '\0' || std::string_view("deEfFgG%").find(spec.type) != std::string_view::npos ||
      (spec.group == '_' && std::string_view("xXob").find(spec.type) != std::string_view::npos);
  if (spec.group != '\0' && !grouped) fail("found groups of digits in a field that has none");
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
    if (value.is_integral() && spec.precision >= 0 && (whole_type || spec.type == '\0' || spec.type == 'n'))
      fail("found a precision for a whole number");
    if (spec.type == 'c' && (spec.sign != '-' || spec.alternate)) fail("found a sign or '#' for a character");
    put_number(spec, value);
    return;
  }
  if (spec.group != '\0' || spec.sign != '-' || spec.alternate)
    fail("found a sign, '#' or groups of digits for a field of text");
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
