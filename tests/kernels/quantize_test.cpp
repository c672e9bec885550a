// Packing activations: what the codes, scales and sums mean, edge values, and that tables agree by bits.
#include <limits>
#include <string>

#include "tests/kernels/support.h"

namespace quern::kernels::testing {
namespace {

struct Quantized {
  std::vector<std::int8_t> codes;
  std::vector<float> scales;
  std::vector<std::int16_t> sums;
};
Quantized quantize(const KernelTable& table, ActivationKind kind, const std::vector<float>& x,
                   std::size_t n_tokens, std::size_t n_cols, std::size_t stride) {
  Quantized q{std::vector<std::int8_t>(n_tokens * n_cols),
              std::vector<float>(n_tokens * n_cols / activation_group(kind)),
              std::vector<std::int16_t>(n_tokens * n_cols / 16)};
  table.quantize(kind, x.data(), stride, n_tokens, n_cols, q.codes.data(), q.scales.data(), q.sums.data());
  return q;
}

double squared_error(const Quantized& q, const std::vector<float>& x, std::size_t group) {
  double error = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double e = x[i] - double{q.scales[i / group]} * q.codes[i];
    error += e * e;
  }
  return error;
}

constexpr ActivationKind kinds[] = {ActivationKind::q8_32, ActivationKind::q8_128};

TEST(Quantize, CodesAreTheNearestAndSumsAddUp) {
  Random random(21);
  for (const ActivationKind kind : kinds) {
    const std::size_t group = activation_group(kind), n_cols = 512, n_tokens = 3, stride = 530;
    const std::vector<float> x = random.bells(n_tokens * stride, 5);
    for (const KernelTable* table : tables()) {
      SCOPED_TRACE(table->isa);
      const Quantized q = quantize(*table, kind, x, n_tokens, n_cols, stride);
      for (std::size_t t = 0; t < n_tokens; ++t) {
        for (std::size_t c = 0; c < n_cols; ++c) {
          const double scale = q.scales[(t * n_cols + c) / group], code = q.codes[t * n_cols + c];
          // Half a step, and what fitting the scale to all codes may cost the largest.
          ASSERT_LE(std::abs(x[t * stride + c] - scale * code), scale * (0.5001 + std::abs(code) * 0.002));
          ASSERT_GE(code, -127);
        }
        for (std::size_t s = 0; s < n_cols / 16; ++s) {
          int sum = 0;
          for (std::size_t i = 0; i < 16; ++i) sum += q.codes[t * n_cols + 16 * s + i];
          ASSERT_EQ(q.sums[t * n_cols / 16 + s], sum);
        }
      }
    }
  }
}

TEST(Quantize, ErrorIsWellBelowTheScaleOfTheMaximum) {
  Random random(22);
  const std::vector<float> x = random.bells(128 * 400);
  for (const ActivationKind kind : kinds) {
    const std::size_t group = activation_group(kind);
    double plain = 0;  // scale = amax / 127 in every group
    for (std::size_t g = 0; g < x.size(); g += group) {
      double amax = 0;
      for (std::size_t i = g; i < g + group; ++i) amax = std::max(amax, std::abs(double{x[i]}));
      for (std::size_t i = g; i < g + group; ++i) {
        const double e = x[i] - std::nearbyint(x[i] * 127 / amax) * amax / 127;
        plain += e * e;
      }
    }
    const double error = squared_error(quantize(*tables()[0], kind, x, 1, x.size(), x.size()), x, group);
    EXPECT_LT(error, (group == 32 ? 0.83 : 0.94) * plain) << error / plain;
  }
}

TEST(Quantize, TablesAgreeOnAnyBits) {
  Random random(23);
  for (const ActivationKind kind : kinds) {
    for (int round = 0; round < 50; ++round) {
      std::vector<float> x = random.bells(1024, std::ldexp(1.0f, static_cast<int>(random.below(250)) - 125));
      if (round % 3 == 0)
        for (float& v : x)
          if (random.below(100) == 0) v = std::bit_cast<float>(static_cast<std::uint32_t>(random.bits()));
      const Quantized want = quantize(*find_table("scalar"), kind, x, 1, x.size(), x.size());
      for (const KernelTable* table : tables()) {
        const Quantized q = quantize(*table, kind, x, 1, x.size(), x.size());
        ASSERT_EQ(q.codes, want.codes) << table->isa;
        ASSERT_EQ(q.sums, want.sums) << table->isa;
        ASSERT_EQ(std::memcmp(q.scales.data(), want.scales.data(), q.scales.size() * 4), 0) << table->isa;
      }
    }
  }
}

TEST(Quantize, EdgeValues) {
  constexpr float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  for (const KernelTable* table : tables()) {
    for (const ActivationKind kind : kinds) {
      const std::size_t n = activation_group(kind);
      const auto one = [&](float odd, float rest) {
        std::vector<float> x(n, rest);
        x[n - 3] = odd;
        return quantize(*table, kind, x, 1, n, n);
      };
      for (const float bad : {inf, -inf, nan, -nan}) {
        const Quantized q = one(bad, 1.0f);
        EXPECT_EQ(std::bit_cast<std::uint32_t>(q.scales[0]), 0x7fc00000u);
        EXPECT_EQ(q.codes, std::vector<std::int8_t>(n, 0));
        EXPECT_EQ(q.sums, std::vector<std::int16_t>(n / 16, 0));
      }
      for (const float tiny : {0.0f, -0.0f, 1e-45f, 0x1p-101f}) {
        const Quantized q = one(tiny, 0.0f);
        EXPECT_EQ(std::bit_cast<std::uint32_t>(q.scales[0]), 0u);
        EXPECT_EQ(q.codes, std::vector<std::int8_t>(n, 0));
      }
      for (const float size : {0x1p-100f, 1.0f, 3.4028235e38f}) {
        const Quantized q = one(-size, 0.0f);
        EXPECT_EQ(q.codes[n - 3], -127);
        EXPECT_NEAR(q.scales[0] / (size / 127), 1, 1e-6);
      }
      // Ties go to even. Whole numbers up to 127 are met exactly by a step of 1.
      std::vector<float> x(n, 4.0f);
      x[0] = 127, x[1] = 1.5f, x[2] = -0.5f, x[3] = -2.5f;
      const Quantized q = quantize(*table, kind, x, 1, n, n);
      ASSERT_EQ(q.codes[0], 127);
      EXPECT_EQ(q.codes[1], 2);
      EXPECT_EQ(q.codes[2], 0);
      EXPECT_EQ(q.codes[3], -2);
    }
  }
}

}  // namespace
}  // namespace quern::kernels::testing
