// Attention against a plain double-precision softmax, and by bits against the canonical order written out,
// between tables and between groupings of queries.
#include <algorithm>
#include <memory>

#include "tests/kernels/support.h"

namespace quern::kernels::testing {
namespace {

struct Shape {
  int k_dim, v_dim;
  std::int64_t n_positions;
};

// A cache of one KV head: blocks of 64 positions, filled through store_kv or store_key, and what was stored.
struct Cache {
  Cache(const KernelTable& table, KvType type, Shape shape, KeyOrder order, Random& random)
      : type_(type), order_(order), shape_(shape) {
    const auto k_dim = static_cast<std::size_t>(shape.k_dim), v_dim = static_cast<std::size_t>(shape.v_dim);
    v_row = kv_row_bytes(type, v_dim) + pad;
    k_row = kv_row_bytes(type, k_dim) + (order == KeyOrder::rows ? pad : 0);
    for (std::int64_t p = 0; p < shape.n_positions; ++p) {
      if (p % kv_block == 0) {
        // The last block holds only the rows there are, so that a read beyond them is a read outside.
        const auto rows = static_cast<std::size_t>(std::min<std::int64_t>(kv_block, shape.n_positions - p));
        const std::size_t k_rows = order == KeyOrder::rows ? rows : kv_block;
        storage.push_back(std::make_unique<std::byte[]>(pad + k_rows * k_row));
        std::fill_n(storage.back().get(), pad + k_rows * k_row,
                    std::byte{0xff});  // NaN where nothing is stored
        k_blocks.push_back(storage.back().get());
        storage.push_back(std::make_unique<std::byte[]>(pad + rows * v_row));
        v_blocks.push_back(storage.back().get());
      }
      store(table, p, random.bells(k_dim), random.bells(v_dim));
    }
  }
  void store(const KernelTable& table, std::int64_t p, const std::vector<float>& key,
             const std::vector<float>& value) {
    const auto b = static_cast<std::size_t>(p / kv_block), r = static_cast<std::size_t>(p % kv_block);
    auto* const k = const_cast<std::byte*>(k_blocks[b]) + pad;
    std::vector<std::byte> row(kv_row_bytes(type_, key.size()));
    table.store_kv(type_, key.data(), key.size(), row.data());
    if (order_ == KeyOrder::rows) std::ranges::copy(row, k + r * k_row);
    if (order_ == KeyOrder::turned) table.store_key(type_, key.data(), key.size(), k, r);
    std::byte* const v = const_cast<std::byte*>(v_blocks[b]) + pad + r * v_row;
    table.store_kv(type_, value.data(), value.size(), v);
    keys.resize(std::max(keys.size(), static_cast<std::size_t>(p) + 1));
    values.resize(keys.size());
    keys[static_cast<std::size_t>(p)] = decoded(row.data(), key.size());
    values[static_cast<std::size_t>(p)] = decoded(v, value.size());
  }
  KvHead head() const {
    return {.type = type_,
            .key_order = order_,
            .k_blocks = k_blocks.data(),
            .v_blocks = v_blocks.data(),
            .k_offset = pad,
            .v_offset = pad,
            .k_row_bytes = k_row,
            .v_row_bytes = v_row,
            .k_dim = shape_.k_dim,
            .v_dim = shape_.v_dim,
            .scale = 0.3f};
  }
  std::vector<std::vector<float>> keys, values;  // as stored

 private:
  static constexpr std::size_t pad = 34;
  std::vector<float> decoded(const std::byte* row, std::size_t n) const {
    std::vector<float> y(n);
    for (std::size_t i = 0; i < n; ++i) y[i] = decode(row, i);
    return y;
  }
  static double half(const std::byte* p) {
    std::uint16_t h;
    std::memcpy(&h, p, 2);
    const int exponent = h >> 10 & 31, mantissa = h & 1023;
    const double size = exponent ? std::ldexp(1024 + mantissa, exponent - 25) : std::ldexp(mantissa, -24);
    return h & 0x8000 ? -size : size;
  }
  float decode(const std::byte* row, std::size_t i) const {
    if (type_ == KvType::f32) {
      float x;
      std::memcpy(&x, row + 4 * i, 4);
      return x;
    }
    if (type_ == KvType::f16) return static_cast<float>(half(row + 2 * i));
    if (type_ == KvType::bf16) {
      std::uint16_t h;
      std::memcpy(&h, row + 2 * i, 2);
      return std::bit_cast<float>(std::uint32_t{h} << 16);
    }
    const std::byte* block = row + i / 32 * 34;
    return static_cast<float>(half(block) * static_cast<std::int8_t>(block[2 + i % 32]));
  }
  KvType type_;
  KeyOrder order_;
  Shape shape_;
  std::size_t k_row, v_row;
  std::vector<std::unique_ptr<std::byte[]>> storage;
  std::vector<const std::byte*> k_blocks, v_blocks;
};

std::vector<double> plain_attention(const Cache& cache, const KvHead& kv, const AttentionQuery& query) {
  std::vector<double> out(static_cast<std::size_t>(kv.v_dim)), scores;
  double most = query.has_sink ? double{query.sink} : -1e300, total = 0;
  for (std::int64_t p = query.begin; p < query.end; ++p) {
    double s = 0;
    for (std::size_t i = 0; i < static_cast<std::size_t>(kv.k_dim); ++i)
      s += double{query.q[i]} * cache.keys[static_cast<std::size_t>(p)][i];
    s *= kv.scale;
    if (kv.soft_cap != 0) s = kv.soft_cap * std::tanh(s / kv.soft_cap);
    s -= query.alibi_slope * static_cast<double>(std::abs(query.position - p));
    if (query.bias) s += query.bias[p];
    scores.push_back(s);
    most = std::max(most, s);
  }
  if (query.has_sink) total = std::exp(query.sink - most);
  for (const double s : scores) total += std::exp(s - most);
  for (std::size_t k = 0; k < scores.size(); ++k)
    for (std::size_t d = 0; d < out.size(); ++d)
      out[d] +=
          std::exp(scores[k] - most) / total * cache.values[static_cast<std::size_t>(query.begin) + k][d];
  return out;
}

float exp_of(float x) {  // x <= 0
  float y;
  find_table("scalar")->exp(&x, 1, &y);
  return x < -87.0f ? 0 : y;
}

// The sums over some positions.
struct Partial {
  float max = -HUGE_VALF, sum = 0;
  std::vector<float> values;

  void join(const Partial& part) {
    const float joint = std::max(max, part.max), keep = exp_of(max - joint), take = exp_of(part.max - joint);
    max = joint;
    sum = std::fma(sum, keep, part.sum * take);
    for (std::size_t d = 0; d < values.size(); ++d)
      values[d] = std::fma(values[d], keep, part.values[d] * take);
  }
};

// The order of operations that kernel_table.h promises, one number at a time.
std::vector<float> canonical_attention(const Cache& cache, const KvHead& kv, const AttentionQuery& query) {
  const auto v_dim = static_cast<std::size_t>(kv.v_dim);
  const Partial nothing{.values = std::vector<float>(v_dim)};
  Partial total = nothing, span = nothing;
  for (std::int64_t begin = query.begin; begin < query.end;) {
    const std::int64_t end = std::min(query.end, (begin / kv_block + 1) * kv_block);
    std::vector<float> scores;
    Partial block = nothing;
    for (std::int64_t p = begin; p < end; ++p) {
      float s = 0;
      for (std::size_t k = 0; k < static_cast<std::size_t>(kv.k_dim); ++k)
        s = std::fma(query.q[k] * kv.scale, cache.keys[static_cast<std::size_t>(p)][k], s);
      if (kv.soft_cap != 0) find_table("scalar")->soft_cap(&s, kv.soft_cap, 1, &s);
      if (query.alibi_slope != 0)
        s = std::fma(-query.alibi_slope, static_cast<float>(std::abs(query.position - p)), s);
      if (query.bias) s += query.bias[p];
      scores.push_back(s);
      block.max = std::max(block.max, s);
    }
    float lanes[16] = {};
    for (std::int64_t p = begin; p < end; ++p) {
      const float weight = exp_of(scores[static_cast<std::size_t>(p - begin)] - block.max);
      lanes[p % 16] += weight;
      for (std::size_t d = 0; d < v_dim; ++d)
        block.values[d] = std::fma(weight, cache.values[static_cast<std::size_t>(p)][d], block.values[d]);
    }
    for (int width = 8; width > 0; width /= 2)
      for (int i = 0; i < width; ++i) lanes[i] += lanes[i + width];
    block.sum = lanes[0];
    span.join(block);
    if (end % attention_span == 0 || end == query.end) {
      total.join(span);
      span = nothing;
    }
    begin = end;
  }
  if (query.has_sink) total.join({.max = query.sink, .sum = 1, .values = nothing.values});
  for (float& x : total.values) x /= total.sum;
  return total.values;
}

// Spans on their own, the last ones first, joined in two goes.
void attend_by_spans(const KernelTable& table, const KvHead& kv, std::span<const AttentionQuery> all,
                     std::int64_t n_positions) {
  const auto k_dim = static_cast<std::size_t>(kv.k_dim), v_dim = static_cast<std::size_t>(kv.v_dim);
  const std::size_t record = table.attention_record_floats(v_dim);
  const auto n_spans = static_cast<std::size_t>((n_positions + attention_span - 1) / attention_span);
  std::vector<float> scratch(table.attention_scratch_bytes(k_dim, v_dim) / sizeof(float));
  for (std::size_t i = 0; i < all.size(); i += attention_tile) {
    const auto queries = all.subspan(i, std::min<std::size_t>(attention_tile, all.size() - i));
    const std::size_t stride = queries.size() * record;
    std::vector<float> records(n_spans * stride), totals(stride);
    for (std::size_t span = n_spans; span-- > 0;)
      table.attend_span(kv, queries.data(), queries.size(), static_cast<std::int64_t>(span),
                        &records[span * stride], reinterpret_cast<std::byte*>(scratch.data()));
    const std::size_t half = n_spans / 2;
    SpanRecords spans{.n_spans = half, .records = records.data(), .stride = stride, .totals = totals.data()};
    spans.are_first = true;
    table.join_spans(v_dim, queries.data(), queries.size(), spans);
    spans.are_first = false, spans.are_last = true;
    spans.first_span = static_cast<std::int64_t>(half), spans.n_spans = n_spans - half;
    spans.records += half * stride;
    table.join_spans(v_dim, queries.data(), queries.size(), spans);
  }
}

const Shape shapes[] = {{64, 64, 300},   {128, 128, 65}, {80, 48, 129}, {24, 17, 64},
                        {192, 128, 200}, {7, 5, 70},     {32, 16, 1100}};  // several spans

TEST(Attention, MatchesPlainSoftmaxAndTheCanonicalOrder) {
  Random random(11);
  for (const KvType type : {KvType::f32, KvType::f16, KvType::bf16, KvType::q8_0}) {
    for (Shape shape : shapes) {
      if (type == KvType::q8_0)
        shape.k_dim = (shape.k_dim + 31) / 32 * 32, shape.v_dim = (shape.v_dim + 31) / 32 * 32;
      const Cache turned(*find_table("scalar"), type, shape, KeyOrder::turned, random);
      const Cache in_rows(*find_table("scalar"), type, shape, KeyOrder::rows, random);
      for (int variant = 0; variant < 18; ++variant) {
        const Cache& cache = variant < 9 ? turned : in_rows;
        KvHead kv = cache.head();
        const int switches = variant % 9;
        kv.soft_cap = switches == 1 ? 2.0f : 0.0f;
        const bool is_causal = switches >= 7;  // three heads a token; with a window in variants 8 and 17
        const auto n_queries = is_causal ? 3 * (1 + random.below(50)) : 1 + random.below(11);
        const std::vector<float> q = random.bells(n_queries * static_cast<std::size_t>(shape.k_dim));
        const std::vector<float> bias =
            random.bells(static_cast<std::size_t>((shape.n_positions + kv_block - 1) / kv_block * kv_block));
        const auto v_dim = static_cast<std::size_t>(shape.v_dim);
        std::vector<AttentionQuery> queries(n_queries);
        for (std::size_t i = 0; i < n_queries; ++i) {
          AttentionQuery& query = queries[i];
          query.q = q.data() + i * static_cast<std::size_t>(shape.k_dim);
          query.end =
              1 + static_cast<std::int64_t>(random.below(static_cast<std::size_t>(shape.n_positions)));
          query.begin = switches == 2
                            ? static_cast<std::int64_t>(random.below(static_cast<std::size_t>(query.end)))
                            : 0;
          if (switches == 5) query.begin = 0, query.end = shape.n_positions;  // all alike: shared loads
          if (is_causal) {
            const auto token = static_cast<std::int64_t>(i / 3),
                       n_tokens = static_cast<std::int64_t>(n_queries / 3);
            query.end = std::max<std::int64_t>(1, shape.n_positions - n_tokens + 1 + token);
            query.begin = switches == 8 ? std::max<std::int64_t>(0, query.end - 20) : 0;
          }
          query.position = query.end - 1;
          query.alibi_slope = switches == 3 ? 0.1f : 0.0f;
          query.bias = switches == 6 ? bias.data() : nullptr;
          query.has_sink = switches == 4;
          query.sink = 0.5f;
        }
        std::vector<float> want;
        for (const KernelTable* table : tables()) {
          std::vector<float> out(n_queries * v_dim, 9.0f), alone(n_queries * v_dim, 9.0f);
          for (std::size_t i = 0; i < n_queries; ++i) queries[i].out = out.data() + i * v_dim;
          attend(*table, kv, queries);
          if (want.empty()) want = out;
          ASSERT_TRUE(same_bits(out, want)) << table->isa << " variant " << variant;
          for (std::size_t i = 0; i < n_queries; ++i) {
            queries[i].out = alone.data() + i * v_dim;
            attend(*table, kv, {&queries[i], 1});
          }
          ASSERT_TRUE(same_bits(alone, want)) << table->isa << " one query at a time, variant " << variant;
          std::fill(alone.begin(), alone.end(), 9.0f);
          attend_by_spans(*table, kv, queries, shape.n_positions);
          ASSERT_TRUE(same_bits(alone, want)) << table->isa << " span by span, variant " << variant;
        }
        for (std::size_t i = 0; i < n_queries; ++i) {
          const std::vector<double> exact = plain_attention(cache, kv, queries[i]);
          // Scores reach 50 here; a rounding error of one in the last place there moves a weight by 4e-6.
          for (std::size_t d = 0; d < v_dim; ++d) ASSERT_NEAR(want[i * v_dim + d], exact[d], 3e-5);
          const std::vector<float> one_by_one = canonical_attention(cache, kv, queries[i]);
          const auto begin = want.begin() + static_cast<std::ptrdiff_t>(i * v_dim);
          ASSERT_TRUE(same_bits({begin, begin + static_cast<std::ptrdiff_t>(v_dim)}, one_by_one))
              << "variant " << variant;
        }
      }
    }
  }
}

TEST(Attention, PositionsOutsideTheRangeDoNotMatter) {
  const Shape shape{32, 32, 130};
  const std::vector<float> nan(32, std::nanf(""));
  for (const KeyOrder order : {KeyOrder::rows, KeyOrder::turned}) {
    for (const KvType type : {KvType::f32, KvType::f16, KvType::bf16, KvType::q8_0}) {
      Random random(12), again(12);
      const KernelTable& plain = *find_table("scalar");
      const Cache clean(plain, type, shape, order, random);
      Cache dirty(plain, type, shape, order, again);
      for (std::int64_t p = 0; p < 130; ++p)
        if (p < 70 || p >= 100) dirty.store(plain, p, nan, nan);
      const std::vector<float> q = random.bells(32);
      for (const KernelTable* table : tables()) {
        std::vector<float> a(32), b(32);
        AttentionQuery query{.q = q.data(), .out = a.data(), .position = 99, .begin = 70, .end = 100};
        attend(*table, clean.head(), {&query, 1});
        query.out = b.data();
        attend(*table, dirty.head(), {&query, 1});
        EXPECT_TRUE(same_bits(a, b)) << table->isa;
        EXPECT_FALSE(std::isnan(a[0])) << table->isa;
      }
    }
  }
}

// Queries that go through the cache together: what one of them does not see must not reach it, whatever it
// is.
TEST(Attention, NaNStaysWithTheQueriesThatSeeIt) {
  Random random(14);
  const Shape shape{32, 48, 130};
  for (const std::int64_t bad : {3, 63, 64, 70, 127}) {
    Cache cache(*find_table("scalar"), KvType::f32, shape, KeyOrder::turned, random);
    const KvHead kv = cache.head();
    const float nan = std::nanf("");
    auto* row = const_cast<std::byte*>(kv.v_blocks[bad / 64]) + kv.v_offset +
                static_cast<std::size_t>(bad % 64) * kv.v_row_bytes;
    for (std::size_t d = 0; d < 48; ++d) std::memcpy(row + 4 * d, &nan, 4);
    const std::size_t n_queries = 2 * 130;
    const std::vector<float> q = random.bells(n_queries * 32);
    std::vector<AttentionQuery> queries(n_queries);
    for (const std::int64_t window : {4, 40, 130}) {
      for (const KernelTable* table : tables()) {
        std::vector<float> out(n_queries * 48);
        for (std::size_t i = 0; i < n_queries; ++i) {
          const auto end = static_cast<std::int64_t>(i / 2) + 1;
          queries[i] = {.q = q.data() + i * 32,
                        .out = out.data() + i * 48,
                        .position = end - 1,
                        .begin = std::max<std::int64_t>(0, end - window),
                        .end = end};
        }
        attend(*table, kv, queries);
        for (std::size_t i = 0; i < n_queries; ++i) {
          const bool sees = queries[i].begin <= bad && bad < queries[i].end;
          for (std::size_t d = 0; d < 48; ++d)
            ASSERT_EQ(std::isnan(out[i * 48 + d]), sees) << table->isa << " query " << i << " row " << bad;
        }
      }
    }
  }
}

TEST(Attention, OnlyASinkGivesZeros) {
  const KvHead kv{.type = KvType::f32, .k_dim = 4, .v_dim = 20};
  const float q[4] = {1, 2, 3, 4};
  for (const KernelTable* table : tables()) {
    std::vector<float> out(20, 5.0f);
    const AttentionQuery query{.q = q, .out = out.data(), .has_sink = true};
    attend(*table, kv, {&query, 1});
    EXPECT_EQ(out, std::vector<float>(20, 0.0f)) << table->isa;
  }
}

TEST(StoreKv, RoundsToNearestEvenAndAgrees) {
  Random random(13);
  std::vector<float> x;
  for (int i = 0; i < 4000; ++i) x.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(random.bits())));
  for (int h = 0; h < 0x7c00; h += 7) {  // halves and the ties between them
    const double size = h >> 10 ? std::ldexp(1024 + (h & 1023), (h >> 10) - 25) : std::ldexp(h & 1023, -24);
    x.push_back(static_cast<float>(size));
    x.push_back(static_cast<float>(-size - std::ldexp(1, (h >> 10 ? (h >> 10) - 26 : -25))));
  }
  x.resize(x.size() / 32 * 32);
  for (float& v : x)
    if (std::isnan(v)) v = 0;
  for (const KvType type : {KvType::f16, KvType::bf16, KvType::q8_0}) {
    std::vector<std::byte> want(kv_row_bytes(type, x.size())), got(want.size());
    find_table("scalar")->store_kv(type, x.data(), x.size(), want.data());
    for (const KernelTable* table : tables()) {
      table->store_kv(type, x.data(), x.size(), got.data());
      EXPECT_EQ(std::memcmp(got.data(), want.data(), want.size()), 0)
          << table->isa << " " << static_cast<int>(type);
    }
    if (type == KvType::q8_0) continue;
    const int mantissa_bits = type == KvType::f16 ? 10 : 7, least = type == KvType::f16 ? -14 : -126;
    for (std::size_t i = 0; i < x.size(); ++i) {
      std::uint16_t h;
      std::memcpy(&h, want.data() + 2 * i, 2);
      int exponent;
      std::frexp(x[i], &exponent);
      const double unit = std::ldexp(1.0, std::max(exponent - 1, least) - mantissa_bits);
      const double rounded = std::nearbyint(x[i] / unit) * unit;  // half to even
      const int bias = type == KvType::f16 ? 15 : 127, field = h >> mantissa_bits & (2 * bias + 1);
      const int fraction = h & ((1 << mantissa_bits) - 1);
      if (field == 2 * bias + 1) {
        EXPECT_GE(std::abs(rounded), std::ldexp(1.0, bias + 1));
        continue;
      }
      const double stored = field ? std::ldexp((1 << mantissa_bits) + fraction, field - bias - mantissa_bits)
                                  : std::ldexp(fraction, 1 - bias - mantissa_bits);
      EXPECT_EQ(h & 0x8000 ? -stored : stored, rounded) << x[i];
    }
  }
}

TEST(StoreKv, Q8_0BlocksHoldNonFiniteValuesAsNaN) {
  for (const float bad : {std::nanf(""), HUGE_VALF, -HUGE_VALF}) {
    std::vector<float> x(32, 1.0f);
    x[13] = bad;
    for (const KernelTable* table : tables()) {
      std::byte block[34];
      table->store_kv(KvType::q8_0, x.data(), 32, block);
      std::uint16_t d;
      std::memcpy(&d, block, 2);
      EXPECT_GT(d & 0x7fff, 0x7c00) << table->isa;
      for (int i = 2; i < 34; ++i) EXPECT_EQ(block[i], std::byte{0}) << table->isa;
    }
  }
}

}  // namespace
}  // namespace quern::kernels::testing
