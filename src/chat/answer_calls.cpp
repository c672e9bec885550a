// The part of the machine that reads tool calls, following the ops of its family's pattern.
#include <utility>

#include "src/chat/answer_machine.h"

namespace quern::detail {
namespace {

// Names, keys, ids and attributes that are longer are none.
constexpr std::size_t max_field_bytes = 256;

/// "functions.get_weather:0", an id of Kimi K2, as a name.
std::string name_in_id(std::string_view id) {
  constexpr std::string_view functions = "functions.";
  if (id.starts_with(functions)) id.remove_prefix(functions.size());
  return std::string(id.substr(0, id.rfind(':')));
}

}  // namespace

void AnswerMachine::begin_call(std::size_t op, std::string_view marker, bool bare) {
  state_ = State::call;
  raw_ = marker;
  bare_ = bare;
  name_known_ = built_in_ = given_ = false;
  call_ = {};
  arguments_ = {};
  json_key_.clear();
  go_on(op);
}

void AnswerMachine::go_on(std::size_t op) {
  while (op < ops_.size() && ops_[op].kind == CallOp::Kind::jump) op = ops_[op].targets.front().next;
  op_ = op;
  op_begin_ = raw_.size();
  if (op == ops_.size()) end_call();
}

void AnswerMachine::call_step(char c) {
  if (built_in_) return built_in_step(c);
  const CallOp& op = ops_[op_];
  switch (op.kind) {
    case CallOp::Kind::literal: return literal_step(op, c);
    case CallOp::Kind::field: return field_step(op, c);
    case CallOp::Kind::value: return value_step(op, c);
    case CallOp::Kind::space:
      if (is_space(c)) {
        raw_ += c;
      } else {
        go_on(op_ + 1);
        call_step(c);
      }
      return;
    case CallOp::Kind::jump: return;  // go_on() never stays at one
  }
}

void AnswerMachine::literal_step(const CallOp& op, char c) {
  held_ += c;
  bool partial = false;
  for (const CallOp::Target& target : op.targets) {
    const Match match = match_literal(target.literal, held_);
    partial |= match == Match::partial;
    if (match == Match::full) {
      raw_ += std::exchange(held_, {});
      return go_on(target.next);
    }
  }
  if (!partial) fail_call();
}

void AnswerMachine::field_step(const CallOp& op, char c) {
  if (raw_.size() == op_begin_ && held_.empty()) on_lines_ = op.what == 'l' && c == '\n';
  held_ += c;
  while (!held_.empty()) {
    bool partial = false;
    for (const CallOp::Target& target : op.targets) {
      std::string_view text = held_;
      if (on_lines_) {  // only a marker at the start of a line ends the value
        if (text.front() != '\n') break;
        text.remove_prefix(1);
      }
      const Match match = match_literal(target.literal, text);
      partial |= match == Match::partial;
      if (match != Match::full) continue;
      if (!end_field(op.what)) return fail_call();
      raw_ += std::exchange(held_, {});
      if (state_ == State::call) go_on(target.next);
      return;
    }
    if (partial) return;
    raw_ += held_.front();
    held_.erase(0, 1);
    const bool is_value = op.what == 'v' || op.what == 'l' || op.what == 'm';
    if (!is_value && raw_.size() - op_begin_ > max_field_bytes) return fail_call();
    if (op.what == 'n' && bare_ && !name_may_be_offered()) return fail_call();
  }
}

bool AnswerMachine::name_may_be_offered() {
  const std::string_view name = trimmed(std::string_view(raw_).substr(op_begin_));
  return tools_.offers_beginning(name) || (!name.empty() && format_.content_name.starts_with(name));
}

// The field is what raw_ has gained since its op began.
bool AnswerMachine::end_field(char what) {
  const std::string_view text = std::string_view(raw_).substr(op_begin_), word = trimmed(text);
  switch (what) {
    case 'n':
      if (word.empty() || word.find_first_of(" \n\t\r<") != std::string_view::npos) return false;
      if (!format_.content_name.empty() && word == format_.content_name) {
        state_ = State::text;
        sink_->begin_part();
        settle();
        return true;
      }
      call_.name = word;
      name_known_ = true;
      return !bare_ || tools_.offers(word);
    case 'i': call_.id = word; return true;
    case 'k':
      key_ = word;
      type_.clear();
      return true;
    case 't': type_ = word; return true;
    case 'v':
    case 'l': {
      ValueRule rule = tools_.rule(call_.name, key_);
      if (!type_.empty()) rule = {.text = type_ == "true" || type_ == "string", .null = false, .known = true};
      std::string_view value = on_lines_ ? text.substr(std::min<std::size_t>(text.size(), 1)) : text;
      constexpr std::string_view open = "<![CDATA[", close = "]]>";
      if (value.starts_with(open) && value.ends_with(close)) {
        value.remove_prefix(open.size());
        value.remove_suffix(close.size());
      }
      arguments_.add(key_, json_value(value, rule));
      return true;
    }
    case 'm': {
      const auto arguments = nested_arguments(text, tools_, call_.name);
      if (arguments) call_.arguments = *arguments;
      return arguments.has_value();
    }
    default: return true;
  }
}

bool AnswerMachine::begins_value(char what, char c) {
  value_end_ = ValueEnd(what == 'g'   ? ValueEnd::Style::gemma
                        : what == 'p' ? ValueEnd::Style::python
                                      : ValueEnd::Style::json);
  switch (what) {
    case 'a': return c == '{';
    case 'd': return c == '[';
    case 'c': return c == '{' || c == '[';
    case 'x':
      if (c != '{' && c != '[') value_end_ = ValueEnd(ValueEnd::Style::python);
      return true;
    default: return true;
  }
}

void AnswerMachine::value_step(const CallOp& op, char c) {
  if (raw_.size() == op_begin_ && !begins_value(op.what, c)) return fail_call({&c, 1});
  const bool was_in_string = value_end_.in_string();
  switch (value_end_.feed(c)) {
    case ValueEnd::State::open: {
      raw_ += c;
      if (!was_in_string && value_end_.in_string()) string_begin_ = raw_.size();
      const bool string_ended = was_in_string && !value_end_.in_string() && value_end_.depth() == 1;
      if (bare_ && !name_known_ && string_ended && !json_may_be_call()) fail_call();
      return;
    }
    case ValueEnd::State::done:
      raw_ += c;
      if (!end_value(op.what, std::string_view(raw_).substr(op_begin_))) return fail_call();
      return go_on(op_ + 1);
    case ValueEnd::State::broken:
      if (!mend_value(op.what)) return fail_call({&c, 1});
      unread_.insert(0, 1, c);
      return go_on(op_ + 1);
  }
}

// A string of the outer object has just ended. Only the keys of a call, and then only an offered name, are a
// reason to hold the text back any longer.
bool AnswerMachine::json_may_be_call() {
  const auto text = std::string_view(raw_).substr(string_begin_, raw_.size() - 1 - string_begin_);
  if (value_end_.last_mark() != ':') {
    json_key_ = text;
    for (const std::string_view key : {"name", "type", "parameters", "arguments", "id", "function"})
      if (text == key) return true;
    return false;
  }
  if (json_key_ != "name") return true;
  name_known_ = true;
  return tools_.offers(text);
}

// A JSON object that lacks its last brace.
bool AnswerMachine::mend_value(char what) {
  if (raw_.size() == op_begin_ || raw_[op_begin_] != '{' || value_end_.depth() != 1 || value_end_.in_string())
    return false;
  return end_value(what, raw_.substr(op_begin_) + "}");
}

bool AnswerMachine::end_value(char what, std::string_view value) {
  std::optional<std::vector<ToolCall>> calls;
  std::optional<std::string> arguments;
  switch (what) {
    case 'a': arguments = json_arguments(value); break;
    case 'g': arguments = gemma_arguments(value); break;
    case 'd': calls = keyed_calls(value); break;
    case 'p': calls = python_calls(value); break;
    case 'x':
    case 'c':
      calls = value.front() == '{' || value.front() == '[' ? json_calls(value, bare_) : python_calls(value);
      break;
    default: break;
  }
  if (arguments) call_.arguments = std::move(*arguments);
  given_ = calls.has_value();
  return arguments || (calls && give(std::move(*calls)));
}

void AnswerMachine::end_call() {
  state_ = State::text;
  if (!given_) {
    if (call_.name.empty()) call_.name = name_in_id(call_.id);
    if (call_.arguments.empty()) call_.arguments = arguments_.take();
    std::vector<ToolCall> calls;
    calls.push_back(std::move(call_));
    give(std::move(calls));
  }
  raw_.clear();
  json_may_follow_ = given_ && (ops_.back().what == 'c' || ops_.back().what == 'x');
}

// Nothing is given if one of the calls may not be.
bool AnswerMachine::give(std::vector<ToolCall> calls) {
  for (const ToolCall& call : calls)
    if (bare_ && !tools_.offers(call.name)) return false;
  if (!format_.no_call_name.empty())
    std::erase_if(calls, [&](const ToolCall& call) { return call.name == format_.no_call_name; });
  std::ranges::move(calls, std::back_inserter(answer_.tool_calls));
  sink_ = &content_;
  settle();
  return true;
}

// What was read is no call but text. The bytes that did not fit are read again, for they may begin a marker.
void AnswerMachine::fail_call(std::string_view unread) {
  state_ = State::text;
  unread_.insert(0, std::exchange(held_, {}).append(unread));
  for (const char c : std::exchange(raw_, {})) put_text(c);
  fresh_ = block_open_ = json_may_follow_ = false;
}

void AnswerMachine::built_in_step(char c) {
  const Marker* marker = scan(c, reasoning_markers_, &AnswerMachine::put_raw);
  if (marker == nullptr) return;
  end_built_in();
  act(*marker);
}

void AnswerMachine::end_built_in() {
  call_.arguments = json_string(raw_.substr(op_begin_));
  end_call();
}

void AnswerMachine::finish_call(bool ended) {
  if (built_in_) {
    raw_ += std::exchange(held_, {});
    return end_built_in();
  }
  if (ended && ops_[op_].kind == CallOp::Kind::value && mend_value(ops_[op_].what)) return go_on(op_ + 1);
  if (!bare_ || name_known_) {
    answer_.incomplete = true;
    return;
  }
  raw_ += std::exchange(held_, {});
  fail_call();
}

}  // namespace quern::detail
