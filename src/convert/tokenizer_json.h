#pragma once
// tokenizer.json and its companions to the tokenizer.* keys of a GGUF file.
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "formats/gguf_writer.h"
#include "formats/json.h"
#include "quern/result.h"

namespace quern::detail {

/// The parsed files; those that a folder may lack are optional.
struct TokenizerFiles {
  formats::JsonDocument tokenizer;                ///< tokenizer.json
  std::optional<formats::JsonDocument> config{};  ///< tokenizer_config.json
  std::optional<formats::JsonDocument>
      model_config{};                          ///< config.json, for ids that tokenizer_config.json lacks
  std::optional<std::string> chat_template{};  ///< chat_template.jinja; goes before that of `config`
};

struct TokenizerOptions {
  std::uint64_t n_rows = 0;  ///< of the embedding: ids beyond are dropped, ids without a token are filled
  std::string pre{};         ///< of ConvertOptions
};

/// Fills in tokenizer.*. Errors name the part of tokenizer.json that Quern does not have.
Result<void> write_tokenizer(const TokenizerFiles& files, const TokenizerOptions& options,
                             formats::GgufContents& contents, std::vector<std::string>& notes);

// Parts of the above.

inline bool flag_of(const formats::JsonValue& value, std::string_view key, bool fallback) {
  const auto member = value.find(key);
  return member ? member->boolean().value_or(fallback) : fallback;
}

/// Types of tokens as in GGUF.
enum class TokenType : std::int32_t {
  normal = 1,
  unknown = 2,
  control = 3,
  user_defined = 4,
  unused = 5,
  byte = 6
};

/// Tokens by id, as they will be written.
class VocabularyBuilder {
 public:
  explicit VocabularyBuilder(std::uint64_t n_rows) : n_rows_(n_rows) {}
  /// An id beyond the rows is counted and dropped. corrupt: an id that is another token's, a text that is.
  Result<void> add(std::string_view text, std::uint64_t id, TokenType type, float score = 0);
  /// Gives a token that is there another type.
  void set_type(std::uint64_t id, TokenType type) { types_[id] = static_cast<std::int32_t>(type); }
  void set_text(std::uint64_t id, std::string text) { texts_[id] = std::move(text); }
  void set_score(std::uint64_t id, float score) { scores_[id] = score; }
  std::optional<std::uint64_t> find(std::string_view text) const;
  bool has(std::uint64_t id) const { return id < texts_.size() && types_[id] != 0; }
  TokenType type(std::uint64_t id) const { return static_cast<TokenType>(types_[id]); }
  const std::string& text(std::uint64_t id) const { return texts_[id]; }
  std::uint64_t size() const { return texts_.size(); }
  std::uint64_t n_dropped() const { return n_dropped_; }
  /// Gives every row without a token one that matches nothing, and writes the arrays.
  void write(formats::GgufContents& contents, bool with_scores);

 private:
  std::uint64_t n_rows_, n_dropped_ = 0;
  std::vector<std::string> texts_;
  std::vector<std::int32_t> types_;  ///< 0: no token has this id yet
  std::vector<float> scores_;
  std::map<std::string, std::uint64_t, std::less<>> by_text_;
};

/// The value of tokenizer.ggml.pre whose rules are those of tokenizer.json, for byte-level BPE. unsupported:
/// none is; the message shows the chain found and says how to choose.
Result<std::string_view> find_pre(const formats::JsonValue& tokenizer, bool cleans_up,
                                  std::vector<std::string>& notes);
/// The steps of a normalizer or pre-tokenizer in words, "Split(Isolated, 'regex'), ByteLevel": equal for
/// equal rules.
std::string described_chain(const std::optional<formats::JsonValue>& part);

/// How a SentencePiece-like tokenizer treats the first space. Nothing for a chain that is none of theirs.
struct SpaceRules {
  bool add_prefix = false;
  bool only_first = false;    ///< not after a special token
  bool remove_extra = false;  ///< runs of spaces are one
};
std::optional<SpaceRules> find_space_rules(const formats::JsonValue& tokenizer);

/// The bytes of a base64 text; nothing where it is none.
std::optional<std::vector<std::uint8_t>> from_base64(std::string_view text);

/// "llama", "gpt2", "bert" or "t5", with vocabulary and rules written to the contents.
Result<std::string_view> write_tokenizer_model(const TokenizerFiles& files, const TokenizerOptions& options,
                                               VocabularyBuilder& vocabulary, formats::GgufContents& contents,
                                               std::vector<std::string>& notes);

}  // namespace quern::detail
