// Arguments as tags inside tags: <key>value</key>, where a value is text, an object of further tags, or a
// list of <item> tags. Each tag stands behind a mark of its own, so that text can hold tags of other kinds.
#include "src/base/json.h"
#include "src/chat/call_values.h"

namespace quern::detail {
namespace {

constexpr std::string_view tag_mark = "]<]minimax[>[";

class NestedReader {
 public:
  NestedReader(std::string_view text, const ToolTable& tools, std::string_view tool)
      : rest_(text), tools_(tools), tool_(tool) {}

  std::optional<std::string> arguments() {
    ArgumentsBuilder object;
    while (true) {
      rest_ = trimmed(rest_);
      if (rest_.empty()) return object.take();
      const auto key = open_tag();
      if (!key) return std::nullopt;
      const auto value = value_of(*key, tools_.rule(tool_, *key), 0);
      if (!value) return std::nullopt;
      object.add(*key, *value);
    }
  }

 private:
  bool take(std::string_view literal) {
    if (!rest_.starts_with(literal)) return false;
    rest_.remove_prefix(literal.size());
    return true;
  }

  std::optional<std::string_view> open_tag() {
    if (!take(tag_mark) || !take("<")) return std::nullopt;
    const std::size_t end = rest_.find('>');
    if (end == std::string_view::npos || end == 0 || rest_.front() == '/') return std::nullopt;
    const std::string_view key = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    return key;
  }

  bool close_tag(std::string_view key) { return take(tag_mark) && take("</") && take(key) && take(">"); }

  // What stands between the tags, and the closing one.
  std::optional<std::string> value_of(std::string_view key, const ValueRule& rule, int depth) {
    if (depth == max_arguments_depth) return std::nullopt;
    const std::size_t end = rest_.find(tag_mark);
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view text = rest_.substr(0, end);
    rest_.remove_prefix(end);
    if (rest_.substr(tag_mark.size()).starts_with("</"))
      return close_tag(key) ? std::optional(json_value(text, rule)) : std::nullopt;
    if (!trimmed(text).empty()) return std::nullopt;
    ArgumentsBuilder object;
    std::string list;
    bool only_items = true;
    while (!rest_.substr(std::min(tag_mark.size(), rest_.size())).starts_with("</")) {
      const auto inner = open_tag();
      if (!inner) return std::nullopt;
      const auto value = value_of(*inner, {}, depth + 1);
      if (!value) return std::nullopt;
      only_items &= *inner == "item";
      list.append(list.empty() ? "" : ", ").append(*value);
      object.add(*inner, *value);
      rest_ = trimmed(rest_);
    }
    if (!close_tag(key)) return std::nullopt;
    return only_items ? "[" + list + "]" : object.take();
  }

  std::string_view rest_;
  const ToolTable& tools_;
  std::string_view tool_;
};

}  // namespace

std::optional<std::string> nested_arguments(std::string_view text, const ToolTable& tools,
                                            std::string_view tool) {
  return NestedReader(text, tools, tool).arguments();
}

}  // namespace quern::detail
