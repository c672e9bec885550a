#pragma once
// The tools that a model was offered, and what their schemas say about the values of their arguments.
#include <map>
#include <string>
#include <string_view>

#include "quern/result.h"
#include "src/base/json.h"

namespace quern::detail {

/// How the text of an argument is to be read.
struct ValueRule {
  bool text = false;   ///< may be a string: then the text is one
  bool null = false;   ///< may be null
  bool known = false;  ///< the schema says something about it
};

class ToolTable {
 public:
  /// An array of tools or of bare functions; empty text is an empty array. Error invalid_argument.
  static Result<ToolTable> parse(std::string_view json);

  /// From now on every name is that of a tool of which nothing more is known.
  void offer_any() { any_ = true; }

  bool empty() const { return tools_.empty() && !any_; }
  bool offers(std::string_view name) const { return any_ || tools_.find(name) != tools_.end(); }
  /// True if an offered name begins with this.
  bool offers_beginning(std::string_view name) const;
  ValueRule rule(std::string_view tool, std::string_view argument) const;

 private:
  std::map<std::string, std::map<std::string, ValueRule, std::less<>>, std::less<>> tools_;
  bool any_ = false;
};

}  // namespace quern::detail
