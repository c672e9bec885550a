#include "src/chat/call_pattern.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace quern::detail {
namespace {

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
         c == '.';
}

class Compiler {
 public:
  explicit Compiler(std::string_view pattern) : rest_(pattern) {}

  std::vector<CallOp> compile() {
    sequence();
    for (std::size_t i = 0; i < ops_.size(); ++i)
      if (ops_[i].kind == CallOp::Kind::field) ops_[i].targets = first_of(i + 1);
    return std::move(ops_);
  }

 private:
  using Kind = CallOp::Kind;

  void add(Kind kind, char what = 0, std::vector<CallOp::Target> targets = {}) {
    ops_.push_back({.kind = kind, .what = what, .targets = std::move(targets)});
  }

  void sequence() {
    while (!rest_.empty() && !rest_.starts_with("%|") && !rest_.starts_with("%)")) {
      if (rest_.front() != '%') {
        const std::size_t end = std::min(rest_.find('%'), rest_.size());
        add(Kind::literal, 0, {{.literal = std::string(rest_.substr(0, end)), .next = ops_.size() + 1}});
        rest_.remove_prefix(end);
        continue;
      }
      const char what = rest_[1];
      rest_.remove_prefix(2);
      switch (what) {
        case '(': repetition(); break;
        case 'w': add(Kind::space); break;
        case 'a':
        case 'c':
        case 'd':
        case 'g':
        case 'p':
        case 'x': add(Kind::value, what); break;
        default: add(Kind::field, what);
      }
    }
  }

  // The head chooses between the first literals of the parts and of what follows; each part ends at the head.
  void repetition() {
    const std::size_t head = ops_.size();
    add(Kind::literal);
    std::vector<CallOp::Target> choices;
    bool another = true;
    while (another) {
      const std::size_t begin = ops_.size();
      sequence();
      choices.push_back(ops_[begin].targets.front());
      add(Kind::jump, 0, {{.literal = {}, .next = head}});
      another = rest_.starts_with("%|");
      rest_.remove_prefix(2);
    }
    const std::size_t after = ops_.size();
    sequence();
    std::ranges::move(first_of(after), std::back_inserter(choices));
    ops_[head].targets = std::move(choices);
  }

  std::vector<CallOp::Target> first_of(std::size_t op) const {
    while (op < ops_.size() && (ops_[op].kind == Kind::space || ops_[op].kind == Kind::jump))
      op = ops_[op].kind == Kind::jump ? ops_[op].targets.front().next : op + 1;
    if (op == ops_.size() || ops_[op].kind != Kind::literal) return {};
    return ops_[op].targets;
  }

  std::string_view rest_;
  std::vector<CallOp> ops_;
};

}  // namespace

Match match_literal(std::string_view literal, std::string_view text) {
  std::size_t at = 0;
  for (const char c : literal) {
    if (c == '*')
      while (at < text.size() && is_word(text[at])) ++at;
    if (at == text.size()) return Match::partial;
    if (c != '*' && text[at++] != c) return Match::none;
  }
  return at == text.size() ? Match::full : Match::none;
}

std::vector<CallOp> compile_call(std::string_view pattern) { return Compiler(pattern).compile(); }

}  // namespace quern::detail
