#include "src/tokenizer/rule_sets.h"

#include <algorithm>
#include <array>
#include <iterator>

// Beside what is not plain from its name stands the expression that it matches. \s, \p{L}, ... are classes of
// Unicode 15.1.
namespace quern::detail {

void cut_words(std::span<const Step> steps, std::string_view text, Sink sink) {
  if (steps.empty()) return sink(text);
  steps.front()(text, [&](std::string_view piece) { cut_words(steps.subspan(1), piece, sink); });
}

namespace rule_sets {

using namespace scan;

namespace {

// Predicates: the character classes of the expressions.

struct Range {
  char32_t first, last;
};

// A character of an ascending list of ranges.
template <const auto& ranges>
bool in(Glyph g) {
  const auto after = std::upper_bound(std::begin(ranges), std::end(ranges), g.code,
                                      [](char32_t code, const Range& range) { return code < range.first; });
  return after != std::begin(ranges) && g.code <= std::prev(after)->last;
}

template <unsigned classes>
bool is(Glyph g) {
  return g.is(classes);
}
template <unsigned classes>
bool is_not(Glyph g) {
  return !g.is(classes);
}
template <char32_t code>
bool is_code(Glyph g) {
  return g.code == code;
}
template <char32_t code>
bool is_not_code(Glyph g) {
  return g.code != code;
}

constexpr bool ascii_digit(Glyph g) { return g.code >= '0' && g.code <= '9'; }
constexpr bool ascii_upper(Glyph g) { return g.code >= 'A' && g.code <= 'Z'; }
constexpr bool ascii_lower(Glyph g) { return g.code >= 'a' && g.code <= 'z'; }
constexpr bool ascii_letter(Glyph g) { return ascii_upper(g) || ascii_lower(g); }
constexpr bool ascii_mark(Glyph g) {  // !-/ :-@ [-` {-~
  return g.code > ' ' && g.code < 0x7F && !ascii_digit(g) && !ascii_letter(g);
}

constexpr auto newline = is<line_end>;  // [\r\n]
constexpr auto space = is_code<' '>;    // the ASCII one
constexpr auto line_feed = is_code<'\n'>;
constexpr auto not_line_feed = is_not_code<'\n'>;
constexpr auto letters = is<letter>;        // \p{L}
constexpr auto marked = is<letter | mark>;  // [\p{L}\p{M}]
constexpr auto numbers = is<number>;        // \p{N}
constexpr auto signs = is<punctuation | symbol>;
constexpr auto others = is_not<white | letter | number>;  // [^\s\p{L}\p{N}]
constexpr auto unmarked_others = is_not<white | letter | mark | number>;
constexpr auto before_word = is_not<line_end | letter | number>;  // [^\r\n\p{L}\p{N}]
constexpr bool newline_or_slash(Glyph g) { return g.is(line_end) || g.code == '/'; }
// Letters but those of the other case; only ASCII has case here.
template <unsigned classes>
bool upper(Glyph g) {
  return g.is(classes) && !ascii_lower(g);
}
template <unsigned classes>
bool lower(Glyph g) {
  return g.is(classes) && !ascii_upper(g);
}

// 's|'t|'re|'ve|'m|'ll|'d, with letters of either case if fold: the end, or null.
template <bool fold>
const char* contraction(const Text& text, const char* at) {
  if (*at != '\'') return nullptr;
  const auto letter_at = [&](int i) -> char {
    if (text.end - at <= i) return 0;
    const char c = at[i];
    return fold && c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  };
  const char first = letter_at(1), second = letter_at(2);
  switch (first) {
    case 's':
    case 't':
    case 'm':
    case 'd': return at + 2;
    case 'r':
    case 'v': return second == 'e' ? at + 3 : nullptr;
    case 'l': return second == 'l' ? at + 3 : nullptr;
    default: return nullptr;
  }
}
constexpr auto short_form = contraction<false>;
constexpr auto any_short_form = contraction<true>;

// The same as a suffix.
const char* short_form_after(const Text& text, const char* at) {
  const char* const end = at < text.end ? any_short_form(text, at) : nullptr;
  return end ? end : at;
}

// [^\r\n\p{L}\p{N}]?U*D+ | [^\r\n\p{L}\p{N}]?U+D*, then Then: a word ends where lower case gives way to
// upper.
template <unsigned classes, Suffix Then>
const char* cased_word(const Text& text, const char* at) {
  const Glyph first = text.at(at);
  const char* starts[2] = {at, nullptr};
  if (before_word(first)) starts[0] = at + first.n_bytes, starts[1] = at;
  for (const char* const start :
       starts) {  // U*D+: back from the end of U* to the last D, if that is no D itself
    if (!start) continue;
    const char* p = start;
    const char* after_d = nullptr;
    for (; p < text.end; p += text.at(p).n_bytes) {
      const Glyph g = text.at(p);
      if (!upper<classes>(g)) break;
      if (lower<classes>(g)) after_d = p + g.n_bytes;
    }
    if (const char* const end = text.run<lower<classes>>(p); end > p) after_d = end;
    if (after_d) return Then(text, after_d);
  }
  for (const char* const start : starts) {  // U+D*, where D* is empty, or the first would have matched
    if (!start) continue;
    if (const char* const end = text.run<upper<classes>>(start); end > start) return Then(text, end);
  }
  return nullptr;
}

// \p{L}\p{M}*(?: \p{L}\p{M}*)* repeated, after [^\r\n\p{L}\p{N}]? : letters, their marks, and single spaces
// between
const char* spaced_words(const Text& text, const char* at) {
  const auto letter_end = [&](const char* p) -> const char* {
    return p < text.end && text.at(p).is(letter) ? p + text.at(p).n_bytes : nullptr;
  };
  const Glyph first = text.at(at);
  const char* end = letter_end(before_word(first) ? at + first.n_bytes : at);
  if (!end) return nullptr;
  for (;;) {
    end = text.run<is<mark>>(end);
    const char* next = letter_end(end);
    if (!next && end < text.end && *end == ' ') next = letter_end(end + 1);
    if (!next) return end;
    end = next;
  }
}

// \s{512}(?!\S)| ... |\s{4}(?!\S)|\s{1,2}(?!\S)|\s
const char* blanks_in_powers(const Text& text, const char* at) {
  if (!text.at(at).is(white)) return nullptr;
  std::size_t n_ahead = 0;  // white characters from here, no more than decide
  const char* p = at;
  for (; n_ahead <= 512 && p < text.end && text.at(p).is(white); ++n_ahead) p += text.at(p).n_bytes;
  const std::size_t usable = n_ahead <= 512 && p < text.end ? n_ahead - 1 : n_ahead;
  std::size_t n = 512;
  while (n > usable && n > 1) n /= 2;
  return text.run<is<white>>(at, n);
}

// <sentinel:[0-9]+>
const char* sentinel(const Text& text, const char* at) {
  constexpr std::string_view prefix = "<sentinel:";
  if (!std::string_view(at, text.end).starts_with(prefix)) return nullptr;
  const char* const digits = at + prefix.size();
  const char* const end = text.run<ascii_digit>(digits);
  return end > digits && end < text.end && *end == '>' ? end + 1 : nullptr;
}

bool a_to_i(Glyph g) { return g.code >= 'A' && g.code <= 'I'; }

// IMGIMG[A-I]{1,4}Z
const char* image_code(const Text& text, const char* at) {
  constexpr std::string_view prefix = "IMGIMG";
  if (!std::string_view(at, text.end).starts_with(prefix)) return nullptr;
  const char* const code = at + prefix.size();
  const char* const end = text.run<a_to_i>(code, 4);
  return end > code && end < text.end && *end == 'Z' ? end + 1 : nullptr;
}

// Cuts each run of numbers into groups of three from its right end. What comes before a run is one piece with
// the run's first group of one to three.
void cut_threes(std::string_view piece, Sink sink) {
  const Text text(piece);
  const char* gap = text.begin;
  const auto emit_to = [&](const char* end) {
    if (gap < end) sink({gap, static_cast<std::size_t>(end - gap)});
    gap = end;
  };
  for (const char* at = text.begin; at < text.end;) {
    const std::size_t n = text.count<numbers>(at);
    if (n == 0) {
      at += text.at(at).n_bytes;
      continue;
    }
    emit_to(at = text.run<numbers>(at, (n - 1) % 3 + 1));
    for (std::size_t left = n - ((n - 1) % 3 + 1); left > 0; left -= 3)
      emit_to(at = text.run<numbers>(at, 3));
  }
  emit_to(text.end);
}

// (?=(?:[0-9]{3})+(?![0-9])): cuts before each group of three ASCII digits, counted from the right end of
// their run.
void cut_before_threes(std::string_view piece, Sink sink) {
  const Text text(piece);
  const char* gap = text.begin;
  for (const char* at = text.begin; at < text.end;) {
    const char* const end = text.run<ascii_digit>(at);
    if (end == at) {
      at += text.at(at).n_bytes;
      continue;
    }
    for (at += (end - at) % 3; at < end; at += 3) {  // each digit is one byte
      if (gap < at) sink({gap, static_cast<std::size_t>(at - gap)});
      gap = at;
    }
    at = end;
  }
  if (gap < text.end) sink({gap, static_cast<std::size_t>(text.end - gap)});
}

constexpr bool default_marks(Glyph g) {  // [\p{P}$+<=>^~|]
  return g.is(punctuation) || (g.code < 0x80 && g.is(symbol) && g.code != '`');
}
constexpr bool falcon_marks(Glyph g) { return g.is(punctuation) || (g.code < 0x80 && g.is(symbol)); }

constexpr Range han_ranges[] = {{0x3400, 0x4DBF},   {0x4E00, 0x9FFF},   {0xF900, 0xFAFF},
                                {0x20000, 0x2A6DF}, {0x2A700, 0x2B73F}, {0x2B740, 0x2B81F},
                                {0x2B820, 0x2CEAF}, {0x2CEB0, 0x2EBEF}, {0x2F800, 0x2FA1F}};
constexpr auto han = in<han_ranges>;
bool letters_but_han(Glyph g) { return g.is(letter) && !han(g); }

constexpr Range cjk_and_kana_ranges[] = {{0x3040, 0x30FF}, {0x4E00, 0x9FA5}};
constexpr Range hangul_ranges[] = {{0x3131, 0x318E}, {0xAC00, 0xD7A3}};
constexpr Range bopomofo_ranges[] = {{0x3105, 0x312F}};
constexpr Range cjk_marks_ranges[] = {{0x2014, 0x2014}, {0x2018, 0x2019}, {0x201C, 0x201D},
                                      {0x2026, 0x2026}, {0x3001, 0x303F}, {0xFE30, 0xFE4F},
                                      {0xFF01, 0xFF01}, {0xFF0C, 0xFF0C}, {0xFF1A, 0xFF1B}};
constexpr Range afmoe_ranges[] = {{0x0E40, 0x0EFF}, {0x1000, 0x109F}, {0x1100, 0x11FF}, {0x1780, 0x17FF},
                                  {0x2F00, 0x2FDF}, {0x3040, 0x30FF}, {0x3400, 0x4DBF}, {0x4E00, 0x9FFF},
                                  {0x8C48, 0xFAFF}, {0xFF65, 0xFF9F}};
constexpr Range east_asian_ranges[] = {{0x0800, 0x9FA5}, {0xAC00, 0xD7FF}};
constexpr Range deepseek_marks_ranges[] = {{'!', '/'},       {':', '~'},       {0x2018, 0x201F},
                                           {0x3001, 0x3002}, {0xFF01, 0xFF0F}, {0xFF1A, 0xFF5E}};
// Letters with case, as of the version of Unicode that the vocabulary's makers had.
constexpr Range deepseek_letters_ranges[] = {
    {0x41, 0x5A},       {0x61, 0x7A},       {0xB5, 0xB5},       {0xC0, 0xD6},       {0xD8, 0xF6},
    {0xF8, 0x1BA},      {0x1BC, 0x1BF},     {0x1C4, 0x293},     {0x295, 0x2AF},     {0x370, 0x373},
    {0x376, 0x376},     {0x377, 0x377},     {0x37B, 0x37D},     {0x37F, 0x37F},     {0x386, 0x386},
    {0x388, 0x38A},     {0x38C, 0x38C},     {0x38E, 0x3A1},     {0x3A3, 0x3F5},     {0x3F7, 0x481},
    {0x48A, 0x52F},     {0x531, 0x556},     {0x10A0, 0x10C5},   {0x13A0, 0x13F5},   {0x13F8, 0x13FD},
    {0x1C90, 0x1CBA},   {0x1CBD, 0x1CBF},   {0x1D00, 0x1D2B},   {0x1D6B, 0x1D77},   {0x1D79, 0x1D9A},
    {0x1E00, 0x1F15},   {0x1F18, 0x1F1D},   {0x1F20, 0x1F45},   {0x1F48, 0x1F4D},   {0x1F50, 0x1F57},
    {0x1F59, 0x1F59},   {0x1F5B, 0x1F5B},   {0x1F5D, 0x1F5D},   {0x1F5F, 0x1F7D},   {0x1F80, 0x1FB4},
    {0x1FB6, 0x1FBC},   {0x1FBE, 0x1FBE},   {0x1FC2, 0x1FC4},   {0x1FC6, 0x1FCC},   {0x1FD0, 0x1FD3},
    {0x1FD6, 0x1FDB},   {0x1FE0, 0x1FEC},   {0x1FF2, 0x1FF4},   {0x1FF6, 0x1FFC},   {0x2102, 0x2102},
    {0x2107, 0x2107},   {0x210A, 0x2113},   {0x2115, 0x2115},   {0x2119, 0x211D},   {0x2124, 0x2124},
    {0x2126, 0x2126},   {0x2128, 0x2128},   {0x212A, 0x212D},   {0x212F, 0x2134},   {0x2139, 0x2139},
    {0x213C, 0x213F},   {0x2145, 0x2149},   {0x214E, 0x214E},   {0x2183, 0x2183},   {0x2184, 0x2184},
    {0x2C00, 0x2C7B},   {0x2C7E, 0x2CE4},   {0x2CEB, 0x2CEE},   {0x2CF2, 0x2CF2},   {0x2CF3, 0x2CF3},
    {0xA640, 0xA66D},   {0xA680, 0xA69B},   {0xA722, 0xA76F},   {0xA771, 0xA787},   {0xA78B, 0xA78E},
    {0xAB70, 0xABBF},   {0xFB00, 0xFB06},   {0xFB13, 0xFB17},   {0xFF21, 0xFF3A},   {0xFF41, 0xFF5A},
    {0x10400, 0x1044F}, {0x104B0, 0x104D3}, {0x104D8, 0x104FB}, {0x10C80, 0x10CB2}, {0x10CC0, 0x10CF2},
    {0x118A0, 0x118DF}, {0x1E900, 0x1E943},
};

bool bloom_word(Glyph g) {  // [^\s(|.,!?)\u2026\u3002\uFF0C\u3001\u0964\u06D4\u060C]
  constexpr std::u32string_view marks = U"(|.,!?)\u2026\u3002\uFF0C\u3001\u0964\u06D4\u060C";
  return !g.is(white) && marks.find(g.code) == marks.npos;
}
bool tab_or_line_feed(Glyph g) { return g.code == '\t' || g.code == '\n'; }
bool chameleon_marks(Glyph g) { return g.is(punctuation) || ascii_mark(g); }
constexpr auto before_marked_word = is_not<line_end | letter | punctuation | symbol>;

// Alternatives and steps that several sets share.

// ' ?' and a run; [^\r\n\p{L}\p{N}]? and a run
template <Predicate X, Suffix Then = nothing>
constexpr Alternative spaced = led<space, X, Then>;
template <Predicate X, Suffix Then = nothing>
constexpr Alternative word = led<before_word, X, Then>;

//  ?[^\s\p{L}\p{N}]+[\r\n]* and  ?[^\s\p{L}\p{N}]+[\r\n/]*
constexpr Alternative marks_and_newlines = spaced<others, any<newline>>;
constexpr Alternative marks_and_slashes = spaced<others, any<newline_or_slash>>;

constexpr Step gpt2_step = cut<short_form, spaced<letters>, spaced<numbers>, spaced<others>, blanks>;
constexpr Step qwen2_step =
    cut<any_short_form, word<letters>, one<numbers>, marks_and_newlines, lines, blanks>;
constexpr Step deepseek_words = cut<after<ascii_mark, ascii_letter>, led<before_marked_word, marked>,
                                    spaced<signs, any<newline>>, lines, blanks>;

template <Step... steps>
constexpr std::array<Step, sizeof...(steps)> steps_of = {steps...};

}  // namespace

constinit const Steps default_ =
    steps_of<cut<many<default_marks>>, gpt2_step, cut<many<numbers>>, cut<exactly<ascii_digit, 3>>>;
constinit const Steps gpt2 = steps_of<gpt2_step>;
constinit const Steps starcoder = steps_of<cut<one<numbers>>, gpt2_step>;
constinit const Steps falcon = steps_of<cut<many<falcon_marks>>, gpt2_step, cut<exactly<ascii_digit, 3>>>;
constinit const Steps llama3 =
    steps_of<cut<any_short_form, word<letters>, up_to<numbers, 3>, marks_and_newlines, lines, blanks>>;
constinit const Steps qwen2 = steps_of<qwen2_step>;
constinit const Steps qwen35 = steps_of<
    cut<any_short_form, word<marked>, one<numbers>, spaced<unmarked_others, any<newline>>, lines, blanks>>;
constinit const Steps seed =
    steps_of<cut<any_short_form, word<letters>, one<numbers>, spaced<others>, lines, blanks>>;
constinit const Steps jais2 = steps_of<
    cut<any_short_form, word<letters>, up_to<numbers, 3>, marks_and_newlines, lines, blanks_in_powers>>;
constinit const Steps minicpm5 =
    steps_of<cut<up_to<numbers, 3>>,
             cut<any_short_form, word<letters>, many<numbers>, marks_and_newlines, lines, blanks>>;
constinit const Steps laguna = steps_of<cut<many<not_line_feed>, many<line_feed>>, qwen2_step>;
constinit const Steps exaone_moe = steps_of<cut<any_short_form, spaced_words, one<numbers>,
                                                spaced<others, optional<newline_or_slash>>, lines, blanks>>;
constinit const Steps gpt_4o =
    steps_of<cut<cased_word<letter, short_form_after>, up_to<numbers, 3>, marks_and_slashes, lines, blanks>>;
constinit const Steps tekken =
    steps_of<cut<cased_word<letter, nothing>, one<numbers>, marks_and_slashes, lines, blanks>>;
constinit const Steps granite_97m = steps_of<
    cut<cased_word<letter | mark, short_form_after>, up_to<numbers, 3>, marks_and_slashes, lines, blanks>>;
constinit const Steps tiny_aya =
    steps_of<cut_threes,
             cut<word<marked, short_form_after>, up_to<numbers, 3>, marks_and_slashes, lines, blanks>>;
constinit const Steps youtu =
    steps_of<cut<many<in<hangul_ranges>>, many<in<cjk_marks_ranges>>, many<in<bopomofo_ranges>>,
                 many<in<cjk_and_kana_ranges>>>,
             cut<word<marked, short_form_after>, one<numbers>, marks_and_slashes, lines, blanks>>;
constinit const Steps kimi_k2 = steps_of<cut<many<han>, word<letters_but_han, short_form_after>,
                                             up_to<numbers, 3>, marks_and_newlines, lines, blanks>>;
constinit const Steps deepseek_v3 =
    steps_of<cut<up_to<numbers, 3>>, cut<many<in<cjk_and_kana_ranges>>>, deepseek_words>;
constinit const Steps afmoe = steps_of<cut_threes, cut<many<in<afmoe_ranges>>>, deepseek_words>;
constinit const Steps deepseek_coder =
    steps_of<cut<one<newline>>, cut<led<is<white>, letters>>, cut<led<is<white>, is<punctuation>>>,
             cut<many<in<east_asian_ranges>>>, cut<one<numbers>>>;
constinit const Steps deepseek_llm =
    steps_of<cut<one<newline>>, cut<led<is<white>, in<deepseek_letters_ranges>>>,
             cut<led<is<white>, in<deepseek_marks_ranges>>>, cut<blanks_at_end>,
             cut<many<in<east_asian_ranges>>>, cut<many<numbers>>>;
constinit const Steps bloom = steps_of<cut<spaced<bloom_word>>>;
constinit const Steps viking = steps_of<cut<spaced<bloom_word>>, cut<one<numbers>>>;
constinit const Steps superbpe = steps_of<cut<many<numbers>>, cut_before_threes>;
constinit const Steps chameleon =
    steps_of<cut<sentinel>, cut<image_code>, cut<one<tab_or_line_feed>, exactly<space, 4>, exactly<space, 2>>,
             cut<one<numbers>>, cut<one<chameleon_marks>>, gpt2_step>;
constinit const Steps newlines = steps_of<cut<many<not_line_feed>, many<line_feed>>>;
constinit const Steps whitespace = steps_of<cut<many<is_not<white>>>>;

}  // namespace rule_sets
}  // namespace quern::detail
