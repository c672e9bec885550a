// Reading JSON (RFC 8259). Depth and size are bounded, and every byte is looked at before it is used.
#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <limits>
#include <numeric>

#include "formats/try.h"
#include "formats/utf8.h"
#include "src/base/json.h"

namespace quern::detail {
namespace {

using formats::cat;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

class Parser {
 public:
  Parser(std::string_view text, const JsonLimits& limits) : text_(text), limits_(limits) {}

  Result<Json> whole() {
    QUERN_TRY(Json value, prefix());
    skip_space();
    if (at_ != text_.size()) return expected("the end");
    return value;
  }
  Result<Json> prefix() {
    if (text_.size() > limits_.max_bytes)
      return Error{ErrorCode::invalid_argument,
                   cat("JSON of ", text_.size(), " bytes, expected at most ", limits_.max_bytes), ""};
    return value(0);
  }
  std::size_t at() const { return at_; }

 private:
  Error fail(const std::string& what) const {
    const std::string_view before = text_.substr(0, at_);
    const auto line = 1 + std::ranges::count(before, '\n');
    const auto column = at_ - (before.rfind('\n') + 1) + 1;
    return {ErrorCode::invalid_argument, cat("JSON, line ", line, " column ", column, ": ", what),
            at_ >= text_.size() ? "end" : ""};
  }
  Error expected(const std::string& what) const {
    if (at_ >= text_.size()) return fail(cat("found the end, expected ", what));
    const auto byte = static_cast<unsigned char>(text_[at_]);
    if (byte > 0x20 && byte < 0x7f) return fail(cat("found '", text_[at_], "', expected ", what));
    return fail(cat("found byte ", static_cast<int>(byte), ", expected ", what));
  }

  bool next_is(char c) const { return at_ < text_.size() && text_[at_] == c; }
  void skip_space() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\r' || text_[at_] == '\t'))
      ++at_;
  }

  Result<Json> value(std::size_t depth) {
    skip_space();
    if (at_ == text_.size()) return expected("a value");
    switch (text_[at_]) {
      case '{': return object(depth);
      case '[': return array(depth);
      case '"': {
        QUERN_TRY(std::string text, string());
        return Json(std::move(text));
      }
      case 't': return word("true", Json(true));
      case 'f': return word("false", Json(false));
      case 'n': return word("null", Json());
      default: return number();
    }
  }

  Result<Json> word(std::string_view name, Json meaning) {
    for (const char c : name) {
      if (!next_is(c)) return expected(cat("'", name, "'"));
      ++at_;
    }
    return meaning;
  }

  Result<Json> number() {
    const std::size_t begin = at_;
    if (next_is('-')) ++at_;
    if (!next_is_digit()) return expected(at_ == begin ? "a value" : "a digit");
    if (next_is('0'))
      ++at_;
    else
      skip_digits();
    bool whole = true;
    if (next_is('.')) {
      whole = false;
      ++at_;
      if (!next_is_digit()) return expected("a digit");
      skip_digits();
    }
    if (next_is('e') || next_is('E')) {
      whole = false;
      ++at_;
      if (next_is('+') || next_is('-')) ++at_;
      if (!next_is_digit()) return expected("a digit");
      skip_digits();
    }
    const std::string_view digits = text_.substr(begin, at_ - begin);
    const char* const end = digits.data() + digits.size();
    if (whole) {
      std::int64_t value = 0;
      if (std::from_chars(digits.data(), end, value).ec == std::errc()) return Json(value);
      return Json(Json::BigInteger{std::string(digits)});
    }
    double value = 0;
    if (std::from_chars(digits.data(), end, value).ec == std::errc::result_out_of_range)
      value = out_of_range(digits);
    return Json(value);
  }
  /// Too large is infinity and too small is zero, as in Python: the exponent that the digits amount to tells.
  static double out_of_range(std::string_view digits) {
    const bool negative = digits.front() == '-';
    const std::size_t e = digits.find_first_of("eE");
    const std::string_view mantissa = digits.substr(0, e);
    const std::size_t first = mantissa.find_first_of("123456789"),
                      point = std::min(mantissa.find('.'), mantissa.size());
    bool large = first < point;
    if (e != std::string_view::npos) {
      std::string_view power = digits.substr(e + 1);
      const bool below = power.front() == '-';
      if (below || power.front() == '+') power.remove_prefix(1);
      std::int64_t exponent = 0;
      if (std::from_chars(power.data(), power.data() + power.size(), exponent).ec != std::errc())
        exponent = std::numeric_limits<std::int32_t>::max();
      const auto shift = static_cast<std::int64_t>(point) - static_cast<std::int64_t>(first);
      large = (below ? -exponent : exponent) + shift > 0;
    }
    const double size = large ? std::numeric_limits<double>::infinity() : 0;
    return negative ? -size : size;
  }
  bool next_is_digit() const { return at_ < text_.size() && is_digit(text_[at_]); }
  void skip_digits() {
    while (next_is_digit()) ++at_;
  }

  Result<std::string> string() {
    std::string out;
    ++at_;
    for (;;) {
      if (at_ == text_.size()) return expected("'\"'");
      const auto byte = static_cast<unsigned char>(text_[at_]);
      if (byte == '"') {
        ++at_;
        return out;
      }
      if (byte == '\\') {
        QUERN_CHECK(escape(out));
      } else if (byte < 0x20) {
        return expected("no control character inside a string");
      } else {
        const std::size_t n = formats::utf8_length(text_.substr(at_));
        if (n == 0) return fail("a string is not UTF-8");
        out.append(text_, at_, n);
        at_ += n;
      }
    }
  }

  Result<void> escape(std::string& out) {
    ++at_;
    if (at_ == text_.size()) return expected("an escape");
    switch (text_[at_]) {
      case '"': out += '"'; break;
      case '\\': out += '\\'; break;
      case '/': out += '/'; break;
      case 'b': out += '\b'; break;
      case 'f': out += '\f'; break;
      case 'n': out += '\n'; break;
      case 'r': out += '\r'; break;
      case 't': out += '\t'; break;
      case 'u': return character(out);
      default: return expected("one of \"\\/bfnrtu after a backslash");
    }
    ++at_;
    return {};
  }
  Result<void> character(std::string& out) {
    QUERN_TRY(char32_t code, code_unit());
    if (code >= 0xdc00 && code < 0xe000) return fail("the second half of a surrogate pair has no first");
    if (code >= 0xd800 && code < 0xdc00) {
      if (!next_is('\\')) return expected("the second half of a surrogate pair");
      ++at_;
      if (!next_is('u')) return expected("the second half of a surrogate pair");
      QUERN_TRY(const char32_t low, code_unit());
      if (low < 0xdc00 || low >= 0xe000) return fail("the first half of a surrogate pair has no second");
      code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    formats::append_utf8(out, code);
    return {};
  }
  /// The four digits after the "u" that is next.
  Result<char32_t> code_unit() {
    ++at_;
    unsigned value = 0;
    for (int i = 0; i < 4; ++i, ++at_) {
      if (at_ == text_.size()) return expected("a hexadecimal digit");
      unsigned digit = 0;
      if (std::from_chars(text_.data() + at_, text_.data() + at_ + 1, digit, 16).ec != std::errc())
        return expected("a hexadecimal digit");
      value = value * 16 + digit;
    }
    return static_cast<char32_t>(value);
  }

  Result<void> deeper(std::size_t depth) const {
    if (depth < limits_.max_depth) return {};
    Error error = fail(cat("nested deeper than ", limits_.max_depth));
    error.field.clear();  // more text would not mend it
    return error;
  }

  Result<Json> array(std::size_t depth) {
    QUERN_CHECK(deeper(depth));
    Json::Array items;
    ++at_;
    skip_space();
    if (next_is(']')) {
      ++at_;
      return Json(std::move(items));
    }
    for (;;) {
      QUERN_TRY(Json item, value(depth + 1));
      items.push_back(std::move(item));
      skip_space();
      if (next_is(']')) break;
      if (!next_is(',')) return expected("',' or ']'");
      ++at_;
    }
    ++at_;
    return Json(std::move(items));
  }

  Result<Json> object(std::size_t depth) {
    QUERN_CHECK(deeper(depth));
    Json::Object members;
    ++at_;
    skip_space();
    if (next_is('}')) {
      ++at_;
      return Json(std::move(members));
    }
    for (;;) {
      skip_space();
      if (!next_is('"')) return expected("a key in quotes");
      QUERN_TRY(std::string key, string());
      skip_space();
      if (!next_is(':')) return expected("':'");
      ++at_;
      QUERN_TRY(Json item, value(depth + 1));
      members.push_back({std::move(key), std::move(item)});
      skip_space();
      if (next_is('}')) break;
      if (!next_is(',')) return expected("',' or '}'");
      ++at_;
    }
    ++at_;
    return Json(without_repetitions(std::move(members)));
  }
  /// Sorting finds equal keys in a time that no choice of keys can spoil.
  static Json::Object without_repetitions(Json::Object members) {
    std::vector<std::size_t> order(members.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    const auto key = [&](std::size_t i) -> const std::string& { return members[i].key; };
    std::ranges::stable_sort(order, {}, key);
    std::vector<bool> drop(members.size());
    bool any = false;
    for (std::size_t i = 0; i < order.size();) {
      std::size_t last = i;
      while (last + 1 < order.size() && key(order[last + 1]) == key(order[i])) ++last;
      if (last > i) members[order[i]].value = std::move(members[order[last]].value);
      for (std::size_t k = i + 1; k <= last; ++k) drop[order[k]] = any = true;
      i = last + 1;
    }
    if (!any) return members;
    Json::Object kept;
    for (std::size_t i = 0; i < members.size(); ++i)
      if (!drop[i]) kept.push_back(std::move(members[i]));
    return kept;
  }

  std::string_view text_;
  JsonLimits limits_;
  std::size_t at_ = 0;
};

}  // namespace

Result<Json> parse_json(std::string_view text, const JsonLimits& limits) {
  return Parser(text, limits).whole();
}

Result<JsonPrefix> parse_json_prefix(std::string_view text, const JsonLimits& limits) {
  Parser parser(text, limits);
  QUERN_TRY(Json value, parser.prefix());
  return JsonPrefix{std::move(value), parser.at()};
}

}  // namespace quern::detail
