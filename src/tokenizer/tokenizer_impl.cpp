#include "src/tokenizer/tokenizer_impl.h"

#include <limits>

#include "formats/printable.h"
#include "formats/try.h"
#include "src/tokenizer/byte_characters.h"
#include "src/tokenizer/clean_up.h"
#include "src/tokenizer/dna.h"
#include "src/tokenizer/escaped_spaces.h"
#include "src/tokenizer/unicode.h"

namespace quern::detail {

using formats::cat;

namespace {

constexpr std::string_view model_key = "tokenizer.ggml.model";
constexpr std::string_view pre_key = "tokenizer.ggml.pre";

// Files that are older than the key do not say how texts are cut. The vocabularies of most families of that
// time are known by where one of their tokens stands.
struct Landmark {
  std::size_t id;
  std::string_view text, pre;
};
constexpr Landmark landmarks[] = {
    {128000, "<|begin_of_text|>", "llama-bpe"},  // Llama 3
    {151644, "<|im_start|>", "qwen2"},           // Qwen 1.5
    {255000, "<|START_OF_TURN_TOKEN|>", "command-r"},
    {100000, "<｜begin▁of▁sentence｜>", "deepseek-llm"},  // and DeepSeek V2
    {32013, "<｜begin▁of▁sentence｜>", "deepseek-coder"},
    {50256, "<|endoftext|>", "gpt-2"},  // and Phi 2
    {11, "<|endoftext|>", "falcon"},
};

std::string_view pre_of_unsaid(const formats::Metadata& metadata) {
  const auto tokens = metadata.strings(tokens_key);
  if (!tokens) return "default";  // which is an error when the tokens are read
  for (const Landmark& landmark : landmarks)
    if (landmark.id < tokens->size() && (*tokens)[landmark.id] == landmark.text) return landmark.pre;
  return "default";
}

// The row of a vocabulary's pre-tokenizer; null for models without.
Result<const PreTokenizer*> pre_tokenizer_of(const formats::Metadata& metadata, const Model& model) {
  if (!model.uses_pre) return static_cast<const PreTokenizer*>(nullptr);
  std::string_view name = model.forced_pre;
  if (name.empty()) {
    QUERN_TRY(name, metadata.string_or(pre_key, ""));
    if (name.empty()) name = pre_of_unsaid(metadata);
  }
  if (const PreTokenizer* pre = find_pre_tokenizer(name)) return pre;
  std::string message = cat(pre_key, " '", formats::printable(name), "' is not known; known:");
  for (const PreTokenizer& known : pre_tokenizers()) message += cat(" ", known.name);
  return Error{ErrorCode::unsupported, std::move(message), std::string(pre_key)};
}

std::vector<Token> tokens_with(const Vocabulary& vocabulary, unsigned any_of, unsigned none_of) {
  std::vector<Token> ids;
  for (Token id = 0; vocabulary.contains(id); ++id)
    if (vocabulary.has(id, any_of) && !vocabulary.has(id, none_of)) ids.push_back(id);
  return ids;
}

// Byte characters as the bytes that they stand for; any other character as it is.
void append_bytes(std::string& out, std::string_view text) {
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at < end) {
    const Char c = read_char(at, end);
    if (c.code < byte_of_character.size() && byte_of_character[c.code] >= 0)
      out += static_cast<char>(byte_of_character[c.code]);
    else
      out.append(at, c.n_bytes);
    at += c.n_bytes;
  }
}

}  // namespace

TokenizerImpl::TokenizerImpl(Vocabulary vocabulary, const Model& model)
    : vocabulary_(std::move(vocabulary)),
      model_(model),
      all_special_(vocabulary_, tokens_with(vocabulary_, attr_control | attr_unknown | attr_user_defined, 0)),
      user_defined_(vocabulary_, tokens_with(vocabulary_, attr_user_defined, attr_control | attr_unknown)) {
  write_pieces();
}

Result<std::shared_ptr<const TokenizerImpl>> TokenizerImpl::load(const formats::Metadata& metadata,
                                                                 std::size_t limit) {
  QUERN_TRY(const std::string_view name, metadata.string(model_key));
  const Model* model = find_model(name);
  if (!model)
    return Error{
        ErrorCode::unsupported,
        cat(model_key, " '", formats::printable(name), "' is not supported; supported: ", supported_models()),
        std::string(model_key)};
  QUERN_TRY(const PreTokenizer* pre, pre_tokenizer_of(metadata, *model));
  QUERN_TRY(Vocabulary vocabulary, Vocabulary::load(metadata, *model, pre, limit));
  std::shared_ptr<TokenizerImpl> tokenizer(new TokenizerImpl(std::move(vocabulary), *model));
  if (model->make) {
    QUERN_TRY(tokenizer->algorithm_, model->make(tokenizer->vocabulary_, metadata, pre));
  }
  return std::shared_ptr<const TokenizerImpl>(std::move(tokenizer));
}

void TokenizerImpl::write_pieces() {
  std::size_t n_bytes = 0;
  for (Token id = 0; contains(id); ++id) n_bytes += vocabulary_.text(id).size();
  pieces_.reserve(n_bytes);
  piece_ends_.reserve(size());
  const Vocabulary::Rules& rules = vocabulary_.rules();
  const DnaTokens dna = model_.dna ? DnaTokens(vocabulary_) : DnaTokens();
  for (Token id = 0; contains(id); ++id) {
    const std::string_view text = dna.piece_text(id, vocabulary_.text(id));
    if (rules.plain_texts && !vocabulary_.has(id, attr_byte))
      pieces_ += text;
    else if (vocabulary_.has(id, attr_control | attr_unknown | attr_user_defined))
      pieces_ += text;
    else if (vocabulary_.has(id, attr_normal) && rules.escaped_spaces)
      append_unescaped(pieces_, text);
    else if (vocabulary_.has(id, attr_normal) && rules.byte_characters)
      append_bytes(pieces_, text);
    else if (vocabulary_.has(id, attr_byte))
      pieces_ += static_cast<char>(vocabulary_.byte(id));
    piece_ends_.push_back(static_cast<std::uint32_t>(pieces_.size()));
  }
}

std::string_view TokenizerImpl::piece(Token id, bool special) const {
  if (!special && vocabulary_.has(id, attr_control | attr_unknown)) return {};
  const auto i = static_cast<std::size_t>(id);
  const std::uint32_t begin = i == 0 ? 0 : piece_ends_[i - 1];
  return std::string_view(pieces_).substr(begin, piece_ends_[i] - begin);
}

Result<void> TokenizerImpl::check_present() const {
  if (algorithm_) return {};
  return Error{ErrorCode::unsupported,
               cat(model_key, " is '", model_.name, "': this model has no tokenizer, only ids go in and out"),
               std::string(model_key)};
}

Result<void> TokenizerImpl::check(Token id) const {
  QUERN_CHECK(check_present());
  if (contains(id)) return {};
  return Error{ErrorCode::invalid_argument,
               cat("token ", id, " is not in the vocabulary, which has ", size(), " tokens"), "tokens"};
}

TokenizerImpl::FrameTokens TokenizerImpl::frame_tokens() const {
  const Vocabulary::Rules& rules = vocabulary_.rules();
  switch (model_.frame) {
    case Frame::nothing: break;
    case Frame::always: return {vocabulary_.id(bos), vocabulary_.id(sep), no_token};
    case Frame::by_rules:
      return {rules.add_bos ? vocabulary_.id(bos) : no_token, rules.add_eos ? vocabulary_.id(eos) : no_token,
              rules.add_sep ? vocabulary_.id(sep) : no_token};
  }
  return {};
}

Result<std::vector<Token>> TokenizerImpl::encode(std::string_view text, bool add_special, bool parse_special,
                                                 std::span<const TextSpan> plain) const {
  QUERN_CHECK(check_present());
  QUERN_CHECK(check_text_size(text.size()));
  const FrameTokens around = add_special ? frame_tokens() : FrameTokens{};
  std::vector<Token> ids;
  ids.reserve(text.size() / 3 + 8);
  if (around.before != no_token) ids.push_back(around.before);
  for (const Fragment& fragment : (parse_special ? all_special_ : user_defined_).cut(text, plain)) {
    if (fragment.id != no_token)
      ids.push_back(fragment.id);
    else
      QUERN_CHECK(algorithm_->encode(fragment.text, ids));
  }
  if (around.after != no_token) ids.push_back(around.after);
  constexpr std::size_t max_ids = std::numeric_limits<std::int32_t>::max();
  if (ids.size() > max_ids)
    return Error{ErrorCode::invalid_argument,
                 cat("the text has ", ids.size(), " tokens, expected at most ", max_ids), "text"};
  return ids;
}

Result<std::string> TokenizerImpl::decode(std::span<const Token> ids, bool remove_special,
                                          bool unparse_special) const {
  QUERN_CHECK(check_present());
  for (const Token id : ids) QUERN_CHECK(check(id));
  const Vocabulary::Rules& rules = vocabulary_.rules();
  bool drop_space = rules.space_prefix;
  if (remove_special && rules.add_bos && !ids.empty() && ids.front() == vocabulary_.id(bos)) {
    ids = ids.subspan(1);
    drop_space = false;
  }
  if (remove_special && rules.add_eos && !ids.empty() && ids.back() == vocabulary_.id(eos))
    ids = ids.first(ids.size() - 1);
  std::string text;
  for (const Token id : ids) {
    std::string_view part = piece(id, unparse_special);
    if (drop_space && part.starts_with(' ')) part.remove_prefix(1);
    drop_space = false;
    text += part;
  }
  if (rules.clean_up) clean_up_spaces(text);
  return text;
}

}  // namespace quern::detail
