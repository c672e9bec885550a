#pragma once
// Text that is put together piece by piece, each byte with its origin: the template or the caller's data.
#include <cstdint>
#include <string_view>

#include "src/chat/arena.h"
#include "src/chat/value.h"

namespace quern::detail::jinja {

class Machine;

/// Counts what it holds against the memory of the rendering.
class TextBuilder {
 public:
  explicit TextBuilder(Machine& machine);
  TextBuilder(const TextBuilder&) = delete;
  TextBuilder& operator=(const TextBuilder&) = delete;

  /// Failures limit_memory, limit_steps.
  void append(std::string_view text, bool is_data);
  /// Requires: a string.
  void append(const Value& piece);
  /// n times.
  void append(char c, std::int64_t n, bool is_data);

  std::size_t size() const { return text_.size(); }
  std::string_view text() const { return text_; }
  bool is_data(std::size_t i) const { return marks_.empty() ? all_data_ : marks_[i] != 0; }
  /// What was put together, as a value of its own.
  Value value(std::uint8_t flags = 0) const;

 private:
  void mark(std::size_t n, bool is_data);

  Machine& machine_;
  CountedText text_;
  CountedText marks_;      // empty while all of the text has one origin
  bool all_data_ = false;  // that origin
};

}  // namespace quern::detail::jinja
