#pragma once
// Small helpers for code that reports errors: QUERN_TRY passes a failure up, so that parsing code stays straight;
// cat() builds a message (the standard library of GCC 12 has no std::format).
#include <charconv>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "quern/result.h"

#define QUERN_CONCAT_2(a, b) a##b
#define QUERN_CONCAT(a, b) QUERN_CONCAT_2(a, b)

// QUERN_TRY(const std::uint32_t n, reader.u32()); declares n, or returns the Error from the enclosing function.
#define QUERN_TRY(declaration, expression) QUERN_TRY_2(declaration, expression, QUERN_CONCAT(quern_try_, __LINE__))
#define QUERN_TRY_2(declaration, expression, temporary)          \
  auto temporary = (expression);                                 \
  if (!temporary) return std::move(temporary).error();           \
  declaration = std::move(*temporary)

// QUERN_CHECK(expression); for a Result<void>.
#define QUERN_CHECK(expression)                                             \
  do {                                                                      \
    if (auto quern_check_ = (expression); !quern_check_) return std::move(quern_check_).error(); \
  } while (false)

namespace quern::formats {

inline void append_piece(std::string& out, std::string_view piece) { out += piece; }
inline void append_piece(std::string& out, const char* piece) { out += piece; }
inline void append_piece(std::string& out, char piece) { out += piece; }
template <typename N>
  requires std::is_arithmetic_v<N>
void append_piece(std::string& out, N value) {
  char digits[64];
  const auto end = std::to_chars(digits, digits + sizeof digits, value);
  out.append(digits, end.ptr);
}
inline void append_piece(std::string& out, bool value) { out += value ? "true" : "false"; }

/// cat("tensor '", name, "' has ", n, " dimensions"): the pieces as one string.
template <typename... Pieces>
std::string cat(const Pieces&... pieces) {
  std::string out;
  (append_piece(out, pieces), ...);
  return out;
}

}  // namespace quern::formats
