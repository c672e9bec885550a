#pragma once
// A vocabulary as the metadata of a model file describes it: the tokens with their texts, scores and
// attributes, the ids with a meaning, and the rules around a text. Every value of the file is checked here,
// once.
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "formats/metadata.h"
#include "quern/token.h"
#include "src/tokenizer/pre_tokenizer.h"
#include "src/tokenizer/text_index.h"

namespace quern::detail {

struct Model;

inline constexpr Token no_token = -1;
inline constexpr std::string_view tokens_key = "tokenizer.ggml.tokens";

// What a token is; several may be true at once.
enum TokenAttribute : std::uint16_t {
  attr_normal = 1,
  attr_unknown = 2,
  attr_control = 4,
  attr_user_defined = 8,
  attr_unused = 16,
  attr_byte = 32,
  attr_lstrip = 64,   // white space before it in a text belongs to it
  attr_rstrip = 128,  // and after it
  attr_end_of_generation = 256,
};

// Ids with a meaning, in the order of their keys.
enum SpecialId {
  bos,
  eos,
  eot,
  eom,
  unk,
  sep,
  pad,
  mask_id,
  cls,
  fim_pre,
  fim_suf,
  fim_mid,
  fim_pad,
  fim_rep,
  fim_sep
};
inline constexpr std::size_t n_special_ids = fim_sep + 1;

class Vocabulary {
 public:
  // `pre` is null for models without words.
  // Of more tokens than `limit` the rest is left out.
  static Result<Vocabulary> load(const formats::Metadata& metadata, const Model& model,
                                 const PreTokenizer* pre, std::size_t limit);

  std::size_t size() const { return texts_.size(); }
  bool contains(Token id) const { return id >= 0 && static_cast<std::size_t>(id) < size(); }

  // By id.
  std::span<const std::string_view> texts() const { return texts_; }
  // Requires: contains(id).
  std::string_view text(Token id) const { return texts_[static_cast<std::size_t>(id)]; }
  bool has(Token id, unsigned attributes) const {
    return (attributes_[static_cast<std::size_t>(id)] & attributes) != 0;
  }
  float score(Token id) const { return scores_.empty() ? 0.0f : scores_[static_cast<std::size_t>(id)]; }
  // The byte that a token of that type stands for, e.g. 10 for <0x0A>.
  std::uint8_t byte(Token id) const;

  // The token with this text, the lowest id of several, or no_token. Empty texts are never found.
  Token find(std::string_view text) const {
    return static_cast<Token>(index_.find(text, [this](std::uint32_t id) { return texts_[id]; }));
  }
  // Asks the memory for what find(text) will want.
  void prefetch(std::string_view text) const { index_.prefetch(text); }
  bool has_duplicates() const { return has_duplicates_; }

  // no_token where there is none.
  Token id(SpecialId which) const { return ids_[which]; }

  // Tables of a model's own use the same secret keys.
  const Hasher& hasher() const { return hash_; }

  // The rules around a text: section by section what the model, the pre-tokenizer and the keys say.
  struct Rules {
    bool add_bos = false, add_eos = false, add_sep = false;
    bool space_prefix = false;     // a space before each text, taken away again in decoding
    bool clean_up = false;         // decoding drops spaces before punctuation
    bool escaped_spaces = false;   // a space is U+2581 inside tokens
    bool byte_characters = false;  // tokens are written in the 256 byte characters
    bool plain_texts = false;      // every token but a byte is its text
  };
  const Rules& rules() const { return rules_; }
  // Oddities of the file that were passed over, one line each.
  std::span<const std::string> warnings() const { return warnings_; }

  // Taken beside the metadata, which holds the texts.
  std::size_t memory_bytes() const {
    return heap_bytes(scores_) + heap_bytes(attributes_) + index_.memory_bytes() +
           heap_bytes(resolved_bytes_) + heap_bytes(resolved_texts_);
  }

 private:
  Vocabulary() : index_(hash_) {}
  Result<void> load_tokens(const formats::Metadata& metadata, const Model& model, std::size_t limit);
  Result<void> load_scores(const formats::Metadata& metadata, const Model& model);
  Result<void> load_types(const formats::Metadata& metadata);
  Result<void> load_ids(const formats::Metadata& metadata, const Model& model, const PreTokenizer* pre);
  Result<void> load_rules(const formats::Metadata& metadata, const Model& model, const PreTokenizer* pre);
  void find_ids_by_text();
  void mark_unused();
  void mark_ends_of_generation();
  Result<void> mark_stripping(const formats::Metadata& metadata);
  void add(Token id, unsigned attributes) {
    attributes_[static_cast<std::size_t>(id)] |= static_cast<std::uint16_t>(attributes);
  }
  void set_type(Token id, unsigned type);

  Result<void> resolve_escapes();

  formats::Metadata metadata_;  // owns the texts, unless they had escapes to resolve
  std::vector<char> resolved_bytes_;
  std::vector<std::string_view> resolved_texts_;
  std::span<const std::string_view> texts_;
  std::size_t n_listed_ = 0;   // tokens that the metadata lists
  std::vector<float> scores_;  // empty: all 0
  std::vector<std::uint16_t> attributes_;
  std::array<Token, n_special_ids> ids_{};
  Rules rules_;
  Hasher hash_;
  TextIndex index_;
  bool has_duplicates_ = false;
  std::vector<std::string> warnings_;
};

}  // namespace quern::detail
