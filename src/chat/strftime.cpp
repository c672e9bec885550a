#include "src/chat/strftime.h"

#include <array>

namespace quern::detail::jinja {
namespace {

constexpr std::array<std::string_view, 7> days = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                  "Thursday", "Friday", "Saturday"};
constexpr std::array<std::string_view, 12> months = {"January",   "February", "March",    "April",
                                                     "May",       "June",     "July",     "August",
                                                     "September", "October",  "November", "December"};

void append_padded(std::string& out, long long number, std::size_t width, char pad) {
  const std::string digits = std::to_string(number);
  if (pad != '\0' && digits.size() < width) out.append(width - digits.size(), pad);
  out += digits;
}

}  // namespace

std::string strftime(std::string_view format, std::chrono::local_seconds time) {
  using namespace std::chrono;
  const local_days day = floor<std::chrono::days>(time);
  const year_month_day date(day);
  const hh_mm_ss clock(time - day);
  const auto year = static_cast<int>(date.year());
  const auto month = static_cast<unsigned>(date.month());
  const auto weekday_name = days[weekday(day).c_encoding()];
  const auto month_name = months[month - 1];
  const long long hour = clock.hours().count(), hour_of_12 = (hour + 11) % 12 + 1;
  const long long day_of_year = (day - local_days(date.year() / January / 1)).count() + 1;

  std::string out;
  for (std::size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%' || i + 1 == format.size()) {
      out += format[i];
      continue;
    }
    const bool unpadded = format[i + 1] == '-' && i + 2 < format.size();
    const char field = format[unpadded ? i + 2 : i + 1];
    const char zero = unpadded ? '\0' : '0';
    switch (field) {
      case 'a': out += weekday_name.substr(0, 3); break;
      case 'A': out += weekday_name; break;
      case 'b': out += month_name.substr(0, 3); break;
      case 'B': out += month_name; break;
      case 'd': append_padded(out, static_cast<unsigned>(date.day()), 2, zero); break;
      case 'e': append_padded(out, static_cast<unsigned>(date.day()), 2, unpadded ? '\0' : ' '); break;
      case 'H': append_padded(out, hour, 2, zero); break;
      case 'I': append_padded(out, hour_of_12, 2, zero); break;
      case 'j': append_padded(out, day_of_year, 3, zero); break;
      case 'm': append_padded(out, month, 2, zero); break;
      case 'M': append_padded(out, clock.minutes().count(), 2, zero); break;
      case 'p': out += hour < 12 ? "AM" : "PM"; break;
      case 'S': append_padded(out, clock.seconds().count(), 2, zero); break;
      case 'y': append_padded(out, (year % 100 + 100) % 100, 2, zero); break;
      case 'Y': out += std::to_string(year); break;
      case '%': out += '%'; break;
      default: out.append(format, i, unpadded ? 3 : 2);
    }
    i += unpadded ? 2 : 1;
  }
  return out;
}

}  // namespace quern::detail::jinja
