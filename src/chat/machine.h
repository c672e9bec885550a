#pragma once
// Renders one template once: walks its syntax, within its limits. What filters and their like need of the
// interpreter is its public part.
#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "src/chat/arena.h"
#include "src/chat/failure.h"
#include "src/chat/limits.h"
#include "src/chat/syntax.h"
#include "src/chat/text_builder.h"
#include "src/chat/value.h"

namespace quern::detail::jinja {

/// Items on their way into a list.
using Values = std::vector<Value, Counted<Value>>;

class Machine {
 public:
  /// Requires: syntax, limits and the values of the variables outlive it. n_input_bytes is the size of the
  /// variables, with which the limits grow.
  Machine(const Syntax& syntax, const Limits& limits, std::size_t n_input_bytes,
          std::chrono::local_seconds now);

  /// Binds a variable, if the template has the name at all.
  void set_variable(std::string_view name, const Value& value);
  /// Runs the template. Failures of every kind but syntax.
  void render();
  const TextBuilder& output() const { return output_; }
  TextBuilder& output() { return output_; }

  // After a Failure: where it came from.
  std::uint32_t failed_at() const { return at_; }
  struct MacroCall {
    std::string_view macro;
    std::uint32_t at;
  };
  const std::vector<MacroCall>& macro_calls() const { return macro_calls_; }

  // ---- for filters, tests, functions and methods ----

  const Limits& limits() const { return limits_; }
  std::chrono::local_seconds now() const { return now_; }
  Arena& arena() { return arena_; }
  void step(std::uint64_t n = 1) {
    if (n > steps_left_) fail_steps();
    steps_left_ -= n;
  }
  /// For bytes that are copied, searched or compared.
  void step_bytes(std::size_t n) { step(n / 64); }
  [[noreturn]] void fail(FailureKind kind, std::string message) const {
    throw Failure{kind, std::move(message), at_};
  }
  [[noreturn]] void fail_type(std::string message) const { fail(FailureKind::type, std::move(message)); }
  /// Requires: value is undefined.
  [[noreturn]] void fail_undefined(const Value& value) const;
  void refuse_undefined(const Value& value) const {
    if (value.is_undefined()) fail_undefined(value);
  }
  /// Failure limit_memory unless 0 <= n <= Limits::width; `what` it is a width of.
  std::size_t checked_width(std::int64_t n, std::string_view what) const;
  void check_depth(std::size_t depth) const;

  Value copied(std::string_view text, std::uint8_t flags = 0);
  Value list(const Values& items) { return sequence(Kind::list, items); }
  Value tuple(const Values& items) { return sequence(Kind::tuple, items); }
  Value pair(const Value& first, const Value& second);
  Value lazy(const Values& items);
  Values values() { return Values(Counted<Value>(arena_)); }
  /// The items of whatever can be walked. Failure type.
  Walk walk(const Value& value);
  Values items(const Value& value);
  Values keys(const Value& dict);

  Value concatenated(const Value& a, const Value& b);
  Value joined_lists(const Value& a, const Value& b);

  /// value.name and value[index] as templates find them; undefined if there is none.
  Value attribute(const Value& value, std::string_view name);
  Value item(const Value& value, const Value& index);
  Value call(const Value& callee, const Arguments& arguments);
  const Filter& filter(std::string_view name) const;
  const Test& test(std::string_view name) const;
  /// A namespace's attribute.
  void set_attribute(Namespace& space, const Value& key, const Value& value);

 private:
  enum class Flow : std::uint8_t { next, break_loop, continue_loop };
  class Depth;

  // Expressions (eval.cpp).
  Value eval(const Expr& expr);
  Value eval_or_none(const Expr* expr) { return expr == nullptr ? Value::none() : eval(*expr); }
  Value eval_name(const Expr& expr);
  Value eval_items(const Expr& expr, Kind kind);
  Value eval_dict(const Expr& expr);
  Value eval_slice(const Expr& expr);
  Value eval_compare(const Expr& expr);
  Value eval_call(const Expr& expr);
  Value eval_filter(const Expr& expr);
  Value eval_test(const Expr& expr);
  Value eval_binary(const Expr& expr);
  Arguments arguments(const ArgumentSyntax* syntax);

  // Calls (call.cpp).
  Value call_macro(const Macro& macro, const Arguments& arguments);
  Value call_loop(const Loop& loop, const Arguments& arguments);
  Value sequence(Kind kind, const Values& items);

  // Statements (exec.cpp).
  Flow exec(const std::vector<const Stmt*>& body);
  Flow exec(const Stmt& stmt);
  Flow exec_branches(const Stmt& stmt);
  Flow exec_scope(const Stmt& stmt);
  Flow exec_loop(const Stmt& stmt, const Value& iterable, std::uint32_t depth);
  void exec_call_block(const Stmt& stmt);
  Walk matching(const Stmt& stmt, const Walk& walk);
  Value captured(const std::vector<const Stmt*>& body);
  void print(const Value& value);
  void assign(const Target& target, const Value& value);
  void bind(std::uint32_t id, const Value& value);
  Scope* new_scope(Scope* parent);

  [[noreturn]] void fail_steps() const;

  const Syntax& syntax_;
  const Limits& limits_;
  const std::chrono::local_seconds now_;
  Arena arena_;
  std::uint64_t steps_left_;
  std::size_t depth_ = 0;
  std::uint32_t at_ = 0;  ///< of the source: what is being evaluated
  std::vector<Value> globals_;
  Scope* scope_ = nullptr;  ///< the innermost; null: the top level, whose names are globals_
  TextBuilder output_;
  TextBuilder* out_ = &output_;
  Value block_text_;  ///< what a filter block's filters apply to
  std::vector<MacroCall> macro_calls_;
};

}  // namespace quern::detail::jinja
