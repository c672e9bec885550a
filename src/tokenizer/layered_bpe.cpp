// Byte-pair encoding with a layer above it: words by white space (model "whitespace"), and stretches of DNA
// (model "hybriddna").
#include <algorithm>
#include <string>

#include "formats/try.h"
#include "src/tokenizer/dna.h"
#include "src/tokenizer/model.h"
#include "src/tokenizer/unicode.h"

namespace quern::detail {

namespace {

// White space only ends words, so that it is lost.
class WhiteSpaceBpe final : public Algorithm {
 public:
  WhiteSpaceBpe(AlgorithmPtr bpe, bool lower) : bpe_(std::move(bpe)), lower_(lower) {}

  Result<void> encode(std::string_view text, std::vector<Token>& ids) const override {
    std::string word;
    const auto end_word = [&]() -> Result<void> {
      if (!word.empty()) QUERN_CHECK(bpe_->encode(word, ids));
      word.clear();
      return {};
    };
    const char* const end = text.data() + text.size();
    for (const char* at = text.data(); at < end;) {
      const Char c = read_char(at, end);
      at += c.n_bytes;
      if ((char_class(c.code) & white) != 0)
        QUERN_CHECK(end_word());
      else
        append_utf8(word, lower_ ? lower_case(c.code) : c.code);
    }
    return end_word();
  }

  std::size_t memory_bytes() const override { return bpe_->memory_bytes(); }

 private:
  AlgorithmPtr bpe_;
  bool lower_;
};

class DnaBpe final : public Algorithm {
 public:
  DnaBpe(AlgorithmPtr bpe, const Vocabulary& vocabulary)
      : bpe_(std::move(bpe)), vocabulary_(vocabulary), tokens_(vocabulary) {}

  Result<void> encode(std::string_view text, std::vector<Token>& ids) const override {
    if (!tokens_.complete()) return bpe_->encode(text, ids);
    constexpr std::string_view open = "<dna>", close = "</dna>";
    while (!text.empty()) {
      const std::size_t begin = std::min(text.find(open), text.size());
      if (begin != 0) QUERN_CHECK(bpe_->encode(text.substr(0, begin), ids));
      text.remove_prefix(begin);
      if (text.empty()) break;
      text.remove_prefix(open.size());
      ids.push_back(tokens_.open);
      const std::size_t end = text.find(close);
      encode_dna(text.substr(0, end), ids);
      if (end == std::string_view::npos) break;
      ids.push_back(tokens_.close);
      text.remove_prefix(end + close.size());
    }
    return {};
  }

  std::size_t memory_bytes() const override { return bpe_->memory_bytes(); }

 private:
  // Groups of six letters, the last one filled up with A.
  void encode_dna(std::string_view letters, std::vector<Token>& ids) const {
    constexpr std::size_t group = 6;
    std::string text;
    for (; !letters.empty(); letters.remove_prefix(std::min(group, letters.size()))) {
      text = letters.substr(0, group);
      for (char& c : text)
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
      text.resize(group, 'A');
      const Token id = vocabulary_.find(text += dna_mark);
      ids.push_back(id != no_token ? id : tokens_.unknown);
    }
  }

  AlgorithmPtr bpe_;
  const Vocabulary& vocabulary_;
  DnaTokens tokens_;
};

}  // namespace

Result<AlgorithmPtr> make_white_space_bpe(const Vocabulary& vocabulary, const formats::Metadata& metadata,
                                          const PreTokenizer* pre) {
  QUERN_TRY(const bool lower,
            metadata.boolean_or("tokenizer.ggml.normalizer.lowercase", pre->name != "whitespace"));
  QUERN_TRY(AlgorithmPtr bpe, make_bpe(vocabulary, metadata, pre));
  return AlgorithmPtr(std::make_unique<WhiteSpaceBpe>(std::move(bpe), lower));
}

Result<AlgorithmPtr> make_dna_bpe(const Vocabulary& vocabulary, const formats::Metadata& metadata,
                                  const PreTokenizer* pre) {
  QUERN_TRY(AlgorithmPtr bpe, make_bpe(vocabulary, metadata, pre));
  return AlgorithmPtr(std::make_unique<DnaBpe>(std::move(bpe), vocabulary));
}

}  // namespace quern::detail
