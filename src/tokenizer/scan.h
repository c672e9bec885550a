#pragma once
// The pieces that pre-tokenizers are made of. A rule set is a list of steps, a step a list of alternatives,
// and an alternative a function that says where its match from a position ends: the same structure as the
// regular expressions that the models were trained with, without an engine, in linear time and without
// recursion.
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "src/tokenizer/unicode.h"

namespace quern::detail {

// Where pieces of text go: a reference to any callable, which must outlive it.
class Sink {
 public:
  template <typename F>
  Sink(const F& f)
      : object_(&f),
        call_([](const void* object, std::string_view piece) { (*static_cast<const F*>(object))(piece); }) {}
  void operator()(std::string_view piece) const { call_(object_, piece); }

 private:
  const void* object_;
  void (*call_)(const void*, std::string_view);
};

// Cuts a text (characters in their own form, see rewritten()) into pieces that together are the text.
using Step = void (*)(std::string_view text, Sink sink);

// Runs the steps in order, each on every piece that the one before leaves.
void cut_words(std::span<const Step> steps, std::string_view text, Sink sink);

namespace scan {

// A character as the rules see it. White space outside ASCII appears as U+000B: white, and in no range.
struct Glyph {
  char32_t code;
  std::uint32_t n_bytes;
  std::uint8_t bits;  // CharClass
  constexpr bool is(unsigned classes) const { return (bits & classes) != 0; }
};

inline constexpr auto ascii_bits = [] {
  std::array<std::uint8_t, 128> bits{};
  for (int c = 0; c < 128; ++c) {
    if (c >= '0' && c <= '9')
      bits[c] = number;
    else if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
      bits[c] = letter;
    else if (c == '\r' || c == '\n')
      bits[c] = white | line_end;
    else if (c == ' ' || (c >= 0x09 && c <= 0x0D))
      bits[c] = white;
    else if (c < 0x20 || c == 0x7F)
      bits[c] = control;
    else
      bits[c] = std::string_view("$+<=>^`|~").find(static_cast<char>(c)) < 9 ? symbol : punctuation;
  }
  return bits;
}();

using Predicate = bool (*)(Glyph);

// One text under a step's hands.
class Text {
 public:
  explicit Text(std::string_view text) : begin(text.data()), end(text.data() + text.size()) {}

  const char* const begin;
  const char* const end;

  Glyph at(const char* p) const {
    const auto byte = static_cast<std::uint8_t>(*p);
    if (byte < 0x80) return {byte, 1, ascii_bits[byte]};
    const Char c = read_char(p, end);
    const std::uint8_t bits = char_class(c.code);
    return {(bits & white) != 0 ? U'\v' : c.code, c.n_bytes, bits};
  }

  // The end of the longest run of X from p; p itself if there is none.
  template <Predicate X>
  const char* run(const char* p) const {
    while (p < end) {
      const Glyph g = at(p);
      if (!X(g)) break;
      p += g.n_bytes;
    }
    return p;
  }

  // The same, at most n characters.
  template <Predicate X>
  const char* run(const char* p, std::size_t n) const {
    for (; n > 0 && p < end; --n) {
      const Glyph g = at(p);
      if (!X(g)) break;
      p += g.n_bytes;
    }
    return p;
  }

  // How many characters the run from p has.
  template <Predicate X>
  std::size_t count(const char* p) const {
    std::size_t n = 0;
    for (; p < end; ++n) {
      const Glyph g = at(p);
      if (!X(g)) break;
      p += g.n_bytes;
    }
    return n;
  }

  // A run of white space: where it ends, where its last character begins, and the end of its last CR or LF
  // (null if it has none).
  struct WhiteRun {
    const char* begin = nullptr;
    const char* end = nullptr;
    const char* last = nullptr;
    const char* after_line_end = nullptr;
  };
  // The run from p, where p is white. Remembered, so that rules may ask from each of its characters.
  const WhiteRun& white_run(const char* p) const {
    if (p < white_.begin || p >= white_.end) {
      white_ = {p, p, p, nullptr};
      while (white_.end < end) {
        const Glyph g = at(white_.end);
        if (!g.is(white)) break;
        white_.last = white_.end;
        white_.end += g.n_bytes;
        if (g.is(line_end)) white_.after_line_end = white_.end;
      }
    }
    return white_;
  }

 private:
  mutable WhiteRun white_;
};

// An alternative: the end of its match from `at` (at < text.end), or null. A match is never empty.
using Alternative = const char* (*)(const Text& text, const char* at);
// What may follow a match: the end of it from `at` (at <= text.end); `at` itself if it is not there.
using Suffix = const char* (*)(const Text& text, const char* at);

// A step of alternatives, the first that matches wins; text that none matches is a piece too.
template <Alternative... alternatives>
void cut(std::string_view piece, Sink sink) {
  const Text text(piece);
  const char* gap = text.begin;
  for (const char* at = text.begin; at < text.end;) {
    const char* match = nullptr;
    (void)((match = alternatives(text, at)) || ...);
    if (!match) {
      at += text.at(at).n_bytes;
      continue;
    }
    if (gap < at) sink({gap, static_cast<std::size_t>(at - gap)});
    sink({at, static_cast<std::size_t>(match - at)});
    at = gap = match;
  }
  if (gap < text.end) sink({gap, static_cast<std::size_t>(text.end - gap)});
}

// Suffixes.
inline const char* nothing(const Text&, const char* at) { return at; }
template <Predicate X>
const char* any(const Text& text, const char* at) {
  return text.run<X>(at);
}
template <Predicate X>
const char* optional(const Text& text, const char* at) {
  return text.run<X>(at, 1);
}

// X
template <Predicate X>
const char* one(const Text& text, const char* at) {
  const Glyph g = text.at(at);
  return X(g) ? at + g.n_bytes : nullptr;
}

// X+ then Then
template <Predicate X, Suffix Then = nothing>
const char* many(const Text& text, const char* at) {
  const char* const end = text.run<X>(at);
  return end > at ? Then(text, end) : nullptr;
}

// X{1,n}
template <Predicate X, std::size_t n>
const char* up_to(const Text& text, const char* at) {
  const char* const end = text.run<X>(at, n);
  return end > at ? end : nullptr;
}

// X{n}
template <Predicate X, std::size_t n>
const char* exactly(const Text& text, const char* at) {
  for (std::size_t i = 0; i < n; ++i) {
    if (at == text.end) return nullptr;
    const Glyph g = text.at(at);
    if (!X(g)) return nullptr;
    at += g.n_bytes;
  }
  return at;
}

// Lead X+
template <Predicate Lead, Predicate X>
const char* after(const Text& text, const char* at) {
  const Glyph first = text.at(at);
  if (!Lead(first)) return nullptr;
  const char* const end = text.run<X>(at + first.n_bytes);
  return end > at + first.n_bytes ? end : nullptr;
}

// Lead?X+ then Then. A character that is both Lead and X gives the same match either way.
template <Predicate Lead, Predicate X, Suffix Then = nothing>
const char* led(const Text& text, const char* at) {
  const Glyph first = text.at(at);
  if (Lead(first))
    if (const char* const end = text.run<X>(at + first.n_bytes); end > at + first.n_bytes)
      return Then(text, end);
  return X(first) ? Then(text, text.run<X>(at + first.n_bytes)) : nullptr;
}

// \s*[\r\n]+
inline const char* lines(const Text& text, const char* at) {
  if (!text.at(at).is(white)) return nullptr;
  const char* const end = text.white_run(at).after_line_end;
  return end > at ? end : nullptr;
}

// \s+(?!\S)|\s+ : all but the last character where text follows, so that a word keeps the space before it
inline const char* blanks(const Text& text, const char* at) {
  if (!text.at(at).is(white)) return nullptr;
  const Text::WhiteRun& run = text.white_run(at);
  return run.end == text.end || run.last == at ? run.end : run.last;
}

// \s+$
inline const char* blanks_at_end(const Text& text, const char* at) {
  return text.at(at).is(white) && text.white_run(at).end == text.end ? text.end : nullptr;
}

}  // namespace scan
}  // namespace quern::detail
