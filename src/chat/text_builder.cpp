#include "src/chat/text_builder.h"

#include "src/chat/machine.h"

namespace quern::detail::jinja {

TextBuilder::TextBuilder(Machine& machine)
    : machine_(machine), text_(Counted<char>(machine.arena())), marks_(Counted<char>(machine.arena())) {}

void TextBuilder::mark(std::size_t n, bool is_data) {
  if (text_.empty()) {
    all_data_ = is_data;
  } else if (marks_.empty() && is_data != all_data_) {
    marks_.assign(text_.size(), all_data_ ? 1 : 0);
  }
  if (!marks_.empty()) marks_.append(n, is_data ? 1 : 0);
}

void TextBuilder::append(std::string_view text, bool is_data) {
  if (text.empty()) return;
  machine_.step_bytes(text.size());
  mark(text.size(), is_data);
  text_ += text;
}

void TextBuilder::append(const Value& piece) {
  if (piece.marks == nullptr) return append(piece.text(), piece.has_data());
  const std::string_view text = piece.text();
  for (std::size_t i = 0; i < text.size();) {
    std::size_t end = i + 1;
    while (end < text.size() && piece.marks[end] == piece.marks[i]) ++end;
    append(text.substr(i, end - i), piece.marks[i] != 0);
    i = end;
  }
}

void TextBuilder::append(char c, std::int64_t n, bool is_data) {
  if (n <= 0) return;
  const auto count = static_cast<std::size_t>(n);
  machine_.step_bytes(count);
  mark(count, is_data);
  text_.append(count, c);
}

Value TextBuilder::value(std::uint8_t flags) const {
  Value result = machine_.copied(text_, flags);
  if (marks_.empty()) {
    if (all_data_ && !text_.empty()) result.flags |= Value::is_data;
    return result;
  }
  auto* const marks = machine_.arena().array<std::uint8_t>(marks_.size());
  std::copy(marks_.begin(), marks_.end(), marks);
  result.marks = marks;
  return result;
}

}  // namespace quern::detail::jinja
