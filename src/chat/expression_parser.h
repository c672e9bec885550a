#pragma once
// The parser's part for expressions, and what both of its parts stand on: tokens, nodes and limits.
#include <string_view>

#include "src/chat/failure.h"
#include "src/chat/lexer.h"
#include "src/chat/limits.h"
#include "src/chat/syntax.h"

namespace quern::detail::jinja {

class ExpressionParser {
 public:
  ExpressionParser(Syntax& syntax, const Limits& limits)
      : syntax_(syntax), limits_(limits), lexer_(syntax.source) {
    advance();
  }

  /// A value, with `a if c else b`.
  const Expr* expression();
  /// One or several with commas between, which make a tuple. Without `conditional` an `if` ends it.
  const Expr* expressions(bool conditional);
  /// Everything after a first `|`, applied to the captured text of a block.
  const Expr* filter_chain();

  const Lexeme& token() const { return token_; }
  void advance() { token_ = lexer_.next(); }
  bool is_symbol(std::string_view symbol) const {
    return token_.kind == TokenKind::symbol && token_.text == symbol;
  }
  bool is_word(std::string_view word) const { return token_.kind == TokenKind::name && token_.text == word; }
  bool skip_symbol(std::string_view symbol);
  bool skip_word(std::string_view word);
  void expect_symbol(std::string_view symbol);
  void expect_word(std::string_view word);
  void expect(TokenKind kind, std::string_view what);
  /// A name that may be assigned.
  std::uint32_t assignable_name();
  [[noreturn]] void fail_expected(std::string_view what) const;
  [[noreturn]] static void fail(FailureKind kind, std::string message, std::uint32_t at);

  /// Counts nodes against the limit.
  void count_node();
  /// One level deeper, until it goes out of scope.
  class Deeper {
   public:
    explicit Deeper(ExpressionParser& parser) : parser_(parser) {
      if (++parser_.depth_ > parser_.limits_.depth) parser_.fail_depth();
    }
    ~Deeper() { --parser_.depth_; }
    Deeper(const Deeper&) = delete;
    Deeper& operator=(const Deeper&) = delete;

   private:
    ExpressionParser& parser_;
  };

 private:
  struct Operator;
  const Operator* binary_operator();
  const Expr* without_conditional() { return binary(0); }
  const Expr* binary(int min_level);
  const Expr* comparisons(const Expr* left);
  const Expr* unary(bool with_filters);
  const Expr* primary();
  const Expr* name();
  const Expr* integer();
  const Expr* floating();
  const Expr* string();
  const Expr* bracketed();
  const Expr* list();
  const Expr* dict();
  const Expr* postfix(const Expr* operand);
  const Expr* subscript(const Expr* operand);
  const Expr* subscript_part();
  const Expr* filters_and_tests(const Expr* operand);
  const Expr* filter(const Expr* operand);
  const Expr* test(const Expr* operand);
  const Expr* call(const Expr* operand);
  const ArgumentSyntax* arguments();
  std::string dotted_name();

  Expr& make(Op op, std::uint32_t at, std::vector<const Expr*> kids = {});
  const Expr* literal(Value value, std::uint32_t at);
  std::string_view keep(std::string text);
  /// Sets the node's depth from its parts. Failure limit_depth.
  const Expr* finish(Expr& expr);
  [[noreturn]] void fail_depth() const;

  Syntax& syntax_;
  const Limits& limits_;
  Lexer lexer_;
  Lexeme token_;
  std::size_t depth_ = 0, n_nodes_ = 0;
};

}  // namespace quern::detail::jinja
