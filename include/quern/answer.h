#pragma once
/// answer.h: what a chat model has written, taken apart: reasoning, content, and calls of tools.
///
///   auto format = quern::AnswerFormat::of_template(chat_template);
///   auto parser = quern::AnswerParser::create(format, {.prompt = prompt, .tools = tools}).value();
///   for each new text: show(parser.push(text).value());
///   show(parser.finish().value());
///   use(parser.answer());
///
/// Each family of models marks these parts in its own way. Text that does not fit its family's way is
/// content, never an error.
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "quern/export.h"
#include "quern/result.h"

namespace quern {

namespace detail {
struct FormatRow;
class AnswerMachine;
class Utf8Stream;
}  // namespace detail

/// How one family of models writes its answers. Cheap to copy; safe from any number of threads.
class QUERN_API AnswerFormat {
 public:
  /// The family whose markers the chat template prints; "plain" if it prints none that are known.
  static AnswerFormat of_template(std::string_view chat_template);
  /// The family of that name; error invalid_argument if there is none.
  static Result<AnswerFormat> named(std::string_view name);
  /// The names of all families.
  static std::vector<std::string_view> names();

  std::string_view name() const;  ///< "hermes", "gpt-oss", "plain", ...
  bool has_reasoning() const;     ///< its answers may hold reasoning beside content
  bool has_tool_calls() const;    ///< its answers may hold calls of tools
  /// Texts of control tokens at which generation should stop, although the model's file may name another
  /// token as its end. Not part of what the parser is given.
  std::vector<std::string_view> ends() const;

 private:
  friend class AnswerParser;
  AnswerFormat(const detail::FormatRow& row, bool reasoning) : row_(&row), reasoning_(reasoning) {}
  const detail::FormatRow* row_;
  bool reasoning_;
};

/// A call of a tool, as the model wrote it: nothing says that the tool exists or that the arguments suit it.
struct ToolCall {
  std::string id = {};  ///< empty where the text has none
  std::string name = {};
  /// JSON: an object, but a string for a call of one of gpt-oss's built-in tools.
  std::string arguments = {};
  bool operator==(const ToolCall&) const = default;
};

/// An answer, taken apart.
struct Answer {
  std::string content = {};  ///< without white space at its ends, like the reasoning
  std::string reasoning = {};
  std::vector<ToolCall> tool_calls = {};  ///< in the order of the text
  /// The text stops inside reasoning or inside a call. Such a call is left out, and so is its text.
  bool incomplete = false;
  bool operator==(const Answer&) const = default;
};

/// What a piece of text added to an answer. Always whole characters, and never taken back.
struct AnswerPieces {
  std::string content = {}, reasoning = {};
  std::vector<ToolCall> tool_calls = {};  ///< each is given when it is complete
};

struct AnswerOptions {
  /// The prompt, or its end: whether it has opened the reasoning already is seen there.
  std::string_view prompt = {};
  /// A JSON array of the tools that the model was offered, as the chat template was given them; their schemas
  /// say which arguments are text. Empty, or an empty array: there are no calls, and their markers are
  /// content.
  std::string_view tools = {};
  /// Which tools were offered is not known: any name may be one. Arguments that come without quotes are then
  /// numbers and the like wherever they read as such.
  bool any_tool = false;
};

/// Reads one answer, in pieces of any size; how the text was cut changes nothing in the end. Text is passed
/// on as soon as it cannot be part of a marker. Time and memory are in proportion to the text. One thread at
/// a time.
class QUERN_API AnswerParser {
 public:
  /// Error invalid_argument if `tools` is not an array of tools.
  static Result<AnswerParser> create(const AnswerFormat& format, const AnswerOptions& options = {});
  ~AnswerParser();
  AnswerParser(AnswerParser&&) noexcept;
  AnswerParser& operator=(AnswerParser&&) noexcept;

  /// Takes what the model has generated next, control tokens as their texts, without the token that ended it.
  /// Bytes that are no character become U+FFFD. The only error is out_of_memory, after which the parser is of
  /// no more use. Requires: not finished.
  Result<AnswerPieces> push(std::string_view text);
  /// The text has ended: gives what was held back. `by_itself`: not at a limit of tokens. Then a call that
  /// lacks nothing but its last brace counts.
  Result<AnswerPieces> finish(bool by_itself = true);
  /// All so far; the sum of the pieces.
  const Answer& answer() const;

 private:
  AnswerParser(std::unique_ptr<detail::AnswerMachine> machine,
               std::unique_ptr<detail::Utf8Stream> characters);
  std::unique_ptr<detail::AnswerMachine> machine_;
  std::unique_ptr<detail::Utf8Stream> characters_;
};

}  // namespace quern
