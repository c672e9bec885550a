#include "src/tokenizer/model.h"

#include <limits>

#include "formats/try.h"

namespace quern::detail {

namespace {

using Rules = Vocabulary::Rules;
using Default = Model::DefaultId;

constexpr std::size_t long_text = 64 * 1024, short_text = 1024;

constexpr Default llama_ids[] = {{bos, 1}, {eos, 2}, {unk, 0}};
constexpr Default gpt2_ids[] = {{bos, 11}, {eos, 11}};
constexpr Default bert_ids[] = {{bos, 101}, {unk, 100}, {sep, 102}, {pad, 0}, {mask_id, 103}};

constexpr Model models[] = {
    {"llama",
     make_spm,
     {.add_bos = true, .space_prefix = true, .escaped_spaces = true},
     Frame::by_rules,
     {},
     false,
     long_text,
     llama_ids,
     true},
    {"gpt2", make_bpe, {}, Frame::by_rules, {}, true, long_text, gpt2_ids, false},
    {"gemma4", make_bpe, {}, Frame::by_rules, "gemma4", true, long_text, {}, false},
    {"bert",
     make_word_piece,
     {.add_bos = true, .add_sep = true, .clean_up = true, .escaped_spaces = true},
     Frame::always,
     {},
     false,
     short_text,
     bert_ids,
     false},
};

}  // namespace

Result<void> check_text_size(std::size_t n_bytes) {
  constexpr std::size_t max_bytes = std::numeric_limits<std::uint32_t>::max() - 1;
  if (n_bytes <= max_bytes) return {};
  return Error{ErrorCode::invalid_argument,
               formats::cat("the text has ", n_bytes, " bytes as the vocabulary writes it, expected at most ",
                            max_bytes),
               "text"};
}

const Model* find_model(std::string_view name) {
  for (const Model& model : models)
    if (model.name == name) return &model;
  return nullptr;
}

std::string supported_models() {
  std::string names;
  for (const Model& model : models) {
    if (!names.empty()) names += ", ";
    names += model.name;
  }
  return names;
}

}  // namespace quern::detail
