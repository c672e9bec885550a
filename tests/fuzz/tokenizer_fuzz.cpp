// Any vocabulary with any text. The input: how many bytes of text there are (two bytes, little-endian), the
// text, and a GGUF file. What loads must encode the text into ids of its own, decode them, and stream them in
// whole characters.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "formats/model_file.h"
#include "src/tokenizer/stream_decoder.h"
#include "src/tokenizer/tokenizer_impl.h"

namespace {

using namespace quern::detail;

void require(bool condition) {
  if (!condition) __builtin_trap();
}

void check_decoding(const std::shared_ptr<const TokenizerImpl>& tokenizer,
                    std::span<const quern::Token> ids) {
  for (const bool special : {false, true}) {
    require(tokenizer->decode(ids, special, special).has_value());
    StreamDecoder::Options keep, replace;
    keep.special = replace.special = special;
    keep.invalid = Utf8Stream::Invalid::keep;
    StreamDecoder bytes(tokenizer, keep), text(tokenizer, replace);
    std::string pieces, streamed;
    const auto take_text = [](const std::string& part) {  // valid by itself, so replacing changes nothing
      Utf8Stream alone(Utf8Stream::Invalid::replace);
      require(alone.push(part) == part && alone.finish().empty());
    };
    for (const quern::Token id : ids) {
      pieces += tokenizer->piece(id, special);
      streamed += bytes.push(id).value();
      take_text(text.push(id).value());
    }
    streamed += bytes.finish();
    take_text(text.finish());
    require(streamed == pieces);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::size_t n_text = std::min<std::size_t>(data[0] | data[1] << 8, size - 2);
  const std::string_view text(reinterpret_cast<const char*>(data) + 2, n_text);
  const auto file =
      quern::formats::ModelFile::from_bytes(std::as_bytes(std::span(data, size).subspan(2 + n_text)));
  if (!file) return 0;
  const auto tokenizer = TokenizerImpl::load(file->metadata());
  if (!tokenizer) {
    require(!tokenizer.error().message.empty());
    return 0;
  }
  for (const bool add_special : {false, true})
    for (const bool parse_special : {false, true}) {
      const auto ids = (*tokenizer)->encode(text, add_special, parse_special);
      if (!ids) continue;
      for (const quern::Token id : *ids) require((*tokenizer)->contains(id));
      check_decoding(*tokenizer, *ids);
    }
  return 0;
}
