#pragma once
#include <filesystem>
#include <string>
#include <utility>

#include "formats/try.h"
#include "quern/result.h"

namespace quern::detail {

/// Errors about a file's content say which file; layers below the API know only what is in it. A file in
/// memory has no path.
template <typename T>
Result<T> about_file(Result<T> result, const std::filesystem::path& path) {
  if (result) return result;
  Error error = std::move(result).error();
  const bool of_content = error.code == ErrorCode::corrupt || error.code == ErrorCode::unsupported;
  if (of_content && !path.empty() && error.message.find(path.string()) == std::string::npos)
    error.message = formats::cat(path.string(), ": ", error.message);
  return error;
}

}  // namespace quern::detail
