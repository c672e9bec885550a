#include "src/chat/messages.h"

#include <algorithm>
#include <map>

#include "formats/try.h"

namespace quern::detail {
namespace {

using formats::cat;

/// What a template that is taken as it is gets: everything, in the usual places.
ChatCapabilities everything() {
  return {.system_role = true,
          .developer_role = true,
          .content_parts = true,
          .tools = true,
          .tool_calls = true,
          .reasoning_field = "reasoning_content"};
}

class Shaper {
 public:
  explicit Shaper(const ChatCapabilities& capabilities) : can_(capabilities) {}

  Result<Json> shape(std::span<const ChatMessage> messages) {
    Json::Array out;
    std::string system;  // waits for the first user
    for (std::size_t i = 0; i < messages.size(); ++i) {
      i_ = i;
      QUERN_TRY(Json message, shape_one(messages[i]));
      const std::string role = *message.find("role")->string();
      if (role == "system" && !can_.system_role) {
        const std::string* text = message.find("content")->string();
        if (text == nullptr) return fail("a system message in parts, which this template cannot take");
        system += *text + "\n\n";
        continue;
      }
      if (role == "user" && !system.empty()) prepend(message, std::exchange(system, ""));
      out.push_back(std::move(message));
    }
    if (!system.empty())
      return fail("a system message and no user's after it, which this template cannot take");
    return Json(std::move(out));
  }

 private:
  Error fail(std::string_view what) const {
    return {ErrorCode::invalid_argument, cat("message ", i_ + 1, ": ", what), "messages"};
  }
  Result<Json> parsed(const std::string& text, std::string_view what) const {
    auto value = parse_json(text);
    if (value) return value;
    return fail(cat(what, " is not JSON: ", value.error().message));
  }

  Result<Json> shape_one(const ChatMessage& message) {
    Json out;
    const bool as_system = message.role == "developer" && !can_.developer_role;
    out.set("role", as_system ? "system" : message.role);
    QUERN_TRY(Json text, content(message));
    out.set("content", std::move(text));
    if (!message.name.empty()) out.set("name", message.name);
    if (!message.reasoning.empty() && !can_.reasoning_field.empty())
      set_reasoning(out, can_.reasoning_field, message.reasoning);
    if (!message.tool_calls.empty()) {
      QUERN_TRY(Json calls, tool_calls(message));
      out.set("tool_calls", std::move(calls));
      // Where reasoning has this name a message with calls carries it or content, not both.
      if (can_.reasoning_field == "thinking" && !message.reasoning.empty()) out.set("content", "");
    }
    if (message.role == "tool") add_call_of_result(message, out);
    if (!message.more.empty()) {
      QUERN_TRY(const Json more, parsed(message.more, "'more'"));
      if (more.object() == nullptr) return fail(cat("'more' is ", more.kind(), ", expected an object"));
      for (const Json::Member& member : *more.object()) out.set(member.key, member.value);
    }
    return out;
  }

  Result<Json> content(const ChatMessage& message) const {
    if (message.content_parts.empty()) return Json(message.content);
    QUERN_TRY(Json parts, parsed(message.content_parts, "'content_parts'"));
    if (parts.array() == nullptr)
      return fail(cat("'content_parts' is ", parts.kind(), ", expected an array"));
    if (can_.content_parts) return parts;
    std::string joined;
    for (const Json& part : *parts.array()) {
      const Json* const text = part.find("text");
      if (text == nullptr || text->string() == nullptr)
        return fail("a part that is no text, which this template cannot take");
      joined.append(&part == parts.array()->data() ? "" : "\n").append(*text->string());
    }
    return Json(std::move(joined));
  }
  static void prepend(Json& message, const std::string& system) {
    Json& content = *message.find("content");
    if (const std::string* text = content.string())
      content = system + *text;
    else
      content.array()
          ->insert(content.array()->begin(), parse_json(R"({"type": "text"})").value())
          ->set("text", system);
  }

  Result<Json> tool_calls(const ChatMessage& message) {
    Json::Array calls;
    waiting_.clear();
    for (const ToolCall& call : message.tool_calls) {
      const std::string text = call.arguments.empty() ? "{}" : call.arguments;
      QUERN_TRY(Json arguments, parsed(text, cat("the arguments of the call of '", call.name, "'")));
      Json function;
      function.set("name", call.name);
      function.set("arguments", can_.text_arguments ? Json(text) : std::move(arguments));
      Json out;
      out.set("id", id_for(call.id.empty() ? cat("call_", n_calls_ + 1) : call.id));
      ++n_calls_;
      out.set("type", "function");
      out.set("function", std::move(function));
      waiting_.emplace_back(*out.find("id")->string(), call.name);
      names_[waiting_.back().first] = call.name;
      calls.push_back(std::move(out));
    }
    next_result_ = 0;
    return Json(std::move(calls));
  }
  /// Ids of nine letters or digits where the template wants them, the same for a call and its result.
  std::string id_for(const std::string& id) {
    const auto is_plain = [](char c) {
      return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
    };
    if (!can_.short_call_ids || (id.size() == 9 && std::ranges::all_of(id, is_plain))) return id;
    const auto [found, added] = short_ids_.try_emplace(id, "");
    if (added) {
      const std::string number = std::to_string(short_ids_.size());
      found->second = "call" + std::string(number.size() < 5 ? 5 - number.size() : 0, '0') + number;
    }
    return found->second;
  }
  /// A result names its call by id, by order, or by the tool's name: templates want one or the other.
  void add_call_of_result(const ChatMessage& message, Json& out) {
    std::string id = message.tool_call_id.empty() ? "" : id_for(message.tool_call_id);
    if (id.empty() && next_result_ < waiting_.size()) id = waiting_[next_result_].first;
    ++next_result_;
    if (id.empty()) return;
    out.set("tool_call_id", id);
    const auto name = names_.find(id);
    if (message.name.empty() && name != names_.end()) out.set("name", name->second);
  }

  const ChatCapabilities& can_;
  std::size_t i_ = 0, n_calls_ = 0, next_result_ = 0;
  std::vector<std::pair<std::string, std::string>> waiting_;  // id and name of the latest calls
  std::map<std::string, std::string> names_, short_ids_;      // by id
};

/// A bare function gets the object around it that templates expect.
Result<Json> shaped_tools(const std::string& text) {
  const auto fail = [](const std::string& what) {
    return Error{ErrorCode::invalid_argument, "tools: " + what, "tools"};
  };
  auto tools = parse_json(text);
  if (!tools) return fail(tools.error().message);
  if (tools->array() == nullptr) return fail(cat("found ", tools->kind(), ", expected an array"));
  for (Json& tool : *tools->array()) {
    if (tool.object() == nullptr) return fail(cat("found ", tool.kind(), ", expected an object"));
    if (tool.find("function") != nullptr || tool.find("name") == nullptr) continue;
    Json wrapped;
    wrapped.set("type", "function");
    wrapped.set("function", std::move(tool));
    tool = std::move(wrapped);
  }
  return tools;
}

}  // namespace

void set_reasoning(Json& message, std::string_view field, const std::string& reasoning) {
  Json& content = *message.find("content");
  const auto part = [](const char* type, const char* key, const std::string& text) {
    Json out;
    out.set("type", type);
    out.set(key, text);
    return out;
  };
  if (field == thinking_part) {
    Json::Array parts = {part("thinking", "thinking", reasoning)};
    if (const std::string* text = content.string(); text != nullptr && !text->empty())
      parts.push_back(part("text", "text", *text));
    if (const Json::Array* more = content.array()) parts.insert(parts.end(), more->begin(), more->end());
    content = std::move(parts);
  } else if (field == thoughts_block) {
    Json::Array blocks = {part("thoughts", "text", reasoning)};
    if (const std::string* text = content.string(); text != nullptr && !text->empty())
      blocks.push_back(part("response", "text", *text));
    Json holder;
    holder.set("blocks", std::move(blocks));
    content = std::move(holder);
  } else {
    message.set(field, reasoning);
  }
}

Result<Json> template_variables(std::span<const ChatMessage> messages, const RenderOptions& options,
                                const ChatCapabilities* capabilities) {
  const ChatCapabilities can = capabilities != nullptr ? *capabilities : everything();
  Json variables;
  QUERN_TRY(Json shaped, Shaper(can).shape(messages));
  variables.set("messages", std::move(shaped));
  if (!options.tools.empty()) {
    QUERN_TRY(Json tools, shaped_tools(options.tools));
    if (!tools.array()->empty())
      variables.set("tools", std::move(tools));  // templates print a prompt for none
  }
  variables.set("add_generation_prompt", options.add_generation_prompt);
  if (!options.variables.empty()) {
    auto more = parse_json(options.variables);
    if (!more || more->object() == nullptr)
      return Error{ErrorCode::invalid_argument,
                   more ? cat("variables: found ", more->kind(), ", expected an object")
                        : cat("variables: ", more.error().message),
                   "variables"};
    for (Json::Member& member : *more->object()) variables.set(member.key, std::move(member.value));
  }
  return variables;
}

}  // namespace quern::detail
