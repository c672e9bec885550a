#pragma once
/// chat.h: conversations. A model's file carries a template that turns messages into the text that the model
/// was trained to read; this renders it.
///
///   auto chat = model.chat_template().value();
///   std::vector<quern::ChatMessage> messages = {{.role = "user", .content = "What is a quern?"}};
///   auto prompt = chat.render(messages).value();
///   auto tokens = quern::encode(model.tokenizer(), prompt).value();
///   auto done = session.generate(tokens, options, print).value();
///
/// A template is code from a stranger: it runs in an interpreter that knows values and nothing of the
/// machine, within bounds of time and memory, and the text of messages cannot become control tokens.
#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "quern/answer.h"
#include "quern/export.h"
#include "quern/result.h"
#include "quern/tokenizer.h"

namespace quern {

/// One message of a conversation, whoever speaks.
struct ChatMessage {
  std::string role;          ///< "system", "user", "assistant", "tool"; others if the template knows them
  std::string content = {};  ///< text
  /// A JSON array of parts such as {"type": "text", "text": "..."}, in place of `content`; empty: none.
  std::string content_parts = {};
  std::string reasoning = {};             ///< what an assistant thought before it answered
  std::vector<ToolCall> tool_calls = {};  ///< of an assistant
  std::string tool_call_id = {};          ///< of a tool's result: the call that it answers
  std::string name = {};                  ///< of a tool's result: the tool; else who speaks
  std::string more = {};                  ///< a JSON object of further fields; empty: none
};

struct RenderOptions {
  /// A JSON array of definitions of the tools that the model may call; empty: none.
  std::string tools = {};
  /// End with the beginning of the assistant's answer.
  bool add_generation_prompt = true;
  /// The last message is an answer that is not finished: end with the last character of its content, and
  /// without a generation prompt. Error unsupported if the template does not print it.
  bool continue_last = false;
  /// A JSON object of further variables of the template, such as {"enable_thinking": false}. What it names
  /// wins.
  std::string variables = {};
  /// What the clock on the wall shows, for templates that print the date. Absent: this machine's local time.
  std::optional<std::chrono::local_seconds> now = {};
  /// Bring messages into the shape that this template takes (see ChatCapabilities). Off: as they are.
  bool adapt = true;
};

/// A rendered conversation.
struct Rendering {
  std::string text;
  /// The bytes of `text` that came out of messages, tools and variables, in order; the rest is the
  /// template's.
  std::vector<TextSpan> data = {};
};

/// What a template does with messages, found out by rendering small conversations.
struct ChatCapabilities {
  bool system_role = false;     ///< without it the system's text goes before the first user's
  bool developer_role = false;  ///< without it a developer is rendered as the system
  bool content_parts = false;   ///< without it the text parts are joined by newlines
  bool tools = false;           ///< it prints the definitions of tools
  bool tool_calls = false;      ///< it prints calls in earlier answers
  bool text_arguments = false;  ///< the arguments of a call have to be JSON text and no object
  bool short_call_ids = false;  ///< ids of calls have to be nine letters or digits; others are mapped to such
  /// The field in which it looks for reasoning, "reasoning_content" for one; "content.thinking" if that is a
  /// part of the content, "content.blocks" if it is one of blocks in the content; empty: it prints none.
  std::string reasoning_field = {};
};

namespace detail {
struct ChatTemplateImpl;
}  // namespace detail

struct TemplateOptions {
  /// The variables of these names; absent: the template sees none.
  std::optional<std::string> bos_token = {}, eos_token = {};
};

/// Never changes; cheap to copy; safe from any number of threads.
class QUERN_API ChatTemplate {
 public:
  /// From a template's text (Jinja). Error bad_template; its message names line and column.
  static Result<ChatTemplate> compile(std::string_view source, const TemplateOptions& options = {});
  /// A format that is built in, by its name: "chatml", "llama3", "gemma"... Such a format takes text only, no
  /// tools and no reasoning. Error invalid_argument if there is none of that name; its message has all names.
  static Result<ChatTemplate> named(std::string_view name);
  /// The names of the built-in formats.
  static std::vector<std::string_view> names();
  /// From a model's file, without its weights. `variant`: one of several templates by its name, such as
  /// "tool_use"; empty: the usual one, or the variants for tools and for documents ("rag") where the file has
  /// them and these are given. Where the file holds the name of a built-in format, that one. Error
  /// no_template if the file has none (nothing is guessed: compile() a text or take one that is named()),
  /// bad_template.
  static Result<ChatTemplate> open(const std::filesystem::path& gguf, std::string_view variant = {});

  /// Errors: template_raised if the template refuses the conversation, with its own message; bad_template if
  /// it fails or goes beyond its limits; invalid_argument for messages that are no JSON where they should be.
  Result<Rendering> render(std::span<const ChatMessage> messages, const RenderOptions& options = {}) const;
  /// Renders with exactly the variables of a JSON object: "messages", "tools", "add_generation_prompt"...
  Result<Rendering> render_json(std::string_view variables,
                                std::optional<std::chrono::local_seconds> now = {}) const;

  const ChatCapabilities& capabilities() const;
  /// The text of the template; of several the usual one. Valid as long as a copy of this lives.
  std::string_view source() const;

  // For the library itself.
  explicit ChatTemplate(std::shared_ptr<const detail::ChatTemplateImpl> impl);
  const std::shared_ptr<const detail::ChatTemplateImpl>& impl() const { return impl_; }

 private:
  std::shared_ptr<const detail::ChatTemplateImpl> impl_;
};

/// A rendering in tokens. Names of control tokens are those tokens where the template wrote them, and plain
/// text where a message did. The token that begins a sequence is added where the vocabulary asks for it and
/// the template has not written it.
QUERN_API Result<std::vector<Token>> encode(const Tokenizer& tokenizer, const Rendering& rendering);

}  // namespace quern
