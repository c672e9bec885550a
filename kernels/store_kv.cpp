// Writes rows of the KV cache, and keys that are turned.
#include "kernels/functions.h"
#include "kernels/simd/math.h"

namespace quern::kernels::QUERN_ISA {
namespace {

void store_f16_row(const float* x, std::size_t n, std::byte* row) {
  std::size_t i = 0;
  for (; i + 16 <= n; i += 16) store_f16(row + 2 * i, load(x + i));
  if (i < n) {
    std::byte tail[32];
    store_f16(tail, load_n(x + i, n - i));
    __builtin_memcpy(row + 2 * i, tail, 2 * (n - i));
  }
}

// Nearest, ties to even; a NaN stays one, quiet.
void store_bf16_row(const float* x, std::size_t n, std::byte* row) {
  for (std::size_t i = 0; i < n; ++i) {
    const std::uint32_t b = __builtin_bit_cast(std::uint32_t, x[i]);
    const bool is_nan = (b & 0x7fffffffu) > 0x7f800000u;
    const auto h = static_cast<std::uint16_t>(is_nan ? b >> 16 | 0x40u : (b + 0x7fffu + (b >> 16 & 1)) >> 16);
    __builtin_memcpy(row + 2 * i, &h, 2);
  }
}

// 32 values as a Q8_0 block: d = amax / 127 as a half, codes rounded half to even against the stored d. A
// block with NaN or infinity gets d = NaN and codes 0; d is cut at the largest half.
void store_q8_0_block(const float* x, std::byte* block) {
  const I32x16 magnitude = splat_i32(INT32_MAX);
  const F32x16 x0 = load(x), x1 = load(x + 16);
  const std::int32_t most = max_lane(max(as_i32(x0) & magnitude, as_i32(x1) & magnitude));
  const bool is_finite = most < 0x7f800000;
  const float amax = is_finite ? __builtin_bit_cast(float, most) : __builtin_nanf("");
  float d = amax / 127.0f;
  d = d > 65504.0f ? 65504.0f : d;
  std::byte half[32];
  store_f16(half, splat(d));
  float stored[16];
  store(stored, load_f16(half));
  const F32x16 inverse = splat(is_finite && stored[0] > 0 ? 1.0f / stored[0] : 0.0f);
  __builtin_memcpy(block, half, 2);
  auto* codes = reinterpret_cast<std::int8_t*>(block + 2);
  for (int i = 0; i < 2; ++i) {
    const F32x16 v = max(splat(-127.0f), min(splat(127.0f), (is_finite ? (i ? x1 : x0) : zero()) * inverse));
    store_i8(codes + 16 * i, as_i32(v + splat(rounder)) - splat_i32(rounder_bits));
  }
}

// n elements of so many bytes, each to the row of kv_block elements behind the one before.
template <std::size_t bytes>
void spread(const std::byte* from, std::size_t n, std::byte* to) {
  for (std::size_t i = 0; i < n; ++i) __builtin_memcpy(to + i * kv_block * bytes, from + i * bytes, bytes);
}

}  // namespace

void store_kv(KvType type, const float* x, std::size_t n, std::byte* row) {
  switch (type) {
    case KvType::f32: __builtin_memcpy(row, x, n * sizeof(float)); return;
    case KvType::f16: store_f16_row(x, n, row); return;
    case KvType::bf16: store_bf16_row(x, n, row); return;
    case KvType::q8_0:
      for (std::size_t i = 0; i < n; i += 32) store_q8_0_block(x + i, row + i / 32 * 34);
      return;
  }
}

void store_key(KvType type, const float* x, std::size_t n, std::byte* block, std::size_t position) {
  constexpr std::size_t part = 32;
  for (std::size_t k = 0; k < n; k += part) {
    const std::size_t m = n - k < part ? n - k : part;
    std::byte row[part * sizeof(float)];
    store_kv(type, x + k, m, row);
    switch (type) {
      case KvType::f32: spread<4>(row, m, block + (k * kv_block + position) * 4); break;
      case KvType::f16:
      case KvType::bf16: spread<2>(row, m, block + (k * kv_block + position) * 2); break;
      case KvType::q8_0: {
        std::byte* const group = block + k / part * kv_block * 34;
        spread<2>(row, 1, group + position * 2);
        spread<1>(row + 2, part, group + kv_block * 2 + position);
        break;
      }
    }
  }
}

}  // namespace quern::kernels::QUERN_ISA
