// Expressions.
#include <algorithm>

#include "formats/try.h"
#include "src/chat/builtins.h"
#include "src/chat/depth.h"
#include "src/chat/machine.h"
#include "src/chat/operators.h"
#include "src/chat/print.h"

namespace quern::detail::jinja {

using formats::cat;

Value Machine::eval(const Expr& expr) {
  step();
  at_ = expr.at;
  if (expr.op == Op::literal) return expr.literal;
  if (expr.op == Op::name) return eval_name(expr);
  const Depth deeper(*this);
  switch (expr.op) {
    case Op::literal:
    case Op::name: break;
    case Op::list: return eval_items(expr, Kind::list);
    case Op::tuple: return eval_items(expr, Kind::tuple);
    case Op::dict: return eval_dict(expr);
    case Op::attribute: {
      const Value value = eval(*expr.kids[0]);
      at_ = expr.at;
      Value found = attribute(value, syntax_.names.name(expr.id));
      if (found.is_undefined()) found.whence = &expr;
      return found;
    }
    case Op::item: {
      const Value value = eval(*expr.kids[0]);
      const Value index = eval(*expr.kids[1]);
      at_ = expr.at;
      Value found = item(value, index);
      if (found.is_undefined()) found.whence = &expr;
      return found;
    }
    case Op::slice: return eval_slice(expr);
    case Op::call: return eval_call(expr);
    case Op::filter: return eval_filter(expr);
    case Op::test: return eval_test(expr);
    case Op::conditional: {
      if (is_true(eval(*expr.kids[0]))) return eval(*expr.kids[1]);
      return expr.kids[2] == nullptr ? Value() : eval(*expr.kids[2]);
    }
    case Op::logical_or: {
      const Value left = eval(*expr.kids[0]);
      return is_true(left) ? left : eval(*expr.kids[1]);
    }
    case Op::logical_and: {
      const Value left = eval(*expr.kids[0]);
      return is_true(left) ? eval(*expr.kids[1]) : left;
    }
    case Op::logical_not: return Value::boolean(!is_true(eval(*expr.kids[0])));
    case Op::compare: return eval_compare(expr);
    case Op::negate: {
      const Value value = eval(*expr.kids[0]);
      at_ = expr.at;
      return negated(*this, value);
    }
    case Op::plus: {
      const Value value = eval(*expr.kids[0]);
      at_ = expr.at;
      refuse_undefined(value);
      if (!value.is_number()) fail_type(cat("found ", kind_name(value), " after '+', expected a number"));
      return value.kind == Kind::boolean ? Value::integer(value.as_integer()) : value;
    }
    case Op::add:
    case Op::subtract:
    case Op::concat:
    case Op::multiply:
    case Op::divide:
    case Op::floor_divide:
    case Op::modulo:
    case Op::power: return eval_binary(expr);
  }
  return {};
}

Value Machine::eval_name(const Expr& expr) {
  for (const Scope* scope = scope_; scope != nullptr; scope = scope->parent) {
    for (std::uint32_t i = 0; i < scope->n; ++i)
      if (scope->items[i].id == expr.id) return scope->items[i].value;
    step();
  }
  Value value = globals_[expr.id];
  if (value.is_undefined() && value.whence == nullptr) value.whence = &expr;
  return value;
}

Value Machine::eval_items(const Expr& expr, Kind kind) {
  Value* const items = arena_.array<Value>(expr.kids.size());
  for (std::size_t i = 0; i < expr.kids.size(); ++i) items[i] = eval(*expr.kids[i]);
  return Value::sequence(kind, items, static_cast<std::uint32_t>(expr.kids.size()));
}

Value Machine::eval_dict(const Expr& expr) {
  Entry* const entries = arena_.array<Entry>(expr.kids.size() / 2);
  std::uint32_t n = 0;
  for (std::size_t i = 0; i < expr.kids.size(); i += 2) {
    const Value key = eval(*expr.kids[i]);
    const Value value = eval(*expr.kids[i + 1]);
    at_ = expr.at;
    if (key.kind == Kind::list || key.kind == Kind::dict)
      fail_type(cat("found ", kind_name(key), " as a key, expected a value that does not change"));
    std::uint32_t k = 0;
    while (k < n && !equal(*this, entries[k].key, key)) ++k;
    step(k / 4);
    if (k == n) entries[n++].key = key;
    entries[k].value = value;
  }
  return Value::dict(entries, n);
}

Value Machine::eval_slice(const Expr& expr) {
  const Value value = eval(*expr.kids[0]);
  const Value start = eval_or_none(expr.kids[1]), stop = eval_or_none(expr.kids[2]),
              step = eval_or_none(expr.kids[3]);
  at_ = expr.at;
  return slice(*this, value, start, stop, step);
}

Value Machine::eval_compare(const Expr& expr) {
  Value left = eval(*expr.kids[0]);
  for (std::size_t i = 0; i < expr.comparisons.size(); ++i) {
    const Value right = eval(*expr.kids[i + 1]);
    at_ = expr.at;
    if (!holds(*this, expr.comparisons[i], left, right)) return Value::boolean(false);
    left = right;
  }
  return Value::boolean(true);
}

Value Machine::eval_binary(const Expr& expr) {
  const Value left = eval(*expr.kids[0]);
  const Value right = eval(*expr.kids[1]);
  at_ = expr.at;
  if (expr.op == Op::concat) return concatenated(text_of(*this, left), text_of(*this, right));
  if (expr.op == Op::add) return add(*this, left, right);
  return arithmetic(*this, expr.op, left, right);
}

Value Machine::eval_filter(const Expr& expr) {
  const Value operand = expr.kids.empty() ? block_text_ : eval(*expr.kids[0]);
  const Arguments given = arguments(expr.arguments);
  at_ = expr.at;
  if (expr.filter == nullptr) filter(syntax_.names.name(expr.id));
  return expr.filter->apply(*this, operand, given);
}

Value Machine::eval_test(const Expr& expr) {
  const Value operand = eval(*expr.kids[0]);
  const Arguments given = arguments(expr.arguments);
  at_ = expr.at;
  if (expr.test == nullptr) test(syntax_.names.name(expr.id));
  return Value::boolean(expr.test->holds(*this, operand, given));
}

Value Machine::eval_call(const Expr& expr) {
  const Value callee = eval(*expr.kids[0]);
  const Arguments given = arguments(expr.arguments);
  at_ = expr.at;
  return call(callee, given);
}

Arguments Machine::arguments(const ArgumentSyntax* syntax) {
  if (syntax == nullptr) return {};
  Arguments out;
  const std::size_t n = syntax->positional.size(), n_named = syntax->named.size();
  Value* positional = arena_.array<Value>(n);
  for (std::size_t i = 0; i < n; ++i) positional[i] = eval(*syntax->positional[i]);
  NamedValue* named = arena_.array<NamedValue>(n_named);
  for (std::size_t i = 0; i < n_named; ++i)
    named[i] = {syntax_.names.name(syntax->named[i].first), eval(*syntax->named[i].second)};
  out = {positional, static_cast<std::uint32_t>(n), named, static_cast<std::uint32_t>(n_named)};
  if (syntax->star != nullptr) {
    const Value all =
        joined_lists(Value::sequence(Kind::list, positional, out.n), list(items(eval(*syntax->star))));
    out.positional = all.items;
    out.n = all.n;
  }
  if (syntax->double_star != nullptr) {
    const Value more = eval(*syntax->double_star);
    if (more.kind != Kind::dict) fail_type(cat("found ", kind_name(more), " after '**', expected a dict"));
    NamedValue* const all = arena_.array<NamedValue>(n_named + more.n);
    std::copy_n(named, n_named, all);
    for (std::uint32_t i = 0; i < more.n; ++i) {
      if (!more.entries[i].key.is_string()) fail_type("found a key after '**' that is no string");
      all[n_named + i] = {more.entries[i].key.text(), more.entries[i].value};
    }
    out.named = all;
    out.n_named += more.n;
  }
  return out;
}

}  // namespace quern::detail::jinja
