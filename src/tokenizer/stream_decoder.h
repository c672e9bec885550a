#pragma once
// Tokens to text as they come, never half a UTF-8 character.
#include <memory>
#include <string>
#include <string_view>

#include "quern/result.h"
#include "quern/token.h"

namespace quern::detail {

class TokenizerImpl;

// Bytes in any portions to whole characters: an unfinished character waits for the rest.
class Utf8Stream {
 public:
  // What becomes of bytes that cannot be part of a character.
  enum class Invalid {
    replace,  // U+FFFD for each longest beginning of a character that goes no further (and each other byte)
    keep,
  };
  explicit Utf8Stream(Invalid invalid) : invalid_(invalid) {}

  std::string push(std::string_view bytes);
  // What is left of an unfinished character, replaced or as it is.
  std::string finish();

 private:
  Invalid invalid_;
  std::string waiting_;  // at most three bytes
};

// One thread at a time.
class StreamDecoder {
 public:
  struct Options {
    bool special = false;   // write control tokens as their texts
    bool at_start = false;  // of a text, not the continuation of one: the space that encoding has added goes
    Utf8Stream::Invalid invalid = Utf8Stream::Invalid::replace;
  };
  StreamDecoder(std::shared_ptr<const TokenizerImpl> tokenizer, const Options& options)
      : tokenizer_(std::move(tokenizer)),
        options_(options),
        drop_space_(options.at_start),
        stream_(options.invalid) {}

  // The characters that the token completes; may be empty. An error if the token is not in the vocabulary.
  Result<std::string> push(Token token);
  std::string finish() { return stream_.finish(); }

 private:
  std::shared_ptr<const TokenizerImpl> tokenizer_;
  Options options_;
  bool drop_space_;
  Utf8Stream stream_;
};

}  // namespace quern::detail
