#pragma once
// Every tensor encoding that can stand in a GGUF file: its number, its block, and its scalar decode and encode,
// which are the definition that every kernel is tested against.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "quern/result.h"

namespace quern::formats {

/// Numbers as in the file.
enum class TensorType : std::uint32_t {
  f32 = 0, f16 = 1, q4_0 = 2, q4_1 = 3, q5_0 = 6, q5_1 = 7, q8_0 = 8, q8_1 = 9, q2_k = 10, q3_k = 11, q4_k = 12,
  q5_k = 13, q6_k = 14, q8_k = 15, iq2_xxs = 16, iq2_xs = 17, iq3_xxs = 18, iq1_s = 19, iq4_nl = 20, iq3_s = 21,
  iq2_s = 22, iq4_xs = 23, i8 = 24, i16 = 25, i32 = 26, i64 = 27, f64 = 28, iq1_m = 29, bf16 = 30, tq1_0 = 34,
  tq2_0 = 35, mxfp4 = 39, nvfp4 = 40, q1_0 = 41, q2_0 = 42,
};

struct TensorTypeInfo {
  TensorType type;
  std::string_view name;        ///< as people write it: "Q4_K", "F16"
  std::size_t block_elements;   ///< values in a block
  std::size_t block_bytes;      ///< bytes of a block
  bool is_weight;               ///< may stand where a weight is expected (not Q8_1, Q8_K, integers, F64)
  /// Decodes n_blocks blocks into n_blocks * block_elements values. Null for integers and F64.
  void (*decode)(const std::byte* blocks, std::size_t n_blocks, float* values);
};

/// The row for a type number from a file, or an error that names what the number was or is
/// (removed types and known foreign ones by name).
Result<const TensorTypeInfo*> find_tensor_type(std::uint32_t id);
/// The row of a type that is known to exist.
const TensorTypeInfo& tensor_type_info(TensorType type);
/// All rows, for tests and benchmarks that loop over them.
std::span<const TensorTypeInfo> tensor_types();

struct EncodeOptions {
  /// Importance of each column (mean square of the activation that enters it, at least 0); only ratios count. Empty:
  /// all equal. Types without sub-scales (Q4_0 to Q8_0, Q1_0, Q2_0, TQ, MXFP4, NVFP4) are then written by plain rounding,
  /// 10 to 50 times as fast; give ones to have them searched like the others, for a smaller error.
  std::span<const float> importance{};
};
/// Encodes rows of n_cols values (n_cols a multiple of the type's block) into `out`, which must hold
/// n_rows * n_cols / block_elements * block_bytes bytes. Refuses NaN and infinity, and values whose stored scale would
/// be infinite, naming `name` and the element. A row's bytes depend on that row alone and are the same on any machine.
/// Safe from any number of threads.
Result<void> encode_rows(TensorType type, std::span<const float> values, std::size_t n_cols, std::string_view name,
                         std::span<std::byte> out, const EncodeOptions& options = {});

}  // namespace quern::formats
