#include "formats/tensor_type.h"

#include <cstring>

#include "formats/activation_blocks.h"
#include "formats/fp4_blocks.h"
#include "formats/i_quants.h"
#include "formats/k_quants.h"
#include "formats/plain_blocks.h"
#include "formats/ternary.h"
#include "formats/try.h"

namespace quern::formats {
namespace {

// A block is bytes with alignment 1, so any place in a file can be looked at as one.
template <typename Block>
void decode_blocks(const std::byte* bytes, std::size_t n_blocks, float* values) {
  const auto* blocks = reinterpret_cast<const Block*>(bytes);
  for (std::size_t b = 0; b < n_blocks; ++b) decode(blocks[b], values + b * Block::elements);
}

void decode_f32(const std::byte* bytes, std::size_t n, float* values) {
  if (n != 0) std::memcpy(values, bytes, n * sizeof(float));
}

template <float (*to_value)(std::uint16_t)>
void decode_16(const std::byte* bytes, std::size_t n, float* values) {
  for (std::size_t i = 0; i < n; ++i) {
    std::uint16_t bits;
    std::memcpy(&bits, bytes + 2 * i, sizeof bits);
    values[i] = to_value(bits);
  }
}

template <typename Block>
constexpr TensorTypeInfo blocks_of(TensorType type, std::string_view name, bool is_weight = true) {
  return {type, name, Block::elements, sizeof(Block), is_weight, decode_blocks<Block>};
}

constexpr TensorTypeInfo rows[] = {
    {TensorType::f32, "F32", 1, 4, true, decode_f32},
    {TensorType::f16, "F16", 1, 2, true, decode_16<half_to_float>},
    {TensorType::bf16, "BF16", 1, 2, true, decode_16<bf16_to_float>},
    blocks_of<BlockQ4_0>(TensorType::q4_0, "Q4_0"),
    blocks_of<BlockQ4_1>(TensorType::q4_1, "Q4_1"),
    blocks_of<BlockQ5_0>(TensorType::q5_0, "Q5_0"),
    blocks_of<BlockQ5_1>(TensorType::q5_1, "Q5_1"),
    blocks_of<BlockQ8_0>(TensorType::q8_0, "Q8_0"),
    blocks_of<BlockQ1_0>(TensorType::q1_0, "Q1_0"),
    blocks_of<BlockQ2_0>(TensorType::q2_0, "Q2_0"),
    blocks_of<BlockMXFP4>(TensorType::mxfp4, "MXFP4"),
    blocks_of<BlockNVFP4>(TensorType::nvfp4, "NVFP4"),
    blocks_of<BlockQ2_K>(TensorType::q2_k, "Q2_K"),
    blocks_of<BlockQ3_K>(TensorType::q3_k, "Q3_K"),
    blocks_of<BlockQ4_K>(TensorType::q4_k, "Q4_K"),
    blocks_of<BlockQ5_K>(TensorType::q5_k, "Q5_K"),
    blocks_of<BlockQ6_K>(TensorType::q6_k, "Q6_K"),
    blocks_of<BlockTQ1_0>(TensorType::tq1_0, "TQ1_0"),
    blocks_of<BlockTQ2_0>(TensorType::tq2_0, "TQ2_0"),
    blocks_of<BlockIQ2_XXS>(TensorType::iq2_xxs, "IQ2_XXS"),
    blocks_of<BlockIQ2_XS>(TensorType::iq2_xs, "IQ2_XS"),
    blocks_of<BlockIQ2_S>(TensorType::iq2_s, "IQ2_S"),
    blocks_of<BlockIQ3_XXS>(TensorType::iq3_xxs, "IQ3_XXS"),
    blocks_of<BlockIQ3_S>(TensorType::iq3_s, "IQ3_S"),
    blocks_of<BlockIQ1_S>(TensorType::iq1_s, "IQ1_S"),
    blocks_of<BlockIQ1_M>(TensorType::iq1_m, "IQ1_M"),
    blocks_of<BlockIQ4_NL>(TensorType::iq4_nl, "IQ4_NL"),
    blocks_of<BlockIQ4_XS>(TensorType::iq4_xs, "IQ4_XS"),
    blocks_of<BlockQ8_1>(TensorType::q8_1, "Q8_1", false),
    blocks_of<BlockQ8_K>(TensorType::q8_k, "Q8_K", false),
    {TensorType::i8, "I8", 1, 1, false, nullptr},
    {TensorType::i16, "I16", 1, 2, false, nullptr},
    {TensorType::i32, "I32", 1, 4, false, nullptr},
    {TensorType::i64, "I64", 1, 8, false, nullptr},
    {TensorType::f64, "F64", 1, 8, false, nullptr},
};

constexpr std::uint32_t n_ids = 43;

// Row of each number; rows[i] for index[number] == i + 1, none for 0.
struct Index {
  std::uint8_t row[n_ids];
};
constexpr Index index_of_rows() {
  Index index{};
  for (std::size_t i = 0; i < std::size(rows); ++i)
    index.row[static_cast<std::uint32_t>(rows[i].type)] = static_cast<std::uint8_t>(i + 1);
  return index;
}
constexpr Index row_index = index_of_rows();

// Numbers that once meant something, or mean something to one fork only: what to tell the owner of the file.
struct Refused {
  std::uint32_t id;
  std::string_view name;
};

constexpr std::string_view fork_advice =
    "a type of the ik_llama.cpp fork, which Quern does not read; convert the model to a type of upstream "
    "GGUF";
constexpr Refused fork_types[] = {
    {133, "Q6_0"},
    {134, "IQ1_BN"},
    {135, "IQ2_BN"},
    {137, "IQ2_K"},
    {138, "IQ3_K"},
    {139, "IQ4_K"},
    {140, "IQ5_K"},
    {141, "IQ6_K"},
    {142, "IQ2_TN"},
    {143, "IQ1_TN"},
    {144, "IQ4_KS"},
    {145, "IQ2_KS"},
    {146, "IQ4_KSS"},
    {151, "Q8_KV"},
    {152, "IQ5_KS"},
    {153, "IQ2_KT"},
    {154, "IQ3_KT"},
    {155, "IQ4_KT"},
    {156, "IQ3_KS"},
    {157, "IQ2_KL"},
    {158, "IQ1_KT"},
    {97, "a run-time type"},
    {98, "a run-time type"},
    {99, "a run-time type"},
    {136, "a run-time type"},
    {147, "a run-time type"},
    {148, "a run-time type"},
    {149, "a run-time type"},
    {150, "a run-time type"},
};
// The fork's row-interleaved types.
constexpr std::uint16_t interleaved_ids[] = {202, 206, 208, 210, 211, 212, 213, 214, 216, 217,
                                             218, 219, 220, 221, 222, 223, 229, 230, 233, 335,
                                             337, 338, 339, 340, 344, 352, 353, 397, 398, 399};

constexpr Refused removed_types[] = {
    {4, "Q4_2, a 4-bit experiment that was removed before GGUF existed; convert the original model again"},
    {5, "Q4_3, a 4-bit experiment that was removed before GGUF existed; convert the original model again"},
    {31, "Q4_0_4_4, a row-interleaved Q4_0 that was removed; quantize the model again as Q4_0"},
    {32, "Q4_0_4_8, a row-interleaved Q4_0 that was removed; quantize the model again as Q4_0"},
    {33, "Q4_0_8_8, a row-interleaved Q4_0 that was removed; quantize the model again as Q4_0"},
    {36,
     "IQ4_NL_4_4, a row-interleaved IQ4_NL that was removed (or I2_S of a BitNet fork); quantize the model "
     "again "
     "as IQ4_NL (or convert it to TQ2_0)"},
    {37, "IQ4_NL_4_8, a row-interleaved IQ4_NL that was removed; quantize the model again as IQ4_NL"},
    {38, "IQ4_NL_8_8, a row-interleaved IQ4_NL that was removed; quantize the model again as IQ4_NL"},
    {9, "Q8_1, which holds activations and has no place in a file; the program that wrote it is at fault"},
    {15, "Q8_K, which holds activations and has no place in a file; the program that wrote it is at fault"},
};

Error refusal(std::uint32_t id) {
  for (const Refused& removed : removed_types)
    if (removed.id == id) return {ErrorCode::unsupported, cat("tensor type ", id, " is ", removed.name), {}};
  for (const Refused& fork : fork_types)
    if (fork.id == id)
      return {ErrorCode::unsupported, cat("tensor type ", id, " is ", fork.name, ", ", fork_advice), {}};
  for (const std::uint16_t interleaved : interleaved_ids)
    if (interleaved == id)
      return {
          ErrorCode::unsupported, cat("tensor type ", id, " is a row-interleaved type, ", fork_advice), {}};
  return {ErrorCode::unsupported,
          cat("tensor type ", id, " is unknown, expected 0 to ", n_ids - 1,
              "; the file may need a newer version of Quern"),
          {}};
}

}  // namespace

Result<const TensorTypeInfo*> find_tensor_type(std::uint32_t id) {
  if (id < n_ids && row_index.row[id] != 0) {
    const TensorTypeInfo& info = rows[row_index.row[id] - 1];
    if (info.type != TensorType::q8_1 && info.type != TensorType::q8_k) return &info;
  }
  return refusal(id);
}

const TensorTypeInfo& tensor_type_info(TensorType type) {
  return rows[row_index.row[static_cast<std::uint32_t>(type)] - 1];
}

std::span<const TensorTypeInfo> tensor_types() { return rows; }

}  // namespace quern::formats
