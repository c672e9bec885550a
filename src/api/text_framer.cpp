#include "src/api/text_framer.h"

#include <algorithm>
#include <array>
#include <string>

#include "formats/try.h"

namespace quern::detail {
namespace {

// The longest beginning of at most n bytes that ends with a whole UTF-8 character.
std::string_view beginning(std::string_view text, std::size_t n) {
  while (n < text.size() && n > 0 && (static_cast<unsigned char>(text[n]) & 0xC0) == 0x80) --n;
  return text.substr(0, n);
}

}  // namespace

Result<std::vector<Token>> TextFramer::complete(std::vector<Token> head, std::string_view text) const {
  QUERN_TRY(const std::vector<Token> tokens, encode(text));
  const Token after = tokenizer_.frame_tokens().after;
  const std::size_t n_around = head.size() + (after == no_token ? 0 : 1);
  const std::size_t room = n_ctx_ > n_around ? n_ctx_ - n_around : 0;
  const bool cut = truncate_ && room != 0;
  const std::size_t n = cut ? std::min(tokens.size(), room) : tokens.size();
  head.insert(head.end(), tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(n));
  if (after != no_token) head.push_back(after);
  return head;
}

Result<std::vector<Token>> TextFramer::text(std::string_view text) const {
  const Token before = tokenizer_.frame_tokens().before;
  return complete(before == no_token ? std::vector<Token>() : std::vector<Token>{before}, text);
}

Result<std::vector<Token>> TextFramer::fill(std::string_view form, std::string_view query,
                                            std::string_view document) const {
  const std::array<std::pair<std::string_view, std::string_view>, 2> places{
      {{"{query}", query}, {"{document}", document}}};
  std::string text;
  std::vector<TextSpan> plain;  // names of control tokens in what strangers wrote stay text
  while (!form.empty()) {
    const auto* place =
        std::ranges::find_if(places, [&](const auto& p) { return form.starts_with(p.first); });
    if (place == places.end()) {
      text += form[0];
      form.remove_prefix(1);
      continue;
    }
    plain.push_back({text.size(), text.size() + place->second.size()});
    text += place->second;
    form.remove_prefix(place->first.size());
  }
  return tokenizer_.encode(text, /*add_special=*/false, /*parse_special=*/true, plain);
}

Result<std::vector<Token>> TextFramer::pair(std::string_view form, std::string_view query,
                                            std::string_view document) const {
  if (form.empty()) {
    const TokenizerImpl::FrameTokens frame = tokenizer_.frame_tokens();
    QUERN_TRY(std::vector<Token> head, encode(query));
    if (frame.before != no_token) head.insert(head.begin(), frame.before);
    for (const Token token : {frame.after, frame.between})
      if (token != no_token) head.push_back(token);
    return complete(std::move(head), document);
  }
  QUERN_TRY(std::vector<Token> whole, fill(form, query, document));
  if (!truncate_ || whole.size() <= n_ctx_) return whole;
  // Tokens do not end where a document in the middle of a text is cut, so the cut is searched for.
  std::size_t fits = 0, too_long = document.size();
  while (too_long - fits > 1) {
    const std::size_t middle = fits + (too_long - fits) / 2;
    QUERN_TRY(const std::vector<Token> tokens, fill(form, query, beginning(document, middle)));
    (tokens.size() <= n_ctx_ ? fits : too_long) = middle;
  }
  return fill(form, query, beginning(document, fits));
}

}  // namespace quern::detail
