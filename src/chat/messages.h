#pragma once
#include <span>

#include "quern/chat.h"
#include "src/base/json.h"

namespace quern::detail {

/// The variables that a template is rendered with: messages in the shape that it takes. Without `adapt` in
/// the options the capabilities are not looked at. Error invalid_argument names the message.
Result<Json> template_variables(std::span<const ChatMessage> messages, const RenderOptions& options,
                                const ChatCapabilities* capabilities);

}  // namespace quern::detail
