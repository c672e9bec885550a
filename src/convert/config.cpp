#include "src/convert/config.h"

#include <algorithm>

#include "formats/try.h"

namespace quern::detail {

using formats::cat;
using formats::JsonValue;

std::optional<JsonValue> Config::find(std::string_view key) const {
  auto value = root_.find(key);
  if (!value) value = defaults_.find(key);
  return value && !value->is_null() ? value : std::nullopt;
}

std::optional<Config> Config::object(std::string_view key) const {
  const auto value = find(key);
  if (!value || !value->is_object()) return std::nullopt;
  return Config(*value, *value, cat(file_, ": in '", key, "'"));
}

std::string Config::found(std::string_view key) const {
  const auto value = find(key);
  return value ? value->description() : "absent";
}

void Config::wrong(std::string_view key, std::string_view expected) {
  fail({ErrorCode::corrupt, cat(file_, ": '", key, "' is ", found(key), ", expected ", expected),
        std::string(key)});
}

void Config::unsupported(std::string_view key, std::string_view found, std::string_view expected) {
  fail({ErrorCode::unsupported, cat(file_, ": '", key, "' is ", found, ", expected ", expected),
        std::string(key)});
}

std::uint32_t Config::size_or(std::string_view key, std::uint32_t fallback) {
  constexpr std::uint64_t max = INT32_MAX;
  const auto value = find(key);
  if (!value) return fallback;
  const auto size = value->unsigned_integer();
  if (size && *size <= max) return static_cast<std::uint32_t>(*size);
  wrong(key, "an integer from 0 to 2^31 - 1");
  return fallback;
}

std::uint32_t Config::size(std::string_view key) {
  const std::uint32_t size = size_or(key, 0);
  if (size == 0) wrong(key, "an integer of 1 or more");
  return size == 0 ? 1 : size;
}

double Config::number_or(std::string_view key, double fallback) {
  const auto value = find(key);
  if (!value) return fallback;
  if (const auto number = value->number()) return *number;
  wrong(key, "a number");
  return fallback;
}

double Config::number(std::string_view key) {
  if (!has(key)) wrong(key, "a number");
  return number_or(key, 1);
}

bool Config::flag_or(std::string_view key, bool fallback) {
  const auto value = find(key);
  if (!value) return fallback;
  if (const auto flag = value->boolean()) return *flag;
  wrong(key, "true or false");
  return fallback;
}

std::string_view Config::text_or(std::string_view key, std::string_view fallback) {
  const auto value = find(key);
  if (!value) return fallback;
  if (const auto text = value->string()) return *text;
  wrong(key, "a string");
  return fallback;
}

std::vector<double> Config::numbers(std::string_view key) {
  std::vector<double> numbers;
  const auto value = find(key);
  if (value && value->is_array()) {
    for (const JsonValue element : value->elements())
      if (const auto number = element.number()) numbers.push_back(*number);
  }
  if (!value || !value->is_array() || numbers.size() != value->size()) wrong(key, "an array of numbers");
  return numbers;
}

void Config::expect(std::string_view key, std::string_view allowed) {
  const auto value = find(key);
  const auto is = [&](std::string_view text) {
    if (!value) return text == "null";
    if (const auto flag = value->boolean()) return text == (*flag ? "true" : "false");
    if (const auto string = value->string()) return text == *string;
    if (const auto number = value->number()) return text == cat(*number);
    return text == "[]" && value->is_array() && value->size() == 0;
  };
  std::string expected;
  for (std::size_t begin = 0; begin <= allowed.size();) {
    const std::size_t end = std::min(allowed.find('|', begin), allowed.size());
    const std::string_view text = allowed.substr(begin, end - begin);
    if (is(text)) return;
    expected += cat(expected.empty() ? "" : " or ", text == "null" ? "absent" : text);
    begin = end + 1;
  }
  unsupported(key, found(key), expected);
}

}  // namespace quern::detail
