#pragma once
// The part of check() that needs no weights.
#include <filesystem>

#include "formats/metadata.h"
#include "quern/check.h"

namespace quern::detail {

/// Encodes texts and decodes them again.
void check_tokenizer(const formats::Metadata& metadata, CheckReport& report);
/// Renders a conversation in which both sides speak.
void check_chat_template(const formats::Metadata& metadata, const std::filesystem::path& gguf,
                         CheckReport& report);

}  // namespace quern::detail
