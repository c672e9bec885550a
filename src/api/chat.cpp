#include "quern/chat.h"

#include <algorithm>
#include <ctime>

#include "formats/model_file.h"
#include "formats/printable.h"
#include "formats/try.h"
#include "src/api/about_file.h"
#include "src/api/edge.h"
#include "src/api/model_impl.h"
#include "src/chat/builtin_templates.h"
#include "src/chat/chat_template_impl.h"
#include "src/chat/messages.h"

namespace quern {
namespace {

using detail::ChatTemplateImpl;
using detail::Json;
using detail::jinja::Template;
using formats::cat;
using formats::Metadata;

constexpr std::string_view template_key = "tokenizer.chat_template";

std::chrono::local_seconds local_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  localtime_r(&now, &parts);
  using namespace std::chrono;
  return local_days(year(parts.tm_year + 1900) / (parts.tm_mon + 1) / parts.tm_mday) + hours(parts.tm_hour) +
         minutes(parts.tm_min) + seconds(parts.tm_sec);
}

Result<Rendering> rendered(const ChatTemplateImpl& impl, const Template& compiled, Json variables,
                           std::optional<std::chrono::local_seconds> now) {
  const auto add_token = [&](std::string_view name, const std::optional<std::string>& text) {
    if (text && variables.find(name) == nullptr) variables.set(name, *text);
  };
  add_token("bos_token", impl.tokens.bos_token);
  add_token("eos_token", impl.tokens.eos_token);
  QUERN_TRY(detail::jinja::Rendered result,
            compiled.render(variables, now ? *now : local_now(), {"bos_token", "eos_token"}));
  return Rendering{std::move(result.text), std::move(result.data)};
}

/// The text of a special token of the vocabulary; empty where there is none.
Result<std::string> token_text(const Metadata& metadata, std::string_view id_key) {
  if (!metadata.has(id_key) || !metadata.has("tokenizer.ggml.tokens")) return std::string();
  QUERN_TRY(const auto tokens, metadata.strings("tokenizer.ggml.tokens"));
  QUERN_TRY(const std::uint64_t id, metadata.unsigned_integer(id_key));
  return id < tokens.size() ? std::string(tokens[id]) : std::string();
}

/// The format that the vocabulary seems made for, as a word to the person who has to name one.
std::string hint(const Metadata& metadata) {
  const auto tokens = metadata.strings("tokenizer.ggml.tokens");
  const auto types = metadata.integers("tokenizer.ggml.token_type");
  if (!tokens || !types) return "";
  constexpr std::int64_t control = 3;
  const auto has = [&](std::string_view name) {
    const auto id = static_cast<std::size_t>(std::ranges::find(*tokens, name) - tokens->begin());
    return id < tokens->size() && id < types->size() && (*types)[id] == control;
  };
  constexpr struct {
    std::string_view first, second, format;
  } formats[] = {{"<|im_start|>", "<|im_end|>", "chatml"},
                 {"<|start_header_id|>", "<|eot_id|>", "llama3"},
                 {"<start_of_turn>", "<end_of_turn>", "gemma"},
                 {"[INST]", "[/INST]", "mistral-v3"}};
  for (const auto& format : formats)
    if (has(format.first) && has(format.second))
      return cat("; its vocabulary has the control tokens ", format.first, " and ", format.second, " of '",
                 format.format, "'");
  return "";
}

constexpr std::string_view ways = ": give a template's text or the name of a built-in format";

/// The template under a key. Some files hold the name of a format in its place.
Result<Template> template_under(const Metadata& metadata, const std::string& key) {
  if (!metadata.has(key))
    return Error{
        ErrorCode::no_template,
        cat("the file has no chat template (no key '", formats::printable(key), "')", ways, hint(metadata)),
        key};
  QUERN_TRY(const std::string_view text, metadata.string(key));
  if (text.find("{{") != std::string_view::npos || text.find("{%") != std::string_view::npos)
    return Template::compile(text);
  if (const auto builtin = detail::builtin_template(text)) return Template::compile(*builtin);
  return Error{
      ErrorCode::no_template,
      cat("key '", key, "' is '", formats::printable(text.substr(0, 40)),
          "', which is neither a chat template nor the name of a built-in format", ways, hint(metadata)),
      key};
}

Result<ChatTemplate> from_metadata(const Metadata& metadata, std::string_view variant) {
  const std::string key = variant.empty() ? std::string(template_key) : cat(template_key, ".", variant);
  QUERN_TRY(Template compiled, template_under(metadata, key));
  TemplateOptions tokens;
  QUERN_TRY(tokens.bos_token, token_text(metadata, "tokenizer.ggml.bos_token_id"));
  QUERN_TRY(tokens.eos_token, token_text(metadata, "tokenizer.ggml.eos_token_id"));
  const auto impl = std::make_shared<ChatTemplateImpl>(std::move(compiled), tokens);
  const auto read_variant = [&](std::string_view name,
                                std::unique_ptr<detail::ProbedTemplate>& to) -> Result<void> {
    const std::string variant_key = cat(template_key, ".", name);
    if (!variant.empty() || !metadata.has(variant_key)) return {};
    QUERN_TRY(Template of_variant, template_under(metadata, variant_key));
    to = std::make_unique<detail::ProbedTemplate>(std::move(of_variant), tokens);
    return {};
  };
  QUERN_CHECK(read_variant("tool_use", impl->with_tools));
  QUERN_CHECK(read_variant("rag", impl->with_documents));
  return ChatTemplate(impl);
}

bool has_items(const Json* value) {
  return value != nullptr && value->array() != nullptr && !value->array()->empty();
}
/// Whether a variable is a list with something in it.
bool gives(const Json& variables, std::string_view name) { return has_items(variables.find(name)); }

/// A mark at the end of the content shows where the template has printed it. The space tells whether the
/// template trims what it prints; then the text goes without the white space before the mark too.
Result<Rendering> continued(const ChatTemplate& chat, std::span<const ChatMessage> messages,
                            RenderOptions options) {
  constexpr std::string_view mark = "CONTINUE_FINAL_MESSAGE_TAG ";
  return detail::at_edge([&]() -> Result<Rendering> {
    if (messages.empty() || !messages.back().content_parts.empty())
      return Error{ErrorCode::invalid_argument,
                   messages.empty() ? "there is no message to continue"
                                    : "the message to continue has parts, expected text",
                   "continue_last"};
    std::vector<ChatMessage> marked(messages.begin(), messages.end());
    marked.back().content += mark;
    options.continue_last = options.add_generation_prompt = false;
    QUERN_TRY(Rendering all, chat.render(marked, options));
    const std::size_t at = all.text.rfind(mark.substr(0, mark.size() - 1));
    if (at == std::string::npos)
      return Error{ErrorCode::unsupported, "the template does not print the message that is to be continued",
                   "continue_last"};
    const bool trims = all.text.compare(at, mark.size(), mark) != 0;
    all.text.resize(at);
    if (trims) all.text.resize(all.text.find_last_not_of(" \t\n\r") + 1);
    while (!all.data.empty() && all.data.back().begin >= all.text.size()) all.data.pop_back();
    if (!all.data.empty()) all.data.back().end = std::min(all.data.back().end, all.text.size());
    return all;
  });
}

}  // namespace

ChatTemplate::ChatTemplate(std::shared_ptr<const ChatTemplateImpl> impl) : impl_(std::move(impl)) {}

Result<ChatTemplate> ChatTemplate::compile(std::string_view source, const TemplateOptions& options) {
  return detail::at_edge([&]() -> Result<ChatTemplate> {
    QUERN_TRY(Template compiled, Template::compile(source));
    return ChatTemplate(std::make_shared<ChatTemplateImpl>(std::move(compiled), options));
  });
}

Result<ChatTemplate> ChatTemplate::named(std::string_view name) {
  return detail::at_edge([&]() -> Result<ChatTemplate> {
    if (const auto text = detail::builtin_template(name)) return compile(*text);
    std::string known;
    for (const std::string_view each : names()) known.append(known.empty() ? "" : ", ").append(each);
    return Error{
        ErrorCode::invalid_argument,
        cat("there is no built-in chat format '", formats::printable(name), "', expected one of ", known),
        "name"};
  });
}

std::vector<std::string_view> ChatTemplate::names() { return detail::builtin_template_names(); }

Result<ChatTemplate> ChatTemplate::open(const std::filesystem::path& gguf, std::string_view variant) {
  return detail::at_edge([&]() -> Result<ChatTemplate> {
    QUERN_TRY(const formats::ModelFile file,
              formats::ModelFile::open(gguf, {.access = formats::ModelFileOptions::Access::header_only}));
    return detail::about_file(from_metadata(file.metadata(), variant), gguf);
  });
}

Result<ChatTemplate> Model::chat_template(std::string_view variant) const {
  return detail::at_edge([&] { return from_metadata(impl_->loaded->file().metadata(), variant); });
}

Result<Rendering> ChatTemplate::render(std::span<const ChatMessage> messages,
                                       const RenderOptions& options) const {
  if (options.continue_last) return continued(*this, messages, options);
  return detail::at_edge([&]() -> Result<Rendering> {
    bool has_tools = false, has_documents = false;  // an error in the texts comes below
    if (impl_->with_tools != nullptr && !options.tools.empty()) {
      const auto tools = detail::parse_json(options.tools);
      has_tools = tools && has_items(&*tools);
    }
    if (impl_->with_documents != nullptr && !options.variables.empty()) {
      const auto variables = detail::parse_json(options.variables);
      has_documents = variables && gives(*variables, "documents");
    }
    const detail::ProbedTemplate& chosen = impl_->for_request(has_tools, has_documents);
    QUERN_TRY(Json variables, detail::template_variables(messages, options,
                                                         options.adapt ? &chosen.capabilities() : nullptr));
    return rendered(*impl_, chosen.compiled(), std::move(variables), options.now);
  });
}

Result<Rendering> ChatTemplate::render_json(std::string_view variables,
                                            std::optional<std::chrono::local_seconds> now) const {
  return detail::at_edge([&]() -> Result<Rendering> {
    QUERN_TRY(Json parsed, detail::parse_json(variables));
    if (parsed.object() == nullptr)
      return Error{ErrorCode::invalid_argument,
                   cat("the variables are ", parsed.kind(), ", expected an object"), "variables"};
    const detail::ProbedTemplate& chosen =
        impl_->for_request(gives(parsed, "tools"), gives(parsed, "documents"));
    return rendered(*impl_, chosen.compiled(), std::move(parsed), now);
  });
}

const ChatCapabilities& ChatTemplate::capabilities() const { return impl_->usual.capabilities(); }
std::string_view ChatTemplate::source() const { return impl_->usual.compiled().source(); }

Result<std::vector<Token>> encode(const Tokenizer& tokenizer, const Rendering& rendering) {
  return detail::at_edge([&]() -> Result<std::vector<Token>> {
    QUERN_TRY(std::vector<Token> tokens,
              tokenizer.encode(rendering.text, {.parse_special = true, .plain = rendering.data}));
    // Of nothing at all encoding makes just what the vocabulary puts at the ends.
    QUERN_TRY(const std::vector<Token> frame, tokenizer.encode("", {.add_special = true}));
    const bool wants_bos = !frame.empty() && tokenizer.bos() && frame.front() == *tokenizer.bos();
    if (wants_bos && (tokens.empty() || tokens.front() != frame.front()))
      tokens.insert(tokens.begin(), frame.front());
    return tokens;
  });
}

}  // namespace quern
