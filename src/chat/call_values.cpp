#include "src/chat/call_values.h"

#include <algorithm>
#include <utility>

#include "src/base/json.h"
#include "src/chat/literal_reader.h"

namespace quern::detail {
namespace {

// The functions below walk over text that parse_json() has accepted.

std::size_t end_of_string(std::string_view json, std::size_t quote) {
  std::size_t at = quote + 1;
  for (; json[at] != '"'; ++at)
    if (json[at] == '\\') ++at;
  return at + 1;
}

std::size_t end_of_value(std::string_view json, std::size_t at) {
  int depth = 0;
  do {
    if (json[at] == '"') {
      at = end_of_string(json, at);
      continue;
    }
    if (json[at] == '{' || json[at] == '[') ++depth;
    if (json[at] == '}' || json[at] == ']') --depth;
    ++at;
  } while (at < json.size() && (depth > 0 || (json[at] != ',' && json[at] != '}' && json[at] != ']')));
  return at;
}

std::size_t skip_space(std::string_view json, std::size_t at) {
  while (is_space(json[at])) ++at;
  return at;
}

/// The texts of the items of an array, or of the members' values of an object, in their order.
std::vector<std::pair<std::string, std::string_view>> parts_of(std::string_view json) {
  std::vector<std::pair<std::string, std::string_view>> parts;
  const bool object = json.front() == '{';
  std::size_t at = skip_space(json, 1);
  while (json[at] != '}' && json[at] != ']') {
    std::string key;
    if (object) {
      const std::size_t end = end_of_string(json, at);
      key = *parse_json(json.substr(at, end - at))->string();
      at = skip_space(json, skip_space(json, end) + 1);  // behind the colon
    }
    const std::size_t end = end_of_value(json, at);
    parts.emplace_back(std::move(key), trimmed(json.substr(at, end - at)));
    at = skip_space(json, end);
    if (json[at] == ',') at = skip_space(json, at + 1);
  }
  return parts;
}

/// JSON as it should be: the text itself, or without commas before closing brackets, if that helps.
std::optional<std::string> valid_json(std::string_view text) {
  text = trimmed(text);
  if (parse_json(text)) return std::string(text);
  std::string mended;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '"') {
      const std::size_t begin = at;
      for (++at; at < text.size() && text[at] != '"'; ++at)
        if (text[at] == '\\') ++at;
      mended += text.substr(begin, at + 1 - begin);
      continue;
    }
    if (text[at] == '}' || text[at] == ']') {
      while (!mended.empty() && is_space(mended.back())) mended.pop_back();
      if (!mended.empty() && mended.back() == ',') mended.pop_back();
    }
    mended += text[at];
  }
  if (parse_json(mended)) return mended;
  return std::nullopt;
}

std::string text_of(std::string_view json) {
  const auto value = parse_json(json);
  return value && value->string() != nullptr ? *value->string() : std::string(json);
}

/// Without arguments if the text has none. Requires: valid JSON.
std::optional<ToolCall> call_of(std::string_view json, bool may_wrap = true) {
  if (json.empty() || json.front() != '{') return std::nullopt;
  ToolCall call;
  std::string_view wrapped;
  for (const auto& [key, value] : parts_of(json)) {
    if (key == "name" || key == "tool_name") {
      if (value.front() != '"') return std::nullopt;
      call.name = text_of(value);
    } else if (key == "arguments" || key == "parameters") {
      const std::string inner = text_of(value);  // some write the arguments as text
      const auto arguments = json_arguments(value.front() == '"' ? inner : value);
      if (arguments)
        call.arguments = *arguments;
      else if (value != "null")
        return std::nullopt;
    } else if (key == "id" || key == "tool_call_id") {
      if (value != "null") call.id = text_of(value);
    } else if (key == "function" && value.front() == '{') {
      wrapped = value;
    }
  }
  if (call.name.empty() && !wrapped.empty() && may_wrap) {
    auto inner = call_of(wrapped, false);
    if (inner && inner->id.empty()) inner->id = call.id;
    return inner;
  }
  if (call.name.empty()) return std::nullopt;
  return call;
}

}  // namespace

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

std::string json_string(std::string_view text) {
  std::string out;
  append_json_string(out, text, false);
  return out;
}

std::optional<std::vector<ToolCall>> json_calls(std::string_view text, bool with_arguments) {
  const auto json = valid_json(text);
  if (!json) return std::nullopt;
  std::vector<std::pair<std::string, std::string_view>> parts;
  if (json->front() == '[')
    parts = parts_of(*json);
  else
    parts.emplace_back("", *json);
  std::vector<ToolCall> calls;
  for (const auto& part : parts) {
    auto call = call_of(part.second);
    if (!call || (with_arguments && call->arguments.empty())) return std::nullopt;
    if (call->arguments.empty()) call->arguments = "{}";
    calls.push_back(std::move(*call));
  }
  return calls;
}

std::optional<std::vector<ToolCall>> keyed_calls(std::string_view text) {
  const auto json = valid_json(text);
  if (!json || json->front() != '[') return std::nullopt;
  std::vector<ToolCall> calls;
  for (const auto& part : parts_of(*json)) {
    if (part.second.front() != '{') return std::nullopt;
    for (const auto& [name, arguments] : parts_of(part.second)) {
      if (arguments.front() != '{') return std::nullopt;
      calls.push_back({.name = name, .arguments = std::string(arguments)});
    }
  }
  return calls;
}

std::optional<std::vector<ToolCall>> python_calls(std::string_view text) {
  LiteralReader reader(text, LiteralReader::Style::python);
  const bool list = reader.take('[');
  std::vector<ToolCall> calls;
  do {
    if (list && reader.take(']')) break;
    std::string_view name = reader.name();
    if (!list && name.ends_with(".call")) name.remove_suffix(5);
    if (name.empty() || !reader.take('(')) return std::nullopt;
    auto arguments = reader.keywords();
    if (!arguments) return std::nullopt;
    calls.push_back({.name = std::string(name), .arguments = std::move(*arguments)});
    if (list && !reader.take(',')) {
      if (!reader.take(']')) return std::nullopt;
      break;
    }
  } while (list);
  if (!reader.at_end()) return std::nullopt;
  return calls;
}

std::optional<std::string> json_arguments(std::string_view text) {
  auto json = valid_json(text);
  if (!json || json->front() != '{') return std::nullopt;
  return json;
}

std::optional<std::string> gemma_arguments(std::string_view text) {
  LiteralReader reader(text, LiteralReader::Style::gemma);
  auto arguments = reader.members();
  if (!arguments || !reader.at_end()) return std::nullopt;
  return arguments;
}

std::string json_value(std::string_view text, const ValueRule& rule) {
  const std::string_view bare = trimmed(text);
  if (rule.text && !(rule.null && bare == "null")) return json_string(text);
  if (parse_json(bare)) return std::string(bare);
  if (rule.known) {
    LiteralReader reader(bare, LiteralReader::Style::python);
    if (auto value = reader.value(); value && reader.at_end()) return std::move(*value);
  }
  return json_string(text);
}

void ArgumentsBuilder::add(std::string_view key, std::string_view json_value) {
  repeated_ |= !keys_.emplace(key).second;
  text_.append(text_.empty() ? "" : ", ").append(json_string(key)).append(": ").append(json_value);
}

std::string ArgumentsBuilder::take() {
  std::string object = "{" + std::exchange(text_, {}) + "}";
  if (repeated_)  // reading drops repetitions
    if (const auto read = parse_json(object)) object = dump_json(*read);
  keys_.clear();
  repeated_ = false;
  return object;
}

}  // namespace quern::detail
