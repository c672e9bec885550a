#include "src/tokenizer/stream_decoder.h"

#include <cstdint>

#include "formats/try.h"
#include "src/tokenizer/tokenizer_impl.h"

namespace quern::detail {

namespace {

struct Sequence {
  std::size_t n_bytes;  // how many of the bytes belong together
  enum { character, unfinished, invalid } kind;
};

// What the bytes (not empty) begin with, by the table of well-formed sequences (The Unicode Standard, table
// 3-7).
Sequence first_sequence(std::string_view bytes) {
  const auto lead = static_cast<std::uint8_t>(bytes[0]);
  if (lead < 0x80) return {1, Sequence::character};
  if (lead < 0xC2 || lead > 0xF4) return {1, Sequence::invalid};
  const std::size_t wanted = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  // The second byte has a narrower range where the form would be overlong, a surrogate or above U+10FFFF.
  std::uint8_t least = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  std::uint8_t most = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  for (std::size_t i = 1; i < wanted; ++i) {
    if (i == bytes.size()) return {i, Sequence::unfinished};
    const auto byte = static_cast<std::uint8_t>(bytes[i]);
    if (byte < least || byte > most) return {i, Sequence::invalid};
    least = 0x80, most = 0xBF;
  }
  return {wanted, Sequence::character};
}

constexpr std::string_view replacement = "\xEF\xBF\xBD";

}  // namespace

std::string Utf8Stream::push(std::string_view bytes) {
  waiting_ += bytes;
  std::string out;
  std::string_view rest = waiting_;
  while (!rest.empty()) {
    const Sequence sequence = first_sequence(rest);
    if (sequence.kind == Sequence::unfinished) break;
    if (sequence.kind == Sequence::invalid && invalid_ == Invalid::replace)
      out += replacement;
    else
      out += rest.substr(0, sequence.n_bytes);
    rest.remove_prefix(sequence.n_bytes);
  }
  waiting_.erase(0, waiting_.size() - rest.size());
  return out;
}

std::string Utf8Stream::finish() {
  std::string out = std::move(waiting_);
  waiting_.clear();
  if (!out.empty() && invalid_ == Invalid::replace) out = replacement;
  return out;
}

Result<std::string> StreamDecoder::push(Token token) {
  QUERN_CHECK(tokenizer_->check(token));
  std::string_view piece = tokenizer_->piece(token, options_.special);
  if (drop_space_ && tokenizer_->vocabulary().rules().space_prefix && piece.starts_with(' '))
    piece.remove_prefix(1);
  drop_space_ = false;
  return stream_.push(piece);
}

}  // namespace quern::detail
