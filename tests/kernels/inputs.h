#pragma once
// Inputs for kernel tests, the same on every platform, and calls with the buffers they need. No test
// framework here: tests/cross uses it on machines without one.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <new>
#include <span>
#include <utility>
#include <vector>

#include "formats/tensor_type.h"
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

using formats::TensorTypeInfo;

enum class Bytes { any, any_finite, extreme };

// n_rows rows of legal bytes. any_finite: blocks decode to values up to 1e4; extreme: bytes 00, 7f, 80, ff,
// so that codes and sub-scales are at their ends.
inline std::vector<std::byte> random_weights(const TensorTypeInfo& info, std::size_t n_rows,
                                             std::size_t n_cols, Bytes kind, Random& random) {
  std::vector<std::byte> bytes(n_rows * n_cols / info.block_elements * info.block_bytes);
  std::vector<float> values(info.block_elements);
  for (std::size_t at = 0; at < bytes.size(); at += info.block_bytes) {
    for (;;) {
      for (std::size_t i = 0; i < info.block_bytes; ++i) {
        constexpr unsigned char ends[] = {0x00, 0x7f, 0x80, 0xff};
        bytes[at + i] =
            kind == Bytes::extreme ? std::byte{ends[random.below(4)]} : static_cast<std::byte>(random.bits());
      }
      if (kind == Bytes::any) break;
      info.decode(bytes.data() + at, 1, values.data());
      if (std::all_of(values.begin(), values.end(), [](float v) { return std::abs(v) < 1e4f; })) break;
    }
  }
  return bytes;
}

struct Packed {
  Packed(ActivationKind kind, std::vector<float> x, std::size_t n_tokens, std::size_t n_cols)
      : f32(std::move(x)) {
    acts = {.kind = kind, .n_tokens = n_tokens, .n_cols = n_cols, .f32 = f32.data()};
    if (kind == ActivationKind::f32) return;
    codes.resize(n_tokens * n_cols);
    scales.resize(n_tokens * n_cols / activation_group(kind));
    sums.resize(n_tokens * n_cols / 16);
    find_table("scalar")->quantize(kind, f32.data(), n_cols, n_tokens, n_cols, codes.data(), scales.data(),
                                   sums.data());
    acts.codes = codes.data(), acts.scales = scales.data(), acts.sums = sums.data();
  }
  double value(std::size_t token, std::size_t col) const {
    const std::size_t i = token * acts.n_cols + col;
    return codes.empty() ? double{f32[i]} : double{scales[i / activation_group(acts.kind)]} * codes[i];
  }
  std::vector<float> f32, scales;
  std::vector<std::int8_t> codes;
  std::vector<std::int16_t> sums;
  Activations acts;
};

inline std::vector<float> multiply(const KernelTable& table, const WeightView& w, std::size_t row_begin,
                                   std::size_t row_end, const Activations& acts,
                                   const std::vector<std::uint32_t>& tokens) {
  const std::size_t n_rows = row_end - row_begin;
  const std::size_t scratch_bytes = table.matmul_scratch_bytes(w.type, w.n_cols);
  auto* scratch = static_cast<std::byte*>(::operator new (scratch_bytes, std::align_val_t{64}));
  std::vector<float> y(tokens.size() * n_rows, -77.0f);
  table.matmul(w, row_begin, row_end, acts, tokens.data(), tokens.size(), y.data(), n_rows, scratch);
  ::operator delete (scratch, std::align_val_t{64});
  return y;
}

inline void attend(const KernelTable& table, const KvHead& kv, std::span<const AttentionQuery> queries) {
  const std::size_t bytes =
      table.attention_scratch_bytes(static_cast<std::size_t>(kv.k_dim), static_cast<std::size_t>(kv.v_dim));
  auto* scratch = static_cast<std::byte*>(::operator new (bytes, std::align_val_t{64}));
  table.attend(kv, queries.data(), queries.size(), scratch);
  ::operator delete (scratch, std::align_val_t{64});
}

/// Every type that a kernel multiplies with.
inline std::vector<const TensorTypeInfo*> weight_types() {
  std::vector<const TensorTypeInfo*> types;
  for (const TensorTypeInfo& info : formats::tensor_types())
    if (info.is_weight) types.push_back(&info);
  return types;
}

}  // namespace quern::kernels::testing
