// Any answer in any format. The input: a byte that chooses the format, one that chooses the prompt and the
// tools, one that says where the text is cut, and the text. However it is cut, the answer is the same and the
// sum of the pieces, each of whole characters; the arguments of a call are JSON.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "formats/utf8.h"
#include "quern/answer.h"
#include "src/base/json.h"

namespace {

using namespace quern;

void require(bool condition) {
  if (!condition) __builtin_trap();
}

constexpr std::string_view tools = R"([{"type": "function", "function": {"name": "f", "parameters": {
  "properties": {"s": {"type": "string"}, "n": {"type": ["number", "null"]}, "o": {"$ref": "#/properties/s"}}}}}])";
constexpr std::array<std::string_view, 8> prompts = {
    "",        "<think>\n",   "</think>",           ">>>",
    "[/INST]", "<tool_call>", "<|start|>assistant", "<|open|>think<|sep|>"};

Answer parsed(const AnswerFormat& format, const AnswerOptions& options, std::string_view text,
              std::size_t step) {
  AnswerParser parser = AnswerParser::create(format, options).value();
  Answer sum;
  const auto add = [&](const AnswerPieces& pieces) {
    require(formats::is_utf8(pieces.content) && formats::is_utf8(pieces.reasoning));
    sum.content += pieces.content;
    sum.reasoning += pieces.reasoning;
    sum.tool_calls.insert(sum.tool_calls.end(), pieces.tool_calls.begin(), pieces.tool_calls.end());
  };
  for (; !text.empty(); text.remove_prefix(std::min(step, text.size())))
    add(parser.push(text.substr(0, step)).value());
  add(parser.finish().value());
  sum.incomplete = parser.answer().incomplete;
  require(sum == parser.answer());
  return sum;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  const auto names = AnswerFormat::names();
  const AnswerFormat format = AnswerFormat::named(names[data[0] % names.size()]).value();
  const AnswerOptions options{.prompt = prompts[data[1] % prompts.size()],
                              .tools = data[1] & 0x80 ? std::string_view() : tools};
  const std::string_view text(reinterpret_cast<const char*>(data) + 3, size - 3);
  const Answer whole = parsed(format, options, text, size);
  require(parsed(format, options, text, 1) == whole);
  require(parsed(format, options, text, 1 + data[2]) == whole);
  for (const ToolCall& call : whole.tool_calls) require(detail::parse_json(call.arguments).has_value());
  return 0;
}
