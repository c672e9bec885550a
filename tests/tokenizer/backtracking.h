#pragma once
// A slow, plain regular expression matcher to hold the scanners against: it tries every choice in order, as
// the expressions' definition says. Understands what pre-tokenizers use: | (?:) (?!) (?=) [] . ? * + {n}
// {n,m}, classes of Unicode by \p{X}, \s \S, and $ for the end.
#include <cstddef>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "src/tokenizer/unicode.h"

namespace quern::test {

// A character as the rules see it.
struct Seen {
  char32_t code;      // U+000B for white space outside ASCII
  std::uint8_t bits;  // detail::CharClass
};

inline std::vector<Seen> seen(std::u32string_view text) {
  std::vector<Seen> out;
  for (const char32_t code : text) {
    const std::uint8_t bits = detail::char_class(code);
    out.push_back({code >= 0x80 && (bits & detail::white) != 0 ? U'\v' : code, bits});
  }
  return out;
}

class Backtracking {
 public:
  explicit Backtracking(std::string_view expression) : in_(expression) {
    root_ = alternatives();
    if (at_ != in_.size()) throw std::runtime_error("expression goes on at " + std::string(in_.substr(at_)));
  }

  static constexpr std::size_t npos = static_cast<std::size_t>(-1);
  // The end of the first match at exactly `at`, or npos.
  std::size_t match(const std::vector<Seen>& text, std::size_t at) const {
    std::size_t end = npos;
    root_(text, at, [&](std::size_t e) { return end = e, true; });
    return end;
  }

 private:
  using Next = std::function<bool(std::size_t)>;
  // True if the rest (Next) can be matched too.
  using Node = std::function<bool(const std::vector<Seen>&, std::size_t, const Next&)>;
  using Test = std::function<bool(Seen)>;

  bool more() const { return at_ < in_.size(); }
  bool take(std::string_view token) {
    if (!in_.substr(at_).starts_with(token)) return false;
    at_ += token.size();
    return true;
  }

  Node alternatives() {
    std::vector<Node> nodes{sequence()};
    while (take("|")) nodes.push_back(sequence());
    return [nodes](const auto& text, std::size_t at, const Next& next) {
      for (const Node& node : nodes)
        if (node(text, at, next)) return true;
      return false;
    };
  }

  Node sequence() {
    Node all = [](const auto&, std::size_t at, const Next& next) { return next(at); };
    while (more() && in_[at_] != '|' && in_[at_] != ')') {
      all = [first = all, second = repeated(atom())](const auto& text, std::size_t at, const Next& next) {
        return first(text, at, [&](std::size_t middle) { return second(text, middle, next); });
      };
    }
    return all;
  }

  Node repeated(Node node) {
    std::size_t least = 1, most = 1;
    if (take("?"))
      least = 0;
    else if (take("*"))
      least = 0, most = npos;
    else if (take("+"))
      most = npos;
    else if (take("{")) {
      least = most = decimal();
      if (take(",")) most = decimal();
      take("}");
    }
    return least == 1 && most == 1 ? node : times(node, least, most);
  }

  static Node times(Node node, std::size_t least, std::size_t most) {
    return [=](const std::vector<Seen>& text, std::size_t start, const Next& next) {
      std::function<bool(std::size_t, std::size_t)> go = [&](std::size_t at, std::size_t n) -> bool {
        if (n < most &&
            node(text, at, [&](std::size_t end) { return (end > at || n < least) && go(end, n + 1); }))
          return true;
        return n >= least && next(at);
      };
      return go(start, 0);
    };
  }

  std::size_t decimal() {
    std::size_t n = 0;
    while (more() && in_[at_] >= '0' && in_[at_] <= '9')
      n = n * 10 + static_cast<std::size_t>(in_[at_++] - '0');
    return n;
  }

  Node atom() {
    for (const bool wanted : {true, false})
      if (take(wanted ? "(?=" : "(?!")) {
        const Node inner = alternatives();
        take(")");
        return [=](const auto& text, std::size_t at, const Next& next) {
          return inner(text, at, [](std::size_t) { return true; }) == wanted && next(at);
        };
      }
    if (take("(?:")) {
      const Node inner = alternatives();
      take(")");
      return inner;
    }
    if (take("$"))
      return [](const auto& text, std::size_t at, const Next& next) { return at == text.size() && next(at); };
    const Test test = take("[") ? set() : one();
    return [test](const auto& text, std::size_t at, const Next& next) {
      return at < text.size() && test(text[at]) && next(at + 1);
    };
  }

  Test set() {
    const bool negated = take("^");
    std::vector<Test> tests;
    while (!take("]")) {
      char32_t first = 0;
      const Test single = one(&first);
      if (first != 0 && at_ + 1 < in_.size() && in_[at_] == '-' && in_[at_ + 1] != ']') {
        ++at_;
        char32_t last = 0;
        one(&last);
        tests.push_back([=](Seen c) { return c.code >= first && c.code <= last; });
      } else {
        tests.push_back(single);
      }
    }
    return [=](Seen c) {
      for (const Test& test : tests)
        if (test(c)) return !negated;
      return negated;
    };
  }

  // A character or a class; *literal is set for a character.
  Test one(char32_t* literal = nullptr) {
    const auto bits = [](unsigned classes, bool in) {
      return [=](Seen c) { return ((c.bits & classes) != 0) == in; };
    };
    if (take("\\s")) return bits(detail::white, true);
    if (take("\\S")) return bits(detail::white, false);
    if (take("\\p{L}")) return bits(detail::letter, true);
    if (take("\\p{N}")) return bits(detail::number, true);
    if (take("\\p{M}")) return bits(detail::mark, true);
    if (take("\\p{P}")) return bits(detail::punctuation, true);
    if (take("\\p{S}")) return bits(detail::symbol, true);
    char32_t code;
    if (take("\\u"))
      code = hexadecimal(4);
    else if (take("\\U"))
      code = hexadecimal(8);
    else if (take("\\x"))
      code = hexadecimal(2);
    else if (take("\\r"))
      code = '\r';
    else if (take("\\n"))
      code = '\n';
    else if (take("\\t"))
      code = '\t';
    else {
      take("\\");
      code = static_cast<unsigned char>(in_[at_++]);
    }
    if (literal) *literal = code;
    return [code](Seen c) { return c.code == code; };
  }

  char32_t hexadecimal(std::size_t n) {
    const char32_t code = static_cast<char32_t>(std::stoul(std::string(in_.substr(at_, n)), nullptr, 16));
    at_ += n;
    return code;
  }

  std::string in_;
  std::size_t at_ = 0;
  Node root_;
};

}  // namespace quern::test
