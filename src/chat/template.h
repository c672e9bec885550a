#pragma once
// A compiled template, and rendering it: the edge of the interpreter, where failures become errors.
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "quern/result.h"
#include "quern/tokenizer.h"
#include "src/base/json.h"
#include "src/chat/limits.h"
#include "src/chat/syntax.h"

namespace quern::detail::jinja {

struct Rendered {
  std::string text;
  /// The bytes that are the caller's, in order; all others are the template's own.
  std::vector<TextSpan> data;
};

/// Never changed after compile(); safe from any number of threads.
class Template {
 public:
  /// Error bad_template; its field is a word of FailureKind.
  static Result<Template> compile(std::string_view source, const Limits& limits = {});

  /// Renders with the members of the object `variables` as variables. Those in `trusted` count as the
  /// template's own text. Error bad_template, or template_raised with the template's own message;
  /// invalid_argument for variables that are no object, hold a zero character or are nested too deep.
  Result<Rendered> render(const Json& variables, std::chrono::local_seconds now,
                          const std::vector<std::string>& trusted = {}) const;

  /// The same template within other limits.
  Template with_limits(const Limits& limits) const { return Template(syntax_, limits); }
  const std::string& source() const { return syntax_->source; }

 private:
  Template(std::shared_ptr<const Syntax> syntax, const Limits& limits)
      : syntax_(std::move(syntax)), limits_(limits) {}
  std::shared_ptr<const Syntax> syntax_;
  Limits limits_;
};

}  // namespace quern::detail::jinja
