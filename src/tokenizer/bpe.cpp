// Byte-pair encoding by ranks (model "gpt2" and its relatives): the text is cut into words, and in each word
// the pair of neighbours that comes first in the list of merges is joined first.
#include <algorithm>
#include <array>

#include "formats/try.h"
#include "src/tokenizer/adjacent_characters.h"
#include "src/tokenizer/byte_characters.h"
#include "src/tokenizer/byte_fallback.h"
#include "src/tokenizer/escaped_spaces.h"
#include "src/tokenizer/merge_table.h"
#include "src/tokenizer/model.h"
#include "src/tokenizer/recent_words.h"
#include "src/tokenizer/unicode.h"

namespace quern::detail {

namespace {

// What both kinds share: words, the words of a moment ago, merging.
class Bpe : public Algorithm {
 public:
  Bpe(const Vocabulary& vocabulary, const PreTokenizer& pre, MergeTable merges)
      : vocabulary_(vocabulary), pre_(pre), merges_(std::move(merges)) {}

  Result<void> encode(std::string_view raw, std::vector<Token>& ids) const override {
    std::string escaped, rewriting;
    if (pre_.has(escapes_spaces)) raw = escaped = escape_spaces(raw, false);
    const std::string_view text = rewritten(raw, rewriting);
    QUERN_CHECK(check_text_size(text.size()));
    RecentWords recent(vocabulary_.hasher(), text.size());
    Merger merger;
    cut_words(*pre_.steps, text, [&](std::string_view word) {
      recent.append(word, ids, [&] { encode_word(word, merger, ids); });
    });
    return {};
  }

  std::size_t memory_bytes() const override { return merges_.memory_bytes(); }

 protected:
  virtual void encode_word(std::string_view word, Merger& merger, std::vector<Token>& ids) const = 0;

  // Merges the symbols that merger holds; write(text) appends what stands for a symbol that is no token.
  template <typename Write>
  void merge(std::string_view word, Merger& merger, std::vector<Token>& ids, const Write& write) const {
    const auto n_bytes = static_cast<std::uint32_t>(word.size());
    merger.merge(n_bytes, [&](const Symbol& left, const Symbol& right, std::uint32_t) {
      return merges_.find(left.number, right.number);
    });
    for (std::size_t i = 0; i < merger.symbols.size(); ++i) {
      const Symbol& symbol = merger.symbols[i];
      if (symbol.number < vocabulary_.size()) {
        ids.push_back(static_cast<Token>(symbol.number));
        continue;
      }
      const std::uint32_t end = i + 1 < merger.symbols.size() ? merger.symbols[i + 1].begin : n_bytes;
      write(word.substr(symbol.begin, end - symbol.begin));
    }
  }

  const Vocabulary& vocabulary_;
  const PreTokenizer& pre_;
  const MergeTable merges_;
};

// Tokens are written in byte characters: a symbol is a byte.
class ByteLevelBpe final : public Bpe {
 public:
  ByteLevelBpe(const Vocabulary& vocabulary, const PreTokenizer& pre, MergeTable merges)
      : Bpe(vocabulary, pre, std::move(merges)) {
    for (unsigned byte = 0; byte < 256; ++byte) {
      append_utf8(written_[byte], character_of_byte[byte]);
      numbers_[byte] = merges_.number_of(written_[byte]);
    }
  }

 private:
  void encode_word(std::string_view word, Merger& merger, std::vector<Token>& ids) const override {
    if (pre_.has(ignore_merges)) {
      std::string text;
      for (const char byte : word) text += written_[static_cast<std::uint8_t>(byte)];
      if (const Token id = vocabulary_.find(text); id != no_token) {
        ids.push_back(id);
        return;
      }
    }
    merger.symbols.clear();
    for (std::uint32_t i = 0; i < word.size(); ++i)
      merger.symbols.push_back({numbers_[static_cast<std::uint8_t>(word[i])], i});
    merge(word, merger, ids, [&](std::string_view rest) {
      // Only what is a token byte by byte in its written form can be written; the rest is lost.
      for (const char byte : rest)
        for (const char& written : written_[static_cast<std::uint8_t>(byte)])
          if (const Token id = vocabulary_.find({&written, 1}); id != no_token) ids.push_back(id);
    });
  }

  std::array<std::string, 256> written_;      // the byte characters in UTF-8
  std::array<std::uint32_t, 256> numbers_{};  // of the byte characters
};

// Tokens are written in UTF-8: a symbol is a character. "Words" may be whole lines, so they are cut once
// more.
class RawBpe final : public Bpe {
 public:
  RawBpe(const Vocabulary& vocabulary, const PreTokenizer& pre, MergeTable merges)
      : Bpe(vocabulary, pre, std::move(merges)), bytes_(vocabulary), adjacent_(vocabulary.hasher()) {
    std::string joined;
    merges_.for_each_merge([&](std::string_view left, std::string_view right) {
      adjacent_.add(joined.assign(left).append(right));
    });
  }

  std::size_t memory_bytes() const override { return Bpe::memory_bytes() + adjacent_.memory_bytes(); }

 private:
  void encode_word(std::string_view word, Merger& merger, std::vector<Token>& ids) const override {
    const bool newlines = word.find_first_not_of('\n') == std::string_view::npos;
    if (pre_.has(ignore_merges) || (pre_.has(whole_newlines) && newlines))
      if (const Token id = vocabulary_.find(word); id != no_token) {
        ids.push_back(id);
        return;
      }
    RecentWords recent(vocabulary_.hasher(), word.size());
    adjacent_.for_each_part(word, [&](std::string_view part) {
      recent.append(part, ids, [&] { encode_part(part, merger, ids); });
    });
  }

  void encode_part(std::string_view part, Merger& merger, std::vector<Token>& ids) const {
    merger.symbols.clear();
    for (std::size_t at = 0; at < part.size();) {
      const std::size_t n_bytes = symbol_bytes(part[at], part.size() - at);
      merger.symbols.push_back({merges_.number_of(part.substr(at, n_bytes)), static_cast<std::uint32_t>(at)});
      at += n_bytes;
    }
    merge(part, merger, ids, [&](std::string_view rest) {
      for (const char byte : rest)
        if (bytes_.token(byte) != no_token) ids.push_back(bytes_.token(byte));
    });
  }

  ByteFallback bytes_;
  AdjacentCharacters adjacent_;
};

}  // namespace

Result<AlgorithmPtr> make_bpe(const Vocabulary& vocabulary, const formats::Metadata& metadata,
                              const PreTokenizer* pre) {
  const bool may_lack_merges = pre->name == "kimi-k2";
  QUERN_TRY(MergeTable merges, MergeTable::load(vocabulary, metadata, may_lack_merges));
  if (pre->has(raw_text)) return AlgorithmPtr(std::make_unique<RawBpe>(vocabulary, *pre, std::move(merges)));
  return AlgorithmPtr(std::make_unique<ByteLevelBpe>(vocabulary, *pre, std::move(merges)));
}

}  // namespace quern::detail
