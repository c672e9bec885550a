#pragma once
// Values as Python and Gemma write them, turned into JSON text.
#include <optional>
#include <string>
#include <string_view>

namespace quern::detail {

/// One pass over a text. Each function gives nothing where the text is not what it reads.
class LiteralReader {
 public:
  enum class Style {
    python,  // 'text', "text", 1, 2.5, True, None, [..], (..), {'key': value}; true, false, null too
    gemma,   // <|"|>text<|"|>, numbers, true, false, null, [..], {key:value}
  };
  LiteralReader(std::string_view text, Style style) : text_(text), style_(style) {}

  std::optional<std::string> value(int depth = 0);
  /// Members up to the closing brace, the opening one being read already.
  std::optional<std::string> members(int depth = 0);
  /// "key=value, ...)" as a JSON object, the opening parenthesis being read already.
  std::optional<std::string> keywords();
  /// A name with dots.
  std::string_view name();
  /// Skips white space, and the character if it comes next.
  bool take(char c);
  bool at_end();

 private:
  std::optional<std::string> text_value();
  std::optional<std::string> python_string(char quote);
  std::optional<std::string> word();
  std::optional<std::string> items(char close, int depth);
  bool escape(std::string& out);
  void skip_space();

  std::string_view text_;
  Style style_;
  std::size_t at_ = 0;
};

}  // namespace quern::detail
