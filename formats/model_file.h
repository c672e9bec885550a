#pragma once
// A GGUF model on disk, one file or several shards, opened and fully validated: metadata, and tensors as views of
// bytes that stay where they are.
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <stop_token>
#include <functional>
#include <string_view>

#include "formats/metadata.h"
#include "formats/tensor_type.h"
#include "quern/result.h"

namespace quern::formats {

/// One tensor. dims[0] is the contiguous dimension (the row length); unused dimensions are 1.
struct Tensor {
  std::string_view name{};
  TensorType type{};
  std::uint32_t n_dims = 0;
  std::array<std::uint64_t, 4> dims{1, 1, 1, 1};
  const std::byte* data = nullptr;     ///< null when only the header was opened
  std::uint64_t n_bytes = 0;
  std::uint64_t file_offset = 0;       ///< of its first byte, in its shard
  std::uint32_t shard = 0;

  std::uint64_t n_elements() const { return dims[0] * dims[1] * dims[2] * dims[3]; }
  std::uint64_t n_rows() const { return dims[1] * dims[2] * dims[3]; }
  std::uint64_t row_bytes() const { return n_bytes / n_rows(); }
};

struct ModelFileOptions {
  enum class Access {
    map,          ///< map the file; falls back to `read` where mapping is impossible (pipes, some file systems)
    read,         ///< read the tensors into memory
    header_only,  ///< check everything, touch no tensor data
  };
  Access access = Access::map;
  std::function<void(double)> progress = {};   ///< fraction read, 0 to 1; only `read` takes long enough to call it
  std::stop_token stop = {};
};

/// Cheap to copy (shared, immutable); safe from any thread. Views live as long as any copy.
class ModelFile {
 public:
  /// Opens a file; the first shard of a split model opens all of them. Every rule of the format is checked before
  /// anything is allocated on the word of the file.
  static Result<ModelFile> open(const std::filesystem::path& path, const ModelFileOptions& options = {});
  /// The same over bytes in memory, which must outlive the ModelFile (tests, fuzzers). One shard only.
  static Result<ModelFile> from_bytes(std::span<const std::byte> bytes);

  const Metadata& metadata() const;
  std::span<const Tensor> tensors() const;                 ///< all shards, in file order
  const Tensor* find(std::string_view name) const;         ///< null if absent; a binary search
  std::uint32_t version() const;
  std::uint32_t n_shards() const;
  std::uint64_t file_bytes() const;                        ///< all shards together
  std::uint64_t memory_bytes() const;                      ///< of the header's copy and the list of tensors
  bool mapped() const;                                     ///< tensor bytes are a mapping of the file

  struct Impl;
  explicit ModelFile(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

 private:
  std::shared_ptr<const Impl> impl_;
};

}  // namespace quern::formats
