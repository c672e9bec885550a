#include "src/convert/folder.h"

#include "formats/mapped_file.h"
#include "formats/try.h"

namespace quern::detail {

using formats::cat;
using formats::JsonDocument;

Result<std::string> read_text(const std::filesystem::path& path) {
  constexpr std::uint64_t max_file_bytes = std::uint64_t{256} << 20;
  QUERN_TRY(const formats::InputFile file, formats::InputFile::open(path));
  if (file.size() > max_file_bytes)
    return Error{ErrorCode::unsupported,
                 cat(path.string(), ": has ", file.size(), " bytes, expected at most ", max_file_bytes)};
  std::string text(static_cast<std::size_t>(file.size()), '\0');
  QUERN_CHECK(file.read(0, std::as_writable_bytes(std::span(text))));
  return text;
}

Result<JsonDocument> read_json(const std::filesystem::path& path, const formats::JsonLimits& limits) {
  QUERN_TRY(std::string text, read_text(path));
  return JsonDocument::parse(std::move(text), path.filename().string(), limits);
}

Result<std::optional<JsonDocument>> read_json_if_there(const std::filesystem::path& path) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return std::optional<JsonDocument>();
  QUERN_TRY(JsonDocument document, read_json(path));
  return std::optional(std::move(document));
}

}  // namespace quern::detail
