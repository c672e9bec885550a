#pragma once
// JSON values: read from text that nobody has checked, and written as Python's json.dumps writes them, which
// is how chat templates expect it. What was read is written back unchanged in meaning: members keep their
// order, whole numbers stay whole and of any size, other numbers keep all their digits.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "quern/result.h"

namespace quern::detail {

class Json {
 public:
  /// A whole number that 64 bits do not hold, as its decimal digits with an optional minus sign.
  struct BigInteger {
    std::string digits;
    bool operator==(const BigInteger&) const = default;
  };
  struct Member;
  using Array = std::vector<Json>;
  using Object = std::vector<Member>;  ///< in the order of the text, no key twice
  using Value =
      std::variant<std::nullptr_t, bool, std::int64_t, BigInteger, double, std::string, Array, Object>;

  // Defined below, where Member is whole: clang looks into the vector of a variant that it makes.
  Json();
  Json(std::nullptr_t);
  Json(bool value);
  Json(int value);
  Json(std::int64_t value);
  Json(BigInteger value);
  Json(double value);
  Json(std::string value);
  Json(std::string_view value);
  Json(const char* value);
  Json(Array value);
  Json(Object value);

  bool is_null() const { return std::holds_alternative<std::nullptr_t>(value_); }
  const bool* boolean() const { return std::get_if<bool>(&value_); }
  const std::int64_t* integer() const { return std::get_if<std::int64_t>(&value_); }
  const BigInteger* big_integer() const { return std::get_if<BigInteger>(&value_); }
  const double* number() const { return std::get_if<double>(&value_); }
  const std::string* string() const { return std::get_if<std::string>(&value_); }
  const Array* array() const { return std::get_if<Array>(&value_); }
  Array* array() { return std::get_if<Array>(&value_); }
  const Object* object() const { return std::get_if<Object>(&value_); }
  Object* object() { return std::get_if<Object>(&value_); }
  const Value& value() const { return value_; }

  /// The member of that key; null where there is none, or where this is no object.
  const Json* find(std::string_view key) const;
  Json* find(std::string_view key);
  /// Adds the member at the end, or gives the one of that key a new value. Turns null into an object;
  /// requires that or an object.
  Json& set(std::string_view key, Json value);

  /// "an object", "a string"..., for messages.
  const char* kind() const;

  /// Equal values of equal kinds (1 and 1.0 differ); the order of members counts.
  bool operator==(const Json& other) const;

 private:
  Value value_;
};

struct Json::Member {
  std::string key;
  Json value;
  bool operator==(const Member&) const = default;
};

inline Json::Json() : value_(nullptr) {}
inline Json::Json(std::nullptr_t) : value_(nullptr) {}
inline Json::Json(bool value) : value_(value) {}
inline Json::Json(int value) : value_(std::int64_t{value}) {}
inline Json::Json(std::int64_t value) : value_(value) {}
inline Json::Json(BigInteger value) : value_(std::move(value)) {}
inline Json::Json(double value) : value_(value) {}
inline Json::Json(std::string value) : value_(std::move(value)) {}
inline Json::Json(std::string_view value) : value_(std::string(value)) {}
inline Json::Json(const char* value) : value_(std::string(value)) {}
inline Json::Json(Array value) : value_(std::move(value)) {}
inline Json::Json(Object value) : value_(std::move(value)) {}

struct JsonLimits {
  std::size_t max_depth = 200;                   ///< arrays and objects inside each other
  std::size_t max_bytes = std::size_t{1} << 30;  ///< of text
};

/// One JSON value (RFC 8259) with nothing but white space around it. The text must be UTF-8. A key that
/// occurs twice keeps its first place and its last value. Error invalid_argument names line and column.
Result<Json> parse_json(std::string_view text, const JsonLimits& limits = {});

struct JsonPrefix {
  Json value;
  std::size_t n_bytes = 0;  ///< where the value ends; what follows was not looked at
};
/// The value that the text begins with, white space before it allowed. The Error's field is "end" if the text
/// is a value cut short, so that more of it could make it whole.
Result<JsonPrefix> parse_json_prefix(std::string_view text, const JsonLimits& limits = {});

/// The arguments of Python's json.dumps, but for ensure_ascii, which is off by default.
struct JsonStyle {
  bool ensure_ascii = false;
  std::optional<std::string> indent = {};  ///< of one level; absent: all on one line
  std::string item_separator = ", ";       ///< with an indent the usual one is ","
  std::string key_separator = ": ";
  bool sort_keys = false;  ///< by code point
};
std::string dump_json(const Json& value, const JsonStyle& style = {});

/// The text as a JSON string, quotes included. Requires: it is UTF-8.
void append_json_string(std::string& out, std::string_view text, bool ensure_ascii);
/// The shortest digits that read back to the same number, as Python prints them: always with ".0" or an
/// exponent, which is used below 1e-4 and from 1e16. Requires: finite.
void append_float(std::string& out, double value);

}  // namespace quern::detail
