// Any bytes as tokenizer.json and, after a NUL, tokenizer_config.json: an error that a person can read, or
// keys that a file can hold, and a vocabulary that either is refused when it is loaded or gives ids of its
// own.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "formats/model_file.h"
#include "src/convert/tokenizer_json.h"
#include "src/tokenizer/tokenizer_impl.h"

namespace {

using namespace quern::detail;
using namespace quern::formats;

void require(bool holds) {
  if (!holds) __builtin_trap();
}

template <typename T>
bool named(const quern::Result<T>& result) {
  require(result.has_value() || (!result.error().message.empty() && result.error().message.size() < 8192));
  return result.has_value();
}

void tokenize(const GgufContents& contents) {
  const auto encoded = contents.encode();
  require(encoded.has_value());
  const auto file = ModelFile::from_bytes(encoded->header);
  require(file.has_value());
  const auto tokenizer = TokenizerImpl::load(file->metadata());
  if (!named(tokenizer)) return;
  for (const std::string_view text : {" the quern\n 123 grinds, it's <s>", "\u00e9\u2581\xff\t\U0001F600"}) {
    const auto ids = (*tokenizer)->encode(text, true, true);
    if (!named(ids)) continue;
    for (const quern::Token id : *ids) require((*tokenizer)->contains(id));
    require((*tokenizer)->decode(*ids, false, true).has_value());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t nul = input.find('\0');
  auto tokenizer = JsonDocument::parse(std::string(input.substr(0, nul)), "tokenizer.json");
  if (!named(tokenizer)) return 0;
  TokenizerFiles files{.tokenizer = *tokenizer};
  if (nul != input.npos) {
    auto config = JsonDocument::parse(std::string(input.substr(nul + 1)), "tokenizer_config.json");
    if (!named(config)) return 0;
    files.config = *config;
    files.model_config = *config;
  }
  constexpr std::uint64_t n_rows = 300;
  GgufContents contents;
  std::vector<std::string> notes;
  if (!named(write_tokenizer(files, {.n_rows = n_rows}, contents, notes))) return 0;
  for (const std::string& note : notes) require(!note.empty() && note.size() < 4096);
  tokenize(contents);
  return 0;
}
