#include "src/api/stop_strings.h"

#include <algorithm>
#include <utility>

#include "formats/try.h"
#include "formats/utf8.h"

namespace quern::detail {

Result<StopStrings> StopStrings::create(std::vector<std::string> stops) {
  for (std::size_t i = 0; i < stops.size(); ++i) {
    if (!stops[i].empty() && formats::is_utf8(stops[i])) continue;
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
