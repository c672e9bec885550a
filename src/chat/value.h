#pragma once
// Values of a template. A Value is a small trivially copyable handle; what it points to lives in the arena of
// one rendering (or in the template, or in the caller's variables) and never changes, so handles are shared
// freely. The exceptions that do change are namespaces, loops, cyclers and lazy sequences, which are objects.
#include <cstdint>
#include <string_view>

namespace quern::detail::jinja {

enum class Kind : std::uint8_t {
  undefined,
  none,
  boolean,
  integer,
  floating,
  big_integer,  // from JSON, beyond 64 bits: digits that can be printed and compared as text
  string,
  list,
  tuple,
  dict,
  range,
  view,  // d.keys(), d.values(), d.items()
  lazy,  // what map, select and their like give: can be walked once
  name_space,
  macro,
  method,    // a method with the value that it belongs to
  function,  // range, namespace, raise_exception...
  loop,
  cycler,
  joiner,
};

struct Value;
struct Entry;
struct Range;
struct View;
struct Lazy;
struct Namespace;
struct Macro;
struct Method;
struct Loop;
struct Cycler;
struct Joiner;
struct Function;
struct Expr;

struct Value {
  // Flags of a string. Where marks is null, all of it is the template's own text or, with is_data, the
  // caller's; otherwise marks has a byte for each of its bytes: 1 for the caller's.
  static constexpr std::uint8_t is_data = 1;
  static constexpr std::uint8_t is_safe = 2;  // the mark of the filter `safe`
  // Of a string or list that begins a buffer with a BufferHead before it, so that it may be appended to.
  static constexpr std::uint8_t is_growable = 4;
  // Of an undefined that stands for a method which templates may not call.
  static constexpr std::uint8_t is_forbidden = 8;
  // Of a pair that `groupby` made: its items have names too.
  static constexpr std::uint8_t is_group = 16;

  Kind kind = Kind::undefined;
  std::uint8_t flags = 0;
  std::uint32_t n = 0;  ///< bytes of a string, items of a list, tuple or dict
  union {
    std::int64_t i = 0;
    bool b;
    double f;
    const char* s;  // string, big_integer
    const Value* items;
    const Entry* entries;
    Range* range;
    View* view;
    Lazy* lazy;
    Namespace* name_space;
    Macro* macro;
    Method* method;
    const Function* function;
    Loop* loop;
    Cycler* cycler;
    Joiner* joiner;
    const Expr* whence;  // undefined: the expression that gave it, or null
  };
  const std::uint8_t* marks = nullptr;

  static Value none() { return of(Kind::none); }
  static Value of(Kind kind) {
    Value v;
    v.kind = kind;
    return v;
  }
  static Value boolean(bool b) {
    Value v = of(Kind::boolean);
    v.b = b;
    return v;
  }
  static Value integer(std::int64_t i) {
    Value v = of(Kind::integer);
    v.i = i;
    return v;
  }
  static Value floating(double f) {
    Value v = of(Kind::floating);
    v.f = f;
    return v;
  }
  /// Requires: the text outlives the value and is shorter than 4 GiB.
  static Value string(std::string_view text, std::uint8_t flags = 0) {
    Value v = of(Kind::string);
    v.flags = flags;
    v.n = static_cast<std::uint32_t>(text.size());
    v.s = text.data();
    return v;
  }
  static Value sequence(Kind kind, const Value* items, std::uint32_t n) {
    Value v = of(kind);
    v.n = n;
    v.items = items;
    return v;
  }
  static Value dict(const Entry* entries, std::uint32_t n) {
    Value v = of(Kind::dict);
    v.n = n;
    v.entries = entries;
    return v;
  }

  bool is_string() const { return kind == Kind::string; }
  bool is_undefined() const { return kind == Kind::undefined; }
  bool is_none() const { return kind == Kind::none; }
  bool is_sequence() const { return kind == Kind::list || kind == Kind::tuple; }
  bool is_integral() const { return kind == Kind::integer || kind == Kind::boolean; }
  bool is_number() const { return is_integral() || kind == Kind::floating; }
  bool safe() const { return (flags & is_safe) != 0; }
  /// Requires: a string or big integer.
  std::string_view text() const { return {s, n}; }
  /// Requires: is_integral().
  std::int64_t as_integer() const { return kind == Kind::boolean ? std::int64_t{b} : i; }
  /// Requires: is_number().
  double as_double() const { return kind == Kind::floating ? f : static_cast<double>(as_integer()); }
  /// True where some of a string is the caller's text.
  bool has_data() const { return marks != nullptr || (flags & is_data) != 0; }
  /// Part of a string, with its origin. Requires: it is within.
  Value part(std::size_t begin, std::size_t n_bytes) const {
    Value v = *this;
    v.s += begin;
    v.n = static_cast<std::uint32_t>(n_bytes);
    v.flags = static_cast<std::uint8_t>(v.flags & ~is_growable);
    if (marks != nullptr) v.marks += begin;
    return v;
  }
};

/// Of a dict, in the order of insertion, no key twice.
struct Entry {
  Value key, value;
};

struct Range {
  std::int64_t start, stop, step, n;
  std::int64_t at(std::int64_t i) const { return start + i * step; }
};

struct View {
  enum class Which { keys, values, items } which;
  Value dict;
};

struct Lazy {
  const Value* items;
  std::uint32_t n, next;
};

/// Names bound to values: a scope of the template, or the attributes of a namespace.
struct Binding {
  std::uint32_t id;
  Value value;
};

struct Scope {
  Scope* parent = nullptr;
  Binding* items = nullptr;
  std::uint32_t n = 0, capacity = 0;
  bool captured = false;  ///< a macro was written here, so it may be looked at later
};

struct Namespace {
  Entry* items = nullptr;
  std::uint32_t n = 0, capacity = 0;
};

struct MacroSyntax;
struct Macro {
  const MacroSyntax* syntax;
  Scope* scope;  ///< where it was written; null: the top level
};

struct BuiltinMethod;
struct Method {
  Value self;
  const BuiltinMethod* method;
};

struct Stmt;
/// What a loop walks: items that lie in memory, or the numbers of a range.
struct Walk {
  const Value* items = nullptr;
  const Range* range = nullptr;
  std::uint32_t n = 0;
  Value at(std::uint32_t i) const { return range != nullptr ? Value::integer(range->at(i)) : items[i]; }
};

struct Loop {
  const Stmt* syntax;  ///< of a recursive loop, else null
  Scope* scope;        ///< around the loop
  Walk walk;
  std::uint32_t index, depth;
  Value last_changed;
  bool has_changed;
};

struct Cycler {
  const Value* items;
  std::uint32_t n, next;
};

struct Joiner {
  Value separator;
  bool used;
};

/// Arguments of a call, evaluated.
struct NamedValue {
  std::string_view name;
  Value value;
};
struct Arguments {
  const Value* positional = nullptr;
  std::uint32_t n = 0;
  const NamedValue* named = nullptr;
  std::uint32_t n_named = 0;
};

class Machine;
struct Function {
  std::string_view name;
  Value (*call)(Machine&, const Arguments&);
};
struct Filter {
  std::string_view name;
  Value (*apply)(Machine&, const Value&, const Arguments&);
};
struct Test {
  std::string_view name;
  bool (*holds)(Machine&, const Value&, const Arguments&);
};
struct BuiltinMethod {
  std::string_view name;
  Value (*call)(Machine&, const Value& self, const Arguments&);
};

}  // namespace quern::detail::jinja
