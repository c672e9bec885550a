#pragma once
// Takes the answer of a model apart, byte by byte. How the bytes arrive cannot matter, because the machine
// never sees more than one; each is looked at a bounded number of times.
#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "quern/answer.h"
#include "src/chat/answer_format.h"
#include "src/chat/call_pattern.h"
#include "src/chat/call_values.h"
#include "src/chat/tool_table.h"

namespace quern::detail {

/// Text without the white space at its ends, growing.
class TrimmedText {
 public:
  explicit TrimmedText(std::string& text) : text_(text) {}
  void put(char c);
  /// What follows is another message: it goes on a new line.
  void begin_part();
  /// Drops white space that came since mark_space().
  void drop_space() { space_.resize(std::min(space_.size(), mark_)); }
  void mark_space() { mark_ = space_.size(); }
  bool empty() const { return text_.empty(); }
  /// What was added since the last take().
  std::string take();

 private:
  std::string& text_;
  std::string space_;  // follows text_ if anything does
  std::size_t mark_ = 0;
  std::size_t n_taken_ = 0;
  bool new_line_ = false;
};

class AnswerMachine {
 public:
  /// `prompt`: the end of what the model was given; only what it has opened matters.
  AnswerMachine(const FormatRow& format, bool reasoning, ToolTable tools, std::string_view prompt);

  AnswerMachine(const AnswerMachine&) = delete;
  AnswerMachine& operator=(const AnswerMachine&) = delete;

  /// Requires: whole characters between two calls of take().
  void push(std::string_view text);
  /// `ended`: by itself, not at a limit.
  void finish(bool ended);
  AnswerPieces take();
  const Answer& answer() const { return answer_; }

 private:
  enum class State {
    start,   // before anything but white space and what may open the reasoning
    header,  // of a message
    reasoning,
    suspended,  // in the reasoning, behind a marker of a call: it counts only if no closing marker comes
    text,
    call,
  };
  enum class Action {
    close_reasoning,
    open_reasoning,
    suspend_reasoning,
    open_block,
    open_call,
    close_call,
    open_part,
    close_part,
    open_header,
    close_message,
  };
  struct Marker {
    std::string literal;
    Action action{};
  };

  void list_markers();
  void begin(std::string_view prompt);

  // answer_machine.cpp
  void step(char c);
  void start_step(char c);
  void header_step(char c);
  void suspended_step(char c);
  void text_step(char c);
  const Marker* scan(char c, const std::vector<Marker>& markers, void (AnswerMachine::*release)(char));
  bool active(const Marker& marker) const;
  void act(const Marker& marker);
  void open_message();
  void put_text(char c);
  void put_reasoning(char c) { reasoning_text_.put(c); }
  void put_raw(char c) { raw_ += c; }
  void settle();
  void resume_reasoning(bool ended);

  // answer_calls.cpp
  void begin_call(std::size_t op, std::string_view marker, bool bare);
  void call_step(char c);
  void literal_step(const CallOp& op, char c);
  void field_step(const CallOp& op, char c);
  void value_step(const CallOp& op, char c);
  void built_in_step(char c);
  bool begins_value(char what, char c);
  bool name_may_be_offered();
  bool json_may_be_call();
  bool mend_value(char what);
  void end_built_in();
  bool end_field(char what);
  bool end_value(char what, std::string_view value);
  void go_on(std::size_t op);
  void end_call();
  void fail_call(std::string_view unread = {});
  void finish_call(bool ended);
  bool give(std::vector<ToolCall> calls);

  const FormatRow& format_;
  const bool reasoning_;
  const ToolTable tools_;
  const std::vector<CallOp> ops_;
  std::vector<Marker> text_markers_, reasoning_markers_;

  Answer answer_;
  TrimmedText content_{answer_.content}, reasoning_text_{answer_.reasoning};
  TrimmedText* sink_ = &content_;  // of what is neither marker nor call
  std::size_t n_calls_taken_ = 0;

  State state_ = State::start;
  std::string unread_;       // bytes to be read again, before any others
  std::string held_;         // may become a marker
  std::string marker_text_;  // of the marker that was met last; empty if it stands in the prompt
  std::string suspended_;    // text since a call's marker in the reasoning
  std::string header_;       // of a message
  bool fresh_ = true;        // nothing but white space since the last marker
  bool part_open_ = false;
  bool block_open_ = false;
  bool json_may_follow_ = false;  // the next "{" may begin a call without a marker
  bool resumed_ = false;          // what was suspended in the reasoning has been read again

  // The call that is being read.
  std::size_t op_ = 0;        // in ops_
  std::string raw_;           // all of it, to become content if it is no call
  std::size_t op_begin_ = 0;  // where in raw_ the present op begins
  bool bare_ = false;         // only an offered name makes it a call
  bool name_known_ = false;
  bool built_in_ = false;  // of gpt-oss: all of its message is the argument
  bool given_ = false;     // its value held whole calls
  ToolCall call_;
  std::string key_, type_;  // of the present argument
  ArgumentsBuilder arguments_;
  bool on_lines_ = false;  // the present value stands on lines of its own
  ValueEnd value_end_{ValueEnd::Style::json};
  std::size_t string_begin_ = 0;  // in raw_: the last string in the value
  std::string json_key_;          // the last key of the value's outer object
};

}  // namespace quern::detail
