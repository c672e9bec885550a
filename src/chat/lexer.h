#pragma once
// A template's source as tokens: text between tags with the white space that the tags take away already gone,
// and what is inside tags.
#include <cstdint>
#include <string>
#include <string_view>

namespace quern::detail::jinja {

enum class TokenKind : std::uint8_t {
  text,          // between tags
  output_begin,  // {{
  output_end,
  block_begin,  // {%
  block_end,
  name,
  string,  // with its quotes
  integer,
  floating,
  symbol,  // an operator or bracket
  end,
};

struct Lexeme {
  TokenKind kind = TokenKind::end;
  std::string_view text{};
  std::uint32_t at = 0;
};

/// trim_blocks and lstrip_blocks are on: a newline after %} and white space before {% on its line go.
class Lexer {
 public:
  /// Requires: the source has "\n" for every newline, and outlives the tokens.
  explicit Lexer(std::string_view source) : source_(source) {}

  /// The next token. Failure syntax.
  Lexeme next();

 private:
  enum class Mode : std::uint8_t { text, output, block };

  std::size_t find_tag() const;
  Lexeme next_text();
  Lexeme next_inside();
  Lexeme number();
  Lexeme string();
  bool ends_tag(Lexeme& token);
  void skip_comment(std::size_t begin);
  Lexeme raw_text(std::size_t content);
  std::size_t after_tag_end(std::size_t at, char control) const;
  std::string_view stripped_before_tag(std::size_t begin, std::size_t tag) const;
  std::size_t raw_content(std::size_t tag) const;

  Lexeme token(TokenKind kind, std::size_t begin, std::size_t end) const {
    return {kind, source_.substr(begin, end - begin), static_cast<std::uint32_t>(begin)};
  }
  char at(std::size_t i) const { return i < source_.size() ? source_[i] : '\0'; }

  std::string_view source_;
  std::size_t at_ = 0;
  Mode mode_ = Mode::text;
  bool strip_next_ = false;  ///< the tag before ended in "-"
  std::string brackets_;     ///< that are open inside the tag, by what closes them
  std::size_t tag_ = 0;      ///< where the tag begins that is being read
};

}  // namespace quern::detail::jinja
