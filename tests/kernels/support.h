#pragma once
// What the kernel tests share: a portable random source, comparison by bits, and a walk over the runnable
// tables.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "kernels/kernel_table.h"

namespace quern::kernels::testing {

/// SplitMix64 (Steele et al., OOPSLA 2014): the same numbers on every platform.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t bits() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
  }
  std::size_t below(std::size_t n) { return bits() % n; }
  /// In (-1, 1), a multiple of 2^-23.
  float uniform() {
    return static_cast<float>(static_cast<std::int32_t>(bits() >> 40) - (1 << 23)) * 0x1p-23f;
  }
  /// Roughly normal (the sum of four uniforms), variance 4/3.
  float bell() { return uniform() + uniform() + uniform() + uniform(); }
  std::vector<float> bells(std::size_t n, float size = 1) {
    std::vector<float> v(n);
    for (float& x : v) x = bell() * size;
    return v;
  }

 private:
  std::uint64_t state_;
};

inline std::span<const KernelTable* const> tables() {
  return {runnable_tables().tables, runnable_tables().size};
}

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
