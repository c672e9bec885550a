#include "src/tokenizer/stream_decoder.h"

#include "formats/try.h"
#include "formats/utf8.h"
#include "src/tokenizer/tokenizer_impl.h"

namespace quern::detail {

namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";

}  // namespace

std::string Utf8Stream::push(std::string_view bytes) {
  waiting_ += bytes;
  std::string out;
  std::string_view rest = waiting_;
  while (!rest.empty()) {
    const auto sequence = formats::first_utf8(rest);
    if (sequence.kind == formats::Utf8Sequence::unfinished) break;
    if (sequence.kind == formats::Utf8Sequence::invalid && invalid_ == Invalid::replace)
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
