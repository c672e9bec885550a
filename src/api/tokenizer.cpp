#include "quern/tokenizer.h"

#include <utility>

#include "formats/model_file.h"
#include "formats/try.h"
#include "src/api/about_file.h"
#include "src/api/edge.h"
#include "src/tokenizer/stream_decoder.h"
#include "src/tokenizer/tokenizer_impl.h"

namespace quern {
namespace {

std::optional<Token> if_any(Token id) { return id == detail::no_token ? std::nullopt : std::optional(id); }

}  // namespace

Tokenizer::Tokenizer(std::shared_ptr<const detail::TokenizerImpl> impl) : impl_(std::move(impl)) {}

Result<Tokenizer> Tokenizer::open(const std::filesystem::path& gguf) {
  return detail::at_edge([&]() -> Result<Tokenizer> {
    QUERN_TRY(const formats::ModelFile file,
              formats::ModelFile::open(gguf, {.access = formats::ModelFileOptions::Access::header_only}));
    QUERN_TRY(auto impl, detail::about_file(detail::TokenizerImpl::load(file.metadata()), gguf));
    return Tokenizer(std::move(impl));
  });
}

Result<std::vector<Token>> Tokenizer::encode(std::string_view text, const EncodeOptions& options) const {
  return detail::at_edge([&] { return impl_->encode(text, options.add_special, options.parse_special, options.plain); });
}

Result<std::string> Tokenizer::decode(std::span<const Token> tokens, const DecodeOptions& options) const {
  return detail::at_edge(
      [&] { return impl_->decode(tokens, options.remove_special, options.unparse_special); });
}

int Tokenizer::n_vocab() const { return static_cast<int>(impl_->size()); }
std::optional<Token> Tokenizer::bos() const { return if_any(impl_->special_id(detail::bos)); }
std::optional<Token> Tokenizer::eos() const { return if_any(impl_->special_id(detail::eos)); }
bool Tokenizer::is_end_of_generation(Token token) const { return impl_->is_end_of_generation(token); }
bool Tokenizer::is_control(Token token) const { return impl_->is_control(token); }
std::string_view Tokenizer::token_text(Token token) const { return impl_->text(token); }

TokenStream::TokenStream(const Tokenizer& tokenizer, const DecodeOptions& options) noexcept
    : tokenizer_(tokenizer), options_(options) {}
TokenStream::TokenStream(TokenStream&&) noexcept = default;
TokenStream& TokenStream::operator=(TokenStream&&) noexcept = default;
TokenStream::~TokenStream() = default;

Result<std::string> TokenStream::push(Token token) {
  return detail::at_edge([&]() -> Result<std::string> {
    if (!decoder_) {
      decoder_ = std::make_unique<detail::StreamDecoder>(
          tokenizer_.impl(), detail::StreamDecoder::Options{.special = options_.unparse_special});
    }
    return decoder_->push(token);
  });
}

// At most three bytes, which a std::string holds without taking memory.
std::string TokenStream::finish() noexcept { return decoder_ ? decoder_->finish() : std::string(); }

}  // namespace quern
