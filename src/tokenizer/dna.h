#pragma once
// Tokens of DNA (model "hybriddna"): groups of six letters between <dna> and </dna>, whose texts end in a
// mark so that they differ from the same letters outside.
#include <string_view>

#include "src/tokenizer/vocabulary.h"

namespace quern::detail {

inline constexpr std::string_view dna_mark = "\xEE\x80\x80";  // U+E000

struct DnaTokens {
  DnaTokens() = default;
  explicit DnaTokens(const Vocabulary& vocabulary)
      : open(vocabulary.find("<dna>")), close(vocabulary.find("</dna>")), unknown(vocabulary.find("<oov>")) {}

  // False: the vocabulary is an ordinary one.
  bool complete() const { return open != no_token && close != no_token && unknown != no_token; }
  // A token's text for decoding: the groups, which come after <oov>, without their mark.
  std::string_view piece_text(Token id, std::string_view text) const {
    if (complete() && id > unknown && text.ends_with(dna_mark)) text.remove_suffix(dna_mark.size());
    return text;
  }

  Token open = no_token, close = no_token, unknown = no_token;
};

}  // namespace quern::detail
