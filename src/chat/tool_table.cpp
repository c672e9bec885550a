#include "src/chat/tool_table.h"

#include <algorithm>
#include <span>

#include "formats/try.h"

namespace quern::detail {
namespace {

using formats::cat;

// Of schemas inside schemas, and of schemas in all for one argument, for a reference may lead back to where
// it stands; what lies beyond says nothing.
constexpr int max_schema_depth = 16, max_schemas = 1000;

/// "#/$defs/name" in the schema that holds it; null if it leads nowhere.
const Json* follow(const Json& root, std::string_view reference) {
  if (!reference.starts_with("#/")) return nullptr;
  const Json* at = &root;
  for (std::size_t begin = 2; at != nullptr && begin <= reference.size();) {
    const std::size_t end = std::min(reference.find('/', begin), reference.size());
    at = at->find(reference.substr(begin, end - begin));
    begin = end + 1;
  }
  return at;
}

class RuleReader {
 public:
  explicit RuleReader(const Json& root) : root_(root) {}

  ValueRule read(const Json& schema) {
    collect(schema, 0);
    return rule_;
  }

 private:
  void collect(const Json& schema, int depth) {
    if (depth == max_schema_depth || n_schemas_++ == max_schemas) return;
    if (const Json* reference = schema.find("$ref"); reference != nullptr && reference->string() != nullptr)
      if (const Json* target = follow(root_, *reference->string())) collect(*target, depth + 1);
    if (const Json* type = schema.find("type")) {
      allow_type(*type);
      for (const Json& one : items(type)) allow_type(one);
      return;
    }
    if (const Json* value = schema.find("const")) allow_value(*value);
    for (const Json& value : items(schema.find("enum"))) allow_value(value);
    for (const char* key : {"anyOf", "oneOf", "allOf"})
      for (const Json& one : items(schema.find(key))) collect(one, depth + 1);
  }

  static std::span<const Json> items(const Json* list) {
    if (list == nullptr || list->array() == nullptr) return {};
    return *list->array();
  }
  void allow_type(const Json& type) {
    if (type.string() == nullptr) return;
    allow(*type.string() == "string", *type.string() == "null");
  }
  void allow_value(const Json& value) { allow(value.string() != nullptr, value.is_null()); }
  void allow(bool text, bool null) {
    rule_.known = true;
    rule_.text |= text;
    rule_.null |= null;
  }

  const Json& root_;
  ValueRule rule_;
  int n_schemas_ = 0;
};

Error wrong(std::size_t i, const std::string& found) {
  return {ErrorCode::invalid_argument,
          cat("tools[", i, "] ", found, ", expected a function with a name and parameters"), "tools"};
}

}  // namespace

Result<ToolTable> ToolTable::parse(std::string_view json) {
  ToolTable table;
  if (json.empty()) return table;
  auto parsed = parse_json(json);
  if (!parsed) return Error{ErrorCode::invalid_argument, cat("tools: ", parsed.error().message), "tools"};
  const Json::Array* tools = parsed->array();
  if (tools == nullptr)
    return Error{ErrorCode::invalid_argument, cat("tools is ", parsed->kind(), ", expected an array"),
                 "tools"};
  for (std::size_t i = 0; i < tools->size(); ++i) {
    const Json& tool = (*tools)[i];
    if (tool.object() == nullptr) return wrong(i, cat("is ", tool.kind()));
    const Json* inner = tool.find("function");
    const Json& function = inner != nullptr ? *inner : tool;
    const Json* name = function.find("name");
    if (name == nullptr || name->string() == nullptr || name->string()->empty())
      return wrong(i, "has no name");
    auto& rules = table.tools_[*name->string()];
    const Json* parameters = function.find("parameters");
    const Json* properties = parameters != nullptr ? parameters->find("properties") : nullptr;
    if (properties == nullptr || properties->object() == nullptr) continue;
    for (const Json::Member& property : *properties->object())
      rules[property.key] = RuleReader(*parameters).read(property.value);
  }
  return table;
}

bool ToolTable::offers_beginning(std::string_view name) const {
  const auto at = tools_.lower_bound(name);
  return any_ || (at != tools_.end() && at->first.starts_with(name));
}

ValueRule ToolTable::rule(std::string_view tool, std::string_view argument) const {
  const auto rules = tools_.find(tool);
  if (rules == tools_.end()) return {};
  const auto rule = rules->second.find(argument);
  return rule == rules->second.end() ? ValueRule() : rule->second;
}

}  // namespace quern::detail
