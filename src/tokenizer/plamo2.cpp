// PLaMo 2 (model "plamo2"): the cheapest way to write a text in pieces, found from its end to its start.
#include <algorithm>
#include <array>

#include "formats/try.h"
#include "src/tokenizer/model.h"
#include "src/tokenizer/prefix_index.h"
#include "src/tokenizer/unicode.h"

namespace quern::detail {

namespace {

constexpr std::int64_t cost_of_no_piece = 10'000'000;
// Pieces scored so low take no part; no piece is as good as this is bad, so that sums of costs stay in 64
// bits.
constexpr float least_score = -2000;

// -score in ten-thousandths, halves away from zero.
std::int64_t cost_of(float score) {
  const double scaled = std::min(double{score}, -double{least_score}) * 10000;
  return scaled < 0 ? static_cast<std::int64_t>(0.5 - scaled) : -static_cast<std::int64_t>(scaled + 0.5);
}

bool is_utf8_of_its_own(std::string_view text) {
  std::string buffer;
  return rewritten(text, buffer).data() == text.data();
}

class Plamo2 final : public Algorithm {
 public:
  Plamo2(const Vocabulary& vocabulary, std::vector<Token> pieces, const std::array<Token, 256>& bytes)
      : index_(vocabulary.texts(), std::move(pieces)), bytes_(bytes) {
    costs_.reserve(index_.size());
    for (std::uint32_t entry = 0; entry < index_.size(); ++entry)
      costs_.push_back(cost_of(vocabulary.score(index_.id(entry))));
  }

  Result<void> encode(std::string_view raw, std::vector<Token>& ids) const override {
    constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
    std::string rewriting;
    std::string_view text = rewritten(raw, rewriting);
    QUERN_CHECK(check_text_size(text.size()));
    if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());

    // From each character on: the cost of the rest of the text, and the piece that begins it.
    std::vector<std::int64_t> cost(text.size() + 1);
    std::vector<std::uint32_t> chosen(text.size());
    for (std::size_t end = text.size(); end > 0;) {
      const std::size_t at = previous_character(text, end);
      chosen[at] = PrefixIndex::none;
      for (std::uint32_t entry = index_.longest(text.substr(at)); entry != PrefixIndex::none;
           entry = index_.shorter(entry)) {
        const std::int64_t total = cost[at + index_.text(entry).size()] + costs_[entry];
        if (chosen[at] != PrefixIndex::none && total >= cost[at]) continue;
        cost[at] = total;
        chosen[at] = entry;
      }
      const std::int64_t without = cost[end] + cost_of_no_piece;
      if (chosen[at] == PrefixIndex::none || without < cost[at]) {
        cost[at] = without;
        chosen[at] = PrefixIndex::none;
      }
      end = at;
    }
    for (std::size_t at = 0; at < text.size();) {
      if (chosen[at] != PrefixIndex::none) {
        ids.push_back(index_.id(chosen[at]));
        at += index_.text(chosen[at]).size();
        continue;
      }
      const std::size_t n = symbol_bytes(text[at], text.size() - at);
      for (const char byte : text.substr(at, n)) ids.push_back(bytes_[static_cast<std::uint8_t>(byte)]);
      at += n;
    }
    return {};
  }

  std::size_t memory_bytes() const override { return index_.memory_bytes() + heap_bytes(costs_); }

 private:
  // Where the character that ends at `end` begins, in text that is UTF-8.
  static std::size_t previous_character(std::string_view text, std::size_t end) {
    do --end;
    while (end > 0 && (static_cast<std::uint8_t>(text[end]) & 0xC0) == 0x80);
    return end;
  }

  PrefixIndex index_;
  std::vector<std::int64_t> costs_;  // of each entry
  std::array<Token, 256> bytes_;
};

}  // namespace

Result<AlgorithmPtr> make_plamo2(const Vocabulary& vocabulary, const formats::Metadata&,
                                 const PreTokenizer*) {
  std::vector<Token> pieces;
  std::array<Token, 256> bytes;
  bytes.fill(no_token);
  for (Token id = 0; vocabulary.contains(id); ++id) {
    if (vocabulary.has(id, attr_byte)) {
      Token& token = bytes[vocabulary.byte(id)];
      if (token == no_token) token = id;
    } else if (vocabulary.score(id) > least_score && is_utf8_of_its_own(vocabulary.text(id))) {
      pieces.push_back(id);
    }
  }
  for (std::size_t byte = 0; byte < bytes.size(); ++byte)
    if (bytes[byte] == no_token) {
      constexpr std::string_view digits = "0123456789ABCDEF";
      return Error{ErrorCode::corrupt,
                   formats::cat("tokenizer.ggml.tokens has no token <0x", digits[byte / 16],
                                digits[byte % 16], "> of type byte, which model plamo2 needs"),
                   "tokenizer.ggml.tokens"};
    }
  return AlgorithmPtr(std::make_unique<Plamo2>(vocabulary, std::move(pieces), bytes));
}

}  // namespace quern::detail
