#include "src/api/stop_strings.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "formats/try.h"

namespace quern::detail {

bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<std::uint8_t>(text[i]);
    std::size_t length = 1;
    std::uint32_t least = 0;
    std::uint32_t code = lead;
    if (lead >= 0x80) {
      if (lead < 0xC2 || lead > 0xF4) return false;
      length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
      least = length == 2 ? 0x80u : length == 3 ? 0x800u : 0x10000u;
      code = lead & (0xFFu >> (length + 1));
    }
    if (length > text.size() - i) return false;
    for (std::size_t k = 1; k < length; ++k) {
      const auto next = static_cast<std::uint8_t>(text[i + k]);
      if ((next & 0xC0) != 0x80) return false;
      code = code << 6 | (next & 0x3Fu);
    }
    if (code < least || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return false;
    i += length;
  }
  return true;
}

Result<StopStrings> StopStrings::create(std::vector<std::string> stops) {
  for (std::size_t i = 0; i < stops.size(); ++i) {
    if (!stops[i].empty() && is_utf8(stops[i])) continue;
    return Error{ErrorCode::invalid_argument,
                 formats::cat("stop_at[", i, "] is ", stops[i].empty() ? "empty" : "not UTF-8",
                              ", expected at least one character of UTF-8"),
                 "stop_at"};
  }
  StopStrings result;
  // Longest first: of those that end together, the first one tried is the longest.
  std::stable_sort(stops.begin(), stops.end(),
                   [](const auto& a, const auto& b) { return a.size() > b.size(); });
  result.longest_ = stops.empty() ? 0 : stops.front().size();
  result.stops_ = std::move(stops);
  return result;
}

std::string StopStrings::push(std::string_view piece) {
  // No stop string ends inside what was held back, so the search begins behind it.
  std::size_t end = held_.size() + 1;
  held_ += piece;
  const std::string_view text = held_;
  for (; end <= text.size(); ++end)
    for (const std::string& stop : stops_)
      if (text.substr(0, end).ends_with(stop)) {
        found_ = stop;
        std::string before = held_.substr(0, end - stop.size());
        held_.clear();
        return before;
      }
  // Hold from the first place where a stop string may have begun.
  std::size_t hold = text.size() - std::min(text.size(), longest_ == 0 ? 0 : longest_ - 1);
  const auto may_begin = [&](std::size_t at) {
    return std::ranges::any_of(stops_, [&](const std::string& s) { return s.starts_with(text.substr(at)); });
  };
  while (hold < text.size() && !may_begin(hold)) ++hold;
  std::string certain = held_.substr(0, hold);
  held_.erase(0, hold);
  return certain;
}

std::string StopStrings::finish() { return std::exchange(held_, {}); }

}  // namespace quern::detail
