#include "src/chat/answer_machine.h"

#include <algorithm>
#include <utility>

namespace quern::detail {
namespace {

// A header that is longer is none.
constexpr std::size_t max_header_bytes = 1000;

/// True if the text ends with the literal, white space at its ends aside.
bool ends_with(std::string_view text, std::string_view literal) {
  constexpr std::size_t longest = 200;
  literal = trimmed(literal);
  text = trimmed(text);
  if (literal.empty()) return false;
  for (std::size_t n = 1; n <= std::min(text.size(), longest); ++n)
    if (match_literal(literal, text.substr(text.size() - n)) == Match::full) return true;
  return false;
}

/// The word behind " to=" in a header or a part of one.
std::string_view recipient_in(std::string_view text) {
  const std::size_t at = text.find("to=");
  if (at == std::string_view::npos) return {};
  text.remove_prefix(at + 3);
  return text.substr(0, text.find_first_of(" <\n\t"));
}

}  // namespace

void TrimmedText::put(char c) {
  if (is_space(c)) {
    if (!text_.empty() && !new_line_) space_ += c;
    return;
  }
  if (std::exchange(new_line_, false)) text_ += '\n';
  text_.append(space_).append(1, c);
  space_.clear();
  mark_ = 0;
}

void TrimmedText::begin_part() {
  space_.clear();
  mark_ = 0;
  new_line_ = !text_.empty();
}

std::string TrimmedText::take() { return text_.substr(std::exchange(n_taken_, text_.size())); }

AnswerMachine::AnswerMachine(const FormatRow& format, bool reasoning, ToolTable tools,
                             std::string_view prompt)
    : format_(format),
      reasoning_(reasoning),
      tools_(std::move(tools)),
      ops_(compile_call("%w" + std::string(format.call))) {
  list_markers();
  begin(prompt);
}

void AnswerMachine::list_markers() {
  const auto add = [](std::vector<Marker>& markers, std::string_view literal, Action action) {
    if (!literal.empty()) markers.push_back({std::string(literal), action});
  };
  for (auto* markers : {&text_markers_, &reasoning_markers_}) {
    if (format_.header_end.empty()) continue;
    add(*markers, format_.message_close, Action::close_message);
    add(*markers, format_.message_open, Action::open_header);
    add(*markers, "<|channel|>", Action::open_header);
  }
  if (reasoning_) {
    add(reasoning_markers_, format_.think_close, Action::close_reasoning);
    if (format_.think_again) add(text_markers_, format_.think_open, Action::open_reasoning);
  }
  add(text_markers_, format_.part_open, Action::open_part);
  add(text_markers_, format_.part_close, Action::close_part);
  if (format_.call.empty() || (tools_.empty() && format_.content_name.empty())) return;
  add(text_markers_, format_.block, Action::open_block);
  if (ops_[1].kind == CallOp::Kind::literal)
    add(text_markers_, ops_[1].targets.front().literal, Action::open_call);
  for (const std::string_view closer : words(format_.closers)) add(text_markers_, closer, Action::close_call);
  for (const Marker& marker : std::vector<Marker>(text_markers_))
    if (format_.header_end.empty() &&
        (marker.action == Action::open_block || marker.action == Action::open_call))
      add(reasoning_markers_, marker.literal, Action::suspend_reasoning);
}

// What the prompt has opened is open.
void AnswerMachine::begin(std::string_view prompt) {
  json_may_follow_ = format_.bare_json;
  if (!format_.header_end.empty()) {
    state_ = State::header;
    const std::size_t open = prompt.rfind(format_.message_open);
    if (open == std::string_view::npos) return;
    prompt.remove_prefix(open + format_.message_open.size());
    const std::size_t end = prompt.find(format_.header_end);
    push(end == std::string_view::npos ? prompt : prompt.substr(0, end + format_.header_end.size()));
    return;
  }
  const auto text = [&] { state_ = State::text; };
  if (reasoning_ && ends_with(prompt, format_.think_open)) {
    state_ = State::reasoning;
  } else if (ends_with(prompt, format_.part_open)) {
    part_open_ = true;
    text();
  } else if (reasoning_ && ends_with(prompt, format_.think_close)) {
    text();
  } else {
    for (const Marker& marker : text_markers_)
      if ((marker.action == Action::open_block || marker.action == Action::open_call) &&
          ends_with(prompt, marker.literal)) {
        act(marker);
        return;
      }
    if (!reasoning_) text();
  }
}

void AnswerMachine::push(std::string_view text) {
  for (const char c : text) {
    step(c);
    while (!unread_.empty()) {
      const char next = unread_.front();
      unread_.erase(0, 1);
      step(next);
    }
  }
}

void AnswerMachine::step(char c) {
  switch (state_) {
    case State::start: return start_step(c);
    case State::header: return header_step(c);
    case State::suspended: return suspended_step(c);
    case State::call: return call_step(c);
    case State::reasoning:
      if (const Marker* marker = scan(c, reasoning_markers_, &AnswerMachine::put_reasoning)) act(*marker);
      return;
    case State::text: return text_step(c);
  }
}

void AnswerMachine::start_step(char c) {
  if (held_.empty() && is_space(c)) return;  // at the start of the content it would be dropped as well
  held_ += c;
  switch (match_literal(format_.think_open, held_)) {
    case Match::partial: return;
    case Match::full:
      held_.clear();
      state_ = State::reasoning;
      return;
    case Match::none: state_ = State::text; unread_.insert(0, std::exchange(held_, {}));
  }
}

void AnswerMachine::text_step(char c) {
  if (json_may_follow_ && held_.empty() && c == '{' && !tools_.empty()) {
    // Behind the marker that the pattern begins with: the value is the last op.
    begin_call(ops_.size() - 1, {}, ops_.size() == 2);
    call_step(c);
    return;
  }
  if (const Marker* marker = scan(c, text_markers_, &AnswerMachine::put_text)) act(*marker);
}

void AnswerMachine::put_text(char c) {
  sink_->put(c);
  if (is_space(c)) return;
  fresh_ = block_open_ = json_may_follow_ = false;
}

// Holds back what may become a marker and releases what cannot; gives the marker that is complete.
const AnswerMachine::Marker* AnswerMachine::scan(char c, const std::vector<Marker>& markers,
                                                 void (AnswerMachine::*release)(char)) {
  held_ += c;
  while (!held_.empty()) {
    bool partial = false;
    for (const Marker& marker : markers) {
      if (!active(marker)) continue;
      const Match match = match_literal(marker.literal, held_);
      partial |= match == Match::partial;
      if (match == Match::full) {
        marker_text_ = std::exchange(held_, {});
        return &marker;
      }
    }
    if (partial) return nullptr;
    (this->*release)(held_.front());
    held_.erase(0, 1);
  }
  return nullptr;
}

bool AnswerMachine::active(const Marker& marker) const {
  switch (marker.action) {
    case Action::open_part: return fresh_ && !part_open_;
    case Action::close_part: return part_open_ || format_.part_open.empty();
    case Action::close_call: return fresh_;
    case Action::suspend_reasoning: return !resumed_;  // once, or hostile text is read again and again
    default: return true;
  }
}

void AnswerMachine::act(const Marker& marker) {
  switch (marker.action) {
    case Action::open_reasoning:
      reasoning_text_.begin_part();
      state_ = State::reasoning;
      return;
    case Action::close_reasoning:
      state_ = State::text;
      settle();
      return;
    case Action::suspend_reasoning:
      state_ = State::suspended;
      suspended_ = std::exchange(marker_text_, {});
      return;
    case Action::open_block: block_open_ = true; return begin_call(0, marker_text_, false);
    case Action::open_call: {
      const auto offered = format_.offered;
      return begin_call(2, marker_text_,
                        offered == FormatRow::Offered::always ||
                            (offered == FormatRow::Offered::without_block && !block_open_));
    }
    case Action::close_call:
      sink_->drop_space();
      block_open_ = false;
      json_may_follow_ = format_.bare_json;
      return settle();
    case Action::open_part:
      part_open_ = true;
      sink_->begin_part();
      return settle();
    case Action::close_part: part_open_ = false; return settle();
    case Action::close_message:
    case Action::open_header:
      state_ = State::header;
      header_ = marker.action == Action::open_header ? marker_text_ : "";
      return;
  }
}

void AnswerMachine::settle() {
  fresh_ = true;
  sink_->mark_space();
}

// The pieces of a header that say what its message is stand before its first channel and behind its last one.
void AnswerMachine::header_step(char c) {
  if (header_.empty() && is_space(c)) return;
  header_ += c;
  if (header_.ends_with(format_.header_end)) return open_message();
  const auto may_begin = [&](std::string_view text) {
    return header_.starts_with(text) || text.starts_with(header_);
  };
  const bool header = may_begin(format_.message_open) || may_begin("<|channel|>") || may_begin("to=") ||
                      may_begin("<|constrain|>") || may_begin(format_.header_end);
  if (header && header_.size() <= max_header_bytes) return;
  state_ = State::text;
  content_.begin_part();
  if (header) {
    for (const char h : std::exchange(header_, {})) put_text(h);
  } else {
    unread_.insert(0, std::exchange(header_, {}));
  }
}

void AnswerMachine::open_message() {
  const std::string header = std::exchange(header_, {});
  const std::string_view view = std::string_view(header).substr(0, header.size() - format_.header_end.size());
  const std::size_t first = std::min(view.find("<|channel|>"), view.size()), last = view.rfind("<|channel|>");
  const std::string_view channel =
      last == std::string_view::npos ? std::string_view() : view.substr(last + 11);
  std::string_view recipient = recipient_in(view.substr(0, first));
  if (recipient.empty()) recipient = recipient_in(channel);

  const bool to_reader = recipient.empty() || recipient == "user" || recipient == "assistant";
  if (recipient == "self" || (to_reader && channel.starts_with("analysis"))) {
    reasoning_text_.begin_part();
    state_ = State::reasoning;
    return;
  }
  state_ = State::text;
  content_.begin_part();
  if (to_reader || !format_.block.empty()) return settle();  // markers in the body tell where a call begins
  if (tools_.empty()) {
    for (const char h : header) put_text(h);
    return;
  }
  constexpr std::string_view functions = "functions.";
  begin_call(0, header, false);
  name_known_ = true;
  if (recipient.starts_with(functions)) {
    call_.name = recipient.substr(functions.size());
  } else {
    call_.name = recipient;
    built_in_ = true;
  }
}

void AnswerMachine::suspended_step(char c) {
  held_ += c;
  suspended_ += c;
  while (!held_.empty()) {
    switch (match_literal(format_.think_close, held_)) {
      case Match::partial: return;
      case Match::none: held_.erase(0, 1); continue;
      case Match::full:
        suspended_.resize(suspended_.size() - held_.size());
        for (const char s : std::exchange(suspended_, {})) reasoning_text_.put(s);
        held_.clear();
        state_ = State::text;
        return settle();
    }
  }
}

void AnswerMachine::finish(bool ended) {
  if (state_ == State::suspended) return resume_reasoning(ended);
  if (state_ == State::start || state_ == State::text) {
    state_ = State::text;
    for (const char c : std::exchange(held_, {})) put_text(c);
  } else if (state_ == State::reasoning) {
    for (const char c : std::exchange(held_, {})) reasoning_text_.put(c);
    answer_.incomplete = true;
  } else if (state_ == State::header) {
    answer_.incomplete |= !header_.empty();
  } else {
    finish_call(ended);
  }
}

// No closing marker came. What was suspended ends the reasoning if it is a call; all before it is reasoning.
void AnswerMachine::resume_reasoning(bool ended) {
  held_.clear();
  state_ = State::text;
  sink_ = &reasoning_text_;
  resumed_ = true;
  push(std::exchange(suspended_, {}));
  finish(ended);
  if (sink_ == &reasoning_text_) answer_.incomplete = true;
}

AnswerPieces AnswerMachine::take() {
  AnswerPieces pieces{.content = content_.take(), .reasoning = reasoning_text_.take()};
  pieces.tool_calls.assign(answer_.tool_calls.begin() + static_cast<std::ptrdiff_t>(n_calls_taken_),
                           answer_.tool_calls.end());
  n_calls_taken_ = answer_.tool_calls.size();
  return pieces;
}

}  // namespace quern::detail
