#pragma once
// The texts of a checkpoint's folder.
#include <filesystem>
#include <optional>
#include <string>

#include "formats/json.h"
#include "quern/result.h"

namespace quern::detail {

/// A whole file. unsupported: one larger than a text of such a folder ever is.
Result<std::string> read_text(const std::filesystem::path& path);
Result<formats::JsonDocument> read_json(const std::filesystem::path& path,
                                        const formats::JsonLimits& limits = {});
/// Nothing where there is no such file.
Result<std::optional<formats::JsonDocument>> read_json_if_there(const std::filesystem::path& path);

}  // namespace quern::detail
