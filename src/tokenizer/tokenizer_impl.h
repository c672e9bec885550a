#pragma once
// The tokenizer behind the public one: vocabulary, algorithm, and the frame around both.
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "formats/metadata.h"
#include "quern/result.h"
#include "quern/token.h"
#include "quern/tokenizer.h"
#include "src/tokenizer/model.h"
#include "src/tokenizer/special_tokens.h"
#include "src/tokenizer/vocabulary.h"

namespace quern::detail {

// Immutable; safe from any number of threads.
class TokenizerImpl {
 public:
  // Of more tokens than `limit` the rest is left out, as if the metadata ended there.
  static Result<std::shared_ptr<const TokenizerImpl>> load(const formats::Metadata& metadata,
                                                           std::size_t limit = SIZE_MAX);

  // No control token is read that touches one of the `plain` parts, which are in order.
  Result<std::vector<Token>> encode(std::string_view text, bool add_special, bool parse_special,
                                    std::span<const TextSpan> plain = {}) const;

  // What add_special puts around a text, and between a query and a document that are read as one:
  //   before, text, after;   before, query, after, between, document, after
  // no_token where there is nothing.
  struct FrameTokens {
    Token before = no_token, after = no_token, between = no_token;
  };
  FrameTokens frame_tokens() const;

  // The text of a whole sequence: without the leading space that encoding has added, and cleaned up where the
  // vocabulary says so. unparse_special: control tokens as their texts. remove_special: without the tokens of
  // add_special.
  Result<std::string> decode(std::span<const Token> ids, bool remove_special, bool unparse_special) const;

  // The bytes of one token, which may be part of a character; control and unknown tokens are nothing unless
  // `special`. Valid as long as this lives. Requires: a token of this vocabulary.
  std::string_view piece(Token id, bool special) const;
  // An error if the file says that the model has no tokenizer.
  Result<void> check_present() const;
  // An error if the id is not in the vocabulary.
  Result<void> check(Token id) const;

  std::size_t size() const { return vocabulary_.size(); }
  // no_token where there is none.
  Token special_id(SpecialId which) const { return vocabulary_.id(which); }
  bool contains(Token id) const { return vocabulary_.contains(id); }
  // False for ids outside the vocabulary.
  bool is_end_of_generation(Token id) const {
    return contains(id) && vocabulary_.has(id, attr_end_of_generation);
  }
  bool is_control(Token id) const { return contains(id) && vocabulary_.has(id, attr_control); }
  // Empty for ids outside the vocabulary.
  std::string_view text(Token id) const { return contains(id) ? vocabulary_.text(id) : std::string_view(); }
  const Vocabulary& vocabulary() const { return vocabulary_; }
  // Taken beside the metadata, which holds the texts.
  std::size_t memory_bytes() const {
    return vocabulary_.memory_bytes() + (algorithm_ ? algorithm_->memory_bytes() : 0) +
           all_special_.memory_bytes() + user_defined_.memory_bytes() + heap_bytes(pieces_) +
           heap_bytes(piece_ends_);
  }

 private:
  TokenizerImpl(Vocabulary vocabulary, const Model& model);
  void write_pieces();

  const Vocabulary vocabulary_;
  const Model& model_;
  AlgorithmPtr algorithm_;                    // null: there is no tokenizer
  SpecialTokens all_special_, user_defined_;  // what is looked for with parse_special, and without
  std::string pieces_;                        // of all tokens, one after the other
  std::vector<std::uint32_t> piece_ends_;
};

}  // namespace quern::detail
