#include "src/tokenizer/vocabulary.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "formats/printable.h"
#include "formats/try.h"
#include "src/tokenizer/model.h"

namespace quern::detail {

using formats::cat;
using formats::MetadataArray;
using formats::printable;
using formats::ValueType;

namespace {

constexpr std::size_t max_tokens = std::size_t{1} << 24;
constexpr std::uint64_t max_total_text_bytes = std::uint64_t{1} << 30;
// All tokens that are looked for in texts: bounds the time per byte of the search.
constexpr std::size_t max_special_text_bytes = 1024;

constexpr std::string_view scores_key = "tokenizer.ggml.scores";
constexpr std::string_view types_key = "tokenizer.ggml.token_type";
// Some files list all tokens that end a generation, beside the one of eos_token_id.
constexpr std::string_view ends_key = "tokenizer.ggml.eos_token_ids";

// Types as in the file.
enum FileType {
  undefined = 0,
  normal = 1,
  unknown = 2,
  control_type = 3,
  user_defined = 4,
  unused = 5,
  byte_type = 6
};

constexpr std::uint16_t attributes_of_type(std::int64_t type) {
  switch (type) {
    case normal: return attr_normal;
    case unknown: return attr_unknown;
    case control_type: return attr_control;
    case user_defined: return attr_user_defined;
    case unused: return attr_unused;
    case byte_type: return attr_byte;
    default: return 0;
  }
}

struct IdKey {
  SpecialId which;
  std::string_view key;
};
// In this order; of two keys for one id the later wins. The misspelling is the common form.
constexpr IdKey id_keys[] = {
    {bos, "bos"},         {eos, "eos"},         {eot, "eot"},         {eom, "eom"},
    {unk, "unknown"},     {sep, "separator"},   {sep, "seperator"},   {pad, "padding"},
    {mask_id, "mask"},    {cls, "cls"},         {fim_pre, "fim_pre"}, {fim_suf, "fim_suf"},
    {fim_mid, "fim_mid"}, {fim_pad, "fim_pad"}, {fim_rep, "fim_rep"}, {fim_sep, "fim_sep"},
    {fim_pre, "prefix"},  {fim_suf, "suffix"},  {fim_mid, "middle"},
};

// The byte that two hexadecimal digits write, or nothing.
std::optional<std::uint8_t> byte_of_digits(std::string_view digits) {
  const auto digit = [](char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                  : -1;
  };
  if (digits.size() != 2 || digit(digits[0]) < 0 || digit(digits[1]) < 0) return std::nullopt;
  return static_cast<std::uint8_t>(digit(digits[0]) * 16 + digit(digits[1]));
}

// Byte value of "<0xNN>", or nothing.
std::optional<std::uint8_t> byte_of_text(std::string_view text) {
  if (text.size() != 6 || !text.starts_with("<0x") || text[5] != '>') return std::nullopt;
  return byte_of_digits(text.substr(3, 2));
}

// Writes the text with \t, \n, \r and \xhh as the bytes that they mean, other backslashes left out, to `out`
// and returns the end, which is no further than the text is long; null for an escape that is cut short.
char* resolve_backslashes(std::string_view text, char* out) {
  while (!text.empty()) {
    char byte = text[0];
    text.remove_prefix(1);
    if (byte == '\\') {
      if (text.empty()) return nullptr;
      byte = text[0];
      text.remove_prefix(1);
      if (byte == 'x') {
        const auto value = byte_of_digits(text.substr(0, 2));
        if (!value) return nullptr;
        byte = static_cast<char>(*value);
        text.remove_prefix(2);
      } else {
        byte = byte == 't' ? '\t' : byte == 'n' ? '\n' : byte == 'r' ? '\r' : byte;
      }
    }
    *out++ = byte;
  }
  return out;
}

Error corrupt(std::string_view key, std::string message) {
  return Error{ErrorCode::corrupt, std::move(message), std::string(key)};
}

// The array under a key after checks of its element type and size; null if the key is absent.
Result<const MetadataArray*> array_of(const formats::Metadata& metadata, std::string_view key,
                                      std::size_t n_tokens, ValueType type, ValueType other_type) {
  const formats::MetadataEntry* entry = metadata.find(key);
  if (!entry) return static_cast<const MetadataArray*>(nullptr);
  const auto* array = std::get_if<MetadataArray>(&entry->value);
  const std::string expected = cat("an array of ", to_string(type), " or ", to_string(other_type));
  if (!array) return corrupt(key, cat(key, " is a ", to_string(entry->type), ", expected ", expected));
  if (array->element_type != type && array->element_type != other_type)
    return corrupt(key,
                   cat(key, " is an array of ", to_string(array->element_type), ", expected ", expected));
  if (array->size != n_tokens)
    return corrupt(key, cat(key, " has ", array->size, " entries, tokens has ", n_tokens));
  return array;
}

}  // namespace

std::uint8_t Vocabulary::byte(Token id) const { return byte_of_text(text(id)).value_or(0); }

Result<Vocabulary> Vocabulary::load(const formats::Metadata& metadata, const Model& model,
                                    const PreTokenizer* pre, std::size_t limit) {
  Vocabulary vocabulary;
  if (model.make == nullptr) return vocabulary;
  vocabulary.metadata_ = metadata;
  QUERN_CHECK(vocabulary.load_tokens(metadata, model, limit));
  QUERN_CHECK(vocabulary.load_scores(metadata, model));
  QUERN_CHECK(vocabulary.load_types(metadata));
  QUERN_CHECK(vocabulary.load_ids(metadata, model, pre));
  vocabulary.find_ids_by_text();
  vocabulary.mark_unused();
  vocabulary.mark_ends_of_generation();
  QUERN_CHECK(vocabulary.mark_stripping(metadata));
  QUERN_CHECK(vocabulary.load_rules(metadata, model, pre));
  return vocabulary;
}

Result<void> Vocabulary::load_tokens(const formats::Metadata& metadata, const Model& model,
                                     std::size_t limit) {
  QUERN_TRY(texts_, metadata.strings(tokens_key));
  if (texts_.empty()) return corrupt(tokens_key, cat(tokens_key, " is empty"));
  if (texts_.size() > max_tokens)
    return corrupt(tokens_key,
                   cat(tokens_key, " has ", texts_.size(), " entries, expected at most ", max_tokens));
  n_listed_ = texts_.size();
  texts_ = texts_.first(std::min(limit, texts_.size()));
  if (model.escaped_texts) QUERN_CHECK(resolve_escapes());
  index_ = TextIndex(hash_, texts_.size());
  std::uint64_t total_bytes = 0;
  for (std::uint32_t id = 0; id < texts_.size(); ++id) {
    const std::string_view text = texts_[id];
    total_bytes += text.size();
    if (text.size() > model.max_text_bytes)
      return corrupt(tokens_key, cat(tokens_key, "[", id, "] has ", text.size(), " bytes, expected at most ",
                                     model.max_text_bytes));
    if (text.empty()) continue;
    if (index_.insert(text, id, [this](std::uint32_t other) { return texts_[other]; }) != id)
      has_duplicates_ = true;
  }
  if (total_bytes > max_total_text_bytes)
    return corrupt(tokens_key, cat(tokens_key, " has ", total_bytes, " bytes of text, expected at most ",
                                   max_total_text_bytes));
  return {};
}

Result<void> Vocabulary::resolve_escapes() {
  std::size_t n_bytes = 0;
  for (const std::string_view text : texts_) n_bytes += text.size();
  resolved_bytes_.resize(n_bytes);
  resolved_texts_.reserve(texts_.size());
  char* out = resolved_bytes_.data();
  for (std::size_t id = 0; id < texts_.size(); ++id) {
    char* const end = resolve_backslashes(texts_[id], out);
    if (!end)
      return corrupt(tokens_key, cat(tokens_key, "[", id, "] is '", printable(texts_[id]),
                                     "', expected \\x before two hexadecimal digits and something after "
                                     "each backslash"));
    resolved_texts_.emplace_back(out, end - out);
    out = end;
  }
  texts_ = resolved_texts_;
  return {};
}

Result<void> Vocabulary::load_scores(const formats::Metadata& metadata, const Model& model) {
  QUERN_TRY(const MetadataArray* array,
            array_of(metadata, scores_key, n_listed_, ValueType::f32, ValueType::i32));
  if (!array) return {};
  QUERN_TRY(scores_, metadata.numbers(scores_key));
  if (!model.scores_must_be_finite) return {};
  for (std::size_t id = 0; id < size(); ++id)
    if (!std::isfinite(scores_[id]))
      return corrupt(scores_key,
                     cat(scores_key, "[", id, "] is ", scores_[id], ", expected a finite number"));
  return {};
}

Result<void> Vocabulary::load_types(const formats::Metadata& metadata) {
  QUERN_TRY(const MetadataArray* array,
            array_of(metadata, types_key, n_listed_, ValueType::i32, ValueType::u32));
  if (!array) {
    attributes_.assign(size(), attr_normal);
    return {};
  }
  QUERN_TRY(const std::vector<std::int64_t> types, metadata.integers(types_key));
  attributes_.resize(size());
  for (std::size_t id = 0; id < size(); ++id) {
    attributes_[id] = attributes_of_type(types[id]);
    if (types[id] == byte_type && !byte_of_text(texts_[id]))
      return corrupt(tokens_key, cat(tokens_key, "[", id, "] is '", printable(texts_[id]),
                                     "' and of type byte, expected <0x, two hexadecimal digits, >"));
    if (has(static_cast<Token>(id), attr_control | attr_unknown | attr_user_defined) &&
        texts_[id].size() > max_special_text_bytes)
      return corrupt(tokens_key, cat(tokens_key, "[", id, "] is a special token of ", texts_[id].size(),
                                     " bytes, expected at most ", max_special_text_bytes));
  }
  return {};
}

Result<void> Vocabulary::load_ids(const formats::Metadata& metadata, const Model& model,
                                  const PreTokenizer* pre) {
  ids_.fill(no_token);
  for (const auto& [which, id] : model.default_ids) {
    if (!contains(id)) continue;
    // The defaults of byte-pair vocabularies fit one family only, where the token is a control token.
    if (model.uses_pre && !has(id, attr_control)) continue;
    if (which == bos && pre && pre->has(no_default_bos)) continue;
    ids_[which] = id;
  }
  for (const auto& [which, name] : id_keys) {
    const std::string key = cat("tokenizer.ggml.", name, "_token_id");
    if (!metadata.has(key)) continue;
    QUERN_TRY(const std::uint64_t id, metadata.unsigned_integer(key));
    if (id < size())
      ids_[which] = static_cast<Token>(id);
    else
      warnings_.push_back(cat(key, " is ", id, ", but there are only ", size(), " tokens; it is ignored"));
  }
  if (model.frame == Frame::always && ids_[cls] != no_token && !metadata.has("tokenizer.ggml.bos_token_id"))
    ids_[bos] = ids_[cls];
  if (!metadata.has(ends_key)) return {};
  QUERN_TRY(const std::vector<std::int64_t> ends, metadata.integers(ends_key));
  for (const std::int64_t id : ends) {
    if (id >= 0 && static_cast<std::uint64_t>(id) < size())
      add(static_cast<Token>(id), attr_end_of_generation);
    else
      warnings_.push_back(
          cat(ends_key, " has ", id, ", but there are only ", size(), " tokens; it is ignored"));
  }
  return {};
}

void Vocabulary::find_ids_by_text() {
  static constexpr std::string_view eot_texts[] = {
      "<|eot_id|>", "<|im_end|>", "<|end|>", "<end_of_turn>",         "<|endoftext|>",     "<|end_of_text|>",
      "<EOT>",      "_<EOT>",     "[EOT]",   "<｜end▁of▁sentence｜>", "<end_of_utterance>"};
  static constexpr std::string_view eom_texts[] = {"<|eom_id|>"};
  static constexpr std::string_view fim_pre_texts[] = {"<|fim_prefix|>",  "<fim-prefix>", "<fim_prefix>",
                                                       "<｜fim▁begin｜>", "<PRE>",        "▁<PRE>",
                                                       "<|code_prefix|>", "<|prefix|>"};
  static constexpr std::string_view fim_suf_texts[] = {"<|fim_suffix|>",  "<fim-suffix>", "<fim_suffix>",
                                                       "<｜fim▁hole｜>",  "<SUF>",        "▁<SUF>",
                                                       "<|code_suffix|>", "<|suffix|>"};
  static constexpr std::string_view fim_mid_texts[] = {"<|fim_middle|>",  "<fim-middle>", "<fim_middle>",
                                                       "<｜fim▁end｜>",   "<MID>",        "▁<MID>",
                                                       "<|code_middle|>", "<|middle|>"};
  static constexpr std::string_view fim_pad_texts[] = {"<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<PAD>",
                                                       "[PAD]"};
  static constexpr std::string_view fim_rep_texts[] = {"<|fim_repo|>", "<|repo_name|>", "<fim-repo>",
                                                       "<REPO>", "<reponame>"};
  static constexpr std::string_view fim_sep_texts[] = {"<|file_sep|>"};
  static constexpr std::pair<SpecialId, std::span<const std::string_view>> texts_of_ids[] = {
      {eot, eot_texts},         {eom, eom_texts},         {fim_pre, fim_pre_texts}, {fim_suf, fim_suf_texts},
      {fim_mid, fim_mid_texts}, {fim_pad, fim_pad_texts}, {fim_rep, fim_rep_texts}, {fim_sep, fim_sep_texts}};
  for (const auto& [which, texts] : texts_of_ids) {
    if (ids_[which] != no_token) continue;
    for (const std::string_view text : texts)
      if (const Token id = find(text); id != no_token) {
        ids_[which] = id;
        add(id, attr_control);
        break;
      }
  }
}

void Vocabulary::mark_unused() {
  for (Token id = 0; contains(id); ++id)
    if (has(id, attr_control) && text(id).find("unused") != std::string_view::npos) add(id, attr_unused);
}

void Vocabulary::set_type(Token id, unsigned type) {
  if (id == no_token) return;
  constexpr unsigned types =
      attr_normal | attr_unknown | attr_control | attr_user_defined | attr_unused | attr_byte;
  auto& attributes = attributes_[static_cast<std::size_t>(id)];
  attributes = static_cast<std::uint16_t>((attributes & ~types) | type);
}

void Vocabulary::mark_ends_of_generation() {
  static constexpr std::string_view texts[] = {"<|eot_id|>",
                                               "<|im_end|>",
                                               "<|end|>",
                                               "<|return|>",
                                               "<|call|>",
                                               "<|flush|>",
                                               "<|calls|>",
                                               "<end_of_turn>",
                                               "<|endoftext|>",
                                               "</s>",
                                               "<|eom_id|>",
                                               "<EOT>",
                                               "_<EOT>",
                                               "[EOT]",
                                               "[EOS]",
                                               "<|end_of_text|>",
                                               "<end_of_utterance>",
                                               "<eos>",
                                               "<turn|>",
                                               "<|tool_response>",
                                               "<｜end▁of▁sentence｜>",
                                               "[e~["};
  for (const SpecialId which : {eos, eot, eom, fim_pad, fim_rep, fim_sep})
    if (ids_[which] != no_token) add(ids_[which], attr_end_of_generation);
  for (const std::string_view text : texts)
    if (const Token id = find(text); id != no_token) add(id, attr_end_of_generation | attr_control);

  const auto ends = [this](std::string_view text) {
    const Token id = find(text);
    return id != no_token && has(id, attr_end_of_generation);
  };
  const auto take_off = [this](std::string_view text, unsigned type) {
    const Token id = find(text);
    attributes_[static_cast<std::size_t>(id)] &= static_cast<std::uint16_t>(~attr_end_of_generation);
    set_type(id, type);
  };
  for (const std::string_view text : {"<|channel|>", "<|message|>", "<|start|>", "<|constrain|>"})
    set_type(find(text), attr_user_defined);
  // In vocabularies with messages in channels <|end|> ends a message, not the turn.
  if (ends("<|end|>") && (ends("<|call|>") || ends("<|calls|>")) && (ends("<|return|>") || ends("<|flush|>")))
    take_off("<|end|>", attr_user_defined);
  if (ends("<|tool_response>") && ends("</s>")) take_off("</s>", attr_normal);
}

Result<void> Vocabulary::mark_stripping(const formats::Metadata& metadata) {
  QUERN_TRY(const std::string_view pre, metadata.string_or("tokenizer.ggml.pre", ""));
  QUERN_TRY(const std::string_view architecture, metadata.string_or("general.architecture", ""));
  QUERN_TRY(const std::string_view name, metadata.string_or("general.name", ""));
  std::string lower_name(name);
  for (char& c : lower_name)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  const auto contains_any = [](std::string_view text, std::initializer_list<std::string_view> parts) {
    return std::any_of(parts.begin(), parts.end(),
                       [&](std::string_view part) { return text.find(part) != std::string_view::npos; });
  };
  const auto strip = [this](std::string_view text, TokenAttribute side) {
    if (const Token id = find(text); id != no_token) add(id, side);
  };

  if (contains_any(pre, {"jina-v2-de", "jina-v2-es", "jina-v2-code"}) ||
      contains_any(architecture, {"nomic-bert-moe", "jina-bert-v3"})) {
    strip("<mask>", attr_lstrip);
  } else if (contains_any(lower_name, {"phi-3", "phi3"})) {
    for (Token id = 0; contains(id); ++id)
      if (has(id, attr_control | attr_unknown | attr_user_defined)) add(id, attr_rstrip);
    strip("</s>", attr_rstrip);
    for (const std::string_view text : {"<unk>", "<s>", "<|endoftext|>"})
      if (const Token id = find(text); id != no_token)
        attributes_[static_cast<std::size_t>(id)] &= static_cast<std::uint16_t>(~attr_rstrip);
  } else if (contains_any(lower_name, {"modern-bert"})) {
    strip("[MASK]", attr_lstrip);
  }
  return {};
}

Result<void> Vocabulary::load_rules(const formats::Metadata& metadata, const Model& model,
                                    const PreTokenizer* pre) {
  rules_ = model.rules;
  if (pre && model.forced_pre.empty() && !metadata.has("tokenizer.ggml.pre"))
    warnings_.push_back(cat("tokenizer.ggml.pre is absent; texts are cut as by '", pre->name, "'"));
  if (pre) {
    rules_.add_bos = pre->has(adds_bos | always_bos);
    rules_.add_sep = pre->has(adds_sep);
    rules_.clean_up = !pre->has(no_clean_up);
    rules_.escaped_spaces = pre->has(escapes_spaces);
    rules_.byte_characters = !pre->has(escapes_spaces);
  }
  QUERN_TRY(rules_.add_bos, metadata.boolean_or("tokenizer.ggml.add_bos_token", rules_.add_bos));
  QUERN_TRY(rules_.add_eos, metadata.boolean_or("tokenizer.ggml.add_eos_token", rules_.add_eos));
  QUERN_TRY(rules_.add_sep, metadata.boolean_or("tokenizer.ggml.add_sep_token", rules_.add_sep));
  QUERN_TRY(rules_.space_prefix, metadata.boolean_or("tokenizer.ggml.add_space_prefix", rules_.space_prefix));
  if (pre && pre->has(always_bos)) rules_.add_bos = true;

  const auto required = [this](SpecialId which, std::string_view name,
                               std::string_view because) -> Result<void> {
    if (ids_[which] != no_token) return {};
    return corrupt(cat("tokenizer.ggml.", name, "_token_id"),
                   cat(because, " but the vocabulary has no ", name, " id"));
  };
  if (model.frame == Frame::by_rules && rules_.add_bos)
    QUERN_CHECK(required(bos, "bos", "add_bos_token is true"));
  if (model.frame == Frame::by_rules && rules_.add_eos)
    QUERN_CHECK(required(eos, "eos", "add_eos_token is true"));
  if (model.frame == Frame::always) {
    QUERN_CHECK(required(bos, "bos", cat("tokenizer.ggml.model is ", model.name)));
    QUERN_CHECK(required(sep, "seperator", cat("tokenizer.ggml.model is ", model.name)));
  }
  if (model.needs_unknown) QUERN_CHECK(required(unk, "unknown", cat("tokenizer.ggml.model is ", model.name)));
  return {};
}

}  // namespace quern::detail
