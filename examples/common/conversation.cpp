#include "common/conversation.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace examples {

using quern::Result;

Result<Conversation::Reply> Conversation::answer(quern::GenerateOptions options, const OnPiece& on_piece) {
  auto prompt = chat_.render(messages, {.variables = variables});
  if (!prompt) return prompt.error();
  auto tokens = quern::encode(tokenizer_, *prompt);
  if (!tokens) return tokens.error();
  const auto common = std::ranges::mismatch(session_.tokens(), *tokens).in2 - tokens->begin();
  if (auto kept = session_.truncate(static_cast<std::size_t>(common)); !kept) return kept.error();

  auto parser = quern::AnswerParser::create(format_, {.prompt = prompt->text});
  if (!parser) return parser.error();
  const auto show = [&](const Result<quern::AnswerPieces>& pieces) {
    const quern::AnswerPieces& got = pieces.value();
    if (!got.reasoning.empty()) on_piece(got.reasoning, true);
    if (!got.content.empty()) on_piece(got.content, false);
    return true;
  };
  // The markers around reasoning are control tokens in most vocabularies.
  options.show_special = true;
  for (const std::string_view end : format_.ends()) options.stop_at.emplace_back(end);
  auto done = session_.generate(std::span(*tokens).subspan(static_cast<std::size_t>(common)), options,
                                [&](std::string_view text) { return show(parser->push(text)); });
  if (!done) return done.error();
  show(parser->finish(done->finish != quern::Finish::max_tokens));
  return Reply{parser->answer(), *std::move(done), static_cast<int>(common)};
}

std::string to_json(const std::vector<quern::ChatMessage>& messages) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const quern::ChatMessage& message : messages) {
    nlohmann::ordered_json one = {{"role", message.role}, {"content", message.content}};
    if (!message.reasoning.empty()) one["reasoning_content"] = message.reasoning;
    list.push_back(std::move(one));
  }
  return nlohmann::ordered_json{{"messages", std::move(list)}}.dump(2) + "\n";
}

std::vector<quern::ChatMessage> messages_from_json(const std::string& text) {
  const auto parsed = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!parsed.is_object() || !parsed.contains("messages") || !parsed["messages"].is_array())
    throw std::runtime_error("no JSON object with a list of \"messages\"");
  std::vector<quern::ChatMessage> messages;
  for (const auto& one : parsed["messages"]) {
    const auto text_of = [&](const char* key) {
      return one.contains(key) && one[key].is_string() ? one[key].get<std::string>() : std::string();
    };
    if (!one.is_object() || text_of("role").empty()) throw std::runtime_error("a message without a role");
    if (one.contains("tool_calls") || (one.contains("content") && !one["content"].is_string()))
      throw std::runtime_error("a message that holds more than text");
    messages.push_back(
        {.role = text_of("role"), .content = text_of("content"), .reasoning = text_of("reasoning_content")});
  }
  return messages;
}

}  // namespace examples
