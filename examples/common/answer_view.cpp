#include "common/answer_view.h"

#include "common/messages.h"
#include "common/program.h"

namespace examples {

void AnswerView::show(const quern::AnswerPieces& pieces) {
  if (terminal_) write(pieces.reasoning, true);
  write(pieces.content, false);
  for (const quern::ToolCall& call : pieces.tool_calls) {
    if (last_ != '\n') write("\n", dim_);
    write(to_json(call) + "\n", false);
  }
  flush_out();
}

void AnswerView::end(bool whole) {
  if (dim_) write_out("\x1b[0m");
  if (last_ != '\n' || (whole && !any_ && !terminal_)) write_out("\n");
  flush_out();
}

void AnswerView::write(std::string_view text, bool dim) {
  if (text.empty()) return;
  if (dim != dim_) write_out(dim ? "\x1b[2m" : "\x1b[0m\n\n");
  write_out(text);
  dim_ = dim;
  any_ = true;
  last_ = text.back();
}

}  // namespace examples
