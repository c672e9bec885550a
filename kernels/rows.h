#pragma once
// Rows in memory, of weights or of the KV cache: 16 consecutive elements as exact floats. A reader is a type
// with load(row, i), i a multiple of 16, and load_n(row, i, n) for a row's last n < 16 elements; and with
// load_turned(block, k, r), elements k of 16 keys from r on, where the cache's keys are turned (store_key).
#include "kernels/kernel_table.h"
#include "kernels/simd/math.h"

namespace quern::kernels::QUERN_ISA {

struct RowF32 {
  static constexpr std::size_t bytes = 4;  // an element's
  static QUERN_INLINE F32x16 load(const std::byte* row, std::size_t i) {
    return QUERN_ISA::load(reinterpret_cast<const float*>(row) + i);
  }
  static QUERN_INLINE F32x16 load_n(const std::byte* row, std::size_t i, std::size_t n) {
    return QUERN_ISA::load_n(reinterpret_cast<const float*>(row) + i, n);
  }
  static QUERN_INLINE F32x16 load_turned(const std::byte* block, std::size_t k, std::size_t r) {
    return load(block + k * kv_block * 4, r);
  }
};

struct RowF16 {
  static constexpr std::size_t bytes = 2;  // an element's
  static QUERN_INLINE F32x16 load(const std::byte* row, std::size_t i) { return load_f16(row + 2 * i); }
  static QUERN_INLINE F32x16 load_n(const std::byte* row, std::size_t i, std::size_t n) {
    std::byte padded[32] = {};
    __builtin_memcpy(padded, row + 2 * i, 2 * n);
    return load_f16(padded);
  }
  static QUERN_INLINE F32x16 load_turned(const std::byte* block, std::size_t k, std::size_t r) {
    return load(block + k * kv_block * 2, r);
  }
};

struct RowBf16 {
  static constexpr std::size_t bytes = 2;  // an element's
  static QUERN_INLINE F32x16 load(const std::byte* row, std::size_t i) { return load_bf16(row + 2 * i); }
  static QUERN_INLINE F32x16 load_n(const std::byte* row, std::size_t i, std::size_t n) {
    std::byte padded[32] = {};
    __builtin_memcpy(padded, row + 2 * i, 2 * n);
    return load_bf16(padded);
  }
  static QUERN_INLINE F32x16 load_turned(const std::byte* block, std::size_t k, std::size_t r) {
    return load(block + k * kv_block * 2, r);
  }
};

// Blocks of 32 (formats' Q8_0: a half scale, 32 codes). Scale times code is exact in a float: 11 + 8 bits.
struct RowQ8_0 {
  static constexpr std::size_t block_bytes = 34;
  static QUERN_INLINE F32x16 load(const std::byte* row, std::size_t i) {
    const std::byte* block = row + i / 32 * block_bytes;
    const auto* codes = reinterpret_cast<const std::int8_t*>(block + 2);
    return to_f32(load_i8(codes + i % 32)) * splat(load_half(block));
  }
  static QUERN_INLINE F32x16 load_n(const std::byte* row, std::size_t i, std::size_t) { return load(row, i); }
  static QUERN_INLINE F32x16 load_turned(const std::byte* block, std::size_t k, std::size_t r) {
    const std::byte* group = block + k / 32 * kv_block * block_bytes;
    const auto* codes = reinterpret_cast<const std::int8_t*>(group + kv_block * 2 + k % 32 * kv_block);
    return to_f32(load_i8(codes + r)) * load_f16(group + r * 2);
  }
};

}  // namespace quern::kernels::QUERN_ISA
