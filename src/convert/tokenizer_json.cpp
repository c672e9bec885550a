// What all kinds of vocabulary share: added tokens, special ids, what goes around a text, chat templates.
#include "src/convert/tokenizer_json.h"

#include <algorithm>

#include "formats/printable.h"
#include "formats/try.h"

namespace quern::detail {
namespace {

using formats::cat;
using formats::GgufContents;
using formats::JsonValue;
using formats::printable;

Error tokenizer_error(ErrorCode code, std::string_view field, std::string_view what) {
  return Error{code, cat("tokenizer.json: ", what), std::string(field)};
}

}  // namespace

std::optional<std::uint64_t> VocabularyBuilder::find(std::string_view text) const {
  const auto at = by_text_.find(text);
  return at == by_text_.end() ? std::nullopt : std::optional(at->second);
}

Result<void> VocabularyBuilder::add(std::string_view text, std::uint64_t id, TokenType type, float score) {
  if (id >= n_rows_) {
    ++n_dropped_;
    return {};
  }
  if (has(id))
    return tokenizer_error(
        ErrorCode::corrupt, "vocab",
        cat("id ", id, " is of '", printable(texts_[id]), "' and of '", printable(text), "'"));
  if (id >= texts_.size()) {
    texts_.resize(id + 1);
    types_.resize(id + 1);
    scores_.resize(id + 1);
  }
  texts_[id] = text;
  types_[id] = static_cast<std::int32_t>(type);
  scores_[id] = score;
  by_text_.emplace(text, id);  // of two tokens with one text the first is found
  return {};
}

void VocabularyBuilder::write(GgufContents& contents, bool with_scores) {
  texts_.resize(n_rows_);
  types_.resize(n_rows_);
  scores_.resize(n_rows_);
  for (std::uint64_t id = 0; id < n_rows_; ++id) {
    if (has(id)) continue;
    texts_[id] = cat("[PAD", id, "]");
    types_[id] = static_cast<std::int32_t>(TokenType::unused);
    scores_[id] = 0;
  }
  contents.set("tokenizer.ggml.tokens", texts_);
  if (with_scores) contents.set("tokenizer.ggml.scores", scores_);
  contents.set("tokenizer.ggml.token_type", types_);
}

std::optional<std::vector<std::uint8_t>> from_base64(std::string_view text) {
  while (text.ends_with('=')) text.remove_suffix(1);
  std::vector<std::uint8_t> bytes;
  std::uint32_t bits = 0;
  int n_bits = 0;
  for (const char c : text) {
    const int digit = c >= 'A' && c <= 'Z'   ? c - 'A'
                      : c >= 'a' && c <= 'z' ? c - 'a' + 26
                      : c >= '0' && c <= '9' ? c - '0' + 52
                      : c == '+'             ? 62
                      : c == '/'             ? 63
                                             : -1;
    if (digit < 0) return std::nullopt;
    bits = bits << 6 | static_cast<std::uint32_t>(digit);
    n_bits += 6;
    if (n_bits < 8) continue;
    n_bits -= 8;
    bytes.push_back(static_cast<std::uint8_t>(bits >> n_bits & 0xFF));
  }
  return bytes;
}

namespace {

class TokenizerWriter {
 public:
  TokenizerWriter(const TokenizerFiles& files, const TokenizerOptions& options, GgufContents& contents,
                  std::vector<std::string>& notes)
      : files_(files), options_(options), contents_(contents), notes_(notes), vocabulary_(options.n_rows) {}

  Result<void> write() {
    QUERN_TRY(model_, write_tokenizer_model(files_, options_, vocabulary_, contents_, notes_));
    contents_.set("tokenizer.ggml.model", model_);
    QUERN_CHECK(add_added_tokens());
    if (model_ == "bert") write_word_forms();
    QUERN_CHECK(write_special_ids());
    QUERN_CHECK(write_surroundings());
    if (vocabulary_.n_dropped() > 0)
      notes_.push_back(cat(vocabulary_.n_dropped(), " tokens have ids beyond the ", options_.n_rows,
                           " rows of the embedding and are left out"));
    vocabulary_.write(contents_, model_ != "gpt2");
    return write_templates();
  }

 private:
  std::optional<JsonValue> of_config(std::string_view key) const {
    return files_.config ? files_.config->root().find(key) : std::nullopt;
  }

  Result<void> add_added_tokens() {
    const auto list = files_.tokenizer.root().find("added_tokens");
    if (!list || list->is_null()) return {};
    if (!list->is_array())
      return tokenizer_error(ErrorCode::corrupt, "added_tokens",
                             cat("'added_tokens' is ", list->description(), ", expected an array"));
    std::size_t n_stripping = 0;
    for (const JsonValue token : list->elements()) {
      const auto content = token.find("content"), id = token.find("id"), special = token.find("special");
      const auto text = content ? content->string() : std::nullopt;
      const auto number = id ? id->unsigned_integer() : std::nullopt;
      if (!text || !number)
        return tokenizer_error(
            ErrorCode::corrupt, "added_tokens",
            cat("an added token is ", token.description(), ", expected 'id' and 'content'"));
      const bool is_special = special && special->boolean().value_or(false);
      QUERN_CHECK(add_added_token(*text, *number, is_special ? TokenType::control : TokenType::user_defined));
      for (const char* key : {"lstrip", "rstrip", "single_word"})
        if (const auto flag = token.find(key); flag && flag->boolean().value_or(false)) ++n_stripping;
    }
    if (n_stripping > 0)
      notes_.push_back(cat(n_stripping,
                           " added tokens take spaces beside them, or whole words only; GGUF has no word "
                           "for that"));
    return {};
  }

  Result<void> add_added_token(std::string_view text, std::uint64_t id, TokenType type) {
    if (!vocabulary_.has(id)) return vocabulary_.add(text, id, type);
    if (vocabulary_.text(id) != text)
      return tokenizer_error(ErrorCode::corrupt, "added_tokens",
                             cat("added token '", printable(text), "' has id ", id, ", which is '",
                                 printable(vocabulary_.text(id)), "' in the vocabulary"));
    if (vocabulary_.type(id) != TokenType::unknown && vocabulary_.type(id) != TokenType::byte)
      vocabulary_.set_type(id, type);
    return {};
  }

  // GGUF marks the beginnings of words, not the pieces that go on.
  void write_word_forms() {
    for (std::uint64_t id = 0; id < vocabulary_.size(); ++id) {
      if (!vocabulary_.has(id) || vocabulary_.type(id) != TokenType::normal) continue;
      const std::string& text = vocabulary_.text(id);
      vocabulary_.set_text(id, text.starts_with("##") ? text.substr(2) : cat("\u2581", text));
    }
  }

  // The text of a special token: a string, or an object with its content. Empty: none.
  std::string_view special_text(std::string_view key) const {
    auto value = of_config(key);
    if (value && value->is_object()) value = value->find("content");
    return value ? value->string().value_or("") : "";
  }

  std::optional<std::uint64_t> special_id(std::string_view name) const {
    if (const auto id = vocabulary_.find(special_text(cat(name, "_token")))) return id;
    if (!files_.model_config) return std::nullopt;
    auto value = files_.model_config->root().find(cat(name, "_token_id"));
    if (value && value->is_array() && value->size() > 0) value = *value->elements().begin();
    const auto id = value ? value->unsigned_integer() : std::nullopt;
    return id && vocabulary_.has(*id) ? id : std::nullopt;
  }

  Result<void> write_special_ids() {
    const auto set = [&](std::string_view key, std::optional<std::uint64_t> id) {
      if (id) contents_.set(cat("tokenizer.ggml.", key, "_token_id"), static_cast<std::uint32_t>(*id));
    };
    bos_ = special_id("bos");
    eos_ = special_id("eos");
    std::optional<std::uint64_t> unknown = special_id("unk");
    if (const auto text = files_.tokenizer.root().find("model")->find("unk_token"); text && text->string())
      if (const auto id = vocabulary_.find(*text->string())) unknown = id;
    if (model_ == "bert") {
      bos_ = vocabulary_.find(special_text("cls_token"));
      eos_ = vocabulary_.find(special_text("sep_token"));
      if (!bos_) bos_ = vocabulary_.find("[CLS]");
      if (!eos_) eos_ = vocabulary_.find("[SEP]");
      if (!bos_ || !eos_)
        return tokenizer_error(ErrorCode::corrupt, "cls_token",
                               "the vocabulary has no [CLS] and [SEP], which WordPiece needs");
      set("cls", bos_);
      set("seperator", eos_);
      set("mask", vocabulary_.find(special_text("mask_token")));
    }
    // Byte-level BPE has no use for it, and in its files the key names the end of text as often as not.
    if (unknown && model_ != "gpt2") {
      set("unknown", unknown);
      vocabulary_.set_type(*unknown, TokenType::unknown);
    }
    set("bos", bos_);
    set("eos", eos_);
    set("padding", special_id("pad"));
    return {};
  }

  // What the post-processor puts around a single text: 1 or 0 tokens on either side.
  struct Surroundings {
    std::vector<std::string_view> before, after;
  };
  static Result<Surroundings> read_template(const JsonValue& processor) {
    Surroundings around;
    bool seen_text = false;
    const auto single = processor.find("single");
    for (const JsonValue piece : single ? single->elements() : processor.elements()) {
      if (piece.find("Sequence")) {
        seen_text = true;
      } else if (const auto token = piece.find("SpecialToken")) {
        const auto id = token->find("id");
        (seen_text ? around.after : around.before).push_back(id ? id->string().value_or("") : "");
      }
    }
    if (!seen_text || around.before.size() > 1 || around.after.size() > 1)
      return tokenizer_error(
          ErrorCode::unsupported, "post_processor",
          "post_processor is a template other than one token before and one after the text");
    return around;
  }

  // The text of a pair of a token and its id.
  static std::string_view first_text(const JsonValue& step, std::string_view key) {
    const auto pair = step.find(key);
    if (!pair || !pair->is_array() || pair->size() == 0) return "";
    return (*pair->elements().begin()).string().value_or("");
  }

  Result<std::optional<Surroundings>> surroundings() const {
    const auto processor = files_.tokenizer.root().find("post_processor");
    if (!processor || processor->is_null()) return std::optional<Surroundings>();
    std::vector<JsonValue> steps;
    if (const auto list = processor->find("processors")) {
      for (const JsonValue step : list->elements()) steps.push_back(step);
    } else {
      steps.push_back(*processor);
    }
    std::optional<Surroundings> around;
    for (const JsonValue step : steps) {
      const auto type = step.find("type");
      const std::string_view name = type ? type->string().value_or("") : "";
      if (name == "ByteLevel") continue;
      if (name == "TemplateProcessing" && !around) {
        QUERN_TRY(around, read_template(step));
      } else if ((name == "BertProcessing" || name == "RobertaProcessing") && !around) {
        around = Surroundings{{first_text(step, "cls")}, {first_text(step, "sep")}};
      } else {
        return tokenizer_error(
            ErrorCode::unsupported, "post_processor",
            cat("post_processor '", printable(name),
                "' is not known, expected TemplateProcessing, BertProcessing, RobertaProcessing or "
                "ByteLevel"));
      }
    }
    return around;
  }

  Result<void> write_surroundings() {
    QUERN_TRY(const std::optional<Surroundings> around, surroundings());
    if (model_ == "bert") return {};  // [CLS] and [SEP], always
    bool add_bos = false, add_eos = false;
    if (around && !around->before.empty()) {
      const auto id = vocabulary_.find(around->before.front());
      if (!bos_) bos_ = id;
      if (!id || id != bos_)
        return tokenizer_error(ErrorCode::unsupported, "post_processor",
                               cat("post_processor puts '", printable(around->before.front()),
                                   "' in front of a text, expected the bos token"));
      contents_.set("tokenizer.ggml.bos_token_id", static_cast<std::uint32_t>(*bos_));
      add_bos = true;
    }
    if (around && !around->after.empty()) {
      const auto id = vocabulary_.find(around->after.front());
      if (!id || id != eos_)
        return tokenizer_error(ErrorCode::unsupported, "post_processor",
                               cat("post_processor puts '", printable(around->after.front()),
                                   "' behind a text, expected the eos token"));
      add_eos = true;
    }
    // The configuration has the last word, as it has where the tokenizer comes from.
    if (const auto flag = of_config("add_bos_token"); flag && flag->boolean()) add_bos = *flag->boolean();
    if (const auto flag = of_config("add_eos_token"); flag && flag->boolean()) add_eos = *flag->boolean();
    contents_.set("tokenizer.ggml.add_bos_token", add_bos && bos_.has_value());
    contents_.set("tokenizer.ggml.add_eos_token", add_eos && eos_.has_value());
    return {};
  }

  Result<void> write_templates() {
    if (files_.chat_template) {
      contents_.set("tokenizer.chat_template", std::string_view(*files_.chat_template));
      return {};
    }
    const auto value = of_config("chat_template");
    if (!value || value->is_null()) return {};
    if (const auto text = value->string()) {
      contents_.set("tokenizer.chat_template", *text);
      return {};
    }
    std::vector<std::string_view> names;
    for (const JsonValue entry : value->elements()) {
      const auto name = entry.find("name"), text = entry.find("template");
      if (!name || !name->string() || name->string()->empty() || name->string()->size() > 100 || !text ||
          !text->string())
        return Error{ErrorCode::corrupt,
                     cat("tokenizer_config.json: 'chat_template' has ", entry.description(),
                         ", expected name and template"),
                     "chat_template"};
      if (*name->string() == "default") {
        contents_.set("tokenizer.chat_template", *text->string());
        continue;
      }
      names.push_back(*name->string());
      contents_.set(cat("tokenizer.chat_template.", *name->string()), *text->string());
    }
    contents_.set("tokenizer.chat_templates", names);
    return {};
  }

  const TokenizerFiles& files_;
  const TokenizerOptions& options_;
  GgufContents& contents_;
  std::vector<std::string>& notes_;
  VocabularyBuilder vocabulary_;
  std::string_view model_{};
  std::optional<std::uint64_t> bos_{}, eos_{};
};

}  // namespace

Result<void> write_tokenizer(const TokenizerFiles& files, const TokenizerOptions& options,
                             GgufContents& contents, std::vector<std::string>& notes) {
  return TokenizerWriter(files, options, contents, notes).write();
}

}  // namespace quern::detail
