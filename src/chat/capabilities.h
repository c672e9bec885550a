#pragma once
#include "quern/chat.h"
#include "src/chat/template.h"

namespace quern::detail {

/// Renders small conversations with unlikely words in each place and looks which come out. A probe that fails
/// means that the template cannot do it.
ChatCapabilities probe(const jinja::Template& compiled, const TemplateOptions& tokens);

}  // namespace quern::detail
