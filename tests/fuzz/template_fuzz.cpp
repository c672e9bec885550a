// Any chat template with any variables. The input: a template, and after a zero byte, which no template can
// hold, the variables as JSON; without it a conversation. What compiles must render twice alike into UTF-8,
// with the bytes of data in order, and whose text a variable is must not change the text.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "formats/utf8.h"
#include "src/chat/template.h"

namespace {

using namespace quern;
using detail::Json;
using detail::jinja::Limits;
using detail::jinja::Template;

void require(bool condition) {
  if (!condition) __builtin_trap();
}

constexpr std::string_view conversation = R"({"messages": [{"role": "system", "content": "Be brief."},
  {"role": "user", "content": [{"type": "text", "text": "h\u00e9 <|end|>"}]},
  {"role": "assistant", "content": null, "reasoning_content": " so\n", "tool_calls": [{"id": "1", "type": "function",
    "function": {"name": "f", "arguments": {"k": [1, -2.5e3, true, 123456789012345678901]}}}]},
  {"role": "tool", "tool_call_id": "1", "content": "{}"}], "tools": [{"type": "function", "function": {"name": "f",
    "parameters": {"type": "object", "properties": {"k": {"type": "array"}}}}}], "add_generation_prompt": true,
  "bos_token": "<s>", "m": {"role": "user", "content": "hi", "items": [1, 2]},
  "msgs": [{"role": "user", "content": "x"}, {"role": "assistant"}], "l": [3, 1, 2], "d": {"b": 1, "A": 2, "a": 3},
  "s": "abc", "n": null, "e": "", "z": 0, "names": ["b", "A", "c", "a"], "t": "a\u00dfb\ud83d\ude00", "f": 0.1})";

void check_error(const Error& error) {
  require(error.code == ErrorCode::bad_template || error.code == ErrorCode::template_raised ||
          error.code == ErrorCode::invalid_argument);
  require(formats::is_utf8(error.message));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t end = std::min(input.find('\0'), input.size());
  const auto variables = detail::parse_json(end < input.size() ? input.substr(end + 1) : conversation);
  if (!variables || variables->object() == nullptr) return 0;
  Limits limits;  // small ones, for many inputs a second
  limits.steps = 100'000;
  limits.steps_per_input_byte = 1;
  limits.memory_bytes = std::size_t{4} << 20;
  const auto compiled = Template::compile(input.substr(0, end), limits);
  if (!compiled) {
    check_error(compiled.error());
    return 0;
  }
  std::vector<std::string> names;
  for (const Json::Member& member : *variables->object()) names.push_back(member.key);
  const std::chrono::local_seconds now(std::chrono::seconds(1'785'585'600));
  const auto first = compiled->render(*variables, now), second = compiled->render(*variables, now),
             trusted = compiled->render(*variables, now, names);
  require(first.has_value() == second.has_value());
  if (!first) {
    check_error(first.error());
    require(first.error().message == second.error().message);
    return 0;
  }
  require(formats::is_utf8(first->text));
  require(first->text == second->text && first->data == second->data);
  std::size_t at = 0;
  for (const TextSpan& span : first->data) {
    require(span.begin >= at && span.begin < span.end && span.end <= first->text.size());
    at = span.end + 1;  // two that touch are one
  }
  // Marks take memory, so the other way round there may be a text where the first met its limit.
  require(trusted.has_value() && trusted->text == first->text);
  return 0;
}
