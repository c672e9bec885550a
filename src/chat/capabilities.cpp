#include "src/chat/capabilities.h"

#include <array>
#include <initializer_list>
#include <optional>
#include <string>

#include "src/chat/chat_template_impl.h"

namespace quern::detail {
namespace {

/// The JSON of the probes is our own; a mistake in it fails every probe, which tests notice.
Json json(std::string_view text) { return parse_json(text).value(); }

constexpr std::string_view user = R"({"role": "user", "content": "Quserq"})";
constexpr std::string_view tools =
    R"([{"type": "function", "function": {"name": "qtoolq", "description": "Qdoesq",
    "parameters": {"type": "object", "properties": {"qkeyq": {"type": "string", "description": "Qargq"}},
    "required": ["qkeyq"]}}}])";

class Prober {
 public:
  Prober(const jinja::Template& compiled, const TemplateOptions& tokens)
      : compiled_(compiled), tokens_(tokens) {}

  ChatCapabilities capabilities() const {
    ChatCapabilities found;
    found.system_role = prints(messages({R"({"role": "system", "content": "Qsystemq"})", user}), "Qsystemq");
    const bool names_developer = compiled_.source().find("'developer'") != std::string::npos ||
                                 compiled_.source().find("\"developer\"") != std::string::npos;
    found.developer_role =
        names_developer && prints(messages({R"({"role": "developer", "content": "Qdevq"})", user}), "Qdevq");
    found.content_parts = takes_parts();
    Json with_tools = messages({user});
    with_tools.set("tools", json(tools));
    found.tools = prints(with_tools, "qtoolq");
    find_calls(found);
    for (const std::string field : {"reasoning_content", "reasoning", "thinking", "thought"}) {
      if (!prints_reasoning(field, found)) continue;
      found.reasoning_field = field;
      break;
    }
    return found;
  }

 private:
  static Json messages(std::initializer_list<std::string_view> items) {
    std::string text;
    for (const std::string_view item : items) text.append(text.empty() ? "[" : ", ").append(item);
    Json context;
    context.set("messages", json(text + "]"));
    context.set("add_generation_prompt", true);
    return context;
  }

  std::optional<std::string> rendered(Json context) const {
    if (tokens_.bos_token) context.set("bos_token", *tokens_.bos_token);
    if (tokens_.eos_token) context.set("eos_token", *tokens_.eos_token);
    // Templates compute with dates; which one it is does not matter here.
    auto result = compiled_.render(context, std::chrono::local_seconds());
    return result ? std::optional(std::move(result->text)) : std::nullopt;
  }
  bool prints(const Json& context, std::string_view word) const {
    const auto text = rendered(context);
    return text && text->find(word) != std::string::npos;
  }

  /// Both parts come out, and not as the list itself.
  bool takes_parts() const {
    const auto text = rendered(messages({R"({"role": "user", "content": [{"type": "text", "text": "Qoneq"},
                                                                   {"type": "text", "text": "Qtwoq"}]})"}));
    const auto has = [&](std::string_view word) { return text->find(word) != std::string::npos; };
    return text && has("Qoneq") && has("Qtwoq") && !has("'type'") && !has("\"type\"");
  }

  static Json call(std::string_view arguments, std::string_view id) {
    const std::string quoted_id = "\"" + std::string(id) + "\"";
    const std::string assistant = R"({"role": "assistant", "content": "", "tool_calls": [{"id": )" +
                                  quoted_id +
                                  R"(, "type": "function", "function": {"name": "qtoolq", "arguments": )" +
                                  std::string(arguments) + "}}]}";
    const std::string result =
        R"({"role": "tool", "name": "qtoolq", "content": "Qresultq", "tool_call_id": )" + quoted_id + "}";
    Json context = messages({user, assistant, result});
    context.set("tools", json(tools));
    return context;
  }
  void find_calls(ChatCapabilities& found) const {
    constexpr std::string_view object = R"({"qkeyq": "Qvalueq"})", text = R"("{\"qkeyq\": \"Qvalueq\"}")";
    for (const bool short_id : {false, true}) {
      const std::string_view id = short_id ? "qcallidq1" : "call_q1";
      for (const bool as_text : {false, true}) {
        if (!prints(call(as_text ? text : object, id), "Qvalueq")) continue;
        found.tool_calls = true;
        found.text_arguments = as_text;
        found.short_call_ids = short_id;
        return;
      }
    }
  }

  /// In the last answer, or in one that goes on after a tool's result, with thinking switched on or not.
  bool prints_reasoning(const std::string& field, const ChatCapabilities& found) const {
    const std::string answer =
        R"({"role": "assistant", "content": "Qanswerq", ")" + field + R"(": "Qthoughtq"})";
    Json last = messages({user, answer});
    last.set("add_generation_prompt", false);
    Json with_call = call(R"({"qkeyq": "Qvalueq"})", found.short_call_ids ? "qcallidq1" : "call_q1");
    (*with_call.find("messages")->array())[1].set(field, "Qthoughtq");
    for (Json* context : {&last, &with_call}) {
      if (prints(*context, "Qthoughtq")) return true;
      context->set("enable_thinking", true);
      if (prints(*context, "Qthoughtq")) return true;
    }
    return false;
  }

  const jinja::Template& compiled_;
  const TemplateOptions& tokens_;
};

}  // namespace

ChatCapabilities probe(const jinja::Template& compiled, const TemplateOptions& tokens) {
  // Probes are short, and so is the time that each of them may take.
  jinja::Limits limits;
  limits.steps = 100'000;
  return Prober(compiled.with_limits(limits), tokens).capabilities();
}

const ChatCapabilities& ProbedTemplate::capabilities() const {
  std::call_once(probed_, [this] { capabilities_ = probe(template_, tokens_); });
  return capabilities_;
}

}  // namespace quern::detail
