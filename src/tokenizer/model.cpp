#include "src/tokenizer/model.h"

#include <limits>

#include "formats/try.h"

namespace quern::detail {

namespace {

using Rules = Vocabulary::Rules;
using Default = Model::DefaultId;

constexpr std::size_t short_text = 1024;

constexpr Default llama_ids[] = {{bos, 1}, {eos, 2}, {unk, 0}};
constexpr Default gpt2_ids[] = {{bos, 11}, {eos, 11}};
constexpr Default bert_ids[] = {{bos, 101}, {unk, 100}, {sep, 102}, {pad, 0}, {mask_id, 103}};
constexpr Default t5_ids[] = {{eos, 1}, {unk, 2}, {pad, 0}};
constexpr Default plamo2_ids[] = {{bos, 1}, {eos, 2}, {unk, 0}, {pad, 3}};

constexpr Model models[] = {
    {.name = "llama",
     .make = make_spm,
     .rules = {.add_bos = true, .space_prefix = true, .escaped_spaces = true},
     .default_ids = llama_ids,
     .scores_must_be_finite = true},
    {.name = "gpt2", .make = make_bpe, .uses_pre = true, .default_ids = gpt2_ids},
    {.name = "gemma4", .make = make_bpe, .uses_pre = true, .forced_pre = "gemma4"},
    {.name = "whitespace", .make = make_white_space_bpe, .uses_pre = true, .default_ids = gpt2_ids},
    {.name = "hybriddna", .make = make_dna_bpe, .uses_pre = true, .default_ids = gpt2_ids, .dna = true},
    {.name = "bert",
     .make = make_word_piece,
     .rules = {.add_bos = true, .add_sep = true, .clean_up = true, .escaped_spaces = true},
     .frame = Frame::always,
     .max_text_bytes = short_text,
     .default_ids = bert_ids,
     .needs_unknown = true},
    {.name = "t5",
     .make = make_unigram,
     .rules = {.add_eos = true, .escaped_spaces = true},
     .max_text_bytes = short_text,
     .default_ids = t5_ids,
     .scores_must_be_finite = true,
     .needs_unknown = true},
    {.name = "rwkv",
     .make = make_rwkv,
     .rules = {.plain_texts = true},
     .frame = Frame::nothing,
     .max_text_bytes = short_text,
     .escaped_texts = true},
    {.name = "plamo2",
     .make = make_plamo2,
     .rules = {.plain_texts = true},
     .frame = Frame::nothing,
     .max_text_bytes = short_text,
     .default_ids = plamo2_ids,
     .scores_must_be_finite = true},
    {.name = "none"},
    {.name = "no_vocab"},
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
