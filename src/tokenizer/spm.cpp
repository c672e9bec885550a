// SentencePiece byte-pair encoding (model "llama"): of all pairs of neighbours that spell a token, the one
// with the highest score is joined first. What is no token at the end is written byte by byte.
#include <algorithm>
#include <bit>

#include "formats/try.h"
#include "src/tokenizer/adjacent_characters.h"
#include "src/tokenizer/byte_fallback.h"
#include "src/tokenizer/escaped_spaces.h"
#include "src/tokenizer/merge.h"
#include "src/tokenizer/model.h"
#include "src/tokenizer/recent_words.h"

namespace quern::detail {

namespace {

// Ascending in the order in which scores merge, highest first. Requires: a finite score.
std::uint32_t priority_of(float score) {
  const auto bits = std::bit_cast<std::uint32_t>(score + 0.0f);  // +0: one zero
  return (bits & 0x80000000u) != 0 ? bits : ~(bits | 0x80000000u);
}

class Spm final : public Algorithm {
 public:
  explicit Spm(const Vocabulary& vocabulary)
      : vocabulary_(vocabulary), bytes_(vocabulary), adjacent_(vocabulary.hasher()) {
    for (Token id = 0; vocabulary.contains(id); ++id) {
      if (!mergeable(id)) continue;
      longest_ = std::max(longest_, vocabulary.text(id).size());
      adjacent_.add(vocabulary.text(id));
    }
  }

  Result<void> encode(std::string_view raw, std::vector<Token>& ids) const override {
    const std::string text = escape_spaces(raw, vocabulary_.rules().space_prefix);
    QUERN_CHECK(check_text_size(text.size()));
    RecentWords recent(vocabulary_.hasher(), text.size());
    Merger merger;
    adjacent_.for_each_part(text, [&](std::string_view part) {
      recent.append(part, ids, [&] { encode_part(part, merger, ids); });
    });
    return {};
  }

  std::size_t memory_bytes() const override { return adjacent_.memory_bytes(); }

 private:
  // Control, unknown and byte tokens are not to be had by spelling them.
  bool mergeable(Token id) const {
    return vocabulary_.has(id, attr_normal | attr_user_defined | attr_unused) &&
           !vocabulary_.has(id, attr_control);
  }

  std::uint32_t number_of(std::string_view text) const {
    if (text.size() > longest_) return no_symbol;
    const Token id = vocabulary_.find(text);
    return id != no_token && mergeable(id) ? static_cast<std::uint32_t>(id) : no_symbol;
  }

  // The token that writes a byte; the unknown one, which this model always has, for a byte without one.
  Token token_of(char byte) const {
    if (bytes_.token(byte) != no_token) return bytes_.token(byte);
    const Token id = vocabulary_.find({&byte, 1});
    return id != no_token ? id : vocabulary_.id(unk);
  }

  void encode_part(std::string_view part, Merger& merger, std::vector<Token>& ids) const {
    merger.symbols.clear();
    for (std::size_t at = 0; at < part.size();) {
      const std::size_t n_bytes = symbol_bytes(part[at], part.size() - at);
      merger.symbols.push_back({number_of(part.substr(at, n_bytes)), static_cast<std::uint32_t>(at)});
      at += n_bytes;
    }
    const auto n_bytes = static_cast<std::uint32_t>(part.size());
    merger.merge(n_bytes, [&](const Symbol& left, const Symbol&, std::uint32_t end) -> MergedPair {
      const std::uint32_t number = number_of(part.substr(left.begin, end - left.begin));
      if (number == no_symbol) return {};
      return {priority_of(vocabulary_.score(static_cast<Token>(number))), number};
    });
    for (std::size_t i = 0; i < merger.symbols.size(); ++i) {
      const Symbol& symbol = merger.symbols[i];
      if (symbol.number != no_symbol) {
        ids.push_back(static_cast<Token>(symbol.number));
        continue;
      }
      const std::uint32_t end = i + 1 < merger.symbols.size() ? merger.symbols[i + 1].begin : n_bytes;
      for (const char byte : part.substr(symbol.begin, end - symbol.begin)) ids.push_back(token_of(byte));
    }
  }

  const Vocabulary& vocabulary_;
  ByteFallback bytes_;
  AdjacentCharacters adjacent_;
  std::size_t longest_ = 0;  // bytes of the longest text that merging makes
};

}  // namespace

Result<AlgorithmPtr> make_spm(const Vocabulary& vocabulary, const formats::Metadata&, const PreTokenizer*) {
  return AlgorithmPtr(std::make_unique<Spm>(vocabulary));
}

}  // namespace quern::detail
