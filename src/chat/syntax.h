#pragma once
// A template after parsing: expressions and statements, owned by the Syntax. Never changed afterwards.
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "src/chat/value.h"

namespace quern::detail::jinja {

enum class Op : std::uint8_t {
  literal,      // literal
  name,         // id
  list,         // kids
  tuple,        // kids
  dict,         // kids: key, value, key, value...
  attribute,    // kids[0] . id
  item,         // kids[0] [ kids[1] ]
  slice,        // kids[0] [ kids[1] : kids[2] : kids[3] ], null where left out
  call,         // kids[0] ( arguments )
  filter,       // kids[0] | filter(arguments); no kids[0] in a filter block
  test,         // kids[0] is test(arguments)
  conditional,  // kids[1] if kids[0] else kids[2]; kids[2] may be null
  logical_or,
  logical_and,
  logical_not,
  compare,  // kids[0] comparisons[0] kids[1] comparisons[1] kids[2]...
  add,
  subtract,
  concat,
  multiply,
  divide,
  floor_divide,
  modulo,
  power,
  negate,
  plus,
};

enum class Comparison : std::uint8_t {
  equal,
  not_equal,
  less,
  less_equal,
  greater,
  greater_equal,
  in,
  not_in
};

struct ArgumentSyntax {
  std::vector<const Expr*> positional;
  std::vector<std::pair<std::uint32_t, const Expr*>> named;  ///< by id
  const Expr* star = nullptr;                                ///< *list
  const Expr* double_star = nullptr;                         ///< **dict
};

struct Expr {
  Op op{};
  std::uint16_t depth = 1;  ///< of the tree below, itself included
  std::uint32_t at = 0;     ///< byte of the source
  std::uint32_t id = 0;     ///< of a name, attribute, filter or test
  Value literal{};
  std::vector<const Expr*> kids{};
  const ArgumentSyntax* arguments = nullptr;
  std::vector<Comparison> comparisons{};
  const Filter* filter = nullptr;  ///< null: there is none of that name
  const Test* test = nullptr;      ///< the same
};

/// What is assigned to: a name, an attribute of a namespace, or several of them.
struct Target {
  std::uint32_t id = 0;
  bool is_attribute = false;
  std::uint32_t attribute = 0;
  std::vector<Target> parts{};  ///< not empty: unpack into these
  std::uint32_t at = 0;
};

struct MacroSyntax {
  struct Parameter {
    std::uint32_t id;
    const Expr* fallback;  ///< may be null
  };
  std::string_view name;
  std::vector<Parameter> parameters;
  std::vector<const Stmt*> body;
  bool takes_varargs = false, takes_kwargs = false, takes_caller = false;  ///< it mentions them
};

struct Stmt {
  enum class Kind : std::uint8_t {
    text,        // text
    output,      // expr
    branches,    // if: branches, body is the else
    loop,        // for: target, expr, condition, body, otherwise
    set,         // target, expr
    set_block,   // target, body, filter (a chain of filters without an innermost operand) may be null
    macro,       // macro, target.id
    call_block,  // macro is the caller, expr the call
    filter,      // filter block: body, expr
    scope,       // with: assignments, body; generation: body
    break_loop,
    continue_loop,
  };
  struct Branch {
    const Expr* condition;
    std::vector<const Stmt*> body;
  };
  Kind kind{};
  bool recursive = false;
  std::uint32_t at = 0;
  std::string_view text{};
  const Expr* expr = nullptr;
  const Expr* condition = nullptr;
  Target target{};
  std::vector<Branch> branches{};
  std::vector<const Stmt*> body{}, otherwise{};
  std::vector<std::pair<Target, const Expr*>> assignments{};
  const MacroSyntax* macro = nullptr;
};

/// Names as small numbers.
class Names {
 public:
  std::uint32_t id(std::string_view name) {
    const auto [found, added] =
        ids_.try_emplace(std::string(name), static_cast<std::uint32_t>(names_.size()));
    if (added) names_.push_back(found->first);
    return found->second;
  }
  /// Absent: size().
  std::uint32_t find(std::string_view name) const {
    const auto found = ids_.find(std::string(name));
    return found == ids_.end() ? size() : found->second;
  }
  std::string_view name(std::uint32_t id) const { return names_[id]; }
  std::uint32_t size() const { return static_cast<std::uint32_t>(names_.size()); }

 private:
  std::unordered_map<std::string, std::uint32_t> ids_;
  std::vector<std::string_view> names_;  // the keys of ids_, which do not move
};

/// Not copyable: everything in it points into it.
struct Syntax {
  Syntax() = default;
  Syntax(const Syntax&) = delete;
  Syntax& operator=(const Syntax&) = delete;

  std::string source;
  Names names;
  std::uint32_t loop_id = 0, caller_id = 0, varargs_id = 0, kwargs_id = 0;
  std::vector<const Stmt*> body;

  std::deque<Expr> exprs;
  std::deque<Stmt> stmts;
  std::deque<ArgumentSyntax> arguments;
  std::deque<MacroSyntax> macros;
  std::deque<std::string> strings;  ///< of literals
};

}  // namespace quern::detail::jinja
