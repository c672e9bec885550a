// The searching encoders: their error against stored bars, what they do with awkward input, and that they are
// deterministic.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <random>
#include <sstream>

#include "formats/tensor_type.h"
#include "tests/formats/quant_vectors.h"

namespace quern::formats {
namespace {

using test::quants_dir;
using test::read_floats;
using testing::HasSubstr;

constexpr std::size_t n_cols = 1024;
constexpr const char* kinds[] = {"gauss", "heavy", "outlier", "struct"};  // 16 rows each

std::vector<TensorTypeInfo> weight_types() {
  std::vector<TensorTypeInfo> types;
  for (const TensorTypeInfo& info : tensor_types())
    if (info.is_weight && info.type != TensorType::f32) types.push_back(info);
  return types;
}

class SearchEncode : public testing::TestWithParam<TensorTypeInfo> {
 protected:
  static std::vector<std::byte> encode(std::span<const float> x, std::size_t cols,
                                       std::span<const float> importance) {
    const TensorTypeInfo& type = GetParam();
    std::vector<std::byte> out(x.size() / type.block_elements * type.block_bytes);
    const auto done = encode_rows(type.type, x, cols, "w", out, {.importance = importance});
    EXPECT_TRUE(done.has_value()) << (done ? "" : done.error().message);
    return out;
  }
  static std::vector<float> decode(std::span<const std::byte> bytes) {
    const TensorTypeInfo& type = GetParam();
    const std::size_t n_blocks = bytes.size() / type.block_bytes;
    std::vector<float> y(n_blocks * type.block_elements);
    type.decode(bytes.data(), n_blocks, y.data());
    return y;
  }
};
INSTANTIATE_TEST_SUITE_P(Types, SearchEncode, testing::ValuesIn(weight_types()),
                         [](const auto& type) { return std::string(type.param.name); });

// encode-bars.tsv: (type, kind of row, importance) -> (rmse, the same with errors weighted by importance).
struct Bar {
  double rmse, weighted_rmse;
};
std::map<std::string, Bar> read_bars() {
  std::map<std::string, Bar> bars;
  std::ifstream table(quants_dir() / "encode-bars.tsv");
  std::string line;
  std::getline(table, line);
  while (std::getline(table, line)) {
    std::istringstream fields(line);
    std::string type, kind, mode;
    Bar bar{};
    fields >> type >> kind >> mode >> bar.rmse >> bar.weighted_rmse;
    bars[type + ' ' + kind + ' ' + mode] = bar;
  }
  return bars;
}

// Relative root mean square error over the 16 rows of a kind; weights null: all ones.
double relative_rmse(const float* x, const float* y, const float* weights) {
  double error = 0, total = 0;
  for (std::size_t i = 0; i < 16 * n_cols; ++i) {
    const double w = weights ? weights[i % n_cols] : 1.0;
    const double miss = static_cast<double>(x[i]) - y[i];
    error += w * miss * miss;
    total += w * static_cast<double>(x[i]) * x[i];
  }
  return std::sqrt(error / total);
}

TEST_P(SearchEncode, IsAtOrBelowTheErrorBars) {
  const auto bars = read_bars();
  const auto x = read_floats(quants_dir() / "encode-input.f32");
  const auto weights = read_floats(quants_dir() / "encode-weights.f32");
  const std::vector<float> ones(n_cols, 1.0f);
  ASSERT_EQ(x.size(), 64 * n_cols);
  ASSERT_EQ(weights.size(), n_cols);
  for (const std::string mode : {"none", "ones", "w"}) {
    const std::span<const float> importance = mode == "none"   ? std::span<const float>{}
                                              : mode == "ones" ? std::span<const float>(ones)
                                                               : std::span<const float>(weights);
    const auto y = decode(encode(x, n_cols, importance));
    for (std::size_t k = 0; k < 4; ++k) {
      // Types that others refuse without importances have no "none" bar; that of equal importances binds
      // there.
      const std::string name = std::string(GetParam().name) + ' ' + kinds[k] + ' ';
      const auto bar = bars.contains(name + mode) ? bars.at(name + mode) : bars.at(name + "ones");
      const bool weighted = mode == "w";
      const double error = relative_rmse(x.data() + k * 16 * n_cols, y.data() + k * 16 * n_cols,
                                         weighted ? weights.data() : nullptr);
      const double limit = weighted ? bar.weighted_rmse : bar.rmse;
      EXPECT_LE(error, 1.001 * limit + 5e-7) << name << mode << ": " << error / limit << " of the bar";
      RecordProperty(kinds[k] + ('_' + mode), std::to_string(error / limit));
    }
  }
}

// Compilers, optimisation levels and machines must agree on every byte; a change of an encoder is seen here
// first.
TEST_P(SearchEncode, WritesTheFrozenBytes) {
  const auto x = read_floats(quants_dir() / "encode-input.f32");
  const auto weights = read_floats(quants_dir() / "encode-weights.f32");
  std::ifstream table(quants_dir() / "encode-hashes.tsv");
  std::string line;
  int n_checked = 0;
  while (std::getline(table, line)) {
    std::istringstream fields(line);
    std::string type, mode;
    std::uint64_t want = 0;
    fields >> type >> mode >> std::hex >> want;
    if (type != GetParam().name) continue;
    std::uint64_t hash = 1469598103934665603u;
    for (const std::byte byte :
         encode(x, n_cols, mode == "w" ? std::span<const float>(weights) : std::span<const float>{}))
      hash = (hash ^ static_cast<std::uint8_t>(byte)) * 1099511628211u;
    EXPECT_EQ(hash, want) << mode;
    ++n_checked;
  }
  EXPECT_EQ(n_checked, GetParam().block_elements == 1 ? 0 : 2);
}

TEST_P(SearchEncode, RowsDoNotDependOnEachOther) {
  const auto all = read_floats(quants_dir() / "encode-input.f32");
  const auto weights = read_floats(quants_dir() / "encode-weights.f32");
  const std::span<const float> x(all.data() + 30 * n_cols, 4 * n_cols);
  const auto together = encode(x, n_cols, weights);
  std::vector<std::byte> alone;
  for (std::size_t r = 0; r < 4; ++r) {
    const auto row = encode(x.subspan(r * n_cols, n_cols), n_cols, weights);
    alone.insert(alone.end(), row.begin(), row.end());
  }
  EXPECT_EQ(together, alone);
}

// Importances are relative: all ones, all fours and none at all give the same bytes where there is only one
// encoder.
TEST_P(SearchEncode, OnlyRatiosOfImportancesMatter) {
  const auto all = read_floats(quants_dir() / "encode-input.f32");
  const std::span<const float> x(all.data(), n_cols);
  const std::vector<float> ones(n_cols, 1.0f), fours(n_cols, 4.0f), zeros(n_cols, 0.0f);
  const auto want = encode(x, n_cols, ones);
  EXPECT_EQ(encode(x, n_cols, fours), want);
  EXPECT_EQ(encode(x, n_cols, zeros), want) << "columns that were never active count alike";
}

TEST_P(SearchEncode, ZerosDecodeToZeros) {
  const std::vector<float> x(n_cols, 0.0f), ones(n_cols, 1.0f);
  for (const float y : decode(encode(x, n_cols, ones))) ASSERT_EQ(y, 0.0f);
  for (const float y : decode(encode(x, n_cols, {}))) ASSERT_EQ(y, 0.0f);
}

// Constants, single spikes, mixed magnitudes, subnormals: all must come out finite and not worse than twice
// zero.
TEST_P(SearchEncode, AwkwardValuesStayFinite) {
  std::mt19937 random(11);
  std::vector<float> x(n_cols), importance(n_cols);
  for (int round = 0; round < 24; ++round) {
    for (std::size_t i = 0; i < n_cols; ++i) {
      const float noise = static_cast<float>(static_cast<int>(random() % 2001) - 1000) / 1000.0f;
      const float values[] = {1.5f,
                              -2.25f,
                              i == 300 ? 1000.0f : 0.0f,
                              i % 256 == 255 ? -3.0f : 1e-6f * noise,
                              noise * std::ldexp(1.0f, static_cast<int>(random() % 40) - 30),
                              noise * 1e-40f,
                              noise * 1e-20f,
                              i % 2 ? 1.0f : -1.0f};
      x[i] = values[round % 8];
      importance[i] = round < 8    ? 1.0f
                      : round < 16 ? static_cast<float>(random() % 2)
                                   : std::fabs(noise) * 1e20f;
    }
    const auto y = decode(encode(x, n_cols, importance));
    double error = 0, total = 0;
    for (std::size_t i = 0; i < n_cols; ++i) {
      ASSERT_TRUE(std::isfinite(y[i])) << "round " << round << " element " << i;
      const double v = importance[i];
      error += v * (static_cast<double>(x[i]) - y[i]) * (static_cast<double>(x[i]) - y[i]);
      total += v * static_cast<double>(x[i]) * x[i];
    }
    EXPECT_LE(error, 2 * total + 1e-12 * *std::max_element(importance.begin(), importance.end()))
        << "round " << round;
  }
}

// Values far beyond any scale must be refused by name, never written as infinity, and never trap.
TEST_P(SearchEncode, HugeValuesAreRefusedOrFinite) {
  const TensorTypeInfo& type = GetParam();
  std::mt19937 random(12);
  const std::vector<float> ones(n_cols, 1.0f);
  for (const float size : {1e6f, 1e9f, 1e15f, 1e22f, 3e38f}) {
    std::vector<float> x(n_cols);
    for (float& value : x)
      value = size * (static_cast<float>(static_cast<int>(random() % 2001) - 1000) / 1000.0f);
    std::vector<std::byte> out(n_cols / type.block_elements * type.block_bytes);
    for (const std::span<const float> importance : {std::span<const float>{}, std::span<const float>(ones)}) {
      const auto done =
          encode_rows(type.type, x, n_cols, "blk.0.ffn_up.weight", out, {.importance = importance});
      if (done) {
        for (const float y : decode(out)) ASSERT_TRUE(std::isfinite(y));
      } else {
        EXPECT_THAT(done.error().message, HasSubstr("blk.0.ffn_up.weight"));
        EXPECT_THAT(done.error().message, HasSubstr(std::string(type.name)));
      }
    }
  }
}

// Weights that are ternary already come back as they are from the types made for them.
TEST(SearchEncodeTernary, TernaryValuesAreExact) {
  std::mt19937 random(13);
  std::vector<float> x(2048), y(2048), ones(1024, 1.0f);
  for (float& value : x) value = 0.0371f * static_cast<float>(static_cast<int>(random() % 3) - 1);
  const float d = static_cast<float>(0.0371f);
  for (const TensorType type : {TensorType::tq1_0, TensorType::tq2_0, TensorType::q2_0}) {
    const TensorTypeInfo& info = tensor_type_info(type);
    for (const std::span<const float> importance : {std::span<const float>{}, std::span<const float>(ones)}) {
      std::vector<std::byte> out(x.size() / info.block_elements * info.block_bytes);
      ASSERT_TRUE(encode_rows(type, x, 1024, "w", out, {.importance = importance}).has_value());
      info.decode(out.data(), x.size() / info.block_elements, y.data());
      for (std::size_t i = 0; i < x.size(); ++i) ASSERT_NEAR(y[i], x[i], d / 2048) << info.name << ' ' << i;
    }
  }
}

}  // namespace
}  // namespace quern::formats
