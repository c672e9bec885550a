// encode_rows(): checks, one row at a time, and which encoder serves which type.
#include <cstring>
#include <string>

#include "formats/encode_plain.h"
#include "formats/encode_search.h"
#include "formats/float16.h"
#include "formats/tensor_type.h"
#include "formats/try.h"

namespace quern::formats {
namespace {

// Encodes a row of n_cols values; `importance` has n_cols values or is null.
using RowEncoder = void (*)(const float* x, std::size_t n_cols, const float* importance, std::byte* out);

void copy_f32(const float* x, std::size_t n_cols, const float*, std::byte* out) {
  std::memcpy(out, x, n_cols * sizeof(float));
}

template <std::uint16_t (*to_bits)(float)>
void encode_16(const float* x, std::size_t n_cols, const float*, std::byte* out) {
  for (std::size_t i = 0; i < n_cols; ++i) {
    const std::uint16_t bits = to_bits(x[i]);
    std::memcpy(out + 2 * i, &bits, sizeof bits);
  }
}

template <typename Block>
void encode_plain_row(const float* x, std::size_t n_cols, const float*, std::byte* out) {
  auto* blocks = reinterpret_cast<Block*>(out);
  for (std::size_t b = 0; b < n_cols / Block::elements; ++b) encode_plain(x + b * Block::elements, blocks[b]);
}

template <typename Block>
void encode_searched_row(const float* x, std::size_t n_cols, const float* importance, std::byte* out) {
  encode_row(x, n_cols, importance, reinterpret_cast<Block*>(out));
}

// The plain encoder where no importances are given, else the search.
template <typename Block>
void encode_plain_or_searched_row(const float* x, std::size_t n_cols, const float* importance,
                                  std::byte* out) {
  (importance == nullptr ? encode_plain_row<Block> : encode_searched_row<Block>)(x, n_cols, importance, out);
}

RowEncoder encoder_of(TensorType type) {
  switch (type) {
    case TensorType::f32: return copy_f32;
    case TensorType::f16: return encode_16<float_to_half>;
    case TensorType::bf16: return encode_16<float_to_bf16>;
    case TensorType::q8_1: return encode_plain_row<BlockQ8_1>;
    case TensorType::q8_k: return encode_plain_row<BlockQ8_K>;
    case TensorType::q8_0: return encode_plain_or_searched_row<BlockQ8_0>;
    case TensorType::q4_0: return encode_plain_or_searched_row<BlockQ4_0>;
    case TensorType::q4_1: return encode_plain_or_searched_row<BlockQ4_1>;
    case TensorType::q5_0: return encode_plain_or_searched_row<BlockQ5_0>;
    case TensorType::q5_1: return encode_plain_or_searched_row<BlockQ5_1>;
    case TensorType::q1_0: return encode_plain_or_searched_row<BlockQ1_0>;
    case TensorType::q2_0: return encode_plain_or_searched_row<BlockQ2_0>;
    case TensorType::tq1_0: return encode_plain_or_searched_row<BlockTQ1_0>;
    case TensorType::tq2_0: return encode_plain_or_searched_row<BlockTQ2_0>;
    case TensorType::mxfp4: return encode_plain_or_searched_row<BlockMXFP4>;
    case TensorType::nvfp4: return encode_plain_or_searched_row<BlockNVFP4>;
    case TensorType::q2_k: return encode_searched_row<BlockQ2_K>;
    case TensorType::q3_k: return encode_searched_row<BlockQ3_K>;
    case TensorType::q4_k: return encode_searched_row<BlockQ4_K>;
    case TensorType::q5_k: return encode_searched_row<BlockQ5_K>;
    case TensorType::q6_k: return encode_searched_row<BlockQ6_K>;
    case TensorType::iq4_nl: return encode_searched_row<BlockIQ4_NL>;
    case TensorType::iq4_xs: return encode_searched_row<BlockIQ4_XS>;
    case TensorType::iq2_xxs: return encode_searched_row<BlockIQ2_XXS>;
    case TensorType::iq2_xs: return encode_searched_row<BlockIQ2_XS>;
    case TensorType::iq2_s: return encode_searched_row<BlockIQ2_S>;
    case TensorType::iq3_xxs: return encode_searched_row<BlockIQ3_XXS>;
    case TensorType::iq3_s: return encode_searched_row<BlockIQ3_S>;
    case TensorType::iq1_s: return encode_searched_row<BlockIQ1_S>;
    case TensorType::iq1_m: return encode_searched_row<BlockIQ1_M>;
    default: return nullptr;
  }
}

bool is_finite(float x) { return x - x == 0.0f; }

Error bad_argument(std::string_view name, const std::string& message) {
  return {ErrorCode::invalid_argument, cat("tensor '", name, "' ", message), std::string(name)};
}

// Index of the first value that is not finite, or n.
std::size_t first_not_finite(const float* x, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i)
    if (!is_finite(x[i])) return i;
  return n;
}

// A scale that overflowed binary16 decodes to infinity or NaN; finding it so covers every type alike.
Result<void> check_written_row(const TensorTypeInfo& info, const std::byte* row, std::size_t n_cols,
                               std::size_t first_element, std::string_view name) {
  float values[256];
  const std::size_t n_at_once = 256 / info.block_elements;
  for (std::size_t e = 0; e < n_cols; e += 256) {
    const std::size_t left = (n_cols - e) / info.block_elements;
    const std::size_t n_blocks = left < n_at_once ? left : n_at_once;
    info.decode(row + e / info.block_elements * info.block_bytes, n_blocks, values);
    const std::size_t n = n_blocks * info.block_elements;
    if (const std::size_t bad = first_not_finite(values, n); bad != n)
      return bad_argument(name, cat("is too large for ", info.name, " near element ", first_element + e + bad,
                                    ": the stored scale or value would be infinite"));
  }
  return {};
}

}  // namespace

Result<void> encode_rows(TensorType type, std::span<const float> values, std::size_t n_cols,
                         std::string_view name, std::span<std::byte> out, const EncodeOptions& options) {
  const TensorTypeInfo& info = tensor_type_info(type);
  const RowEncoder encode = encoder_of(type);
  if (encode == nullptr) return bad_argument(name, cat("cannot be encoded as ", info.name));
  if (n_cols == 0 || n_cols % info.block_elements != 0)
    return bad_argument(name, cat("has rows of ", n_cols, " values, expected a multiple of ",
                                  info.block_elements, " for ", info.name));
  if (values.size() % n_cols != 0)
    return bad_argument(name, cat("has ", values.size(), " values, expected whole rows of ", n_cols));
  const std::size_t row_bytes = n_cols / info.block_elements * info.block_bytes;
  const std::size_t n_rows = values.size() / n_cols;
  if (out.size() != n_rows * row_bytes)
    return bad_argument(name,
                        cat("is given ", out.size(), " bytes to encode into, expected ", n_rows * row_bytes));
  const float* importance = options.importance.empty() ? nullptr : options.importance.data();
  if (importance != nullptr && options.importance.size() != n_cols)
    return bad_argument(name, cat("has ", options.importance.size(), " importances, expected ", n_cols));
  for (std::size_t i = 0; importance != nullptr && i < n_cols; ++i)
    if (!is_finite(importance[i]) || importance[i] < 0.0f)
      return bad_argument(name, cat("has importance ", importance[i], " for column ", i,
                                    ", expected a finite value of at least 0"));
  if (const std::size_t bad = first_not_finite(values.data(), values.size()); bad != values.size())
    return bad_argument(name, cat("has ", values[bad], " at element ", bad, ", expected finite values"));

  for (std::size_t r = 0; r < n_rows; ++r) {
    std::byte* row = out.data() + r * row_bytes;
    encode(values.data() + r * n_cols, n_cols, importance, row);
    QUERN_CHECK(check_written_row(info, row, n_cols, r * n_cols, name));
  }
  return {};
}

}  // namespace quern::formats
