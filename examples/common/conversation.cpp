#include "common/conversation.h"

#include <algorithm>
#include <stdexcept>

namespace examples {

using quern::Result;

namespace {

bool is_system(const quern::ChatMessage& message) { return message.role == "system"; }

}  // namespace

void Conversation::offer_tools(const std::string& tools) {
  if (!chat_.capabilities().tools || !format_.has_tool_calls())
    throw std::runtime_error("the chat template has no tools");
  quern::AnswerParser::create(format_, {.tools = tools}).value();
  tools_ = tools;
}

std::vector<quern::ToolCall> Conversation::waiting_calls() const {
  const auto answer =
      std::find_if(messages.rbegin(), messages.rend(), [](const auto& m) { return m.role != "tool"; });
  if (answer == messages.rend()) return {};
  std::vector<quern::ToolCall> calls = answer->tool_calls;
  for (auto result = answer.base(); result != messages.end(); ++result)
    if (const auto call = std::ranges::find(calls, result->tool_call_id, &quern::ToolCall::id);
        call != calls.end())
      calls.erase(call);
  return calls;
}

void Conversation::add_result(const std::string& call, const std::string& result) {
  const std::vector<quern::ToolCall> calls = waiting_calls();
  auto found = std::ranges::find(calls, call, &quern::ToolCall::id);
  if (found == calls.end()) found = std::ranges::find(calls, call, &quern::ToolCall::name);
  if (found == calls.end()) throw std::runtime_error("no call of '" + call + "' waits for a result");
  messages.push_back({.role = "tool", .content = result, .tool_call_id = found->id, .name = found->name});
}

std::string Conversation::system() const {
  return !messages.empty() && is_system(messages.front()) ? messages.front().content : "";
}

void Conversation::set_system(const std::string& text) {
  if (!messages.empty() && is_system(messages.front())) messages.erase(messages.begin());
  if (!text.empty()) messages.insert(messages.begin(), {.role = "system", .content = text});
}

bool Conversation::take_back_question() {
  const auto question =
      std::find_if(messages.rbegin(), messages.rend(), [](const auto& m) { return m.role == "user"; });
  if (question == messages.rend()) return false;
  messages.erase(question.base() - 1, messages.end());
  return true;
}

bool Conversation::take_back_answer() {
  const std::size_t n = messages.size();
  const bool answered = n > 0 && messages.back().role == "assistant";
  if (n < (answered ? 2u : 1u)) return false;
  const std::string& before = messages[n - (answered ? 2 : 1)].role;
  if (before != "user" && before != "tool") return false;
  if (answered) messages.pop_back();
  return true;
}

void Conversation::clear() { std::erase_if(messages, std::not_fn(is_system)); }

Result<Conversation::Reply> Conversation::answer(quern::GenerateOptions options, const OnPieces& on_pieces) {
  auto prompt = chat_.render(messages, {.tools = tools_, .variables = variables});
  if (!prompt) return prompt.error();
  auto tokens = quern::encode(tokenizer_, *prompt);
  if (!tokens) return tokens.error();
  const auto common = std::ranges::mismatch(session_.tokens(), *tokens).in2 - tokens->begin();
  if (auto kept = session_.truncate(static_cast<std::size_t>(common)); !kept) return kept.error();

  auto parser = quern::AnswerParser::create(format_, {.prompt = prompt->text, .tools = tools_});
  if (!parser) return parser.error();
  std::size_t n_calls_before = 0;
  for (const quern::ChatMessage& message : messages) n_calls_before += message.tool_calls.size();
  const auto name_calls = [](std::vector<quern::ToolCall>& calls, std::size_t number) {
    for (quern::ToolCall& call : calls)
      if (++number; call.id.empty()) call.id = "call_" + std::to_string(number);
  };
  std::size_t n_calls = n_calls_before;
  const auto show = [&](Result<quern::AnswerPieces> got) {
    quern::AnswerPieces pieces = std::move(got).value();
    name_calls(pieces.tool_calls, n_calls);
    n_calls += pieces.tool_calls.size();
    on_pieces(pieces);
    return true;
  };
  // The markers around reasoning and calls are control tokens in most vocabularies.
  options.show_special = true;
  for (const std::string_view end : format_.ends()) options.stop_at.emplace_back(end);
  auto done = session_.generate(std::span(*tokens).subspan(static_cast<std::size_t>(common)), options,
                                [&](std::string_view text) { return show(parser->push(text)); });
  if (!done) return done.error();
  show(parser->finish(done->finish != quern::Finish::max_tokens));
  Reply reply{parser->answer(), *std::move(done), static_cast<int>(common)};
  name_calls(reply.answer.tool_calls, n_calls_before);
  return reply;
}

}  // namespace examples
