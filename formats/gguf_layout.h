#pragma once
// What reader and writer both know about the bytes of a GGUF file: its numbers and the limits Quern sets.
//
//   header | n_kv key-value pairs | n_tensors tensor infos | zeros up to the alignment | data
//
// Everything before the zeros is packed. All integers are little-endian.
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "formats/metadata.h"

namespace quern::formats::gguf {

static_assert(std::endian::native == std::endian::little, "values are copied from the file as they stand");

inline constexpr std::string_view magic = "GGUF";
inline constexpr std::uint32_t min_version = 2;  // 2 and 3 differ only in that 3 allows big-endian files
inline constexpr std::uint32_t max_version = 3;
inline constexpr std::uint64_t header_bytes = 24;    // magic, version, n_tensors, n_kv
inline constexpr std::uint64_t min_kv_bytes = 13;    // key length, no key, type, one byte
inline constexpr std::uint64_t min_info_bytes = 24;  // name length, no name, n_dims, no dims, type, offset
inline constexpr std::string_view alignment_key = "general.alignment";
inline constexpr std::uint32_t default_alignment = 32;

// Limits of Quern, far above any real file; a file within them costs memory in proportion to its own size.
inline constexpr std::uint64_t max_kv = 65536;
inline constexpr std::uint64_t max_tensors = std::uint64_t{1} << 20;  // all shards together
inline constexpr std::uint64_t max_key_bytes = 65535;
inline constexpr std::uint64_t max_string_bytes = std::uint64_t{64} << 20;
inline constexpr std::uint64_t max_array_elements = std::uint64_t{1} << 27;
inline constexpr std::uint64_t max_metadata_bytes = std::uint64_t{1} << 30;
inline constexpr std::uint64_t max_alignment = std::uint64_t{1} << 20;
inline constexpr std::uint64_t max_name_bytes = 127;
inline constexpr std::uint32_t max_dims = 4;
inline constexpr std::uint64_t max_shards = 9999;

/// Bytes of one value of a fixed-size type; 0 for strings and arrays. Requires: a type from 0 to 12.
constexpr std::size_t value_bytes(ValueType type) {
  constexpr std::size_t bytes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
  return bytes[static_cast<std::uint32_t>(type)];
}

/// a * b, or nothing where that is beyond 2^63-1, the largest size that every field of the format may hold.
constexpr std::optional<std::uint64_t> multiply(std::uint64_t a, std::uint64_t b) {
  if (b != 0 && a > static_cast<std::uint64_t>(INT64_MAX) / b) return std::nullopt;
  return a * b;
}

/// The next multiple of `alignment`. Requires: alignment a power of two up to max_alignment, value <= 2^63.
constexpr std::uint64_t pad(std::uint64_t value, std::uint64_t alignment) {
  return (value + (alignment - 1)) & ~(alignment - 1);
}

}  // namespace quern::formats::gguf
