#pragma once
#include <filesystem>
#include <string_view>
#include <system_error>

#include "formats/try.h"

namespace quern::formats {

/// What the system refused, with its errno: "model.gguf: cannot open: No such file or directory".
inline Error io_error(const std::filesystem::path& path, std::string_view doing, int reason) {
  return Error{ErrorCode::io,
               cat(path.string(), ": cannot ", doing, ": ", std::generic_category().message(reason))};
}

}  // namespace quern::formats
