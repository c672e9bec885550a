#pragma once
// The tables of unicode_tables.cpp, which cmake/make_unicode_tables.py writes. Only unicode.cpp reads them.
#include <cstddef>
#include <cstdint>

namespace quern::detail {

// Code points [first, last], every stride-th, have the lower case code + delta.
struct LowerRun {
  std::int32_t first, last, stride, delta;
};

// The canonical decomposition of each code point of [first, last] begins with base.
struct DecompositionRun {
  std::uint32_t first, last, base;
};

// The class of code point c is the letter unicode_classes[unicode_block[c / 128]][c % 128].
extern const std::uint8_t unicode_block[];
extern const char unicode_classes[][129];
extern const LowerRun lower_runs[];  // both lists in ascending order
extern const std::size_t n_lower_runs;
extern const DecompositionRun decomposition_runs[];
extern const std::size_t n_decomposition_runs;

}  // namespace quern::detail
