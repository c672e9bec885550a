#pragma once
/// tokenizer.h: text to tokens and back, as the model's file says.
#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "quern/export.h"
#include "quern/result.h"
#include "quern/token.h"

namespace quern {

/// Bytes [begin, end) of a text.
struct TextSpan {
  std::size_t begin = 0, end = 0;
  bool operator==(const TextSpan&) const = default;
};

struct EncodeOptions {
  /// Put the tokens before and after that the vocabulary asks for (beginning of sequence and the like).
  bool add_special = false;
  /// Read text such as "<|im_end|>" as the control token of that name. Leave it off for text from strangers:
  /// with it on, whoever writes the text can speak as the system.
  bool parse_special = false;
  /// Parts of the text, in order, in which control tokens are not read even so: a name that touches one of
  /// them is ordinary text. (What messages say inside a prompt that a chat template wrote.)
  std::span<const TextSpan> plain = {};
};

struct DecodeOptions {
  /// Leave out the tokens that encoding with add_special puts around the text.
  bool remove_special = false;
  /// Write control tokens as their names; off: they are nothing.
  bool unparse_special = false;
};

namespace detail {
class TokenizerImpl;
class StreamDecoder;
}  // namespace detail

/// A model's vocabulary. Never changes; cheap to copy; safe from any number of threads; stays valid after the
/// Model it came from is gone.
class QUERN_API Tokenizer {
 public:
  /// Only the vocabulary of a GGUF file, without its weights (vocabulary-only files too). Errors: io,
  /// corrupt, unsupported for a kind of vocabulary that is not known, out_of_memory.
  static Result<Tokenizer> open(const std::filesystem::path& gguf);

  /// Any bytes are accepted; what is not UTF-8 is treated as the vocabulary's kind prescribes. Errors:
  /// invalid_argument for a text of 4 GiB or a byte that the vocabulary has no token for; unsupported where
  /// the file has no tokenizer, as of decode() and of streams.
  Result<std::vector<Token>> encode(std::string_view text, const EncodeOptions& options = {}) const;
  /// Error invalid_argument if a token is not in the vocabulary. The text need not be valid UTF-8.
  Result<std::string> decode(std::span<const Token> tokens, const DecodeOptions& options = {}) const;

  int n_vocab() const;               ///< tokens are 0 to n_vocab() - 1
  std::optional<Token> bos() const;  ///< beginning of sequence
  std::optional<Token> eos() const;  ///< end of sequence
  /// True for every token after which a model has nothing more to say (end of sequence, of turn, of message).
  bool is_end_of_generation(Token token) const;
  bool is_control(Token token) const;
  /// The token's own text as the file spells it; empty if it is not in the vocabulary. Valid as long as a
  /// copy of the Tokenizer lives.
  std::string_view token_text(Token token) const;

  // For the library itself.
  explicit Tokenizer(std::shared_ptr<const detail::TokenizerImpl> impl);
  const std::shared_ptr<const detail::TokenizerImpl>& impl() const { return impl_; }

 private:
  std::shared_ptr<const detail::TokenizerImpl> impl_;
};

/// Tokens to text as they come, always whole UTF-8 characters: an unfinished one waits for the rest, and what
/// cannot be part of one becomes U+FFFD. The pieces together are what decode() gives, but for the leading
/// space and the clean-up before punctuation that some vocabularies ask for. One thread at a time.
class QUERN_API TokenStream {
 public:
  explicit TokenStream(const Tokenizer& tokenizer, const DecodeOptions& options = {}) noexcept;
  ~TokenStream();
  TokenStream(TokenStream&&) noexcept;
  TokenStream& operator=(TokenStream&&) noexcept;

  /// The text that this token completes; may be empty. Error invalid_argument if it is not in the vocabulary.
  Result<std::string> push(Token token);
  /// U+FFFD for a character that was left unfinished.
  std::string finish() noexcept;

 private:
  Tokenizer tokenizer_;
  DecodeOptions options_;
  std::unique_ptr<detail::StreamDecoder> decoder_;  // from the first push() on
};

}  // namespace quern
