#include <algorithm>
#include <array>
#include <span>

#include "formats/try.h"
#include "src/chat/expression_parser.h"
#include "src/chat/failure.h"
#include "src/chat/parser.h"
#include "src/chat/text.h"

namespace quern::detail::jinja {
namespace {

using formats::cat;
using Body = std::vector<const Stmt*>;

/// "\n" for every kind of newline, and without the one at the very end.
std::string with_plain_newlines(std::string_view source) {
  std::string out;
  out.reserve(source.size());
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r' && i + 1 < source.size() && source[i + 1] == '\n') continue;
    out += source[i] == '\r' ? '\n' : source[i];
  }
  if (out.ends_with('\n')) out.pop_back();
  return out;
}

class Parser {
 public:
  Parser(Syntax& syntax, const Limits& limits) : syntax_(syntax), in_(syntax, limits) {}

  void parse() {
    syntax_.body = body({});
    if (in_.token().kind != TokenKind::end) in_.fail_expected("the end of the template");
  }

 private:
  Stmt& make(Stmt::Kind kind, std::uint32_t at) {
    in_.count_node();
    Stmt& stmt = syntax_.stmts.emplace_back();
    stmt.kind = kind;
    stmt.at = at;
    return stmt;
  }

  bool ends_body(std::span<const std::string_view> ends) const {
    return in_.token().kind == TokenKind::name && std::ranges::find(ends, in_.token().text) != ends.end();
  }

  /// Statements up to a tag that begins with one of these words, which is then next. None: up to the end.
  Body body(std::initializer_list<std::string_view> ends) {
    const ExpressionParser::Deeper deeper(in_);
    Body out;
    for (;;) {
      const Lexeme token = in_.token();
      switch (token.kind) {
        case TokenKind::text: {
          Stmt& text = make(Stmt::Kind::text, token.at);
          text.text = token.text;
          out.push_back(&text);
          in_.advance();
          break;
        }
        case TokenKind::output_begin: {
          in_.advance();
          Stmt& output = make(Stmt::Kind::output, in_.token().at);
          output.expr = in_.expressions(true);
          in_.expect(TokenKind::output_end, "'}}'");
          out.push_back(&output);
          break;
        }
        case TokenKind::block_begin:
          in_.advance();
          if (ends_body(std::span(ends.begin(), ends.size()))) return out;
          if (const Stmt* const stmt = statement(token.at)) out.push_back(stmt);
          in_.expect(TokenKind::block_end, "'%}'");
          break;
        default:
          if (ends.size() != 0) in_.fail_expected(cat("'{% ", *(ends.end() - 1), " %}'"));
          return out;
      }
    }
  }
  /// A tag's end, the body behind it, and the word that ends it.
  Body block(std::string_view end) {
    in_.expect(TokenKind::block_end, "'%}'");
    Body out = body({end});
    in_.advance();
    return out;
  }

  const Stmt* statement(std::uint32_t at) {
    if (in_.token().kind != TokenKind::name) in_.fail_expected("the name of a tag");
    const std::string_view tag = in_.token().text;
    constexpr std::array<std::string_view, 6> refused = {"include", "import", "from",
                                                         "extends", "block",  "autoescape"};
    if (std::ranges::find(refused, tag) != refused.end())
      in_.fail(FailureKind::unsupported, cat("the tag '", tag, "' is not supported"), at);
    using Parse = const Stmt* (Parser::*)(std::uint32_t);
    struct Tag {
      std::string_view name;
      Parse parse;
    };
    static constexpr Tag tags[] = {
        {"if", &Parser::branches},           {"for", &Parser::loop},
        {"set", &Parser::assignment},        {"macro", &Parser::macro},
        {"call", &Parser::call_block},       {"filter", &Parser::filter_block},
        {"break", &Parser::leave_loop},      {"continue", &Parser::leave_loop},
        {"generation", &Parser::generation}, {"with", &Parser::with},
    };
    const auto* const known = std::ranges::find(tags, tag, &Tag::name);
    if (known == std::end(tags)) in_.fail_expected("a tag that exists here");
    return (this->*known->parse)(at);
  }

  const Stmt* branches(std::uint32_t at) {
    Stmt& stmt = make(Stmt::Kind::branches, at);
    for (;;) {
      in_.advance();
      in_.count_node();
      const Expr* const condition = in_.expressions(false);
      in_.expect(TokenKind::block_end, "'%}'");
      stmt.branches.push_back({condition, body({"elif", "else", "endif"})});
      if (!in_.is_word("elif")) break;
    }
    if (in_.skip_word("else"))
      stmt.body = block("endif");
    else
      in_.advance();
    return &stmt;
  }

  const Stmt* loop(std::uint32_t at) {
    Stmt& stmt = make(Stmt::Kind::loop, at);
    in_.advance();
    stmt.target = targets();
    refuse_loop(stmt.target);
    in_.expect_word("in");
    stmt.expr = in_.expressions(false);
    if (in_.skip_word("if")) stmt.condition = in_.expression();
    stmt.recursive = in_.skip_word("recursive");
    in_.expect(TokenKind::block_end, "'%}'");
    ++loops_;
    stmt.body = body({"else", "endfor"});
    --loops_;
    if (in_.skip_word("else"))
      stmt.otherwise = block("endfor");
    else
      in_.advance();
    return &stmt;
  }

  const Stmt* leave_loop(std::uint32_t at) {
    if (loops_ == 0)
      in_.fail(FailureKind::syntax, cat("found '", in_.token().text, "' outside of a loop"), at);
    const bool breaks = in_.is_word("break");
    in_.advance();
    return &make(breaks ? Stmt::Kind::break_loop : Stmt::Kind::continue_loop, at);
  }

  const Stmt* assignment(std::uint32_t at) {
    in_.advance();
    Target to = targets();
    if (loops_ > 0) refuse_loop(to);
    if (in_.skip_symbol("=")) {
      Stmt& stmt = make(Stmt::Kind::set, at);
      stmt.target = std::move(to);
      stmt.expr = in_.expressions(true);
      return &stmt;
    }
    Stmt& stmt = make(Stmt::Kind::set_block, at);
    stmt.target = std::move(to);
    if (in_.is_symbol("|"))
      stmt.expr = in_.filter_chain();
    else if (in_.token().kind != TokenKind::block_end)
      in_.fail_expected("'=' or '%}'");
    stmt.body = separate_block("endset");
    return &stmt;
  }

  const Stmt* macro(std::uint32_t at) {
    in_.advance();
    Stmt& stmt = make(Stmt::Kind::macro, at);
    stmt.target.id = in_.assignable_name();
    MacroSyntax& made = syntax_.macros.emplace_back();
    made.name = syntax_.names.name(stmt.target.id);
    signature(made);
    macro_body(made, "endmacro");
    stmt.macro = &made;
    return &stmt;
  }

  const Stmt* call_block(std::uint32_t at) {
    in_.advance();
    Stmt& stmt = make(Stmt::Kind::call_block, at);
    MacroSyntax& caller = syntax_.macros.emplace_back();
    caller.name = "caller";
    if (in_.is_symbol("(")) signature(caller);
    stmt.expr = in_.expression();
    if (stmt.expr->op != Op::call)
      in_.fail(FailureKind::syntax, "found a value, expected a call", stmt.expr->at);
    macro_body(caller, "endcall");
    stmt.macro = &caller;
    return &stmt;
  }

  void signature(MacroSyntax& macro) {
    in_.expect_symbol("(");
    while (!in_.is_symbol(")")) {
      if (!macro.parameters.empty()) in_.expect_symbol(",");
      const std::uint32_t id = in_.assignable_name();
      const Expr* const fallback = in_.skip_symbol("=") ? in_.expression() : nullptr;
      if (fallback == nullptr && id == syntax_.caller_id)
        in_.fail_expected("'=', for a parameter called 'caller' needs a default");
      if (fallback == nullptr && !macro.parameters.empty() && macro.parameters.back().fallback != nullptr)
        in_.fail_expected("'=', for the parameter before has a default");
      macro.parameters.push_back({id, fallback});
    }
    in_.advance();
  }
  /// Whether a body mentions varargs, kwargs or caller shows in the names that it brings.
  void macro_body(MacroSyntax& macro, std::string_view end) {
    const std::size_t first = syntax_.exprs.size();
    macro.body = separate_block(end);
    for (std::size_t i = first; i < syntax_.exprs.size(); ++i) {
      const Expr& expr = syntax_.exprs[i];
      if (expr.op != Op::name) continue;
      macro.takes_varargs |= expr.id == syntax_.varargs_id;
      macro.takes_kwargs |= expr.id == syntax_.kwargs_id;
      macro.takes_caller |= expr.id == syntax_.caller_id;
    }
  }
  /// A block whose text goes elsewhere, so that `break` inside cannot mean a loop outside.
  Body separate_block(std::string_view end) {
    const int outside = loops_;
    loops_ = 0;
    Body out = block(end);
    loops_ = outside;
    return out;
  }

  const Stmt* filter_block(std::uint32_t at) {
    in_.advance();
    Stmt& stmt = make(Stmt::Kind::filter, at);
    stmt.expr = in_.filter_chain();
    stmt.body = separate_block("endfilter");
    return &stmt;
  }

  const Stmt* generation(std::uint32_t at) {
    in_.advance();
    Stmt& stmt = make(Stmt::Kind::scope, at);
    stmt.body = separate_block("endgeneration");
    return &stmt;
  }

  const Stmt* with(std::uint32_t at) {
    in_.advance();
    Stmt& stmt = make(Stmt::Kind::scope, at);
    while (in_.token().kind != TokenKind::block_end) {
      if (!stmt.assignments.empty()) in_.expect_symbol(",");
      Target to = targets(/*one=*/true);
      in_.expect_symbol("=");
      stmt.assignments.emplace_back(std::move(to), in_.expression());
    }
    stmt.body = block("endwith");
    return &stmt;
  }

  // ---- what is assigned to ----

  Target target() {
    const std::uint32_t at = in_.token().at;
    if (in_.skip_symbol("(")) {
      const ExpressionParser::Deeper deeper(in_);
      Target inside = targets();
      in_.expect_symbol(")");
      return inside;
    }
    Target one;
    one.at = at;
    one.id = in_.assignable_name();
    if (in_.skip_symbol(".")) {
      if (in_.token().kind != TokenKind::name) in_.fail_expected("a name after '.'");
      one.is_attribute = true;
      one.attribute = syntax_.names.id(in_.token().text);
      in_.advance();
    }
    return one;
  }
  Target targets(bool one = false) {
    Target first = target();
    if (one || !in_.is_symbol(",")) return first;
    Target all;
    all.at = first.at;
    all.parts.push_back(std::move(first));
    while (in_.skip_symbol(",")) {
      if (in_.token().kind != TokenKind::name && !in_.is_symbol("(")) break;
      if (in_.is_word("in")) break;
      in_.count_node();
      all.parts.push_back(target());
    }
    return all;
  }
  void refuse_loop(const Target& to) const {
    if (to.parts.empty() && !to.is_attribute && to.id == syntax_.loop_id)
      in_.fail(FailureKind::syntax, "'loop' cannot be assigned inside a loop", to.at);
    for (const Target& part : to.parts) refuse_loop(part);
  }

  Syntax& syntax_;
  ExpressionParser in_;
  int loops_ = 0;
};

}  // namespace

std::unique_ptr<const Syntax> parse_template(std::string_view source, const Limits& limits) {
  if (source.size() > limits.source_bytes)
    throw Failure{FailureKind::limit_source,
                  cat("the template has ", source.size(), " bytes, expected at most ", limits.source_bytes),
                  0};
  if (!is_plain_utf8(source))
    throw Failure{FailureKind::syntax, "the template is not UTF-8 or holds a zero byte", 0};
  auto syntax = std::make_unique<Syntax>();
  syntax->source = with_plain_newlines(source);
  syntax->loop_id = syntax->names.id("loop");
  syntax->caller_id = syntax->names.id("caller");
  syntax->varargs_id = syntax->names.id("varargs");
  syntax->kwargs_id = syntax->names.id("kwargs");
  Parser(*syntax, limits).parse();
  return syntax;
}

}  // namespace quern::detail::jinja
