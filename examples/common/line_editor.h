#pragma once
// Lines from a person at a terminal, with editing and history where libedit is there, or from a pipe.
#include <memory>
#include <optional>
#include <string>

namespace examples {

/// One in a program. Ctrl-C empties the line; a pasted text of several lines is one line with newlines in it,
/// and so are lines that end in a backslash.
class LineEditor {
 public:
  LineEditor();
  LineEditor(const LineEditor&) = delete;
  LineEditor& operator=(const LineEditor&) = delete;
  ~LineEditor();

  /// Standard input and output both are one.
  bool terminal() const { return terminal_; }
  /// Nothing at the end of the input. The prompt is only shown on a terminal.
  std::optional<std::string> read(const std::string& prompt);

 private:
  struct Library;
  std::optional<std::string> read_one(const std::string& prompt);
  bool terminal_;
  std::unique_ptr<Library> library_;  // null: lines come as they are
};

}  // namespace examples
