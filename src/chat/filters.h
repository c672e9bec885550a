#pragma once
// The three tables of filters that find_filter looks through, each sorted by name.
#include <span>

#include "src/chat/value.h"

namespace quern::detail::jinja {

std::span<const Filter> text_filters();
std::span<const Filter> value_filters();
std::span<const Filter> sequence_filters();

}  // namespace quern::detail::jinja
