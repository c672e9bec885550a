#include "common/messages.h"

#include <nlohmann/json.hpp>
#include <stdexcept>

namespace examples {
namespace {

using Json = nlohmann::ordered_json;

// What a model writes may hold bytes that are no character; only they are replaced.
std::string dumped(const Json& value, int indent = -1) {
  return value.dump(indent, ' ', false, Json::error_handler_t::replace);
}

std::string text_of(const Json& object, const char* key) {
  return object.contains(key) && object[key].is_string() ? object[key].get<std::string>() : std::string();
}

std::vector<quern::ToolCall> calls_from_json(const Json& calls) {
  std::vector<quern::ToolCall> out;
  for (const Json& one : calls) {
    const Json function = one.is_object() ? one.value("function", Json()) : Json();
    if (!function.is_object() || text_of(function, "name").empty() || !function.contains("arguments"))
      throw std::runtime_error("a tool call without a function's name and arguments");
    out.push_back({.id = text_of(one, "id"),
                   .name = text_of(function, "name"),
                   .arguments = function["arguments"].dump()});
  }
  return out;
}

}  // namespace

std::string to_json(const quern::ToolCall& call) {
  return "{\"id\": " + dumped(call.id) + ", \"name\": " + dumped(call.name) +
         ", \"arguments\": " + call.arguments + "}";
}

std::string to_json(const std::vector<quern::ChatMessage>& messages) {
  Json list = Json::array();
  for (const quern::ChatMessage& message : messages) {
    Json one = {{"role", message.role}, {"content", message.content}};
    if (!message.reasoning.empty()) one["reasoning_content"] = message.reasoning;
    for (const quern::ToolCall& call : message.tool_calls)
      one["tool_calls"].push_back(
          {{"id", call.id},
           {"type", "function"},
           {"function", {{"name", call.name}, {"arguments", Json::parse(call.arguments)}}}});
    if (!message.name.empty()) one["name"] = message.name;
    if (!message.tool_call_id.empty()) one["tool_call_id"] = message.tool_call_id;
    list.push_back(std::move(one));
  }
  return dumped({{"messages", std::move(list)}}, 2) + "\n";
}

std::vector<quern::ChatMessage> messages_from_json(const std::string& text) {
  const auto parsed = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!parsed.is_object() || !parsed.contains("messages") || !parsed["messages"].is_array())
    throw std::runtime_error("no JSON object with a list of \"messages\"");
  std::vector<quern::ChatMessage> messages;
  for (const Json& one : parsed["messages"]) {
    if (!one.is_object() || text_of(one, "role").empty())
      throw std::runtime_error("a message without a role");
    if (one.contains("content") && !one["content"].is_string() && !one["content"].is_null())
      throw std::runtime_error("a message that holds more than text");
    messages.push_back({.role = text_of(one, "role"),
                        .content = text_of(one, "content"),
                        .reasoning = text_of(one, "reasoning_content"),
                        .tool_calls = calls_from_json(one.value("tool_calls", Json::array())),
                        .tool_call_id = text_of(one, "tool_call_id"),
                        .name = text_of(one, "name")});
  }
  return messages;
}

}  // namespace examples
