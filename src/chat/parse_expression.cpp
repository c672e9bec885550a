#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>

#include "formats/try.h"
#include "src/chat/builtins.h"
#include "src/chat/expression_parser.h"
#include "src/chat/failure.h"
#include "src/chat/text.h"
#include "src/tokenizer/unicode.h"

namespace quern::detail::jinja {

using formats::cat;

namespace {

constexpr std::array<std::string_view, 13> reserved = {
    "True", "False", "None", "true", "false", "none", "and", "or", "not", "in", "is", "if", "else"};

std::string found(const Lexeme& token) {
  if (token.kind == TokenKind::end) return "the end of the template";
  if (token.kind == TokenKind::text) return "text";
  return cat("'", token.text.substr(0, token.text.size() > 40 ? 0 : 40), "'");
}

/// What a string literal means, between its quotes. Unknown escapes stay as they are.
std::string unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out += text[i];
      continue;
    }
    const char c = text[++i];
    constexpr std::string_view letters = "ntr\\'\"abfv", meanings = "\n\t\r\\'\"\a\b\f\v";
    if (const std::size_t known = letters.find(c); known != std::string_view::npos) {
      out += meanings[known];
      continue;
    }
    if (c == '\n') continue;
    const bool octal = c >= '0' && c <= '7';
    const std::size_t n = octal ? 3 : c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    const char* const begin = text.data() + i + (octal ? 0 : 1);
    const char* const end = std::min(begin + n, text.data() + text.size());
    unsigned code = 0;
    const auto parsed = std::from_chars(begin, end, code, octal ? 8 : 16);
    const auto n_read = static_cast<std::size_t>(parsed.ptr - begin);
    const bool whole = octal ? n_read > 0 : n_read == n;
    if (n == 0 || parsed.ec != std::errc() || !whole || code > 0x10ffff ||
        (code >= 0xd800 && code < 0xe000)) {
      out.append("\\").append(1, c);
      continue;
    }
    append_utf8(out, code);
    i += octal ? n_read - 1 : n_read;
  }
  return out;
}

}  // namespace

// ---- tokens, nodes, limits ----

void ExpressionParser::fail(FailureKind kind, std::string message, std::uint32_t at) {
  throw Failure{kind, std::move(message), at};
}
void ExpressionParser::fail_expected(std::string_view what) const {
  fail(FailureKind::syntax, cat("found ", found(token_), ", expected ", what), token_.at);
}
void ExpressionParser::fail_depth() const {
  fail(FailureKind::limit_depth, cat("nested deeper than ", limits_.depth), token_.at);
}
void ExpressionParser::count_node() {
  if (++n_nodes_ > limits_.nodes)
    fail(FailureKind::limit_source, cat("more than ", limits_.nodes, " expressions and statements"),
         token_.at);
}

bool ExpressionParser::skip_symbol(std::string_view symbol) {
  const bool here = is_symbol(symbol);
  if (here) advance();
  return here;
}
bool ExpressionParser::skip_word(std::string_view word) {
  const bool here = is_word(word);
  if (here) advance();
  return here;
}
void ExpressionParser::expect_symbol(std::string_view symbol) {
  if (!skip_symbol(symbol)) fail_expected(cat("'", symbol, "'"));
}
void ExpressionParser::expect_word(std::string_view word) {
  if (!skip_word(word)) fail_expected(cat("'", word, "'"));
}
void ExpressionParser::expect(TokenKind kind, std::string_view what) {
  if (token_.kind != kind) fail_expected(what);
  advance();
}
std::uint32_t ExpressionParser::assignable_name() {
  if (token_.kind != TokenKind::name || std::ranges::find(reserved, token_.text) != reserved.end())
    fail_expected("a name");
  const std::uint32_t id = syntax_.names.id(token_.text);
  advance();
  return id;
}

Expr& ExpressionParser::make(Op op, std::uint32_t at, std::vector<const Expr*> kids) {
  count_node();
  Expr& expr = syntax_.exprs.emplace_back();
  expr.op = op;
  expr.at = at;
  expr.kids = std::move(kids);
  return expr;
}
const Expr* ExpressionParser::finish(Expr& expr) {
  std::size_t depth = 0;
  const auto include = [&](const Expr* part) {
    if (part != nullptr) depth = std::max<std::size_t>(depth, part->depth);
  };
  for (const Expr* kid : expr.kids) include(kid);
  if (expr.arguments != nullptr) {
    for (const Expr* argument : expr.arguments->positional) include(argument);
    for (const auto& [name, argument] : expr.arguments->named) include(argument);
    include(expr.arguments->star);
    include(expr.arguments->double_star);
  }
  if (++depth > limits_.depth) fail_depth();
  expr.depth = static_cast<std::uint16_t>(depth);
  return &expr;
}
const Expr* ExpressionParser::literal(Value value, std::uint32_t at) {
  Expr& expr = make(Op::literal, at);
  expr.literal = value;
  return &expr;
}
std::string_view ExpressionParser::keep(std::string text) {
  return syntax_.strings.emplace_back(std::move(text));
}

// ---- operators, loosest first ----

struct ExpressionParser::Operator {
  std::string_view text;
  int level;
  Op op;
};

namespace {
constexpr int or_level = 1, and_level = 2, not_level = 3, compare_level = 4, concat_level = 6;
}

const ExpressionParser::Operator* ExpressionParser::binary_operator() {
  static constexpr Operator operators[] = {
      {"or", or_level, Op::logical_or},
      {"and", and_level, Op::logical_and},
      {"==", compare_level, Op::compare},
      {"!=", compare_level, Op::compare},
      {"<", compare_level, Op::compare},
      {"<=", compare_level, Op::compare},
      {">", compare_level, Op::compare},
      {">=", compare_level, Op::compare},
      {"in", compare_level, Op::compare},
      {"not", compare_level, Op::compare},
      {"+", 5, Op::add},
      {"-", 5, Op::subtract},
      {"~", concat_level, Op::concat},
      {"*", 7, Op::multiply},
      {"/", 7, Op::divide},
      {"//", 7, Op::floor_divide},
      {"%", 7, Op::modulo},
      {"**", 8, Op::power},
  };
  if (token_.kind != TokenKind::symbol && token_.kind != TokenKind::name) return nullptr;
  const auto* const found_one = std::ranges::find(operators, token_.text, &Operator::text);
  return found_one == std::end(operators) ? nullptr : found_one;
}

const Expr* ExpressionParser::expression() {
  const Deeper deeper(*this);
  const Expr* value = without_conditional();
  while (is_word("if")) {
    const std::uint32_t at = token_.at;
    advance();
    const Expr* const condition = without_conditional();
    const Expr* const otherwise = skip_word("else") ? expression() : nullptr;
    value = finish(make(Op::conditional, at, {condition, value, otherwise}));
  }
  return value;
}

const Expr* ExpressionParser::expressions(bool conditional) {
  const std::uint32_t at = token_.at;
  const auto one = [&] { return conditional ? expression() : without_conditional(); };
  const Expr* const first = one();
  if (!is_symbol(",")) return first;
  std::vector<const Expr*> items = {first};
  while (skip_symbol(",")) {
    if (token_.kind == TokenKind::block_end || token_.kind == TokenKind::output_end || is_symbol(")")) break;
    items.push_back(one());
  }
  return finish(make(Op::tuple, at, std::move(items)));
}

/// Operators of at least this level, all of them left-associative.
const Expr* ExpressionParser::binary(int min_level) {
  const Expr* left;
  if (min_level <= not_level && is_word("not")) {
    const Deeper deeper(*this);
    const std::uint32_t at = token_.at;
    advance();
    const Expr* const operand = binary(not_level);
    left = finish(make(Op::logical_not, at, {operand}));
  } else {
    left = unary(true);
  }
  for (;;) {
    const Operator* const next = binary_operator();
    if (next == nullptr || next->level < min_level) return left;
    if (next->op == Op::compare) {
      left = comparisons(left);
      continue;
    }
    const std::uint32_t at = token_.at;
    advance();
    const Expr* const right = binary(next->level + 1);
    left = finish(make(next->op, at, {left, right}));
  }
}

const Expr* ExpressionParser::comparisons(const Expr* left) {
  Expr& expr = make(Op::compare, token_.at, {left});
  for (const Operator* next; (next = binary_operator()) != nullptr && next->op == Op::compare;) {
    constexpr std::array<std::string_view, 8> words = {"==", "!=", "<", "<=", ">", ">=", "in", "not"};
    const auto which = static_cast<Comparison>(std::ranges::find(words, next->text) - words.begin());
    advance();
    if (which == Comparison::not_in) expect_word("in");
    expr.comparisons.push_back(which);
    expr.kids.push_back(binary(compare_level + 1));
  }
  return finish(expr);
}

const Expr* ExpressionParser::unary(bool with_filters) {
  const Expr* operand;
  if (is_symbol("-") || is_symbol("+")) {
    const Deeper deeper(*this);
    const std::uint32_t at = token_.at;
    const Op op = is_symbol("-") ? Op::negate : Op::plus;
    advance();
    operand = finish(make(op, at, {unary(false)}));
  } else {
    operand = primary();
  }
  operand = postfix(operand);
  return with_filters ? filters_and_tests(operand) : operand;
}

// ---- values ----

const Expr* ExpressionParser::primary() {
  switch (token_.kind) {
    case TokenKind::name: return name();
    case TokenKind::string: return string();
    case TokenKind::integer: return integer();
    case TokenKind::floating: return floating();
    case TokenKind::symbol:
      if (is_symbol("(")) return bracketed();
      if (is_symbol("[")) return list();
      if (is_symbol("{")) return dict();
      [[fallthrough]];
    default: fail_expected("an expression");
  }
}

const Expr* ExpressionParser::name() {
  const Lexeme word = token_;
  Value constant;
  if (word.text == "true" || word.text == "True")
    constant = Value::boolean(true);
  else if (word.text == "false" || word.text == "False")
    constant = Value::boolean(false);
  else if (word.text == "none" || word.text == "None")
    constant = Value::none();
  else if (std::ranges::find(reserved, word.text) != reserved.end())
    fail_expected("an expression");
  advance();
  if (!constant.is_undefined()) return literal(constant, word.at);
  Expr& expr = make(Op::name, word.at);
  expr.id = syntax_.names.id(word.text);
  return &expr;
}

const Expr* ExpressionParser::string() {
  const std::uint32_t at = token_.at;
  std::string text;
  for (; token_.kind == TokenKind::string; advance())
    text += unescaped(token_.text.substr(1, token_.text.size() - 2));
  return literal(Value::string(keep(std::move(text))), at);
}

const Expr* ExpressionParser::integer() {
  const Lexeme number = token_;
  std::string digits(number.text);
  std::erase(digits, '_');
  const char kind = digits.size() > 1 && digits[0] == '0' ? static_cast<char>(digits[1] | 0x20) : '\0';
  const int base = kind == 'x' ? 16 : kind == 'b' ? 2 : kind == 'o' ? 8 : 10;
  const char* const begin = digits.data() + (base == 10 ? 0 : 2);
  std::int64_t value = 0;
  if (std::from_chars(begin, digits.data() + digits.size(), value, base).ec != std::errc())
    fail(FailureKind::arithmetic, "found a whole number beyond 64 bits", number.at);
  advance();
  return literal(Value::integer(value), number.at);
}

const Expr* ExpressionParser::floating() {
  const Lexeme number = token_;
  std::string digits(number.text);
  std::erase(digits, '_');
  const double value = std::strtod(digits.c_str(), nullptr);  // of 1e400: infinity
  advance();
  return literal(Value::floating(value), number.at);
}

/// ( ) is the empty tuple, ( a ) is a, everything with a comma a tuple.
const Expr* ExpressionParser::bracketed() {
  const std::uint32_t at = token_.at;
  advance();
  if (skip_symbol(")")) return finish(make(Op::tuple, at));
  const Expr* const inside = expressions(true);
  expect_symbol(")");
  return inside;
}

const Expr* ExpressionParser::list() {
  const std::uint32_t at = token_.at;
  advance();
  std::vector<const Expr*> items;
  while (!is_symbol("]")) {
    if (!items.empty()) expect_symbol(",");
    if (is_symbol("]")) break;
    items.push_back(expression());
  }
  advance();
  return finish(make(Op::list, at, std::move(items)));
}

const Expr* ExpressionParser::dict() {
  const std::uint32_t at = token_.at;
  advance();
  std::vector<const Expr*> items;
  while (!is_symbol("}")) {
    if (!items.empty()) expect_symbol(",");
    if (is_symbol("}")) break;
    items.push_back(expression());
    expect_symbol(":");
    items.push_back(expression());
  }
  advance();
  return finish(make(Op::dict, at, std::move(items)));
}

// ---- what follows a value ----

const Expr* ExpressionParser::postfix(const Expr* operand) {
  for (;;) {
    if (is_symbol(".") || is_symbol("["))
      operand = subscript(operand);
    else if (is_symbol("("))
      operand = call(operand);
    else
      return operand;
  }
}

const Expr* ExpressionParser::subscript(const Expr* operand) {
  const std::uint32_t at = token_.at;
  if (skip_symbol(".")) {
    if (token_.kind == TokenKind::integer) {
      const Expr* const index = integer();
      return finish(make(Op::item, at, {operand, index}));
    }
    if (token_.kind != TokenKind::name) fail_expected("a name after '.'");
    Expr& expr = make(Op::attribute, at, {operand});
    expr.id = syntax_.names.id(token_.text);
    advance();
    return finish(expr);
  }
  advance();
  const Expr* index = is_symbol(":") ? nullptr : expression();
  if (is_symbol(":")) {
    std::vector<const Expr*> kids = {operand, index};
    while (kids.size() < 4 && skip_symbol(":"))
      kids.push_back(is_symbol(":") || is_symbol("]") ? nullptr : expression());
    kids.resize(4);
    expect_symbol("]");
    return finish(make(Op::slice, at, std::move(kids)));
  }
  if (is_symbol(",")) {  // d[1, 2] is d[(1, 2)]
    std::vector<const Expr*> items = {index};
    while (skip_symbol(",") && !is_symbol("]")) items.push_back(expression());
    index = finish(make(Op::tuple, at, std::move(items)));
  }
  expect_symbol("]");
  return finish(make(Op::item, at, {operand, index}));
}

const Expr* ExpressionParser::filters_and_tests(const Expr* operand) {
  for (;;) {
    if (is_symbol("|"))
      operand = filter(operand);
    else if (is_word("is"))
      operand = test(operand);
    else if (is_symbol("("))
      operand = call(operand);
    else
      return operand;
  }
}

const Expr* ExpressionParser::filter_chain() {
  const Expr* operand = nullptr;
  do {
    operand = filter(operand);
  } while (is_symbol("|"));
  return operand;
}

std::string ExpressionParser::dotted_name() {
  if (token_.kind != TokenKind::name) fail_expected("a name");
  std::string name(token_.text);
  advance();
  while (skip_symbol(".")) {
    if (token_.kind != TokenKind::name) fail_expected("a name after '.'");
    name.append(".").append(token_.text);
    advance();
  }
  return name;
}

/// Also the first filter of a filter block, which has no operand and no "|".
const Expr* ExpressionParser::filter(const Expr* operand) {
  const std::uint32_t at = token_.at;
  skip_symbol("|");
  Expr& expr = make(Op::filter, at);
  if (operand != nullptr) expr.kids.push_back(operand);
  const std::string called = dotted_name();
  expr.id = syntax_.names.id(called);
  expr.filter = find_filter(called);
  if (is_symbol("(")) expr.arguments = arguments();
  return finish(expr);
}

const Expr* ExpressionParser::test(const Expr* operand) {
  const std::uint32_t at = token_.at;
  advance();
  const bool negated = skip_word("not");
  Expr& expr = make(Op::test, at, {operand});
  const std::string called = dotted_name();
  expr.id = syntax_.names.id(called);
  expr.test = find_test(called);
  if (is_symbol("(")) {
    expr.arguments = arguments();
  } else {
    if (is_word("is")) fail_expected("one test");
    const bool begins_value = token_.kind == TokenKind::string || token_.kind == TokenKind::integer ||
                              token_.kind == TokenKind::floating || is_symbol("[") || is_symbol("{");
    const bool is_operator =
        std::ranges::find(reserved.begin() + 6, reserved.end(), token_.text) != reserved.end();
    if (begins_value || (token_.kind == TokenKind::name && !is_operator)) {
      ArgumentSyntax& one = syntax_.arguments.emplace_back();
      one.positional.push_back(postfix(primary()));
      expr.arguments = &one;
    }
  }
  const Expr* const tested = finish(expr);
  return negated ? finish(make(Op::logical_not, at, {tested})) : tested;
}

const Expr* ExpressionParser::call(const Expr* operand) {
  Expr& expr = make(Op::call, token_.at, {operand});
  expr.arguments = arguments();
  return finish(expr);
}

const ArgumentSyntax* ExpressionParser::arguments() {
  expect_symbol("(");
  ArgumentSyntax& result = syntax_.arguments.emplace_back();
  for (bool first = true; !is_symbol(")"); first = false) {
    if (!first) expect_symbol(",");
    if (is_symbol(")")) break;
    if (result.double_star != nullptr) fail_expected("')' after '**'");
    if (skip_symbol("*")) {
      if (result.star != nullptr) fail_expected("one '*'");
      result.star = expression();
      continue;
    }
    if (skip_symbol("**")) {
      result.double_star = expression();
      continue;
    }
    const Lexeme word = token_;
    const Expr* const value = expression();
    if (value->op == Op::name && word.kind == TokenKind::name && skip_symbol("=")) {
      result.named.emplace_back(value->id, expression());
    } else {
      if (!result.named.empty() || result.star != nullptr)
        fail(FailureKind::syntax, "found a value, expected a named argument after the others", word.at);
      result.positional.push_back(value);
    }
  }
  advance();
  return &result;
}

}  // namespace quern::detail::jinja
