#pragma once
// The values inside tool calls: where one ends, and what it means as JSON. Text from a model; nothing is
// sure.
#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "quern/answer.h"
#include "src/chat/tool_table.h"

namespace quern::detail {

/// Objects and lists inside each other, in arguments that are read whole.
inline constexpr int max_arguments_depth = 100;

/// Finds the end of a value that shows by itself where it ends, byte by byte, without reading it.
class ValueEnd {
 public:
  enum class Style {
    json,
    python,  // [f(x='1'), g()], f(x=1)
    gemma,   // the rest of {key:<|"|>text<|"|>,...} after its first brace
  };
  enum class State { open, done, broken };

  explicit ValueEnd(Style style) : style_(style), depth_(style == Style::gemma ? 1 : 0) {}
  /// `broken`: the byte cannot be part of the value.
  State feed(char c);

  int depth() const { return depth_; }
  bool in_string() const { return quote_ != 0; }
  /// The last of ",:{[" and the like outside of strings.
  char last_mark() const { return mark_; }

 private:
  State gemma_quote(char c);

  Style style_;
  int depth_;       // of brackets
  char quote_ = 0;  // that ends the string we are in
  bool escaped_ = false;
  char mark_ = 0;
  std::size_t n_quote_ = 0;  // bytes of Gemma's quote that have been met
};

/// The calls in a JSON object or array, small mistakes forgiven; nothing if it is something else.
/// `with_arguments`: a call must have some, if only {}.
std::optional<std::vector<ToolCall>> json_calls(std::string_view text, bool with_arguments);
/// The same for {"name": {arguments}} objects.
std::optional<std::vector<ToolCall>> keyed_calls(std::string_view text);
/// The calls in [f(x=1), g()] or f.call(x=1).
std::optional<std::vector<ToolCall>> python_calls(std::string_view text);
/// The arguments as a JSON object: the text of one, small mistakes forgiven...
std::optional<std::string> json_arguments(std::string_view text);
/// ... Gemma's, from behind the first brace...
std::optional<std::string> gemma_arguments(std::string_view text);
/// ... and nested tags, each behind "]<]minimax[>[".
std::optional<std::string> nested_arguments(std::string_view text, const ToolTable& tools,
                                            std::string_view tool);

/// The text of an argument as JSON.
std::string json_value(std::string_view text, const ValueRule& rule);

/// Puts {"key": value, ...} together; of a key that comes twice the last value counts.
class ArgumentsBuilder {
 public:
  void add(std::string_view key, std::string_view json_value);
  std::string take();

 private:
  std::string text_;
  std::set<std::string, std::less<>> keys_;
  bool repeated_ = false;
};

std::string json_string(std::string_view text);
std::string_view trimmed(std::string_view text);
constexpr bool is_space(char c) {
  return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

}  // namespace quern::detail
