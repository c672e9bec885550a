// WordPiece (model "bert"): words by white space and punctuation, each covered from the left by the longest
// tokens.
#include "formats/try.h"
#include "src/tokenizer/escaped_spaces.h"
#include "src/tokenizer/model.h"
#include "src/tokenizer/prefix_index.h"
#include "src/tokenizer/unicode.h"

namespace quern::detail {

namespace {

// Characters that are words of their own; the ranges, with their gap at 2B820, are those of the models'
// makers.
bool is_cjk(char32_t c) {
  return (c >= 0x3400 && c <= 0x4DBF) || (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0xF900 && c <= 0xFAFF) ||
         (c >= 0x20000 && c <= 0x2A6DF) || (c >= 0x2A700 && c <= 0x2B73F) || (c >= 0x2B740 && c <= 0x2B81F) ||
         (c >= 0x2B920 && c <= 0x2CEAF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

class WordPiece final : public Algorithm {
 public:
  WordPiece(const Vocabulary& vocabulary, std::vector<Token> ids, bool lower, bool strip_accents)
      : vocabulary_(vocabulary),
        index_(vocabulary.texts(), std::move(ids)),
        lower_(lower),
        strip_accents_(strip_accents) {}

  Result<void> encode(std::string_view text, std::vector<Token>& ids) const override {
    std::string word(escaped_space);
    const auto end_word = [&] {
      if (word.size() > escaped_space.size()) encode_word(word, ids);
      word = escaped_space;
    };
    const char* const end = text.data() + text.size();
    for (const char* at = text.data(); at < end;) {
      const Char c = read_char(at, end);
      at += c.n_bytes;
      const char32_t code = strip_accents_ ? decomposed(c.code) : c.code;
      const std::uint8_t bits = char_class(code);
      if ((bits & white) != 0) {
        end_word();
        continue;
      }
      if (code == 0 || code == replacement_character || (bits & control) != 0) continue;
      if (strip_accents_ && (bits & mark) != 0) continue;
      const bool alone = (bits & punctuation) != 0 || ((bits & symbol) != 0 && code < 0x7F) || is_cjk(code);
      if (alone) end_word();
      append_utf8(word, lower_ ? lower_case(code) : code);
      if (alone) end_word();
    }
    end_word();
    return {};
  }

  std::size_t memory_bytes() const override { return index_.memory_bytes(); }

 private:
  void encode_word(std::string_view word, std::vector<Token>& ids) const {
    const std::size_t n = ids.size();
    while (!word.empty()) {
      const std::uint32_t entry = index_.longest(word);
      if (entry == PrefixIndex::none) {
        ids.resize(n);
        ids.push_back(vocabulary_.id(unk));
        return;
      }
      ids.push_back(index_.id(entry));
      word.remove_prefix(index_.text(entry).size());
    }
  }

  const Vocabulary& vocabulary_;
  PrefixIndex index_;
  bool lower_, strip_accents_;
};

}  // namespace

Result<AlgorithmPtr> make_word_piece(const Vocabulary& vocabulary, const formats::Metadata& metadata,
                                     const PreTokenizer*) {
  QUERN_TRY(const bool lower, metadata.boolean_or("tokenizer.ggml.normalizer.lowercase", true));
  QUERN_TRY(const bool strip_accents, metadata.boolean_or("tokenizer.ggml.normalizer.strip_accents", lower));
  std::vector<Token> ids(vocabulary.size());
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<Token>(i);
  return AlgorithmPtr(std::make_unique<WordPiece>(vocabulary, std::move(ids), lower, strip_accents));
}

}  // namespace quern::detail
