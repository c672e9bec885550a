#pragma once
// Numbers as text, in the ways that a field of `%` or of format() can ask for.
#include <cstdint>
#include <string>

#include "src/chat/value.h"

namespace quern::detail::jinja {

/// How one value is written: [[fill]align][sign][#][0][width][, or _][.precision][type].
struct Spec {
  std::string fill = " ";
  char align = '\0', sign = '-', type = '\0';
  char group = '\0';  ///< between groups of digits
  bool alternate = false;
  std::int64_t width = 0, precision = -1;
};

struct NumberText {
  std::string before;  ///< the sign, and 0x and its like
  std::string digits;  ///< and all behind it
};

/// Padded only where zeros that fill a field up stand in groups as digits do. Requires: value is a number,
/// and whole where spec.type is of whole numbers; spec.type is none of s and c; width and precision are
/// within Limits::width.
NumberText number_text(const Spec& spec, const Value& value);

}  // namespace quern::detail::jinja
