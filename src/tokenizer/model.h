#pragma once
// The algorithms behind tokenizer.ggml.model. Adding one is a file that defines its make function and a row
// in model.cpp.
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "quern/result.h"
#include "src/tokenizer/vocabulary.h"

namespace quern::detail {

// Text without special tokens to ids. Immutable; safe from any number of threads.
class Algorithm {
 public:
  virtual ~Algorithm() = default;
  // Appends the ids of a text, which is never empty.
  virtual Result<void> encode(std::string_view text, std::vector<Token>& ids) const = 0;
  virtual std::size_t memory_bytes() const = 0;
};

using AlgorithmPtr = std::unique_ptr<const Algorithm>;
// The vocabulary outlives the algorithm. `pre` is null but for models that cut words by it.
using MakeAlgorithm = Result<AlgorithmPtr> (*)(const Vocabulary& vocabulary,
                                               const formats::Metadata& metadata, const PreTokenizer* pre);

// What add_special puts around a text.
enum class Frame {
  by_rules,  // bos if add_bos, eos if add_eos
  always,    // bos and sep whatever the flags say
  nothing,
};

// A row: a value of tokenizer.ggml.model and its defaults.
struct Model {
  std::string_view name;
  MakeAlgorithm make = nullptr;  // null: the file has no tokenizer
  Vocabulary::Rules rules{};
  Frame frame = Frame::by_rules;
  bool uses_pre = false;
  std::string_view forced_pre{};  // the pre-tokenizer whatever the file says; empty: by the key
  std::size_t max_text_bytes =
      64 * 1024;  // of a token: it bounds the time per byte where a trie or a scan follows texts
  struct DefaultId {
    SpecialId which;
    Token id;
  };
  std::span<const DefaultId> default_ids{};
  bool scores_must_be_finite = false;
  bool needs_unknown = false;  // it cannot encode without the id unk
  bool escaped_texts = false;  // tokens are spelt with backslashes
  bool dna = false;            // some tokens are groups of letters of DNA (dna.h)
};

// Positions in a text are 32-bit numbers: an error for longer ones.
Result<void> check_text_size(std::size_t n_bytes);

const Model* find_model(std::string_view name);  // null: unknown
std::string supported_models();                  // "llama, gpt2, ..."

Result<AlgorithmPtr> make_spm(const Vocabulary&, const formats::Metadata&, const PreTokenizer*);
Result<AlgorithmPtr> make_bpe(const Vocabulary&, const formats::Metadata&, const PreTokenizer*);
Result<AlgorithmPtr> make_white_space_bpe(const Vocabulary&, const formats::Metadata&, const PreTokenizer*);
Result<AlgorithmPtr> make_dna_bpe(const Vocabulary&, const formats::Metadata&, const PreTokenizer*);
Result<AlgorithmPtr> make_word_piece(const Vocabulary&, const formats::Metadata&, const PreTokenizer*);
Result<AlgorithmPtr> make_unigram(const Vocabulary&, const formats::Metadata&, const PreTokenizer*);
Result<AlgorithmPtr> make_rwkv(const Vocabulary&, const formats::Metadata&, const PreTokenizer*);
Result<AlgorithmPtr> make_plamo2(const Vocabulary&, const formats::Metadata&, const PreTokenizer*);

}  // namespace quern::detail
