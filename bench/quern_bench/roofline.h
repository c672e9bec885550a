#pragma once
#include <string>
#include <vector>

#include "bench/quern_bench/measure.h"

namespace quern::bench {

/// An SVG picture: over operations per byte read, what the machine gave at most (a slope where memory is the
/// limit, a flat roof where arithmetic is) and where each row came out. After Williams, Waterman and
/// Patterson, "Roofline: an insightful visual performance model for multicore architectures" (2009).
std::string roofline(const std::vector<Measured>& rows);

std::string escaped(const std::string& text);  ///< for HTML and SVG

}  // namespace quern::bench
