// Activations, norms, softmax, rope: between tables by bits, against double precision by tolerance.
#include <functional>
#include <limits>
#include <string>

#include "tests/kernels/support.h"

namespace quern::kernels::testing {
namespace {

constexpr float inf = std::numeric_limits<float>::infinity();
constexpr float nan = std::numeric_limits<float>::quiet_NaN();

struct Activation {
  const char* name;
  void (*KernelTable::*kernel)(const float*, std::size_t, float*);
  double (*exact)(double);
  double tolerance;  // relative, near 0
  float at_minus_inf, at_inf;
};
double gelu_tanh(double x) {
  return x / (1 + std::exp(-2 * std::sqrt(2 / 3.14159265358979323846) * (x + 0.044715 * x * x * x)));
}
const Activation activations[] = {
    {"silu", &KernelTable::silu, [](double x) { return x / (1 + std::exp(-x)); }, 3e-7, 0.0f, inf},
    {"gelu", &KernelTable::gelu, gelu_tanh, 3e-7, 0.0f, inf},
    {"sigmoid", &KernelTable::sigmoid, [](double x) { return 1 / (1 + std::exp(-x)); }, 3e-7, 0.0f, 1.0f},
    {"relu", &KernelTable::relu, [](double x) { return x > 0 ? x : 0; }, 0, 0.0f, inf},
};

// Dense over the interesting range, and every power of two of either sign.
std::vector<float> samples() {
  std::vector<float> x;
  for (int i = -300000; i <= 300000; ++i) x.push_back(static_cast<float>(i) * 0x1p-14f);
  for (int e = -149; e < 128; ++e) {
    x.push_back(std::ldexp(1.0f, e));
    x.push_back(-std::ldexp(1.0f, e));
  }
  return x;
}

TEST(Activations, MatchDoublePrecision) {
  const std::vector<float> x = samples();
  for (const KernelTable* table : tables()) {
    for (const Activation& a : activations) {
      SCOPED_TRACE(std::string(table->isa) + " " + a.name);
      std::vector<float> y(x.size());
      (table->*a.kernel)(x.data(), x.size(), y.data());
      for (std::size_t i = 0; i < x.size(); ++i) {
        const double want = a.exact(x[i]), error = std::abs(y[i] - want);
        // The exponent is rounded before it is raised, hence its size in the tolerance (gelu's is a cubic).
        const double size = std::abs(x[i]), exponent = 2 * size + size * size * size / 12;
        const double allowed =
            a.tolerance * (1 + exponent) * std::abs(want) + 1e-37;  // e^89 is infinite already
        ASSERT_LE(error, allowed) << "x = " << x[i] << " y = " << y[i] << " want " << want;
      }
    }
  }
}

TEST(Activations, LimitsAndNaN) {
  const std::vector<float> x = {-inf, inf, nan, -3e38f, 3e38f, 0.0f, -0.0f};
  for (const KernelTable* table : tables()) {
    for (const Activation& a : activations) {
      SCOPED_TRACE(std::string(table->isa) + " " + a.name);
      std::vector<float> y(x.size());
      (table->*a.kernel)(x.data(), x.size(), y.data());
      EXPECT_EQ(y[0], a.at_minus_inf);
      EXPECT_EQ(y[1], a.at_inf);
      EXPECT_TRUE(std::isnan(y[2]));
      EXPECT_EQ(y[3], a.at_minus_inf);
      EXPECT_FALSE(std::isnan(y[4]));
    }
  }
}

TEST(SoftCap, MatchesDoublePrecisionAndLimits) {
  const std::vector<float> x = samples();
  for (const KernelTable* table : tables()) {
    SCOPED_TRACE(table->isa);
    for (const float cap : {1.0f, 30.0f, 50.0f}) {
      std::vector<float> y(x.size());
      table->soft_cap(x.data(), cap, x.size(), y.data());
      for (std::size_t i = 0; i < x.size(); ++i) {
        const double want = cap * std::tanh(double{x[i]} / cap);
        ASSERT_NEAR(y[i], want, 3e-7 * std::abs(want) + 2e-45 * cap) << x[i];
      }
    }
    float y[3];
    const float edge[3] = {-inf, inf, nan};
    table->soft_cap(edge, 30, 3, y);
    EXPECT_EQ(y[0], -30.0f);
    EXPECT_EQ(y[1], 30.0f);
    EXPECT_TRUE(std::isnan(y[2]));
  }
}

// Every kernel that maps vectors to a vector, as one signature.
using Map = std::function<void(const KernelTable&, const float* a, const float* b, std::size_t n, float* y)>;
const std::pair<const char*, Map> maps[] = {
    {"add", [](auto& t, auto a, auto b, auto n, auto y) { t.add(a, b, n, y); }},
    {"mul", [](auto& t, auto a, auto b, auto n, auto y) { t.mul(a, b, n, y); }},
    {"scale", [](auto& t, auto a, auto, auto n, auto y) { t.scale(a, 0.37f, n, y); }},
    {"scale_add", [](auto& t, auto a, auto b, auto n, auto y) { t.scale_add(a, 0.37f, b, n, y); }},
    {"clamp", [](auto& t, auto a, auto, auto n, auto y) { t.clamp(a, -0.5f, 0.75f, n, y); }},
    {"soft_cap", [](auto& t, auto a, auto, auto n, auto y) { t.soft_cap(a, 1.5f, n, y); }},
    {"silu", [](auto& t, auto a, auto, auto n, auto y) { t.silu(a, n, y); }},
    {"gelu", [](auto& t, auto a, auto, auto n, auto y) { t.gelu(a, n, y); }},
    {"relu", [](auto& t, auto a, auto, auto n, auto y) { t.relu(a, n, y); }},
    {"sigmoid", [](auto& t, auto a, auto, auto n, auto y) { t.sigmoid(a, n, y); }},
    {"silu_mul", [](auto& t, auto a, auto b, auto n, auto y) { t.silu_mul(a, b, n, y); }},
    {"gelu_mul", [](auto& t, auto a, auto b, auto n, auto y) { t.gelu_mul(a, b, n, y); }},
    {"swiglu_clamped", [](auto& t, auto a, auto b, auto n, auto y) { t.swiglu_clamped(a, b, n, y); }},
    {"softmax", [](auto& t, auto a, auto, auto n, auto y) { t.softmax(a, n, y); }},
    {"rms_norm", [](auto& t, auto a, auto b, auto n, auto y) { t.rms_norm(a, b, n, 1e-5f, y); }},
    {"rms_norm without weight",
     [](auto& t, auto a, auto, auto n, auto y) { t.rms_norm(a, nullptr, n, 1e-5f, y); }},
    {"exp", [](auto& t, auto a, auto, auto n, auto y) { t.exp(a, n, y); }},
    {"softplus", [](auto& t, auto a, auto, auto n, auto y) { t.softplus(a, n, y); }},
    {"l2_norm", [](auto& t, auto a, auto, auto n, auto y) { t.l2_norm(a, n, 1e-5f, y); }},
    {"layer_norm", [](auto& t, auto a, auto b, auto n, auto y) { t.layer_norm(a, b, b, n, 1e-5f, y); }},
    {"layer_norm plain",
     [](auto& t, auto a, auto, auto n, auto y) { t.layer_norm(a, nullptr, nullptr, n, 1e-5f, y); }},
};

TEST(Maps, TablesAgreeByBitsAndStayInside) {
  Random random(1);
  for (const std::size_t n : ugly_lengths) {
    for (const float size : {1.0f, 1e-20f, 40.0f, 1e30f}) {
      const std::vector<float> a = random.bells(n, size), b = random.bells(n, size);
      for (const auto& [name, map] : maps) {
        SCOPED_TRACE(std::string(name) + " " + std::to_string(n));
        std::vector<float> want(n + 16, 7.0f);
        map(*find_table("scalar"), a.data(), b.data(), n, want.data());
        for (std::size_t i = n; i < want.size(); ++i) ASSERT_EQ(want[i], 7.0f);
        for (const KernelTable* table : tables()) {
          std::vector<float> y(n + 16, 7.0f), in_place = a;
          map(*table, a.data(), b.data(), n, y.data());
          ASSERT_TRUE(same_bits(y, want)) << table->isa;
          map(*table, in_place.data(), b.data(), n, in_place.data());
          in_place.resize(n + 16, 7.0f);
          ASSERT_TRUE(same_bits(in_place, want)) << table->isa << " in place";
        }
      }
    }
  }
}

TEST(Maps, TablesAgreeOnSpecialValues) {
  const float specials[] = {0.0f,    -0.0f,   inf,      -inf, nan,   1e-45f,
                            -1e-45f, 3.4e38f, -3.4e38f, 1.0f, 88.8f, -104.5f};
  std::vector<float> a, b;
  for (const float x : specials)
    for (const float z : specials) a.push_back(x), b.push_back(z);
  for (const auto& [name, map] : maps) {
    std::vector<float> want(a.size()), y(a.size());
    map(*find_table("scalar"), a.data(), b.data(), a.size(), want.data());
    for (const KernelTable* table : tables()) {
      map(*table, a.data(), b.data(), a.size(), y.data());
      EXPECT_TRUE(same_bits(y, want)) << name << " " << table->isa;
    }
  }
}

TEST(Norms, MatchDoublePrecision) {
  Random random(2);
  for (const KernelTable* table : tables()) {
    for (const std::size_t n : ugly_lengths) {
      SCOPED_TRACE(std::string(table->isa) + " " + std::to_string(n));
      const std::vector<float> x = random.bells(n, 3), w = random.bells(n), bias = random.bells(n);
      double squares = 0, sum = 0, variance = 0;
      for (const float v : x) squares += double{v} * v, sum += v;
      const double count = static_cast<double>(n), mean = sum / count;
      for (const float v : x) variance += (v - mean) * (v - mean);
      std::vector<float> y(n);
      table->rms_norm(x.data(), w.data(), n, 1e-3f, y.data());
      for (std::size_t i = 0; i < n; ++i) {
        const double want = w[i] * (x[i] / std::sqrt(squares / count + 1e-3));
        ASSERT_NEAR(y[i], want, 1e-6 * std::abs(want));
      }
      table->layer_norm(x.data(), w.data(), bias.data(), n, 1e-3f, y.data());
      for (std::size_t i = 0; i < n; ++i) {
        const double want = w[i] * ((x[i] - mean) / std::sqrt(variance / count + 1e-3)) + bias[i];
        ASSERT_NEAR(y[i], want, 3e-5);
      }
    }
  }
}

TEST(Softmax, MatchesDoublePrecisionAndSumsToOne) {
  Random random(3);
  for (const KernelTable* table : tables()) {
    for (const std::size_t n : ugly_lengths) {
      const std::vector<float> x = random.bells(n, 10);
      std::vector<float> y(n);
      table->softmax(x.data(), n, y.data());
      double most = -1e300, total = 0, sum = 0;
      for (const float v : x) most = std::max(most, double{v});
      for (const float v : x) total += std::exp(v - most);
      for (std::size_t i = 0; i < n; ++i) {
        // The difference to the maximum is rounded before it is raised, hence its size in the tolerance.
        const double want = std::exp(x[i] - most) / total;
        ASSERT_NEAR(y[i], want, 3e-7 * (3 + most - x[i]) * want);
        sum += y[i];
      }
      EXPECT_NEAR(sum, 1, 1e-6);
    }
    const float masked[3] = {-inf, 1.0f, -inf};
    float y[3];
    table->softmax(masked, 3, y);
    EXPECT_EQ(y[0], 0.0f);
    EXPECT_EQ(y[1], 1.0f);
  }
}

TEST(Rope, RotatesPairsAndAgrees) {
  Random random(4);
  for (const std::size_t n_rot : {2u, 6u, 16u, 64u, 100u}) {
    std::vector<float> cos_sin(n_rot);
    for (std::size_t i = 0; i < n_rot / 2; ++i) {
      const double angle = 10 * random.bell();
      cos_sin[2 * i] = static_cast<float>(std::cos(angle));
      cos_sin[2 * i + 1] = static_cast<float>(std::sin(angle));
    }
    for (const RopeKind kind : {RopeKind::interleaved, RopeKind::halves}) {
      const std::vector<float> head = random.bells(n_rot + 8);
      std::vector<float> want = head;
      find_table("scalar")->rope(want.data(), cos_sin.data(), n_rot, kind);
      for (std::size_t i = 0; i < n_rot / 2; ++i) {
        const std::size_t p = kind == RopeKind::halves ? i : 2 * i,
                          q = kind == RopeKind::halves ? i + n_rot / 2 : p + 1;
        const double c = cos_sin[2 * i], s = cos_sin[2 * i + 1];
        EXPECT_NEAR(want[p], head[p] * c - head[q] * s, 1e-6);
        EXPECT_NEAR(want[q], head[p] * s + head[q] * c, 1e-6);
      }
      for (std::size_t i = n_rot; i < head.size(); ++i) EXPECT_EQ(want[i], head[i]);
      for (const KernelTable* table : tables()) {
        std::vector<float> y = head;
        table->rope(y.data(), cos_sin.data(), n_rot, kind);
        EXPECT_TRUE(same_bits(y, want)) << table->isa;
      }
    }
  }
}

}  // namespace
}  // namespace quern::kernels::testing
