#pragma once
// What the kernel tests share: inputs, and comparison by bits.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>

#include "tests/kernels/inputs.h"

namespace quern::kernels::testing {

/// Equal bits; NaNs are equal whatever their payload.
inline ::testing::AssertionResult same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size())
    return ::testing::AssertionFailure() << "sizes " << a.size() << " and " << b.size();
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (std::isnan(a[i]) && std::isnan(b[i])) continue;
    if (std::bit_cast<std::uint32_t>(a[i]) != std::bit_cast<std::uint32_t>(b[i]))
      return ::testing::AssertionFailure() << "element " << i << ": " << a[i] << " and " << b[i];
  }
  return ::testing::AssertionSuccess();
}

inline const std::size_t ugly_lengths[] = {1, 2, 15, 16, 17, 31, 32, 33, 64, 100, 255, 256, 257, 1000};

}  // namespace quern::kernels::testing
