// Calls of macros, loops, functions and methods.
#include <algorithm>

#include "formats/try.h"
#include "src/chat/machine.h"
#include "src/chat/operators.h"

namespace quern::detail::jinja {

using formats::cat;

Value Machine::call(const Value& callee, const Arguments& given) {
  step();
  switch (callee.kind) {
    case Kind::macro: return call_macro(*callee.macro, given);
    case Kind::function: return callee.function->call(*this, given);
    case Kind::method: return callee.method->method->call(*this, callee.method->self, given);
    case Kind::loop: return call_loop(*callee.loop, given);
    case Kind::joiner: {
      const bool used = std::exchange(callee.joiner->used, true);
      return used ? callee.joiner->separator : Value::string("");
    }
    case Kind::undefined:
      if ((callee.flags & Value::is_forbidden) != 0)
        fail(FailureKind::forbidden, "found a call of a method that changes its list or dict");
      fail_undefined(callee);
    default: fail_type(cat("found ", kind_name(callee), ", expected something that can be called"));
  }
}

Value Machine::call_macro(const Macro& macro, const Arguments& given) {
  const MacroSyntax& syntax = *macro.syntax;
  // The record of calls stays as it is when a failure passes, for the message.
  macro_calls_.push_back({syntax.name, at_});
  if (macro_calls_.size() > limits_.call_depth)
    fail(FailureKind::limit_depth, cat("macros call each other deeper than ", limits_.call_depth));
  const std::size_t n = syntax.parameters.size();
  if (given.n > n && !syntax.takes_varargs)
    fail_type(cat("macro '", syntax.name, "': found ", given.n, " arguments, expected at most ", n));
  Scope* const outside = scope_;
  scope_ = new_scope(macro.scope);
  std::vector<bool> used(given.n_named);
  const auto named = [&](std::uint32_t id) -> const Value* {
    for (std::uint32_t k = 0; k < given.n_named; ++k) {
      if (given.named[k].name != syntax_.names.name(id)) continue;
      used[k] = true;
      return &given.named[k].value;
    }
    return nullptr;
  };
  step(n * given.n_named / 4);
  for (std::size_t i = 0; i < n; ++i) {
    const MacroSyntax::Parameter& parameter = syntax.parameters[i];
    const Value* const by_name = named(parameter.id);
    if (i < given.n && by_name != nullptr)
      fail_type(cat("macro '", syntax.name, "': '", syntax_.names.name(parameter.id), "' is given twice"));
    const Value* const value = i < given.n ? &given.positional[i] : by_name;
    bind(parameter.id, value == nullptr ? Value() : *value);
  }
  // A default sees all parameters, those behind it and its own as they were given.
  for (std::size_t i = given.n; i < n; ++i) {
    const MacroSyntax::Parameter& parameter = syntax.parameters[i];
    if (parameter.fallback != nullptr && named(parameter.id) == nullptr)
      bind(parameter.id, eval(*parameter.fallback));
  }
  if (syntax.takes_varargs)
    bind(syntax_.varargs_id, given.n > n ? Value::sequence(Kind::tuple, given.positional + n,
                                                           static_cast<std::uint32_t>(given.n - n))
                                         : Value::sequence(Kind::tuple, nullptr, 0));
  const bool has_caller_parameter = std::ranges::find(syntax.parameters, syntax_.caller_id,
                                                      &MacroSyntax::Parameter::id) != syntax.parameters.end();
  if (syntax.takes_caller && !has_caller_parameter) {
    const Value* const caller = named(syntax_.caller_id);
    bind(syntax_.caller_id, caller != nullptr ? *caller : Value());
  }
  if (syntax.takes_kwargs) {
    Entry* const entries = arena_.array<Entry>(given.n_named);
    std::uint32_t n_entries = 0;
    for (std::uint32_t k = 0; k < given.n_named; ++k)
      if (!used[k]) entries[n_entries++] = {Value::string(given.named[k].name), given.named[k].value};
    bind(syntax_.kwargs_id, Value::dict(entries, n_entries));
  } else if (const auto unknown = std::ranges::find(used, false); unknown != used.end()) {
    const auto k = static_cast<std::size_t>(unknown - used.begin());
    fail_type(cat("macro '", syntax.name, "': there is no parameter '", given.named[k].name, "'"));
  }
  TextBuilder text(*this);
  TextBuilder* const outer_text = std::exchange(out_, &text);
  exec(syntax.body);
  out_ = outer_text;
  scope_ = outside;
  macro_calls_.pop_back();
  return text.value();
}

/// loop(items): the loop's body once more, over other items.
Value Machine::call_loop(const Loop& loop, const Arguments& given) {
  if (loop.syntax == nullptr) fail_type("found a call of 'loop', expected a loop that is marked 'recursive'");
  if (given.n != 1 || given.n_named != 0) fail_type("'loop' takes one argument");
  if (loop.depth >= limits_.call_depth)
    fail(FailureKind::limit_depth, cat("a loop calls itself deeper than ", limits_.call_depth));
  TextBuilder text(*this);
  TextBuilder* const outer_text = std::exchange(out_, &text);
  Scope* const outside = std::exchange(scope_, loop.scope);
  exec_loop(*loop.syntax, given.positional[0], loop.depth + 1);
  scope_ = outside;
  out_ = outer_text;
  return text.value();
}

}  // namespace quern::detail::jinja
