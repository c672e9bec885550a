#pragma once
// Messages of a conversation as JSON.
#include <string>
#include <vector>

#include "quern/chat.h"

namespace examples {

/// One line: {"id": ..., "name": ..., "arguments": ...}, the arguments as the model wrote them.
std::string to_json(const quern::ToolCall& call);
/// {"messages": [...]}, as chat templates know messages.
std::string to_json(const std::vector<quern::ChatMessage>& messages);
/// Throws std::runtime_error for what is no conversation.
std::vector<quern::ChatMessage> messages_from_json(const std::string& text);

}  // namespace examples
