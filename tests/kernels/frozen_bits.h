#pragma once
// One hash for each kernel's output on fixed inputs. frozen_hashes() is what "the same bits everywhere"
// means: a change of the order of a sum, of a polynomial or of a rounding shows here even where every table
// changes alike. Changing a value breaks the promise of Arithmetic::reproducible for the next version.
#include <bit>
#include <string>

#include "tests/kernels/inputs.h"
#include "tests/kernels/recurrent_inputs.h"

namespace quern::kernels::testing {

struct NamedHash {
  std::string name;
  std::uint64_t hash;
  bool operator==(const NamedHash&) const = default;
};

// FNV-1a, 64 bits; every NaN counts as the same.
class Hash {
 public:
  void add(std::uint32_t word) {
    for (int i = 0; i < 4; ++i) value_ = (value_ ^ (word >> 8 * i & 255)) * 0x100000001b3u;
  }
  void add(const std::vector<float>& values) {
    for (const float v : values) add(v != v ? 0x7fc00000u : std::bit_cast<std::uint32_t>(v));
  }
  std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 0xcbf29ce484222325u;
};

inline std::uint64_t hash_matmul(const KernelTable& table, const TensorTypeInfo& info) {
  Random random(1000 + static_cast<std::uint64_t>(info.type));
  Hash hash;
  for (const std::size_t blocks : {1u, 9u, 83u}) {
    const std::size_t n_cols = blocks * info.block_elements, n_rows = 5, n_tokens = 9;
    const Packed packed(activation_kind(info.type), random.bells(n_tokens * n_cols), n_tokens, n_cols);
    const std::vector<std::byte> bytes = random_weights(info, n_rows, n_cols, Bytes::any_finite, random);
    const WeightView w{info.type, bytes.data(), n_rows, n_cols, bytes.size() / n_rows};
    hash.add(multiply(table, w, 0, n_rows, packed.acts, {0, 1, 2, 3, 4, 5, 6, 7, 8}));
    hash.add(multiply(table, w, 1, 3, packed.acts, {4}));
  }
  return hash.value();
}

inline std::uint64_t hash_quantize(const KernelTable& table, ActivationKind kind) {
  Random random(2000);
  const std::size_t n_cols = 1024, group = activation_group(kind);
  std::vector<float> x = random.bells(n_cols);
  for (std::size_t i = 0; i < 128; ++i) x[i] *= 1e30f, x[i + 128] *= 1e-32f;
  x[300] = std::bit_cast<float>(0x7f800000u);
  std::vector<std::int8_t> codes(n_cols);
  std::vector<float> scales(n_cols / group);
  std::vector<std::int16_t> sums(n_cols / 16);
  table.quantize(kind, x.data(), n_cols, 1, n_cols, codes.data(), scales.data(), sums.data());
  Hash hash;
  for (const std::int8_t c : codes) hash.add(static_cast<std::uint32_t>(c));
  for (const std::int16_t s : sums) hash.add(static_cast<std::uint32_t>(s));
  hash.add(scales);
  return hash.value();
}

inline std::uint64_t hash_attention(const KernelTable& table, KvType type) {
  Random random(3000);
  const std::size_t dim = 96, n_positions = 150, n_queries = 7;
  const std::size_t row = kv_row_bytes(type, dim);
  std::vector<std::byte> keys(192 * row), values(192 * row);
  for (std::size_t p = 0; p < n_positions; ++p) {
    table.store_key(type, random.bells(dim).data(), dim, keys.data() + p / 64 * 64 * row, p % 64);
    table.store_kv(type, random.bells(dim).data(), dim, values.data() + p * row);
  }
  const std::byte* k_blocks[] = {keys.data(), keys.data() + 64 * row, keys.data() + 128 * row};
  const std::byte* v_blocks[] = {values.data(), values.data() + 64 * row, values.data() + 128 * row};
  Hash hash;
  for (const float soft_cap : {0.0f, 5.0f}) {
    const KvHead kv{.type = type,
                    .key_order = KeyOrder::turned,
                    .k_blocks = k_blocks,
                    .v_blocks = v_blocks,
                    .k_row_bytes = row,
                    .v_row_bytes = row,
                    .k_dim = 96,
                    .v_dim = 96,
                    .scale = 0.1f,
                    .soft_cap = soft_cap};
    const std::vector<float> q = random.bells(n_queries * dim);
    std::vector<float> out(n_queries * dim);
    std::vector<AttentionQuery> queries(n_queries);
    for (std::size_t i = 0; i < n_queries; ++i)
      queries[i] = {.q = q.data() + i * dim,
                    .out = out.data() + i * dim,
                    .position = 149,
                    .begin = i < 5 ? 0 : static_cast<std::int64_t>(10 * i),
                    .end = i < 4 ? 150 : 130,
                    .alibi_slope = i == 2 ? 0.25f : 0.0f,
                    .sink = 1.5f,
                    .has_sink = i == 3};
    attend(table, kv, queries);
    hash.add(out);
  }
  return hash.value();
}

inline std::uint64_t hash_elementwise(const KernelTable& table) {
  Random random(4000);
  Hash hash;
  for (const std::size_t n : {5u, 64u, 1003u}) {
    const std::vector<float> a = random.bells(n, 4), b = random.bells(n);
    std::vector<float> y(n);
    const auto record = [&] { hash.add(y); };
    table.add(a.data(), b.data(), n, y.data()), record();
    table.mul(a.data(), b.data(), n, y.data()), record();
    table.scale(a.data(), 0.3f, n, y.data()), record();
    table.scale_add(a.data(), 0.3f, b.data(), n, y.data()), record();
    table.clamp(a.data(), -1, 2, n, y.data()), record();
    table.soft_cap(a.data(), 3, n, y.data()), record();
    table.silu(a.data(), n, y.data()), record();
    table.gelu(a.data(), n, y.data()), record();
    table.relu(a.data(), n, y.data()), record();
    table.sigmoid(a.data(), n, y.data()), record();
    table.silu_mul(a.data(), b.data(), n, y.data()), record();
    table.gelu_mul(a.data(), b.data(), n, y.data()), record();
    table.swiglu_clamped(a.data(), b.data(), n, y.data()), record();
    table.softmax(a.data(), n, y.data()), record();
    table.rms_norm(a.data(), b.data(), n, 1e-5f, y.data()), record();
    table.layer_norm(a.data(), b.data(), b.data(), n, 1e-5f, y.data()), record();
    y = a;
    table.rope(y.data(), b.data(), n / 4 * 2, RopeKind::interleaved), record();
    table.rope(y.data(), b.data(), n / 4 * 2, RopeKind::halves), record();
  }
  return hash.value();
}

inline std::uint64_t hash_recurrences(const KernelTable& table) {
  Hash hash;
  for (const Sizes& size : {Sizes{9, 4, 20}, {40, 16, 64}}) {
    const auto record = [&](const Recurred& recurred) {
      hash.add(recurred.out);
      hash.add(recurred.state);
    };
    record(ConvInputs(size).run(table, size.n_rows));
    record(StateSpaceInputs(size).run(table, size.n_rows));
    record(DeltaInputs(size).run(table, size.n_rows));
  }
  const std::vector<float> x = Random(4500).bells(1003, 30);
  std::vector<float> y(x.size());
  table.exp(x.data(), x.size(), y.data()), hash.add(y);
  table.softplus(x.data(), x.size(), y.data()), hash.add(y);
  table.l2_norm(x.data(), x.size(), 1e-6f, y.data()), hash.add(y);
  return hash.value();
}

/// What this table computes.
inline std::vector<NamedHash> hashes_of(const KernelTable& table) {
  std::vector<NamedHash> hashes;
  hashes.push_back({"elementwise, norms, rope", hash_elementwise(table)});
  hashes.push_back({"recurrences", hash_recurrences(table)});
  hashes.push_back({"quantize 32", hash_quantize(table, ActivationKind::q8_32)});
  hashes.push_back({"quantize 128", hash_quantize(table, ActivationKind::q8_128)});
  hashes.push_back({"attention f32", hash_attention(table, KvType::f32)});
  hashes.push_back({"attention f16", hash_attention(table, KvType::f16)});
  hashes.push_back({"attention bf16", hash_attention(table, KvType::bf16)});
  hashes.push_back({"attention q8_0", hash_attention(table, KvType::q8_0)});
  for (const TensorTypeInfo* info : weight_types())
    hashes.push_back({"matmul " + std::string(info->name), hash_matmul(table, *info)});
  return hashes;
}

/// What every table must compute.
inline std::vector<NamedHash> frozen_hashes() {
  return {
      {"elementwise, norms, rope", 0x6dfaa8177f769180u},
      {"recurrences", 0x463556e135cb819du},
      {"quantize 32", 0x5f36876c33cc2606u},
      {"quantize 128", 0x6b12cc4b670842f4u},
      {"attention f32", 0x4490dfc65eec0e56u},
      {"attention f16", 0xef8819be9c3fee36u},
      {"attention bf16", 0xaed2cf886afc66ebu},
      {"attention q8_0", 0xb4bdccdf1445642cu},
      {"matmul F32", 0x814aceb943121e8bu},
      {"matmul F16", 0x98a2bf4ed0926b6cu},
      {"matmul BF16", 0xe1de5e8182eb89deu},
      {"matmul Q4_0", 0x428b8502399c21b1u},
      {"matmul Q4_1", 0x7bc08a01781a36f9u},
      {"matmul Q5_0", 0x2a1abf9fb423b7bfu},
      {"matmul Q5_1", 0x9acb8585b6827d1eu},
      {"matmul Q8_0", 0x5fe4d0c835bc7e44u},
      {"matmul Q1_0", 0x492b6eed0193d85bu},
      {"matmul Q2_0", 0x1dda99c6ee4d22d1u},
      {"matmul MXFP4", 0x74905ad31e3c5e38u},
      {"matmul NVFP4", 0x8ecc0bc4316a7393u},
      {"matmul Q2_K", 0x4b5993c1bd377024u},
      {"matmul Q3_K", 0x7770cbafe61aff57u},
      {"matmul Q4_K", 0x92f33f376a14a89au},
      {"matmul Q5_K", 0xe64a540378917341u},
      {"matmul Q6_K", 0x02a11a259ad09705u},
      {"matmul TQ1_0", 0xe782186584bc2d79u},
      {"matmul TQ2_0", 0x2165f1724231289cu},
      {"matmul IQ2_XXS", 0x02917669660e23c3u},
      {"matmul IQ2_XS", 0x3875779946557b8du},
      {"matmul IQ2_S", 0x03caef14b76df1e3u},
      {"matmul IQ3_XXS", 0x23d4490b13008859u},
      {"matmul IQ3_S", 0x74f0514de06d3425u},
      {"matmul IQ1_S", 0x355986647e3a5dbeu},
      {"matmul IQ1_M", 0xc56fa6b7965908a9u},
      {"matmul IQ4_NL", 0x57f4a75a6107e724u},
      {"matmul IQ4_XS", 0x9c7683c6a7561641u},
  };
}

}  // namespace quern::kernels::testing
