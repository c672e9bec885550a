// The four kinds of vocabulary: byte-level BPE, SentencePiece-like BPE, Unigram and WordPiece.
#include <algorithm>
#include <cmath>

#include "formats/printable.h"
#include "formats/try.h"
#include "src/convert/tokenizer_json.h"
#include "src/tokenizer/pre_tokenizer.h"

namespace quern::detail {
namespace {

using formats::cat;
using formats::GgufContents;
using formats::JsonValue;
using formats::printable;

Error model_error(ErrorCode code, std::string_view field, std::string_view what) {
  return Error{code, cat("tokenizer.json: ", what), std::string(field)};
}

// BPE and WordPiece: an object of text -> id.
Result<void> add_vocabulary(const JsonValue& model, VocabularyBuilder& vocabulary) {
  const auto tokens = model.find("vocab");
  if (!tokens || !tokens->is_object() || tokens->size() == 0)
    return model_error(
        ErrorCode::corrupt, "vocab",
        cat("model.vocab is ", tokens ? tokens->description() : "absent", ", expected an object of ids"));
  for (const auto [text, id] : tokens->members()) {
    const auto number = id.unsigned_integer();
    if (!number)
      return model_error(ErrorCode::corrupt, "vocab",
                         cat("token '", printable(text), "' has ", id.description(), " as its id"));
    QUERN_CHECK(vocabulary.add(text, *number, TokenType::normal));
  }
  return {};
}

struct Merge {
  std::string_view left, right;
};

// "left right", or in newer files ["left", "right"].
Result<std::vector<Merge>> read_merges(const JsonValue& model) {
  const auto list = model.find("merges");
  if (!list || !list->is_array())
    return model_error(ErrorCode::corrupt, "merges",
                       cat("model.merges is ", list ? list->description() : "absent", ", expected an array"));
  std::vector<Merge> merges;
  for (const JsonValue entry : list->elements()) {
    Merge merge;
    if (const auto text = entry.string()) {
      const std::size_t space = text->find(' ', 1);
      if (!text->empty() && space != text->npos) merge = {text->substr(0, space), text->substr(space + 1)};
    } else if (entry.size() == 2 && entry.is_array()) {
      auto half = entry.elements().begin();
      merge.left = (*half).string().value_or("");
      ++half;
      merge.right = (*half).string().value_or("");
    }
    if (merge.left.empty() || merge.right.empty())
      return model_error(ErrorCode::corrupt, "merges",
                         cat("merge ", merges.size(), " is ", entry.description(), ", expected two texts"));
    merges.push_back(merge);
  }
  return merges;
}

Result<void> refuse_affixes(const JsonValue& model) {
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    const auto affix = model.find(key);
    if (affix && !affix->is_null() && affix->string() != "")
      return model_error(ErrorCode::unsupported, key,
                         cat("model.", key, " is ", affix->description(), ", expected none for BPE"));
  }
  return {};
}

bool cleans_up(const TokenizerFiles& files) {
  const auto value = files.config ? files.config->root().find("clean_up_tokenization_spaces") : std::nullopt;
  return value ? value->boolean().value_or(true) : true;
}

Result<std::string_view> write_byte_level(const TokenizerFiles& files, const TokenizerOptions& options,
                                          VocabularyBuilder& vocabulary, GgufContents& contents,
                                          std::vector<std::string>& notes) {
  const JsonValue tokenizer = files.tokenizer.root(), model = *tokenizer.find("model");
  std::string_view pre = options.pre;
  if (pre.empty()) {
    QUERN_TRY(pre, find_pre(tokenizer, cleans_up(files), notes));
  } else if (!find_pre_tokenizer(pre)) {
    std::string known;
    for (const PreTokenizer& row : pre_tokenizers()) known += cat(known.empty() ? "" : ", ", row.name);
    return Error{ErrorCode::invalid_argument, cat("pre '", printable(pre), "' is not known; known: ", known),
                 "pre"};
  }
  QUERN_CHECK(add_vocabulary(model, vocabulary));
  QUERN_TRY(const std::vector<Merge> merges, read_merges(model));
  if (merges.empty())  // GGUF leaves empty arrays out, and a file without merges does not open
    return model_error(ErrorCode::unsupported, "merges", "model.merges is empty, expected at least one merge");
  std::vector<std::string> texts;
  for (const Merge& merge : merges) {
    // Bytes are written as characters that are no space, so a space could only be a second one.
    if (merge.left.find(' ') != merge.left.npos || merge.right.find(' ') != merge.right.npos)
      return model_error(ErrorCode::unsupported, "merges",
                         cat("merge ", texts.size(), " has a space in '", printable(merge.left), "' or '",
                             printable(merge.right), "', expected byte-level characters"));
    texts.push_back(cat(merge.left, " ", merge.right));
  }
  contents.set("tokenizer.ggml.merges", texts);
  contents.set("tokenizer.ggml.pre", pre);
  return std::string_view("gpt2");
}

// Merging by scores gives what merging by ranks gives if a token's score is its rank, and if every pair of
// tokens that spells a token may merge. SentencePiece's vocabularies are so; a file that is not gets a note.
void note_pairs_without_merge(const std::vector<Merge>& merges, const VocabularyBuilder& vocabulary,
                              std::vector<std::string>& notes) {
  constexpr std::size_t longest = 256;  // far above real tokens: the time grows with the square
  std::vector<std::pair<std::string_view, std::string_view>> pairs;
  for (const Merge& merge : merges) pairs.emplace_back(merge.left, merge.right);
  std::sort(pairs.begin(), pairs.end());
  std::size_t n_missing = 0;
  std::string example;
  for (std::uint64_t id = 0; id < vocabulary.size(); ++id) {
    if (!vocabulary.has(id) || vocabulary.type(id) != TokenType::normal) continue;
    const std::string_view text = vocabulary.text(id);
    if (text.size() > longest) continue;
    for (std::size_t cut = 1; cut < text.size(); ++cut) {
      const std::string_view left = text.substr(0, cut), right = text.substr(cut);
      const auto a = vocabulary.find(left), b = vocabulary.find(right);
      if (!a || !b || vocabulary.type(*a) != TokenType::normal || vocabulary.type(*b) != TokenType::normal)
        continue;
      if (std::binary_search(pairs.begin(), pairs.end(), std::pair(left, right))) continue;
      if (n_missing++ == 0) example = printable(text);
    }
  }
  if (n_missing > 0)
    notes.push_back(cat(n_missing, " pairs of tokens spell a token (such as '", example,
                        "') that no merge makes of them: text with them may give other tokens"));
}

Result<std::string_view> write_sentence_piece(const TokenizerFiles& files, VocabularyBuilder& vocabulary,
                                              GgufContents& contents, std::vector<std::string>& notes) {
  const JsonValue tokenizer = files.tokenizer.root(), model = *tokenizer.find("model");
  const auto rules = find_space_rules(tokenizer);
  if (!rules || rules->remove_extra)
    return model_error(
        ErrorCode::unsupported, "normalizer",
        cat("normalizer '", printable(described_chain(tokenizer.find("normalizer"))),
            "' with pre_tokenizer '", printable(described_chain(tokenizer.find("pre_tokenizer"))),
            "' is none that is known for BPE with byte fallback: spaces as U+2581, with or without one in "
            "front"));
  QUERN_CHECK(add_vocabulary(model, vocabulary));
  QUERN_TRY(const std::vector<Merge> merges, read_merges(model));
  // Lower than every merge: what no merge makes.
  const auto lowest = -static_cast<float>(merges.size()) - 1;
  for (std::uint64_t id = 0; id < vocabulary.size(); ++id)
    if (vocabulary.has(id)) vocabulary.set_score(id, lowest);
  for (std::size_t rank = merges.size(); rank-- > 0;)  // the first merge that makes a token counts
    if (const auto id = vocabulary.find(cat(merges[rank].left, merges[rank].right)))
      vocabulary.set_score(*id, -static_cast<float>(rank));
  constexpr const char* hex = "0123456789ABCDEF";
  for (int byte = 0; byte < 256; ++byte) {
    const auto id = vocabulary.find(cat("<0x", hex[byte >> 4], hex[byte & 15], ">"));
    if (id) vocabulary.set_type(*id, TokenType::byte);
  }
  note_pairs_without_merge(merges, vocabulary, notes);
  if (rules->only_first)
    notes.emplace_back(
        "text after a special token gets a space in front, which this tokenizer puts at the start only");
  contents.set("tokenizer.ggml.pre", std::string_view("default"));
  contents.set("tokenizer.ggml.add_space_prefix", rules->add_prefix);
  return std::string_view("llama");
}

Result<void> write_charsmap(const JsonValue& tokenizer, GgufContents& contents) {
  auto normalizer = tokenizer.find("normalizer");
  if (!normalizer || normalizer->is_null()) return {};
  std::optional<JsonValue> precompiled;
  if (normalizer->find("precompiled_charsmap")) precompiled = normalizer;
  if (const auto steps = normalizer->find("normalizers"))
    for (const JsonValue step : steps->elements())
      if (step.find("precompiled_charsmap")) precompiled = step;
  if (!precompiled) return {};
  const JsonValue text = *precompiled->find("precompiled_charsmap");
  if (text.is_null()) return {};
  const auto bytes = text.string() ? from_base64(*text.string()) : std::nullopt;
  if (!bytes)
    return model_error(ErrorCode::corrupt, "precompiled_charsmap",
                       cat("precompiled_charsmap is ", text.description(), ", expected base64"));
  contents.set("tokenizer.ggml.precompiled_charsmap", *bytes);
  return {};
}

Result<std::string_view> write_unigram(const TokenizerFiles& files, VocabularyBuilder& vocabulary,
                                       GgufContents& contents) {
  const JsonValue tokenizer = files.tokenizer.root(), model = *tokenizer.find("model");
  const auto rules = find_space_rules(tokenizer);
  if (!rules || flag_of(model, "byte_fallback", false))
    return model_error(
        ErrorCode::unsupported, "normalizer",
        cat("normalizer '", printable(described_chain(tokenizer.find("normalizer"))),
            "' with pre_tokenizer '", printable(described_chain(tokenizer.find("pre_tokenizer"))),
            "' is none that is known for Unigram: Precompiled, then Metaspace, without byte fallback"));
  const auto pieces = model.find("vocab");
  if (!pieces || !pieces->is_array() || pieces->size() == 0)
    return model_error(
        ErrorCode::corrupt, "vocab",
        cat("model.vocab is ", pieces ? pieces->description() : "absent", ", expected an array of pieces"));
  std::uint64_t id = 0;
  for (const JsonValue piece : pieces->elements()) {
    std::optional<std::string_view> text;
    std::optional<double> score;
    if (piece.is_array() && piece.size() == 2) {
      auto at = piece.elements().begin();
      text = (*at).string();
      ++at;
      score = (*at).number();
    }
    if (!text || !score || !std::isfinite(static_cast<float>(*score)))
      return model_error(ErrorCode::corrupt, "vocab",
                         cat("piece ", id, " is ", piece.description(), ", expected a text and a score"));
    QUERN_CHECK(vocabulary.add(*text, id++, TokenType::normal, static_cast<float>(*score)));
  }
  if (const auto unknown = model.find("unk_id"); unknown && !unknown->is_null()) {
    const auto index = unknown->unsigned_integer();
    if (!index || !vocabulary.has(*index))
      return model_error(ErrorCode::corrupt, "unk_id",
                         cat("model.unk_id is ", unknown->description(), ", expected the id of a piece"));
    vocabulary.set_type(*index, TokenType::unknown);
    contents.set("tokenizer.ggml.unknown_token_id", static_cast<std::uint32_t>(*index));
  }
  QUERN_CHECK(write_charsmap(tokenizer, contents));
  contents.set("tokenizer.ggml.pre", std::string_view("default"));
  contents.set("tokenizer.ggml.add_space_prefix", rules->add_prefix);
  contents.set("tokenizer.ggml.remove_extra_whitespaces", rules->remove_extra);
  return std::string_view("t5");
}

Result<std::string_view> write_word_piece(const TokenizerFiles& files, VocabularyBuilder& vocabulary,
                                          GgufContents& contents) {
  const JsonValue tokenizer = files.tokenizer.root(), model = *tokenizer.find("model");
  const std::string chain = described_chain(tokenizer.find("pre_tokenizer"));
  const auto normalizer = tokenizer.find("normalizer");
  const std::string cleaning = described_chain(normalizer);
  if (chain != "BertPreTokenizer" || cleaning != "BertNormalizer" ||
      !flag_of(*normalizer, "handle_chinese_chars", true) || !flag_of(*normalizer, "clean_text", true))
    return model_error(
        ErrorCode::unsupported, "normalizer",
        cat("normalizer '", printable(cleaning), "' with pre_tokenizer '", printable(chain),
            "' is none that is known for WordPiece: BertNormalizer (clean_text, handle_chinese_chars) "
            "with BertPreTokenizer"));
  const auto prefix = model.find("continuing_subword_prefix");
  if (prefix && prefix->string() != "##")
    return model_error(ErrorCode::unsupported, "continuing_subword_prefix",
                       cat("model.continuing_subword_prefix is ", prefix->description(), ", expected '##'"));
  QUERN_CHECK(add_vocabulary(model, vocabulary));
  const bool lowercase = flag_of(*normalizer, "lowercase", true);
  contents.set("tokenizer.ggml.pre", std::string_view("default"));
  contents.set("tokenizer.ggml.normalizer.lowercase", lowercase);
  contents.set("tokenizer.ggml.normalizer.strip_accents", flag_of(*normalizer, "strip_accents", lowercase));
  return std::string_view("bert");
}

}  // namespace

Result<std::string_view> write_tokenizer_model(const TokenizerFiles& files, const TokenizerOptions& options,
                                               VocabularyBuilder& vocabulary, GgufContents& contents,
                                               std::vector<std::string>& notes) {
  const JsonValue tokenizer = files.tokenizer.root();
  const auto model = tokenizer.find("model");
  if (!model || !model->is_object())
    return model_error(ErrorCode::corrupt, "model",
                       cat("'model' is ", model ? model->description() : "absent", ", expected an object"));
  // Old files do not say what they are.
  const auto type = model->find("type");
  const std::string_view name = type ? type->string().value_or("") : model->find("merges") ? "BPE" : "";
  if (name == "WordPiece") return write_word_piece(files, vocabulary, contents);
  if (name == "Unigram") return write_unigram(files, vocabulary, contents);
  if (name != "BPE")
    return model_error(
        ErrorCode::unsupported, "model",
        cat("model.type is ", type ? type->description() : "absent", ", expected BPE, Unigram or WordPiece"));
  QUERN_CHECK(refuse_affixes(*model));
  if (flag_of(*model, "byte_fallback", false))
    return write_sentence_piece(files, vocabulary, contents, notes);
  return write_byte_level(files, options, vocabulary, contents, notes);
}

}  // namespace quern::detail
