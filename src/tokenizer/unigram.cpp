// Unigram (model "t5", Kudo, arXiv 1804.10959): the text is normalised by the map in the file, then cut into
// the pieces whose scores (logarithms of probabilities) have the greatest sum.
#include <algorithm>
#include <limits>

#include "formats/try.h"
#include "src/tokenizer/charsmap.h"
#include "src/tokenizer/escaped_spaces.h"
#include "src/tokenizer/model.h"
#include "src/tokenizer/prefix_index.h"
#include "src/tokenizer/unicode.h"

namespace quern::detail {

namespace {

// No real map makes a text longer than this many times (U+FDFA becomes 18 characters).
constexpr std::size_t max_growth = 18;

// Writes a text byte by byte with its spaces as the vocabulary has them.
class Spaces {
 public:
  Spaces(std::string& out, bool prefix, bool remove_extra)
      : out_(out), prefix_(prefix), remove_extra_(remove_extra) {}

  void write(std::string_view bytes) {
    for (const char byte : bytes) {
      if (byte == ' ') {
        in_word_ = false;
        if (!remove_extra_) out_ += escaped_space;
        continue;
      }
      if (!in_word_ && (remove_extra_ || prefix_)) {
        out_ += escaped_space;
        prefix_ = false;
      }
      in_word_ = true;
      out_ += byte;
    }
  }

 private:
  std::string& out_;
  bool prefix_;  // still to be written, before the first word
  const bool remove_extra_;
  bool in_word_ = false;
};

class Unigram final : public Algorithm {
 public:
  Unigram(const Vocabulary& vocabulary, Charsmap charsmap, bool remove_extra_spaces)
      : vocabulary_(vocabulary),
        charsmap_(charsmap),
        pieces_(vocabulary.texts(), ids_of_pieces(vocabulary)),
        user_defined_(vocabulary.texts(), ids_of_user_defined(vocabulary)),
        remove_extra_spaces_(remove_extra_spaces) {
    constexpr float penalty = 10;  // of a character that no piece covers, below the least likely piece
    float least = std::numeric_limits<float>::max();
    for (Token id = 0; vocabulary.contains(id); ++id)
      if (vocabulary.has(id, attr_normal)) least = std::min(least, vocabulary.score(id));
    unknown_score_ = (least == std::numeric_limits<float>::max() ? 0 : least) - penalty;
  }

  Result<void> encode(std::string_view raw, std::vector<Token>& ids) const override {
    QUERN_TRY(const std::string text, normalized(raw));
    QUERN_CHECK(check_text_size(text.size()));
    append_best_pieces(text, ids);
    return {};
  }

  std::size_t memory_bytes() const override { return pieces_.memory_bytes() + user_defined_.memory_bytes(); }

 private:
  static std::vector<Token> ids_of_pieces(const Vocabulary& vocabulary) {
    std::vector<Token> ids;
    for (Token id = 0; vocabulary.contains(id); ++id) {
      // Control tokens with "unused" in their names are marked so too, and are no pieces.
      const bool unused = vocabulary.has(id, attr_unused) && !vocabulary.has(id, attr_control);
      if (unused || vocabulary.has(id, attr_normal | attr_user_defined)) ids.push_back(id);
    }
    return ids;
  }
  static std::vector<Token> ids_of_user_defined(const Vocabulary& vocabulary) {
    std::vector<Token> ids;
    for (Token id = 0; vocabulary.contains(id); ++id)
      if (vocabulary.has(id, attr_user_defined)) ids.push_back(id);
    return ids;
  }

  Result<std::string> normalized(std::string_view text) const {
    const std::size_t most = max_growth * text.size() + 16;  // texts are below 4 GiB
    std::string out;
    out.reserve(text.size() + text.size() / 2);
    Spaces spaces(out, vocabulary_.rules().space_prefix, remove_extra_spaces_);
    while (!text.empty()) {
      std::size_t n = 0;
      if (!user_defined_.empty()) {
        const std::uint32_t entry = user_defined_.longest(text);
        if (entry != PrefixIndex::none) n = user_defined_.text(entry).size();
      }
      std::string_view written = text.substr(0, n);
      if (n == 0) {
        QUERN_TRY(const Charsmap::Match match, charsmap_.longest(text));
        n = match.n_bytes;
        written = match.replacement;
      }
      if (n == 0) {
        const Char c = read_char(text.data(), text.data() + text.size());
        n = c.n_bytes;
        written =
            c.code == replacement_character && n == 1 ? std::string_view("\xEF\xBF\xBD") : text.substr(0, n);
      }
      spaces.write(written);
      if (out.size() > most)
        return Error{ErrorCode::corrupt,
                     formats::cat("tokenizer.ggml.precompiled_charsmap makes the text more than ", max_growth,
                                  " times as long"),
                     "tokenizer.ggml.precompiled_charsmap"};
      text.remove_prefix(n);
    }
    return out;
  }

  // The best way to get to a position of the text.
  struct Arrival {
    double score = -std::numeric_limits<double>::infinity();
    std::uint32_t n_bytes = 0;  // of the last piece
    Token id = no_token;
  };

  // Viterbi's algorithm. Wherever no piece reaches beyond a character's start, every way leads through it,
  // and what lies before is settled; so memory is that of the longest stretch of overlapping pieces.
  void append_best_pieces(std::string_view text, std::vector<Token>& ids) const {
    const std::size_t first_id = ids.size();
    std::vector<Arrival> arrivals(1);  // at settled + i
    arrivals[0].score = 0;
    std::size_t settled = 0;
    std::vector<std::uint32_t> matches;
    const auto settle = [&](std::size_t end) {
      append_path(arrivals, ids, first_id);
      arrivals.front().score = arrivals.back().score;
      arrivals.resize(1);
      settled = end;
    };
    const auto arrive = [&](std::size_t at, std::size_t n_bytes, double score, Token id) {
      const std::size_t end = at + n_bytes - settled;
      if (end >= arrivals.size()) arrivals.resize(end + 1);
      if (score > arrivals[end].score) arrivals[end] = {score, static_cast<std::uint32_t>(n_bytes), id};
    };
    for (std::size_t at = 0; at < text.size();) {
      if (at - settled + 1 == arrivals.size() && at != settled) settle(at);
      const double here = arrivals[at - settled].score;
      const std::size_t n_bytes = symbol_bytes(text[at], text.size() - at);
      matches.clear();
      for (std::uint32_t entry = pieces_.longest(text.substr(at)); entry != PrefixIndex::none;
           entry = pieces_.shorter(entry))
        matches.push_back(entry);
      bool is_covered = false;
      for (auto entry = matches.rbegin(); entry != matches.rend(); ++entry) {  // shortest first
        const Token id = pieces_.id(*entry);
        const std::size_t n = pieces_.text(*entry).size();
        const double score = vocabulary_.has(id, attr_user_defined) ? 0.0 : double{vocabulary_.score(id)};
        arrive(at, n, here + score, id);
        is_covered = is_covered || n == n_bytes;
      }
      if (!is_covered) arrive(at, n_bytes, here + double{unknown_score_}, vocabulary_.id(unk));
      at += n_bytes;
    }
    if (arrivals.size() > 1) settle(text.size());
  }

  // The pieces of the best way to the last arrival; a run of unknown ones is written once.
  void append_path(std::span<const Arrival> arrivals, std::vector<Token>& ids, std::size_t first_id) const {
    const std::size_t begin = ids.size();
    for (std::size_t i = arrivals.size() - 1; i > 0; i -= arrivals[i].n_bytes) ids.push_back(arrivals[i].id);
    std::reverse(ids.begin() + static_cast<std::ptrdiff_t>(begin), ids.end());
    const Token unknown = vocabulary_.id(unk);
    std::size_t kept = begin;
    for (std::size_t i = begin; i < ids.size(); ++i) {
      if (ids[i] == unknown && kept > first_id && ids[kept - 1] == unknown) continue;
      ids[kept++] = ids[i];
    }
    ids.resize(kept);
  }

  const Vocabulary& vocabulary_;
  const Charsmap charsmap_;
  const PrefixIndex pieces_, user_defined_;
  const bool remove_extra_spaces_;
  float unknown_score_;
};

}  // namespace

Result<AlgorithmPtr> make_unigram(const Vocabulary& vocabulary, const formats::Metadata& metadata,
                                  const PreTokenizer*) {
  QUERN_TRY(const Charsmap charsmap, Charsmap::load(metadata));
  QUERN_TRY(const bool remove_extra, metadata.boolean_or("tokenizer.ggml.remove_extra_whitespaces", false));
  return AlgorithmPtr(std::make_unique<Unigram>(vocabulary, charsmap, remove_extra));
}

}  // namespace quern::detail
