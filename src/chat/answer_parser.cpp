// The public face of answer parsing.
#include <algorithm>
#include <utility>

#include "formats/printable.h"
#include "formats/try.h"
#include "quern/answer.h"
#include "src/api/edge.h"
#include "src/chat/answer_machine.h"
#include "src/tokenizer/stream_decoder.h"

namespace quern {

using detail::FormatRow;
using formats::cat;

AnswerFormat AnswerFormat::of_template(std::string_view chat_template) {
  const auto has = [&](std::string_view text) { return chat_template.find(text) != std::string_view::npos; };
  const auto rows = detail::format_rows();
  const auto& row = *std::ranges::find_if(
      rows, [&](const FormatRow& r) { return std::ranges::all_of(r.in_template, has); });
  return {row, !row.think_close.empty() && (!row.think_if_in_template || has(row.think_close))};
}

Result<AnswerFormat> AnswerFormat::named(std::string_view name) {
  return detail::at_edge([&]() -> Result<AnswerFormat> {
    std::string known;
    for (const FormatRow& row : detail::format_rows()) {
      if (row.name == name) return AnswerFormat(row, !row.think_close.empty());
      known.append(known.empty() ? "" : ", ").append(row.name);
    }
    return Error{ErrorCode::invalid_argument,
                 cat("there is no answer format '", formats::printable(name), "', expected one of ", known),
                 "name"};
  });
}

std::vector<std::string_view> AnswerFormat::names() {
  std::vector<std::string_view> names;
  for (const FormatRow& row : detail::format_rows()) names.push_back(row.name);
  return names;
}

std::string_view AnswerFormat::name() const { return row_->name; }
bool AnswerFormat::has_reasoning() const { return reasoning_ || !row_->header_end.empty(); }
bool AnswerFormat::has_tool_calls() const { return !row_->call.empty(); }
std::vector<std::string_view> AnswerFormat::ends() const { return detail::words(row_->ends); }

AnswerParser::AnswerParser(std::unique_ptr<detail::AnswerMachine> machine,
                           std::unique_ptr<detail::Utf8Stream> characters)
    : machine_(std::move(machine)), characters_(std::move(characters)) {}
AnswerParser::~AnswerParser() = default;
AnswerParser::AnswerParser(AnswerParser&&) noexcept = default;
AnswerParser& AnswerParser::operator=(AnswerParser&&) noexcept = default;

Result<AnswerParser> AnswerParser::create(const AnswerFormat& format, const AnswerOptions& options) {
  return detail::at_edge([&]() -> Result<AnswerParser> {
    QUERN_TRY(detail::ToolTable tools, detail::ToolTable::parse(options.tools));
    if (options.any_tool) tools.offer_any();
    return AnswerParser(std::make_unique<detail::AnswerMachine>(*format.row_, format.reasoning_,
                                                                std::move(tools), options.prompt),
                        std::make_unique<detail::Utf8Stream>(detail::Utf8Stream::Invalid::replace));
  });
}

Result<AnswerPieces> AnswerParser::push(std::string_view text) {
  return detail::at_edge([&]() -> Result<AnswerPieces> {
    machine_->push(characters_->push(text));
    return machine_->take();
  });
}

Result<AnswerPieces> AnswerParser::finish(bool by_itself) {
  return detail::at_edge([&]() -> Result<AnswerPieces> {
    machine_->push(characters_->finish());
    machine_->finish(by_itself);
    return machine_->take();
  });
}

const Answer& AnswerParser::answer() const { return machine_->answer(); }

}  // namespace quern
