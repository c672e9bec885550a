#include "src/chat/machine.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "formats/try.h"
#include "src/chat/builtins.h"
#include "src/chat/operators.h"
#include "src/chat/text.h"

namespace quern::detail::jinja {

using formats::cat;

namespace {

/// Before the bytes or items of a buffer that may be appended to while there is room, by the value that holds
/// all of it. Values that hold less of it do not notice.
struct BufferHead {
  std::uint32_t capacity, used;
  std::uint8_t* marks;  // of a string; null: one origin
};
static_assert(sizeof(BufferHead) == 16);

BufferHead* head_of(const void* data) { return static_cast<BufferHead*>(const_cast<void*>(data)) - 1; }

bool has_room(const Value& whole, const void* data, std::uint64_t n) {
  if ((whole.flags & Value::is_growable) == 0) return false;
  const BufferHead* const head = head_of(data);
  return head->used == whole.n && n <= head->capacity;
}

void fill_marks(std::uint8_t* to, const Value& from) {
  if (from.marks != nullptr)
    std::memcpy(to, from.marks, from.n);
  else
    std::memset(to, from.has_data() ? 1 : 0, from.n);
}

/// What grows once is likely to grow again.
std::uint32_t capacity_for(Machine& machine, const Value& a, std::uint64_t n) {
  if (n > std::numeric_limits<std::uint32_t>::max() / 2)
    machine.fail(FailureKind::limit_memory, "a string or list of more than 2 GiB");
  return static_cast<std::uint32_t>((a.flags & Value::is_growable) != 0 ? 2 * n : n);
}

}  // namespace

Machine::Machine(const Syntax& syntax, const Limits& limits, std::size_t n_input_bytes,
                 std::chrono::local_seconds now)
    : syntax_(syntax),
      limits_(limits),
      now_(now),
      arena_(limits.memory_bytes + limits.memory_per_input_byte * n_input_bytes),
      steps_left_(limits.steps + limits.steps_per_input_byte * n_input_bytes),
      globals_(syntax.names.size()),
      output_(*this) {
  for (const Function& function : functions()) {
    Value value = Value::of(Kind::function);
    value.function = &function;
    set_variable(function.name, value);
  }
}

void Machine::set_variable(std::string_view name, const Value& value) {
  const std::uint32_t id = syntax_.names.find(name);
  if (id < globals_.size()) globals_[id] = value;
}

void Machine::render() { exec(syntax_.body); }

// ---- failures ----

void Machine::fail_steps() const {
  fail(FailureKind::limit_steps, "takes more steps than the template is allowed for input of this size");
}

void Machine::fail_undefined(const Value& value) const {
  const Expr* const whence = value.whence;
  std::string what = "the value is undefined";
  if (whence != nullptr && whence->op == Op::name)
    what = cat("'", syntax_.names.name(whence->id), "' is undefined");
  else if (whence != nullptr && whence->op == Op::attribute)
    what = cat("there is no '", syntax_.names.name(whence->id), "'");
  else if (whence != nullptr && whence->op == Op::item && whence->kids[1]->op == Op::literal &&
           whence->kids[1]->literal.is_string())
    what = cat("there is no '", whence->kids[1]->literal.text(), "'");
  fail(FailureKind::undefined, what);
}

std::size_t Machine::checked_width(std::int64_t n, std::string_view what) const {
  if (n > limits_.width) fail(FailureKind::limit_memory, cat("a ", what, " of more than ", limits_.width));
  return n < 0 ? 0 : static_cast<std::size_t>(n);
}

void Machine::check_depth(std::size_t depth) const {
  if (depth > limits_.value_depth)
    fail(FailureKind::limit_depth, cat("a value nested deeper than ", limits_.value_depth));
}

const Filter& Machine::filter(std::string_view name) const {
  const Filter* const found = find_filter(name);
  if (found == nullptr) fail(FailureKind::unknown_name, cat("there is no filter '", name, "'"));
  return *found;
}
const Test& Machine::test(std::string_view name) const {
  const Test* const found = find_test(name);
  if (found == nullptr) fail(FailureKind::unknown_name, cat("there is no test '", name, "'"));
  return *found;
}

// ---- values ----

Value Machine::copied(std::string_view text, std::uint8_t flags) {
  step_bytes(text.size());
  char* const bytes = arena_.array<char>(text.size());
  std::copy(text.begin(), text.end(), bytes);
  return Value::string({bytes, text.size()}, flags);
}

Value Machine::sequence(Kind kind, const Values& items) {
  step(items.size() / 4);
  Value* const copy = arena_.array<Value>(items.size());
  std::copy(items.begin(), items.end(), copy);
  return Value::sequence(kind, copy, static_cast<std::uint32_t>(items.size()));
}

Value Machine::pair(const Value& first, const Value& second) {
  Value* const items = arena_.array<Value>(2);
  items[0] = first;
  items[1] = second;
  return Value::sequence(Kind::tuple, items, 2);
}

Value Machine::lazy(const Values& items) {
  const Value all = list(items);
  Value value = Value::of(Kind::lazy);
  value.lazy = arena_.make(Lazy{all.items, all.n, 0});
  return value;
}

Values Machine::keys(const Value& dict) {
  step(dict.n);
  Values out = values();
  out.reserve(dict.n);
  for (std::uint32_t i = 0; i < dict.n; ++i) out.push_back(dict.entries[i].key);
  return out;
}

Walk Machine::walk(const Value& value) {
  switch (value.kind) {
    case Kind::undefined: return {};
    case Kind::list:
    case Kind::tuple: return {.items = value.items, .n = value.n};
    case Kind::range: return {.range = value.range, .n = static_cast<std::uint32_t>(value.range->n)};
    case Kind::lazy: {
      Lazy& lazy = *value.lazy;
      const Walk rest{.items = lazy.items + lazy.next, .n = lazy.n - lazy.next};
      lazy.next = lazy.n;
      return rest;
    }
    default: break;
  }
  std::uint32_t n = 0;
  Value* items = nullptr;
  if (value.is_string()) {
    const std::size_t n_codes = count_codes(value.text());
    step(n_codes);
    items = arena_.array<Value>(n_codes);
    for (std::size_t at = 0; at < value.n; ++n) {
      const std::size_t n_bytes = first_bytes(value.text().substr(at, 4));
      items[n] = value.part(at, n_bytes);
      at += n_bytes;
    }
  } else if (value.kind == Kind::dict || value.kind == Kind::view) {
    const Value& dict = value.kind == Kind::dict ? value : value.view->dict;
    const auto which = value.kind == Kind::dict ? View::Which::keys : value.view->which;
    step(dict.n);
    items = arena_.array<Value>(dict.n);
    for (; n < dict.n; ++n) {
      const Entry& entry = dict.entries[n];
      items[n] = which == View::Which::keys     ? entry.key
                 : which == View::Which::values ? entry.value
                                                : pair(entry.key, entry.value);
    }
  } else {
    fail_type(cat("found ", kind_name(value), ", expected something with items"));
  }
  return {.items = items, .n = n};
}

Values Machine::items(const Value& value) {
  const Walk walked = walk(value);
  step(walked.n);
  Values out = values();
  out.reserve(walked.n);
  for (std::uint32_t i = 0; i < walked.n; ++i) out.push_back(walked.at(i));
  return out;
}

/// Appends in place where it can, so that text that is built piece by piece costs what its pieces cost.
Value Machine::concatenated(const Value& a, const Value& b) {
  const std::uint64_t n = std::uint64_t{a.n} + b.n;
  Value result = a;
  result.flags = static_cast<std::uint8_t>((a.n == 0 ? b.flags : a.flags) & Value::is_data);
  result.n = static_cast<std::uint32_t>(n);
  const bool one_origin =
      a.marks == nullptr && b.marks == nullptr && (a.n == 0 || b.n == 0 || a.has_data() == b.has_data());
  step_bytes(b.n);
  BufferHead* head = nullptr;
  if (has_room(a, a.s, n)) {
    head = head_of(a.s);
  } else {
    step_bytes(a.n);
    const std::uint32_t capacity = capacity_for(*this, a, n);
    head = static_cast<BufferHead*>(arena_.bytes(sizeof(BufferHead) + capacity));
    *head = {capacity, a.n, nullptr};
    std::copy_n(a.s, a.n, reinterpret_cast<char*>(head + 1));
  }
  char* const data = reinterpret_cast<char*>(head + 1);
  std::copy_n(b.s, b.n, data + a.n);
  head->used = result.n;
  result.s = data;
  result.marks = nullptr;
  if (!one_origin) {
    if (head->marks == nullptr || a.marks != head->marks) {
      head->marks = arena_.array<std::uint8_t>(head->capacity);
      fill_marks(head->marks, a);
    }
    fill_marks(head->marks + a.n, b);
    result.marks = head->marks;
    result.flags = 0;
  }
  result.flags |= Value::is_growable;
  return result;
}

Value Machine::joined_lists(const Value& a, const Value& b) {
  const std::uint64_t n = std::uint64_t{a.n} + b.n;
  step(b.n);
  BufferHead* head = nullptr;
  if (has_room(a, a.items, n)) {
    head = head_of(a.items);
  } else {
    step(a.n / 4);
    const std::uint32_t capacity = capacity_for(*this, a, n);
    if (capacity > std::numeric_limits<std::uint32_t>::max() / sizeof(Value))
      fail(FailureKind::limit_memory, "a list of more than 2 GiB");
    head = static_cast<BufferHead*>(arena_.bytes(sizeof(BufferHead) + capacity * sizeof(Value)));
    *head = {capacity, a.n, nullptr};
    std::copy_n(a.items, a.n, reinterpret_cast<Value*>(head + 1));
  }
  Value* const data = reinterpret_cast<Value*>(head + 1);
  std::copy_n(b.items, b.n, data + a.n);
  head->used = static_cast<std::uint32_t>(n);
  Value result = Value::sequence(a.kind, data, head->used);
  result.flags = Value::is_growable;
  return result;
}

}  // namespace quern::detail::jinja
