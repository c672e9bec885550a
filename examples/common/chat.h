#pragma once
// A person and a model in conversation: lines are messages, and commands where they begin with a slash.
#include <string>
#include <utility>

#include "common/conversation.h"
#include "common/line_editor.h"
#include "quern/session.h"

namespace examples {

/// Answers go to standard output, everything else to standard error.
class Chat {
 public:
  Chat(Conversation conversation, const quern::GenerateOptions& options)
      : conversation_(std::move(conversation)), options_(options) {}

  /// Until the input ends. The exit status: in a pipe 1 if an answer failed, and that of an interrupted
  /// program if Ctrl-C stopped one.
  int run();

 private:
  using Text = const std::string&;

  void note(Text text) const;
  void ask(Text question);
  /// False if there is none: nothing was added to the messages.
  bool answer();

  /// Runs one of those below, with what stands behind its name.
  void command(Text line);
  void clear(Text);
  void exit(Text);
  void help(Text);
  void load(Text path);
  void retry(Text);
  void save(Text path);
  void set(Text text);
  void stats(Text);
  void system(Text text);
  void tool(Text text);
  void undo(Text);

  LineEditor editor_;
  Conversation conversation_;
  quern::GenerateOptions options_;
  Conversation::Reply last_ = {};
  bool leave_ = false;
  int status_ = 0;
};

}  // namespace examples
