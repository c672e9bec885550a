// Convolutions and recurrences: between tables by bits, against double precision by tolerance, in one call or
// many.
#include <functional>
#include <string>

#include "tests/kernels/recurrent_inputs.h"
#include "tests/kernels/support.h"

namespace quern::kernels::testing {
namespace {

// A kernel's outputs and final state for inputs made from a seed, the rows given in calls of `cut` rows.
using Recurrence = std::function<Recurred(const KernelTable&, const Sizes&, std::size_t cut)>;
const std::pair<const char*, Recurrence> recurrences[] = {
    {"causal_conv", [](const auto& t, const auto& s, auto cut) { return ConvInputs(s).run(t, cut); }},
    {"state_space", [](const auto& t, const auto& s, auto cut) { return StateSpaceInputs(s).run(t, cut); }},
    {"delta_net", [](const auto& t, const auto& s, auto cut) { return DeltaInputs(s).run(t, cut); }},
};

const Sizes sizes[] = {{1, 1, 1},   {7, 3, 5},   {9, 4, 16},   {20, 16, 17},
                       {33, 6, 31}, {70, 5, 64}, {12, 64, 128}};

TEST(Recurrences, TablesAndCutsAgreeByBits) {
  for (const auto& [name, recurrence] : recurrences) {
    for (const Sizes& size : sizes) {
      const Recurred want = recurrence(*find_table("scalar"), size, size.n_rows);
      for (const KernelTable* table : tables()) {
        for (const std::size_t cut : {size.n_rows, std::size_t{1}, std::size_t{5}}) {
          SCOPED_TRACE(std::string(name) + " " + table->isa + " cut " + std::to_string(cut));
          const Recurred got = recurrence(*table, size, cut);
          ASSERT_TRUE(same_bits(got.out, want.out));
          ASSERT_TRUE(same_bits(got.state, want.state));
        }
      }
    }
  }
}

// A head's recurrence in double precision, one matrix row after the other.
struct Exact {
  std::vector<double> out, out_size, state;  // out_size: the sum of the magnitudes that make an output
};

Exact exact_state_space(const StateSpaceInputs& in) {
  const auto& [n_rows, dim, n] = in.size;
  Exact exact{{}, {}, {in.state.begin(), in.state.end()}};
  for (std::size_t t = 0; t < n_rows; ++t) {
    const float* row = in.rows.data() + t * in.stride();
    for (std::size_t i = 0; i < dim; ++i) {
      double y = double{in.skip} * row[i], magnitude = std::abs(y);
      for (std::size_t k = 0; k < n; ++k) {
        double& s = exact.state[i * n + k];
        s = double{in.gates[2 * t + 1]} * s + double{in.gates[2 * t]} * row[i] * row[dim + k];
        y += s * row[dim + n + k];
        magnitude += std::abs(s * row[dim + n + k]);
      }
      exact.out.push_back(y);
      exact.out_size.push_back(magnitude);
    }
  }
  return exact;
}

Exact exact_delta_net(const DeltaInputs& in) {
  const auto& [n_rows, dim, n] = in.size;
  Exact exact{{}, {}, {in.state.begin(), in.state.end()}};
  for (std::size_t t = 0; t < n_rows; ++t) {
    const float *q = in.rows.data() + t * in.stride(), *k = q + n, *v = k + n;
    for (std::size_t i = 0; i < dim; ++i) {
      double* s = exact.state.data() + i * n;
      double seen = 0, out = 0, magnitude = 0;
      for (std::size_t j = 0; j < n; ++j) seen += (s[j] *= in.gates[2 * t + 1]) * k[j];
      const double error = in.gates[2 * t] * (v[i] - seen);
      for (std::size_t j = 0; j < n; ++j) {
        s[j] += error * k[j];
        out += s[j] * q[j];
        magnitude += std::abs(s[j] * q[j]);
      }
      exact.out.push_back(in.scale * out);
      exact.out_size.push_back(in.scale * magnitude);
    }
  }
  return exact;
}

void expect_near(const Recurred& got, const Exact& want, double tolerance) {
  ASSERT_EQ(got.out.size(), want.out.size());
  for (std::size_t i = 0; i < got.out.size(); ++i)
    ASSERT_NEAR(got.out[i], want.out[i], tolerance * (1 + want.out_size[i])) << i;
  for (std::size_t i = 0; i < got.state.size(); ++i)
    ASSERT_NEAR(got.state[i], want.state[i], tolerance * (1 + std::abs(want.state[i]))) << i;
}

TEST(Recurrences, MatchDoublePrecision) {
  for (const KernelTable* table : tables()) {
    for (const Sizes& size : sizes) {
      SCOPED_TRACE(std::string(table->isa) + " rows " + std::to_string(size.n_rows));
      const StateSpaceInputs space(size);
      expect_near(space.run(*table, size.n_rows), exact_state_space(space), 3e-6);
      const DeltaInputs delta(size);
      expect_near(delta.run(*table, size.n_rows), exact_delta_net(delta), 3e-5);
    }
  }
}

TEST(CausalConv, MatchesDoublePrecision) {
  for (const KernelTable* table : tables()) {
    for (const Sizes& size : sizes) {
      const ConvInputs in(size);
      const Recurred got = in.run(*table, size.n_rows);
      const std::size_t past = in.n_taps() - 1, channels = in.n_channels();
      for (std::size_t t = 0; t < size.n_rows; ++t) {
        for (std::size_t c = 0; c < channels; ++c) {
          double want = in.bias[c], magnitude = std::abs(want);
          for (std::size_t j = 0; j <= past; ++j) {
            const float x =
                t + j < past ? in.state[(t + j) * channels + c] : in.rows[(t + j - past) * channels + c];
            want += double{x} * in.taps[c * in.n_taps() + j];
            magnitude += std::abs(double{x} * in.taps[c * in.n_taps() + j]);
          }
          ASSERT_NEAR(got.out[t * channels + c], want, 1e-6 * magnitude);
        }
      }
    }
  }
}

TEST(L2Norm, MatchesDoublePrecisionAndHasAFloor) {
  Random random(5);
  for (const KernelTable* table : tables()) {
    for (const std::size_t n : ugly_lengths) {
      const std::vector<float> x = random.bells(n, 3);
      double squares = 0;
      for (const float v : x) squares += double{v} * v;
      std::vector<float> y(n);
      table->l2_norm(x.data(), n, 1e-6f, y.data());
      for (std::size_t i = 0; i < n; ++i)
        ASSERT_NEAR(y[i], x[i] / std::sqrt(squares), 1e-6 * std::abs(x[i]) / std::sqrt(squares));
      table->l2_norm(x.data(), n, 1e6f, y.data());
      for (std::size_t i = 0; i < n; ++i) ASSERT_NEAR(y[i], x[i] * 1e-6, 1e-12);
    }
  }
}

TEST(ExpAndSoftplus, MatchDoublePrecisionAndLimits) {
  constexpr float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  std::vector<float> x;
  for (int i = -120000; i <= 120000; ++i) x.push_back(static_cast<float>(i) * 0x1p-10f);
  std::vector<float> y(x.size());
  for (const KernelTable* table : tables()) {
    table->softplus(x.data(), x.size(), y.data());
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double want = std::log1p(std::exp(double{x[i]}));
      ASSERT_NEAR(y[i], want, 2e-7 * want + 1e-45) << x[i];
    }
    table->exp(x.data(), x.size(), y.data());
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double want = std::exp(double{x[i]});
      if (want < 3e38) {
        ASSERT_NEAR(y[i], want, 3e-7 * want + 1e-44) << x[i];
      }
      if (want > 4e38) {
        ASSERT_EQ(y[i], inf) << x[i];
      }
    }
    const float edge[] = {-inf, inf, nan, -3e38f, 3e38f};
    table->softplus(edge, 5, y.data());
    EXPECT_EQ(y[0], 0.0f);
    EXPECT_EQ(y[1], inf);
    EXPECT_TRUE(std::isnan(y[2]));
    EXPECT_EQ(y[3], 0.0f);
    EXPECT_EQ(y[4], 3e38f);
  }
}

}  // namespace
}  // namespace quern::kernels::testing
