#pragma once
// Reads safetensors files, the form in which checkpoints are published:
//
//   u64, little-endian: bytes of the header | header: JSON, name -> dtype, shape, data_offsets | data
//
// Every rule of the format is checked before a tensor can be read, and nothing is allocated on the word of
// the file: what it costs to open is in proportion to the header that is really there.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "quern/result.h"

namespace quern::formats {

enum class SafeType : std::uint8_t {
  boolean,
  u8,
  i8,
  f8_e5m2,
  f8_e4m3,
  i16,
  u16,
  f16,
  bf16,
  i32,
  u32,
  f32,
  i64,
  u64,
  f64,
};
/// As in the file: "BF16".
std::string_view to_string(SafeType type);
std::size_t value_bytes(SafeType type);

/// One tensor, row-major: the last dimension is contiguous. No dimensions: a single value. A dimension may be
/// 0.
struct SafeTensor {
  std::string_view name{};
  SafeType type{};
  std::vector<std::uint64_t> dims{};
  std::uint64_t n_bytes = 0;
  std::uint64_t file_offset = 0;
  std::uint32_t shard = 0;

  std::uint64_t n_elements() const { return n_bytes / value_bytes(type); }
};

/// One file, or all files of a checkpoint. Cheap to copy; safe from any thread. Data is read, not mapped: a
/// checkpoint is gone through once, and a file that another process cuts short is then an error and not the
/// end of this process. Views live as long as any copy.
class Safetensors {
 public:
  static Result<Safetensors> open(const std::filesystem::path& file);
  /// The checkpoint in a folder: the shards that model.safetensors.index.json names, or else
  /// model.safetensors. Names in the index cannot lead out of the folder.
  static Result<Safetensors> open_folder(const std::filesystem::path& folder);
  /// Over bytes in memory, which must outlive it (tests, fuzzers).
  static Result<Safetensors> from_bytes(std::span<const std::byte> bytes);

  std::span<const SafeTensor> tensors() const;          ///< of each shard in the order of its header
  const SafeTensor* find(std::string_view name) const;  ///< null if absent
  std::uint64_t data_bytes() const;                     ///< all tensors together
  /// Copies bytes [offset, offset + out.size()) of a tensor. Requires: they lie within it.
  Result<void> read(const SafeTensor& tensor, std::uint64_t offset, std::span<std::byte> out) const;

  struct Impl;

 private:
  explicit Safetensors(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<const Impl> impl_;
};

/// Values of a floating-point type as floats; exact but for F64, which is rounded. Requires: a type for which
/// is_float() holds, and as many bytes as values need.
bool is_float(SafeType type);
void to_floats(SafeType type, std::span<const std::byte> bytes, std::span<float> values);

}  // namespace quern::formats
