#pragma once
// Text as templates see it: code points, white space, upper and lower case, by Unicode.
#include <cstddef>
#include <string>
#include <string_view>

namespace quern::detail::jinja {

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
/// What str.strip() removes.
bool is_space(char32_t code);
/// What repr() prints as it is.
bool is_printable(char32_t code);

/// Bytes of the character that the text begins or ends with. Requires: UTF-8, not empty.
std::size_t first_bytes(std::string_view text);
std::size_t last_bytes(std::string_view text);
/// The character that the text begins with. Requires: UTF-8, not empty.
char32_t first_code(std::string_view text);

std::size_t count_codes(std::string_view text);
/// Where code point number n begins; the text's size if it has no more than n.
std::size_t byte_of_code(std::string_view text, std::size_t n);

/// Bytes of white space at the start and at the end.
std::size_t leading_space(std::string_view text);
std::size_t trailing_space(std::string_view text);

void append_upper(std::string& out, char32_t code);  ///< may be several: ß is SS
void append_lower(std::string& out, char32_t code);
void append_title(std::string& out, char32_t code);
bool is_letter(char32_t code);
bool is_cased(char32_t code);

/// Whether all bytes are valid UTF-8, and none of them 0.
bool is_plain_utf8(std::string_view text);

}  // namespace quern::detail::jinja
