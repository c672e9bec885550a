#pragma once
// SHA-256 (FIPS 180-4): what a manifest says of a tensor.
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace quern::formats {

/// Bytes in, in pieces of any size; then digest(), once.
class Sha256 {
 public:
  using Digest = std::array<std::uint8_t, 32>;
  /// `portable`: without the instructions that some CPUs have for it (for tests).
  explicit Sha256(bool portable = false);

  void add(std::span<const std::byte> bytes);
  Digest digest();

 private:
  using State = std::array<std::uint32_t, 8>;
  using AddBlocks = void (*)(State& state, const std::uint8_t* blocks, std::size_t n_blocks);
  static void add_blocks_portable(State& state, const std::uint8_t* blocks, std::size_t n_blocks);
#if defined(__x86_64__)
  static void add_blocks_x86(State& state, const std::uint8_t* blocks, std::size_t n_blocks);
#endif

  AddBlocks add_blocks_;
  State state_;
  std::uint64_t n_bytes_ = 0;
  std::array<std::uint8_t, 64> rest_;  // the first n_bytes_ % 64 are a block that has begun
};

/// In small hexadecimal digits.
std::string to_hex(const Sha256::Digest& digest);

}  // namespace quern::formats
