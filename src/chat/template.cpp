#include "src/chat/template.h"

#include <algorithm>

#include "formats/printable.h"
#include "formats/try.h"
#include "src/chat/failure.h"
#include "src/chat/machine.h"
#include "src/chat/parser.h"
#include "src/chat/text.h"

namespace quern::detail::jinja {
namespace {

using formats::cat;

Error error_of(const Failure& failure, std::string_view source,
               const std::vector<Machine::MacroCall>& calls) {
  const auto line_of = [&](std::uint32_t at) { return 1 + std::ranges::count(source.substr(0, at), '\n'); };
  const ErrorCode code =
      failure.kind == FailureKind::raised ? ErrorCode::template_raised : ErrorCode::bad_template;
  // The template's own message comes first and unchanged: it is for the person whose conversation it refuses.
  if (failure.kind == FailureKind::raised) return {code, failure.message, to_string(failure.kind)};
  const std::size_t at = std::min<std::size_t>(failure.at, source.size());
  const std::size_t line_begin = at == 0 ? 0 : source.rfind('\n', at - 1) + 1;
  const std::string_view line = source.substr(line_begin, source.find('\n', line_begin) - line_begin);
  std::string message =
      cat("chat template, line ", line_of(failure.at), " column ",
          count_codes(source.substr(line_begin, at - line_begin)) + 1, ": ", failure.message);
  // The innermost calls say most.
  constexpr std::size_t most_calls = 4;
  for (std::size_t i = 0; i < std::min(calls.size(), most_calls); ++i) {
    const Machine::MacroCall& call = calls[calls.size() - 1 - i];
    message += cat(", in macro '", call.macro, "' called on line ", line_of(call.at));
  }
  constexpr std::size_t most_codes = 120;
  const std::size_t indent = leading_space(line);
  if (indent < line.size()) {
    const std::string_view shown = line.substr(indent, byte_of_code(line.substr(indent), most_codes));
    const bool clean = is_plain_utf8(shown) && std::ranges::none_of(shown, [](char c) {
                         return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
                       });
    message += cat("; the line is: ", clean ? std::string(shown) : formats::printable(shown),
                   indent + shown.size() < line.size() ? "..." : "");
  }
  return {code, std::move(message), to_string(failure.kind)};
}

/// The caller's variables as values. Texts stay where they are.
class Importer {
 public:
  explicit Importer(Arena& arena) : arena_(arena) {}

  Value value(const Json& json, bool trusted) {
    if (json.is_null()) return Value::none();
    if (const bool* b = json.boolean()) return Value::boolean(*b);
    if (const std::int64_t* i = json.integer()) return Value::integer(*i);
    if (const double* f = json.number()) return Value::floating(*f);
    if (const std::string* s = json.string()) return Value::string(*s, trusted ? 0 : Value::is_data);
    if (const auto* big = json.big_integer()) {
      Value digits = Value::string(big->digits, Value::is_data);
      digits.kind = Kind::big_integer;
      return digits;
    }
    if (const Json::Array* array = json.array()) {
      Value* const items = arena_.array<Value>(array->size());
      for (std::size_t i = 0; i < array->size(); ++i) items[i] = value((*array)[i], trusted);
      return Value::sequence(Kind::list, items, static_cast<std::uint32_t>(array->size()));
    }
    const Json::Object& members = *json.object();
    Entry* const entries = arena_.array<Entry>(members.size());
    for (std::size_t i = 0; i < members.size(); ++i) {
      const Json::Member& member = members[i];
      const bool trusted_value = trusted || (member.key == "role" && is_known_role(member.value));
      entries[i] = {Value::string(member.key, trusted ? 0 : Value::is_data),
                    value(member.value, trusted_value)};
    }
    return Value::dict(entries, static_cast<std::uint32_t>(members.size()));
  }

 private:
  /// Templates make control tokens of roles: '<|' + message.role + '|>'. These are the program's words and
  /// not those of whoever writes the message.
  static bool is_known_role(const Json& role) {
    constexpr std::string_view known[] = {"system", "developer", "user", "assistant", "tool"};
    const std::string* const name = role.string();
    return name != nullptr && std::ranges::find(known, *name) != std::end(known);
  }

  Arena& arena_;
};

/// The size of the variables, with which limits grow: characters, and 8 bytes for each value.
Result<std::size_t> checked_size(const Json& json, const Limits& limits, std::size_t depth = 0) {
  if (depth > limits.value_depth)
    return Error{ErrorCode::invalid_argument, cat("a variable is nested deeper than ", limits.value_depth),
                 "variables"};
  std::size_t n = 8;
  const auto add_text = [&](const std::string& text) -> Result<void> {
    n += text.size();
    if (text.size() > std::numeric_limits<std::uint32_t>::max() || !is_plain_utf8(text))
      return Error{ErrorCode::invalid_argument,
                   "a variable holds text that is not UTF-8, or a zero character", "variables"};
    return {};
  };
  if (const std::string* text = json.string()) QUERN_CHECK(add_text(*text));
  if (const Json::Array* array = json.array())
    for (const Json& item : *array) {
      QUERN_TRY(const std::size_t inside, checked_size(item, limits, depth + 1));
      n += inside;
    }
  if (const Json::Object* members = json.object())
    for (const Json::Member& member : *members) {
      QUERN_CHECK(add_text(member.key));
      QUERN_TRY(const std::size_t inside, checked_size(member.value, limits, depth + 1));
      n += inside;
    }
  return n;
}

Rendered rendered(const TextBuilder& output) {
  Rendered result{std::string(output.text()), {}};
  for (std::size_t i = 0; i < output.size();) {
    const std::size_t begin = i;
    const bool is_data = output.is_data(i);
    while (i < output.size() && output.is_data(i) == is_data) ++i;
    if (is_data) result.data.push_back({begin, i});
  }
  return result;
}

}  // namespace

Result<Template> Template::compile(std::string_view source, const Limits& limits) {
  try {
    return Template(parse_template(source, limits), limits);
  } catch (const Failure& failure) {
    return error_of(failure, source, {});
  }
}

Result<Rendered> Template::render(const Json& variables, std::chrono::local_seconds now,
                                  const std::vector<std::string>& trusted) const {
  if (variables.object() == nullptr)
    return Error{ErrorCode::invalid_argument,
                 cat("the variables are ", variables.kind(), ", expected an object"), "variables"};
  QUERN_TRY(const std::size_t n_bytes, checked_size(variables, limits_));
  Machine machine(*syntax_, limits_, n_bytes, now);
  try {
    Importer import(machine.arena());
    for (const Json::Member& member : *variables.object()) {
      const bool is_trusted = std::ranges::find(trusted, member.key) != trusted.end();
      machine.set_variable(member.key, import.value(member.value, is_trusted));
    }
    machine.render();
    return rendered(machine.output());
  } catch (Failure& failure) {
    if (failure.at == Failure::nowhere) failure.at = machine.failed_at();
    return error_of(failure, syntax_->source, machine.macro_calls());
  }
}

}  // namespace quern::detail::jinja
