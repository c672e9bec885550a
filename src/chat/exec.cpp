// Statements.
#include <algorithm>

#include "formats/try.h"
#include "src/chat/depth.h"
#include "src/chat/machine.h"
#include "src/chat/operators.h"
#include "src/chat/print.h"

namespace quern::detail::jinja {

using formats::cat;

Machine::Flow Machine::exec(const std::vector<const Stmt*>& body) {
  for (const Stmt* const stmt : body)
    if (const Flow flow = exec(*stmt); flow != Flow::next) return flow;
  return Flow::next;
}

Machine::Flow Machine::exec(const Stmt& stmt) {
  step();
  at_ = stmt.at;
  if (stmt.kind == Stmt::Kind::text) {
    out_->append(stmt.text, false);
    return Flow::next;
  }
  const Depth deeper(*this);
  switch (stmt.kind) {
    case Stmt::Kind::text: break;
    case Stmt::Kind::output: print(eval(*stmt.expr)); break;
    case Stmt::Kind::branches: return exec_branches(stmt);
    case Stmt::Kind::loop: return exec_loop(stmt, eval(*stmt.expr), 1);
    case Stmt::Kind::set: assign(stmt.target, eval(*stmt.expr)); break;
    case Stmt::Kind::set_block: {
      Value text = captured(stmt.body);
      if (stmt.expr != nullptr) {
        const Value outer = std::exchange(block_text_, text);
        text = eval(*stmt.expr);
        block_text_ = outer;
      }
      assign(stmt.target, text);
      break;
    }
    case Stmt::Kind::macro: {
      for (Scope* scope = scope_; scope != nullptr && !scope->captured; scope = scope->parent)
        scope->captured = true;
      Value macro = Value::of(Kind::macro);
      macro.macro = arena_.make(Macro{stmt.macro, scope_});
      bind(stmt.target.id, macro);
      break;
    }
    case Stmt::Kind::call_block: exec_call_block(stmt); break;
    case Stmt::Kind::filter: {
      const Value outer = std::exchange(block_text_, captured(stmt.body));
      const Value text = eval(*stmt.expr);
      block_text_ = outer;
      print(text);
      break;
    }
    case Stmt::Kind::scope: return exec_scope(stmt);
    case Stmt::Kind::break_loop: return Flow::break_loop;
    case Stmt::Kind::continue_loop: return Flow::continue_loop;
  }
  return Flow::next;
}

Machine::Flow Machine::exec_branches(const Stmt& stmt) {
  for (const Stmt::Branch& branch : stmt.branches)
    if (is_true(eval(*branch.condition))) return exec(branch.body);
  return exec(stmt.body);
}

/// The values are those outside of the new scope.
Machine::Flow Machine::exec_scope(const Stmt& stmt) {
  Values assigned = values();
  for (const auto& [target, expr] : stmt.assignments) assigned.push_back(eval(*expr));
  Scope* const outside = scope_;
  scope_ = new_scope(outside);
  for (std::size_t i = 0; i < assigned.size(); ++i) assign(stmt.assignments[i].first, assigned[i]);
  const Flow flow = exec(stmt.body);
  scope_ = outside;
  return flow;
}

void Machine::print(const Value& value) {
  step();
  append_text(*this, *out_, value);
}

Value Machine::captured(const std::vector<const Stmt*>& body) {
  TextBuilder text(*this);
  TextBuilder* const outside = std::exchange(out_, &text);
  Scope* const outer_scope = scope_;
  scope_ = new_scope(outer_scope);
  exec(body);
  scope_ = outer_scope;
  out_ = outside;
  return text.value();
}

void Machine::exec_call_block(const Stmt& stmt) {
  const Value callee = eval(*stmt.expr->kids[0]);
  Arguments given = arguments(stmt.expr->arguments);
  at_ = stmt.expr->at;
  for (Scope* scope = scope_; scope != nullptr && !scope->captured; scope = scope->parent)
    scope->captured = true;
  Value caller = Value::of(Kind::macro);
  caller.macro = arena_.make(Macro{stmt.macro, scope_});
  refuse_undefined(callee);
  if (callee.kind != Kind::macro) fail_type(cat("found ", kind_name(callee), ", expected a macro to call"));
  NamedValue* const named = arena_.array<NamedValue>(given.n_named + 1);
  std::copy_n(given.named, given.n_named, named);
  named[given.n_named] = {syntax_.names.name(syntax_.caller_id), caller};
  given.named = named;
  ++given.n_named;
  print(call_macro(*callee.macro, given));
}

// ---- loops ----

/// The items for which the loop's condition holds; it sees the loop's names but not `loop`.
Walk Machine::matching(const Stmt& stmt, const Walk& walk) {
  Values kept = values();
  Scope* const outside = scope_;
  Scope* const scope = new_scope(outside);
  scope_ = scope;
  for (std::uint32_t i = 0; i < walk.n; ++i) {
    step();
    const Value item = walk.at(i);
    scope->n = 0;
    assign(stmt.target, item);
    if (is_true(eval(*stmt.condition))) kept.push_back(item);
  }
  scope_ = outside;
  const Value all = list(kept);
  return {.items = all.items, .n = all.n};
}

Machine::Flow Machine::exec_loop(const Stmt& stmt, const Value& iterable, std::uint32_t depth) {
  Walk items = walk(iterable);
  if (stmt.condition != nullptr) items = matching(stmt, items);
  Scope* const outside = scope_;
  Value loop = Value::of(Kind::loop);
  loop.loop = arena_.make(Loop{stmt.recursive ? &stmt : nullptr, outside, items, 0, depth, {}, false});
  scope_ = nullptr;
  Flow flow = Flow::next;
  bool finished = false;  // a turn, up to its end
  for (std::uint32_t i = 0; i < items.n && flow != Flow::break_loop; ++i) {
    step();
    loop.loop->index = i;
    // Every turn starts with a fresh scope; the old one serves again unless a macro remembers it.
    if (scope_ == nullptr || scope_->captured) scope_ = new_scope(outside);
    scope_->n = 0;
    bind(syntax_.loop_id, loop);
    assign(stmt.target, items.at(i));
    flow = exec(stmt.body);
    finished |= flow == Flow::next;
  }
  flow = Flow::next;
  // `else` is for a loop of no turns; one whose every turn ends in break or continue counts as such.
  if (!finished && !stmt.otherwise.empty()) {
    scope_ = new_scope(outside);
    flow = exec(stmt.otherwise);
  }
  scope_ = outside;
  return flow;
}

// ---- names ----

Scope* Machine::new_scope(Scope* parent) { return arena_.make(Scope{.parent = parent}); }

void Machine::bind(std::uint32_t id, const Value& value) {
  if (scope_ == nullptr) {
    globals_[id] = value;
    return;
  }
  Scope& scope = *scope_;
  for (std::uint32_t i = 0; i < scope.n; ++i) {
    if (scope.items[i].id != id) continue;
    scope.items[i].value = value;
    return;
  }
  step(scope.n / 16);
  if (scope.n == scope.capacity) {
    const std::uint32_t capacity = std::max<std::uint32_t>(4, 2 * scope.capacity);
    Binding* const items = arena_.array<Binding>(capacity);
    std::copy_n(scope.items, scope.n, items);
    scope.items = items;
    scope.capacity = capacity;
  }
  scope.items[scope.n++] = {id, value};
}

void Machine::assign(const Target& target, const Value& value) {
  if (!target.parts.empty()) {
    const std::uint32_t expected = static_cast<std::uint32_t>(target.parts.size());
    at_ = target.at;
    refuse_undefined(value);
    const Walk parts = walk(value);
    if (parts.n != expected) fail_type(cat("found ", parts.n, " values to unpack, expected ", expected));
    for (std::uint32_t i = 0; i < parts.n; ++i) assign(target.parts[i], parts.at(i));
    return;
  }
  if (!target.is_attribute) return bind(target.id, value);
  Expr name;
  name.op = Op::name;
  name.id = target.id;
  const Value space = eval_name(name);
  at_ = target.at;
  if (space.is_undefined())
    fail(FailureKind::undefined, cat("'", syntax_.names.name(target.id), "' is undefined"));
  if (space.kind != Kind::name_space)
    fail_type(cat("found ", kind_name(space), ", expected a namespace to assign an attribute to"));
  set_attribute(*space.name_space, Value::string(syntax_.names.name(target.attribute)), value);
}

}  // namespace quern::detail::jinja
