#pragma once
// The pre-tokenizers of byte-pair vocabularies: how text is cut into words before merging. One row per value
// of tokenizer.ggml.pre.
#include <span>
#include <string>
#include <string_view>

#include "src/tokenizer/scan.h"

namespace quern::detail {

// What else a value of tokenizer.ggml.pre decides.
enum PreTokenizerFlags : unsigned {
  ignore_merges = 1,    // a word that is a token is that token, whatever the merges say
  adds_bos = 2,         // default of add_bos_token
  always_bos = 4,       // add_bos_token, even against the key
  adds_sep = 8,         // default of add_sep_token
  no_clean_up = 16,     // decoding keeps spaces before punctuation
  raw_text = 32,        // tokens are written in UTF-8, not in byte characters
  escapes_spaces = 64,  // a space is U+2581 inside tokens
  no_default_bos = 128,
  whole_newlines = 256,  // ignore_merges for words of newlines only
};

struct PreTokenizer {
  std::string_view name;
  const std::span<const Step>* steps;
  unsigned flags;
  bool has(unsigned flag) const { return (flags & flag) != 0; }
};

// All of them, and one by name (null if it is not known).
std::span<const PreTokenizer> pre_tokenizers();
const PreTokenizer* find_pre_tokenizer(std::string_view name);

}  // namespace quern::detail
