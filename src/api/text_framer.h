#pragma once
// Texts, and queries beside documents, as an Embedder reads them.
#include <string_view>
#include <vector>

#include "quern/result.h"
#include "quern/token.h"
#include "src/tokenizer/tokenizer_impl.h"

namespace quern::detail {

/// Puts around texts what the vocabulary or the model's file asks for, in at most n_ctx tokens: with
/// `truncate` a text, or the document of a pair, is cut at its end. Otherwise, and where there is no room
/// even then, the result is too long.
class TextFramer {
 public:
  TextFramer(const TokenizerImpl& tokenizer, std::size_t n_ctx, bool truncate)
      : tokenizer_(tokenizer), n_ctx_(n_ctx), truncate_(truncate) {}

  Result<std::vector<Token>> text(std::string_view text) const;
  /// `form` has {query} and {document} where they go; empty: the vocabulary frames pairs.
  Result<std::vector<Token>> pair(std::string_view form, std::string_view query,
                                  std::string_view document) const;

 private:
  // The head, as much of the text as there is room for, and what ends a text.
  Result<std::vector<Token>> complete(std::vector<Token> head, std::string_view text) const;
  Result<std::vector<Token>> fill(std::string_view form, std::string_view query,
                                  std::string_view document) const;
  Result<std::vector<Token>> encode(std::string_view text) const {
    return tokenizer_.encode(text, /*add_special=*/false, /*parse_special=*/false);
  }
  const TokenizerImpl& tokenizer_;
  std::size_t n_ctx_;
  bool truncate_;
};

}  // namespace quern::detail
