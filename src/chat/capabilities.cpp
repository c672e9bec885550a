#include "src/chat/capabilities.h"

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "src/chat/chat_template_impl.h"
#include "src/chat/messages.h"

namespace quern::detail {
namespace {

/// The JSON of the probes is our own; a mistake in it fails every probe, which tests notice.
Json json(std::string_view text) { return parse_json(text).value(); }

constexpr std::string_view user = R"({"role": "user", "content": "Quserq"})";
constexpr std::string_view probe_tools =
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
    found.content_parts =
        prints_parts(messages({R"({"role": "user", "content": [{"type": "text", "text": "Qoneq"},
                                                               {"type": "text", "text": "Qtwoq"}]})"}),
                     {"Qoneq", "Qtwoq"});
    Json with_tools = messages({user});
    with_tools.set("tools", json(probe_tools));
    found.tools = prints(with_tools, "qtoolq");
    find_calls(found);
    constexpr std::string_view fields[] = {"reasoning_content", "reasoning",   "thinking",
                                           "thought",           thinking_part, thoughts_block};
    for (const std::string_view field : fields) {
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

  /// The words come out, and the list that they stand in does not.
  bool prints_parts(const Json& context, std::initializer_list<std::string_view> words) const {
    const auto text = rendered(context);
    const auto has = [&](std::string_view word) { return text->find(word) != std::string::npos; };
    return text && std::ranges::all_of(words, has) && !has("'type'") && !has("\"type\"");
  }

  static Json call(std::string_view arguments, std::string_view id, bool with_tools) {
    const std::string quoted_id = "\"" + std::string(id) + "\"";
    const std::string assistant = R"({"role": "assistant", "content": "", "tool_calls": [{"id": )" +
                                  quoted_id +
                                  R"(, "type": "function", "function": {"name": "qtoolq", "arguments": )" +
                                  std::string(arguments) + "}}]}";
    const std::string result =
        R"({"role": "tool", "name": "qtoolq", "content": "Qresultq", "tool_call_id": )" + quoted_id + "}";
    Json context = messages({user, assistant, result});
    if (with_tools) context.set("tools", json(probe_tools));
    return context;
  }
  void find_calls(ChatCapabilities& found) const {
    constexpr std::string_view object = R"({"qkeyq": "Qvalueq"})", text = R"("{\"qkeyq\": \"Qvalueq\"}")";
    for (const bool short_id : {false, true}) {
      const std::string_view id = short_id ? "qcallidq1" : "call_q1";
      for (const bool as_text : {false, true}) {
        if (!prints(call(as_text ? text : object, id, found.tools), "Qvalueq")) continue;
        found.tool_calls = true;
        found.text_arguments = as_text;
        found.short_call_ids = short_id;
        return;
      }
    }
  }

  /// In the last answer, or in one that goes on after a tool's result, with thinking switched on or not.
  bool prints_reasoning(std::string_view field, const ChatCapabilities& found) const {
    Json last = messages({user, R"({"role": "assistant", "content": "Qanswerq"})"});
    last.set("add_generation_prompt", false);
    Json with_call =
        call(R"({"qkeyq": "Qvalueq"})", found.short_call_ids ? "qcallidq1" : "call_q1", found.tools);
    for (Json* context : {&last, &with_call})
      set_reasoning((*context->find("messages")->array())[1], field, "Qthoughtq");
    const bool in_content = field == thinking_part || field == thoughts_block;
    for (Json* context : {&last, &with_call}) {
      for (int thinking = 0; thinking < 2; ++thinking) {
        if (thinking != 0)
          for (const char* const name : {"enable_thinking", "thinking", "add_thoughts"})
            context->set(name, true);
        if (in_content ? prints_parts(*context, {"Qthoughtq", "Qanswerq"}) : prints(*context, "Qthoughtq"))
          return true;
      }
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
