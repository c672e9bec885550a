// exp, ln and the noise: accuracy against 80-bit arithmetic, and their frozen bits.
#include "src/base/math.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "src/base/philox.h"
#include "src/sampling/draw.h"

namespace quern::detail {
namespace {

// The error in units of the last place of the exact result. Where long double is no wider, there is nothing
// to compare with.
constexpr bool has_long_double = std::numeric_limits<long double>::digits >= 64;

double ulps(double got, long double want) {
  const int exponent = std::max(std::ilogb(static_cast<double>(want)), -1022);
  return std::abs(static_cast<double>((got - want) / std::scalbn(1.0L, exponent - 52)));
}

std::uint64_t random_bits(std::uint32_t i) {
  const PhiloxCounter w = philox({i, 0, 0, 0}, {1, 2});
  return std::uint64_t{w[0]} << 32 | w[1];
}

TEST(Math, ExpIsAccurate) {
  if (!has_long_double) GTEST_SKIP() << "no wider type to compare with";
  double largest = 0;
  for (std::uint32_t i = 0; i < 500'000; ++i) {
    const double u = static_cast<double>(random_bits(i) >> 11) * 0x1p-53;
    const double x = i % 3 == 0   ? -40 * u
                     : i % 3 == 1 ? 1415 * u - 706
                                  : (u - 0.5) * std::exp2(-static_cast<int>(i % 60));
    largest = std::max(largest, ulps(exp(x), std::exp(static_cast<long double>(x))));
  }
  EXPECT_LT(largest, 1);
  RecordProperty("largest_error_ulp_times_1000", static_cast<int>(1000 * largest));
}

TEST(Math, LnIsAccurate) {
  if (!has_long_double) GTEST_SKIP() << "no wider type to compare with";
  double largest = 0;
  for (std::uint32_t i = 0; i < 500'000; ++i) {
    const std::uint64_t bits = random_bits(i);
    const double u = (static_cast<double>(bits >> 11) + 0.5) * 0x1p-53;
    double x = std::bit_cast<double>(bits & 0x7fffffffffffffff);  // any positive number
    if (i % 3 == 1) x = 0.5 + 1.5 * u;
    if (i % 3 == 2) x = 1 - u * std::exp2(-static_cast<int>(i % 50));
    if (!(x > 0) || std::isinf(x)) continue;
    largest = std::max(largest, ulps(ln(x), std::log(static_cast<long double>(x))));
  }
  EXPECT_LT(largest, 1.25);
  RecordProperty("largest_error_ulp_times_1000", static_cast<int>(1000 * largest));
}

TEST(Math, Ends) {
  const double inf = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(exp(0.0), 1);
  EXPECT_EQ(exp(inf), inf);
  EXPECT_EQ(exp(710), inf);
  EXPECT_LT(exp(709.78), inf);
  EXPECT_EQ(exp(-inf), 0);
  EXPECT_EQ(exp(-746), 0);
  EXPECT_EQ(exp(-745), std::numeric_limits<double>::denorm_min());
  EXPECT_TRUE(std::isnan(exp(nan)));
  EXPECT_EQ(ln(1), 0);
  EXPECT_EQ(ln(0), -inf);
  EXPECT_EQ(ln(inf), inf);
  EXPECT_TRUE(std::isnan(ln(-1)));
  EXPECT_TRUE(std::isnan(ln(nan)));
  EXPECT_NEAR(ln(std::numeric_limits<double>::denorm_min()), -744.4400719213812, 1e-12);
}

// The noise near both ends of its range and over a sample of words.
TEST(Math, NoiseKeepsItsDigits) {
  if (!has_long_double) GTEST_SKIP() << "no wider type to compare with";
  double largest = 0;
  const auto check = [&](std::uint32_t word) {
    const long double u = (static_cast<long double>(word) + 0.5L) * 0x1p-32L;
    const long double want = -std::log(-std::log(u));
    largest = std::max(largest, std::abs(static_cast<double>(gumbel(word) - want)));
  };
  for (std::uint32_t i = 0; i < 1000; ++i) {
    check(i);
    check(~i);
  }
  for (std::uint32_t i = 0; i < 300'000; ++i) check(i * 4294u + 17);
  EXPECT_LT(largest, 4e-15);
  EXPECT_NEAR(gumbel(0), -3.13, 1e-4);
  EXPECT_NEAR(gumbel(0xffffffff), 22.8739, 1e-4);
}

TEST(Math, NoiseGrowsWithTheWord) {
  for (std::uint32_t i = 1; i < 100'000; ++i) {
    const auto word = static_cast<std::uint32_t>(random_bits(i));
    if (word == 0) continue;
    EXPECT_GT(gumbel(word) - gumbel(word - 1), 5e-10) << word;
  }
}

// Part of "same seed, same text": these bits never change.
TEST(Math, FrozenBits) {
  const auto bits = [](double x) { return std::bit_cast<std::uint64_t>(x); };
  EXPECT_EQ(bits(exp(-31.2)), 0x3d1fbba9cbc2455d);
  EXPECT_EQ(bits(exp(-20.75)), 0x3e10ba06b3d9c887);
  EXPECT_EQ(bits(exp(-3.25)), 0x3fa3da368521902d);
  EXPECT_EQ(bits(exp(-1)), 0x3fd78b56362cef38);
  EXPECT_EQ(bits(exp(-0.3)), 0x3fe7b4c869c37c05);
  EXPECT_EQ(bits(exp(-1e-9)), 0x3fefffffff768fa1);
  EXPECT_EQ(bits(exp(0.7)), 0x40001c2a61268987);
  EXPECT_EQ(bits(exp(10.5)), 0x40e1bb7015e84d3b);
  EXPECT_EQ(bits(ln(0.05)), 0xc007f7427b73e391);
  EXPECT_EQ(bits(ln(0.1)), 0xc0026bb1bbb55515);
  EXPECT_EQ(bits(ln(0.3)), 0xbff34378fcbda721);
  EXPECT_EQ(bits(ln(0.99999)), 0xbee4f8bc681df714);
  EXPECT_EQ(bits(ln(1.5)), 0x3fd9f323ecbf984c);
  EXPECT_EQ(bits(ln(3.0)), 0x3ff193ea7aad030b);
  EXPECT_EQ(bits(ln(17592186044416.0)), 0x403e7f9c1e980fa9);
  EXPECT_EQ(bits(ln(1e300)), 0x4085963447f87fb5);
  EXPECT_EQ(bits(gumbel(0x00000000)), 0xc0090a3aa15a0b5d);
  EXPECT_EQ(bits(gumbel(0x00000001)), 0xc008a56cb66869f4);
  EXPECT_EQ(bits(gumbel(0x12345678)), 0xbfef1b82b00c771c);
  EXPECT_EQ(bits(gumbel(0x5e2d58d8)), 0xbde19467fffb2bd1);
  EXPECT_EQ(bits(gumbel(0x7fffffff)), 0x3fd774f29b811681);
  EXPECT_EQ(bits(gumbel(0x8787dd31)), 0x3fdcf73a21661122);
  EXPECT_EQ(bits(gumbel(0xfffffffe)), 0x4035c6766f467b8e);
  EXPECT_EQ(bits(gumbel(0xffffffff)), 0x4036dfb516f1cbbf);
}

}  // namespace
}  // namespace quern::detail
