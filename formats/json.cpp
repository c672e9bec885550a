// One pass over the text. Values become nodes in document order; strings are unescaped where they stand,
// since what an escape means is never longer than the escape.
#include "formats/json.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <vector>

#include "formats/printable.h"
#include "formats/try.h"
#include "formats/utf8.h"

namespace quern::formats {

namespace json {

struct Node {
  std::uint32_t begin = 0;   ///< of the text of a string or number
  std::uint32_t length = 0;  ///< bytes of that text; elements of an array; members of an object; 1 for true
  std::uint32_t end = 0;     ///< index of the next node that is not inside this one
  Kind kind{};
};

struct Tree {
  std::string text;
  std::vector<Node> nodes;
};

namespace {

constexpr std::string_view infinity_word = "Infinity";

bool is_digit(char c) { return c >= '0' && c <= '9'; }

class Parser {
 public:
  Parser(std::string text, std::string_view name, const JsonLimits& limits)
      : name_(name), limits_(limits), tree_(std::make_shared<Tree>()) {
    tree_->text = std::move(text);
  }

  Result<std::shared_ptr<const Tree>> parse() {
    for (;;) {
      QUERN_CHECK(begin_value());
      // A value is complete: close what ends here, then go on with the next value of what is still open.
      bool more = false;
      while (!open_.empty() && !more) {
        skip_space();
        const bool is_object = node(open_.back()).kind == Kind::object;
        if (take(is_object ? '}' : ']')) {
          QUERN_CHECK(close());
        } else if (take(',')) {
          if (is_object) QUERN_CHECK(member_name());
          more = true;
        } else {
          return expected(is_object ? "',' or '}'" : "',' or ']'");
        }
      }
      if (!more) break;
    }
    skip_space();
    if (at_ != text().size()) return expected("the end of the text");
    tree_->nodes.shrink_to_fit();
    return std::shared_ptr<const Tree>(tree_);
  }

 private:
  std::string& text() { return tree_->text; }
  Node& node(std::uint32_t i) { return tree_->nodes[i]; }
  char peek() { return at_ < text().size() ? text()[at_] : '\0'; }
  bool take(char c) { return at_ < text().size() && text()[at_] == c && (++at_, true); }
  void skip_space() {
    while (at_ < text().size() &&
           (text()[at_] == ' ' || text()[at_] == '\n' || text()[at_] == '\r' || text()[at_] == '\t'))
      ++at_;
  }
  Error error(ErrorCode code, std::string_view what) const {
    return Error{code, cat(name_, ": ", what, " (at byte ", at_, ")"), std::string(name_)};
  }
  Error expected(std::string_view what) {
    const std::string found =
        at_ < text().size() ? cat("'", printable(text().substr(at_, 1)), "'") : "the end";
    return error(ErrorCode::corrupt, cat("expected ", what, ", found ", found));
  }

  std::uint32_t add(Kind kind, std::size_t begin = 0, std::size_t length = 0) {
    const auto index = static_cast<std::uint32_t>(tree_->nodes.size());
    tree_->nodes.push_back({.begin = static_cast<std::uint32_t>(begin),
                            .length = static_cast<std::uint32_t>(length),
                            .end = index + 1,
                            .kind = kind});
    return index;
  }

  // Reads a value; of an array or object that is not empty everything up to its first value that is none.
  Result<void> begin_value() {
    for (;;) {
      skip_space();
      if (!open_.empty()) ++node(open_.back()).length;
      switch (peek()) {
        case '"': return string();
        case 't': return word("true", Kind::boolean, 1);
        case 'f': return word("false", Kind::boolean, 0);
        case 'n': return word("null", Kind::null, 0);
        case '[':
        case '{': break;
        default:
          if (limits_.infinity && peek() == 'I') return infinity();
          if (peek() == '-' || is_digit(peek())) return number();
          return expected("a value");
      }
      if (open_.size() == limits_.max_depth)
        return error(ErrorCode::unsupported,
                     cat("more than ", limits_.max_depth, " arrays and objects within each other"));
      const bool is_object = text()[at_++] == '{';
      open_.push_back(add(is_object ? Kind::object : Kind::array));
      skip_space();
      if (peek() == (is_object ? '}' : ']')) {
        ++at_;
        return close();
      }
      if (is_object) QUERN_CHECK(member_name());
    }
  }

  Result<void> member_name() {
    skip_space();
    if (peek() != '"') return expected("a name in quotes");
    QUERN_CHECK(string());
    skip_space();
    if (!take(':')) return expected("':'");
    return {};
  }

  Result<void> close() {
    const std::uint32_t index = open_.back();
    open_.pop_back();
    node(index).end = static_cast<std::uint32_t>(tree_->nodes.size());
    if (node(index).kind != Kind::object || node(index).length < 2) return {};
    std::vector<std::string_view> names;
    names.reserve(node(index).length);
    for (std::uint32_t i = index + 1; i < node(index).end; i = node(i + 1).end)
      names.push_back(std::string_view(text()).substr(node(i).begin, node(i).length));
    std::sort(names.begin(), names.end());
    const auto twice = std::adjacent_find(names.begin(), names.end());
    if (twice != names.end())
      return error(ErrorCode::corrupt, cat("name '", printable(*twice), "' stands in an object twice"));
    return {};
  }

  Result<void> word(std::string_view word, Kind kind, std::size_t length) {
    if (text().compare(at_, word.size(), word) != 0) return expected("a value");
    at_ += word.size();
    add(kind, 0, length);
    return {};
  }

  Result<void> infinity() {
    if (text().compare(at_, infinity_word.size(), infinity_word) != 0) return expected("a value");
    add(Kind::number, at_, infinity_word.size());
    at_ += infinity_word.size();
    return {};
  }

  Result<void> number() {
    const std::size_t begin = at_;
    const auto digits = [&] {
      const std::size_t first = at_;
      while (is_digit(peek())) ++at_;
      return at_ > first;
    };
    take('-');
    if (!take('0') && !digits()) return expected("a digit");
    if (take('.') && !digits()) return expected("a digit");
    if (take('e') || take('E')) {
      if (!take('+')) take('-');
      if (!digits()) return expected("a digit");
    }
    add(Kind::number, begin, at_ - begin);
    return {};
  }

  Result<void> string() {
    const std::size_t begin = ++at_;
    char* const first = text().data() + begin;
    char* out = first;
    for (;;) {
      if (at_ == text().size()) return expected("the end of a string");
      const auto byte = static_cast<unsigned char>(text()[at_]);
      if (byte == '"') break;
      if (byte < 0x20) return expected("no control character in a string");
      if (byte == '\\') {
        QUERN_CHECK(escape(out));
        continue;
      }
      const std::size_t n = utf8_length(std::string_view(text()).substr(at_));
      if (n == 0) return expected("UTF-8");
      for (std::size_t i = 0; i < n; ++i) *out++ = text()[at_++];
    }
    ++at_;
    add(Kind::string, begin, static_cast<std::size_t>(out - first));
    return {};
  }

  Result<void> escape(char*& out) {
    ++at_;
    const char c = peek();
    constexpr std::string_view names = "\"\\/bfnrt", meanings = "\"\\/\b\f\n\r\t";
    if (const std::size_t i = c == '\0' ? names.npos : names.find(c); i != names.npos) {
      *out++ = meanings[i];
      ++at_;
      return {};
    }
    if (c != 'u') return expected("an escape");
    QUERN_TRY(std::uint32_t code, code_unit());
    if (code >= 0xD800 && code < 0xDC00 && text().compare(at_, 2, "\\u") == 0) {
      ++at_;
      QUERN_TRY(const std::uint32_t low, code_unit());
      if (low < 0xDC00 || low > 0xDFFF) return error(ErrorCode::corrupt, "half a surrogate pair in a string");
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    if (code >= 0xD800 && code < 0xE000)
      return error(ErrorCode::corrupt, "half a surrogate pair in a string");
    out = write_utf8(out, code);
    return {};
  }

  // The four digits after the 'u' at at_.
  Result<std::uint32_t> code_unit() {
    ++at_;
    std::uint32_t code = 0;
    for (int i = 0; i < 4; ++i) {
      const char c = peek();
      const int digit = is_digit(c)            ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
      if (digit < 0) return expected("a hexadecimal digit");
      code = code << 4 | static_cast<std::uint32_t>(digit);
      ++at_;
    }
    return code;
  }

  std::string_view name_;
  JsonLimits limits_;
  std::shared_ptr<Tree> tree_;
  std::size_t at_ = 0;
  std::vector<std::uint32_t> open_;
};

}  // namespace
}  // namespace json

Result<JsonDocument> JsonDocument::parse(std::string text, std::string_view name, const JsonLimits& limits) {
  if (text.size() > limits.max_bytes || text.size() > UINT32_MAX)
    return Error{ErrorCode::unsupported,
                 cat(name, ": has ", text.size(), " bytes, expected at most ", limits.max_bytes),
                 std::string(name)};
  QUERN_TRY(std::shared_ptr<const json::Tree> tree, json::Parser(std::move(text), name, limits).parse());
  return JsonDocument(std::move(tree));
}

const json::Node& JsonValue::node() const { return tree_->nodes[index_]; }
json::Kind JsonValue::kind() const { return node().kind; }
std::uint32_t JsonValue::end() const { return node().end; }
std::string_view JsonValue::text() const {
  return std::string_view(tree_->text).substr(node().begin, node().length);
}

std::optional<bool> JsonValue::boolean() const {
  if (kind() != json::Kind::boolean) return std::nullopt;
  return node().length == 1;
}

std::optional<std::uint64_t> JsonValue::unsigned_integer() const {
  if (kind() != json::Kind::number) return std::nullopt;
  std::uint64_t value = 0;
  const auto [end, problem] = std::from_chars(text().data(), text().data() + text().size(), value);
  if (problem != std::errc() || end != text().data() + text().size()) return std::nullopt;
  return value;
}

std::optional<double> JsonValue::number() const {
  if (kind() != json::Kind::number) return std::nullopt;
  double value = 0;
  const auto [end, problem] = std::from_chars(text().data(), text().data() + text().size(), value);
  if (problem != std::errc() || !std::isfinite(value)) return std::nullopt;
  return value;
}

std::optional<std::string_view> JsonValue::string() const {
  if (kind() != json::Kind::string) return std::nullopt;
  return text();
}

bool JsonValue::is_infinity() const { return kind() == json::Kind::number && text() == json::infinity_word; }

std::size_t JsonValue::size() const { return is_array() || is_object() ? node().length : 0; }

std::optional<JsonValue> JsonValue::find(std::string_view name) const {
  for (const auto [member, value] : members())
    if (member == name) return value;
  return std::nullopt;
}

JsonValue::Elements JsonValue::elements() const {
  return {JsonValue(tree_, index_ + 1), JsonValue(tree_, is_array() ? end() : index_ + 1)};
}

JsonValue::Members JsonValue::members() const {
  return {JsonValue(tree_, index_ + 1), JsonValue(tree_, is_object() ? end() : index_ + 1)};
}

std::string JsonValue::description() const {
  switch (kind()) {
    case json::Kind::null: return "null";
    case json::Kind::boolean: return node().length == 1 ? "true" : "false";
    case json::Kind::number: return cat("the number ", printable(text()));
    case json::Kind::string: return cat("the string '", printable(text()), "'");
    case json::Kind::array: return cat("an array of ", size());
    case json::Kind::object: return cat("an object of ", size());
  }
  return "nothing";
}

}  // namespace quern::formats
