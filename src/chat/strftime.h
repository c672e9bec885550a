#pragma once
#include <chrono>
#include <string>
#include <string_view>

namespace quern::detail::jinja {

/// The time as Python's strftime writes it, with English names whatever the locale. A field that is not known
/// stays as it stands.
std::string strftime(std::string_view format, std::chrono::local_seconds time);

}  // namespace quern::detail::jinja
