#include "src/base/json.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace quern::detail {

const Json* Json::find(std::string_view key) const {
  if (const Object* members = object())
    for (const Member& member : *members)
      if (member.key == key) return &member.value;
  return nullptr;
}

Json* Json::find(std::string_view key) { return const_cast<Json*>(std::as_const(*this).find(key)); }

Json& Json::set(std::string_view key, Json value) {
  if (is_null()) value_ = Object();
  if (Json* found = find(key)) return *found = std::move(value);
  Object& members = std::get<Object>(value_);
  members.push_back({std::string(key), std::move(value)});
  return members.back().value;
}

const char* Json::kind() const {
  constexpr std::array kinds = {"null",     "a boolean", "a whole number", "a whole number",
                                "a number", "a string",  "an array",       "an object"};
  return kinds[value_.index()];
}

bool Json::operator==(const Json& other) const { return value_ == other.value_; }

void append_float(std::string& out, double value) {
  // to_chars gives the shortest digits; where the point goes is Python's rule.
  std::array<char, 32> buffer;
  const auto written =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::scientific);
  std::string_view text(buffer.data(), static_cast<std::size_t>(written.ptr - buffer.data()));
  if (text.front() == '-') {
    out += '-';
    text.remove_prefix(1);
  }
  const std::size_t e = text.find('e');
  int exponent = 0;
  const char* digits_of_exponent = text.data() + e + (text[e + 1] == '+' ? 2 : 1);
  std::from_chars(digits_of_exponent, text.data() + text.size(), exponent);
  std::string digits(1, text.front());
  if (e > 2) digits += text.substr(2, e - 2);
  const auto n = static_cast<int>(digits.size());
  if (exponent < -4 || exponent > 15) {
    out += digits.front();
    if (n > 1) out.append(".").append(digits, 1);
    out.append(exponent < 0 ? "e-" : "e+");
    const std::string power = std::to_string(std::abs(exponent));
    out.append(power.size() < 2 ? "0" : "").append(power);
  } else if (exponent < 0) {
    out.append("0.").append(static_cast<std::size_t>(-exponent - 1), '0').append(digits);
  } else if (n <= exponent + 1) {
    out.append(digits).append(static_cast<std::size_t>(exponent + 1 - n), '0').append(".0");
  } else {
    const auto whole = static_cast<std::size_t>(exponent + 1);
    out.append(digits, 0, whole).append(".").append(digits, whole);
  }
}

}  // namespace quern::detail
