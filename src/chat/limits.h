#pragma once
// What a template may use. Templates come from strangers, so every one of them is bounded; the allowances
// that honest templates need for long conversations grow with the size of what is rendered.
#include <cstddef>
#include <cstdint>

namespace quern::detail::jinja {

struct Limits {
  std::size_t source_bytes = std::size_t{1} << 20;
  std::size_t nodes = 100'000;  ///< expressions and statements
  std::size_t depth = 200;      ///< blocks inside blocks; expressions inside expressions

  /// Nodes evaluated, items walked, and one for every 64 bytes copied or compared. A fixed part that takes
  /// well under 100 ms, and a part for each byte of the variables: templates that look back over all earlier
  /// messages take steps in proportion to the square of their number.
  std::uint64_t steps = 1'000'000;
  std::uint64_t steps_per_input_byte = 100;
  /// Everything that rendering makes, the output included.
  std::size_t memory_bytes = std::size_t{24} << 20;
  std::size_t memory_per_input_byte = 256;

  std::size_t call_depth = 200;   ///< macros inside macros, loop(...) inside loop(...)
  std::size_t eval_depth = 2000;  ///< all of the above together
  std::size_t value_depth = 200;  ///< lists and dicts inside each other, where they are printed or compared
  std::int64_t range_items = 100'000;
  std::int64_t width = 10'000;  ///< of a padded field, a precision, an indentation
};

}  // namespace quern::detail::jinja
