#pragma once
#include <span>

#include "quern/chat.h"
#include "src/base/json.h"

namespace quern::detail {

/// The variables that a template is rendered with: messages in the shape that it takes. Without `adapt` in
/// the options the capabilities are not looked at. Error invalid_argument names the message.
Result<Json> template_variables(std::span<const ChatMessage> messages, const RenderOptions& options,
                                const ChatCapabilities* capabilities);

/// Reasoning as a part {"type": "thinking"} of the content, and as one of the content's "blocks".
inline constexpr std::string_view thinking_part = "content.thinking", thoughts_block = "content.blocks";

/// Gives a message its reasoning as a template takes it (ChatCapabilities::reasoning_field).
void set_reasoning(Json& message, std::string_view field, const std::string& reasoning);

}  // namespace quern::detail
