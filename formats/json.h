#pragma once
// Reads JSON (RFC 8259) that nobody vouches for: bounded depth and size, memory in proportion to the text, no
// recursion, no key twice in an object, strings that are valid UTF-8.
//
//   QUERN_TRY(const JsonDocument document, JsonDocument::parse(std::move(text), "config.json"));
//   if (const auto width = document.root().find("hidden_size")) use(width->unsigned_integer());
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "quern/result.h"

namespace quern::formats {

namespace json {

enum class Kind : std::uint8_t { null, boolean, number, string, array, object };

struct Node;
struct Tree;

}  // namespace json

/// A place in a JsonDocument, which must outlive it. Cheap to copy.
class JsonValue {
 public:
  json::Kind kind() const;
  bool is_null() const { return kind() == json::Kind::null; }
  bool is_string() const { return kind() == json::Kind::string; }
  bool is_array() const { return kind() == json::Kind::array; }
  bool is_object() const { return kind() == json::Kind::object; }
  /// For messages: "an array of 3", "the number 12.5", "the string 'silu'".
  std::string description() const;

  // Nothing where the value is of another kind or does not fit.
  std::optional<bool> boolean() const;
  std::optional<std::uint64_t> unsigned_integer() const;  ///< written without fraction and exponent
  std::optional<double> number() const;                   ///< finite
  std::optional<std::string_view> string() const;         ///< unescaped
  bool is_infinity() const;                               ///< see JsonLimits::infinity

  /// Elements of an array or members of an object; 0 for everything else.
  std::size_t size() const;
  /// The member of that name; a walk through all of them.
  std::optional<JsonValue> find(std::string_view name) const;

  // for (JsonValue element : value.elements()), for (auto [name, element] : value.members()), in their order
  // in the text. Nothing where the value is no array (no object).
  class Elements;
  class Members;
  Elements elements() const;
  Members members() const;

 private:
  friend class JsonDocument;
  JsonValue(const json::Tree* tree, std::uint32_t index) : tree_(tree), index_(index) {}
  const json::Node& node() const;
  std::string_view text() const;
  std::uint32_t end() const;  ///< the index after the value and all that is in it

  const json::Tree* tree_;
  std::uint32_t index_;
};

class JsonValue::Elements {
 public:
  class Iterator {
   public:
    explicit Iterator(JsonValue at) : at_(at) {}
    JsonValue operator*() const { return at_; }
    Iterator& operator++() { return at_.index_ = at_.end(), *this; }
    bool operator==(const Iterator& other) const { return at_.index_ == other.at_.index_; }

   private:
    JsonValue at_;
  };
  Elements(JsonValue first, JsonValue last) : first_(first), last_(last) {}
  Iterator begin() const { return Iterator(first_); }
  Iterator end() const { return Iterator(last_); }

 private:
  JsonValue first_, last_;
};

class JsonValue::Members {
 public:
  class Iterator {
   public:
    explicit Iterator(JsonValue name) : name_(name) {}
    std::pair<std::string_view, JsonValue> operator*() const { return {name_.text(), value()}; }
    Iterator& operator++() { return name_.index_ = value().end(), *this; }
    bool operator==(const Iterator& other) const { return name_.index_ == other.name_.index_; }

   private:
    JsonValue value() const {
      return {name_.tree_, name_.index_ + 1};
    }  // a member is its name, then its value
    JsonValue name_;
  };
  Members(JsonValue first, JsonValue last) : first_(first), last_(last) {}
  Iterator begin() const { return Iterator(first_); }
  Iterator end() const { return Iterator(last_); }

 private:
  JsonValue first_, last_;
};

struct JsonLimits {
  std::size_t max_bytes = std::size_t{256} << 20;
  std::size_t max_depth = 64;  ///< of arrays and objects within each other
  bool infinity = false;  ///< `Infinity` is a number, one that number() does not return: some writers have it
};

/// A parsed text. Cheap to copy; safe to read from any number of threads.
class JsonDocument {
 public:
  /// `name` begins each message: "config.json: expected a value, found '}' (at byte 17)". What is larger than
  /// the limits allow is ErrorCode::unsupported, everything else that is wrong ErrorCode::corrupt.
  static Result<JsonDocument> parse(std::string text, std::string_view name, const JsonLimits& limits = {});
  JsonValue root() const { return {tree_.get(), 0}; }

 private:
  explicit JsonDocument(std::shared_ptr<const json::Tree> tree) : tree_(std::move(tree)) {}
  std::shared_ptr<const json::Tree> tree_;
};

}  // namespace quern::formats
