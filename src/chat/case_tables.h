#pragma once
// The tables of case_tables.cpp, which cmake/make_case_tables.py writes. Only text.cpp reads them.
#include <cstddef>
#include <cstdint>

namespace quern::detail::jinja {

/// Code points [first, last], every stride-th, have the upper case code + delta, which is their title case
/// too.
struct UpperRun {
  std::int32_t first, last, stride, delta;
};
/// One whose upper case is several, or whose title case is another.
struct SpecialCase {
  char32_t code;
  const char *upper, *title;  ///< UTF-8
};

extern const UpperRun upper_runs[];  // both lists in ascending order
extern const std::size_t n_upper_runs;
extern const SpecialCase special_cases[];
extern const std::size_t n_special_cases;

}  // namespace quern::detail::jinja
