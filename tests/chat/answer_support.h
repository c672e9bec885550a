#pragma once
// Parses an answer in given pieces and checks what every such parse must keep.
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "formats/utf8.h"
#include "quern/answer.h"

namespace quern::test {

/// The answer; the pieces that were given on the way are whole characters and add up to it.
inline Answer parse_pieces(const AnswerFormat& format, std::string_view prompt, std::string_view tools,
                           const std::vector<std::string_view>& pieces, bool by_itself = true) {
  AnswerParser parser = AnswerParser::create(format, {.prompt = prompt, .tools = tools}).value();
  Answer sum;
  const auto add = [&](const AnswerPieces& added) {
    EXPECT_TRUE(formats::is_utf8(added.content)) << added.content;
    EXPECT_TRUE(formats::is_utf8(added.reasoning)) << added.reasoning;
    sum.content += added.content;
    sum.reasoning += added.reasoning;
    sum.tool_calls.insert(sum.tool_calls.end(), added.tool_calls.begin(), added.tool_calls.end());
  };
  for (const std::string_view piece : pieces) add(parser.push(piece).value());
  add(parser.finish(by_itself).value());
  sum.incomplete = parser.answer().incomplete;
  EXPECT_EQ(sum, parser.answer());
  return sum;
}

}  // namespace quern::test
