// RWKV World (model "rwkv"): at each byte the longest token that the text goes on with.
#include "formats/try.h"
#include "src/tokenizer/model.h"
#include "src/tokenizer/prefix_index.h"

namespace quern::detail {

namespace {

std::vector<Token> all_ids(const Vocabulary& vocabulary) {
  std::vector<Token> ids(vocabulary.size());
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<Token>(i);
  return ids;
}

class Rwkv final : public Algorithm {
 public:
  explicit Rwkv(const Vocabulary& vocabulary)
      : vocabulary_(vocabulary),
        index_(vocabulary.texts(), all_ids(vocabulary), PrefixIndex::Keep::highest_id) {}

  Result<void> encode(std::string_view text, std::vector<Token>& ids) const override {
    for (std::size_t at = 0; at < text.size();) {
      const std::uint32_t entry = index_.longest(text.substr(at));
      if (entry != PrefixIndex::none) {
        ids.push_back(index_.id(entry));
        at += index_.text(entry).size();
        continue;
      }
      if (vocabulary_.id(unk) == no_token) return no_token_for(text[at], at);
      ids.push_back(vocabulary_.id(unk));
      ++at;
    }
    return {};
  }

  std::size_t memory_bytes() const override { return index_.memory_bytes(); }

 private:
  static Error no_token_for(char byte, std::size_t offset) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    const auto value = static_cast<std::uint8_t>(byte);
    return Error{ErrorCode::invalid_argument,
                 formats::cat("rwkv: byte 0x", digits[value / 16], digits[value % 16], " at offset ", offset,
                              " has no token"),
                 "text"};
  }

  const Vocabulary& vocabulary_;
  PrefixIndex index_;
};

}  // namespace

Result<AlgorithmPtr> make_rwkv(const Vocabulary& vocabulary, const formats::Metadata&, const PreTokenizer*) {
  return AlgorithmPtr(std::make_unique<Rwkv>(vocabulary));
}

}  // namespace quern::detail
