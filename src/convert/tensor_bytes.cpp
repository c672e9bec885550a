// The bytes of a written tensor: rows of the checkpoint in the order wanted, as floats, encoded.
#include <algorithm>

#include "formats/try.h"
#include "src/base/math.h"
#include "src/convert/weights.h"

namespace quern::detail {
namespace {

using formats::SafeTensor;
using formats::Safetensors;

constexpr std::uint64_t piece_elements = std::uint64_t{1} << 20;  // 4 MiB as floats

// Reads `n` elements from element `first` of a stored tensor.
Result<void> read_floats(const Safetensors& checkpoint, const SafeTensor& tensor, std::uint64_t first,
                         std::span<float> values) {
  const std::size_t value_bytes = formats::value_bytes(tensor.type);
  std::vector<std::byte> bytes(values.size() * value_bytes);
  QUERN_CHECK(checkpoint.read(tensor, first * value_bytes, bytes));
  formats::to_floats(tensor.type, bytes, values);
  return {};
}

void reorder_columns(const OutputTensor& tensor, std::span<float> values) {
  const std::vector<std::uint32_t>& sources = tensor.source_cols;
  std::vector<float> stored(sources.size());
  for (std::size_t row = 0; !sources.empty() && row < values.size(); row += sources.size()) {
    std::copy_n(values.begin() + static_cast<std::ptrdiff_t>(row), sources.size(), stored.begin());
    for (std::size_t col = 0; col < sources.size(); ++col) values[row + col] = stored[sources[col]];
  }
}

// Rows [first, first + values.size() / cols) of a part, as written.
Result<void> read_rows(const OutputTensor& tensor, const Safetensors& checkpoint, const SafeTensor& part,
                       std::uint64_t first, std::span<float> values) {
  const std::uint64_t cols = tensor.part_cols, n_rows = values.size() / cols;
  const auto source_of = [&](std::uint64_t row) {
    return tensor.source_rows.empty() ? tensor.order.source(row) : tensor.source_rows[row];
  };
  for (std::uint64_t row = 0; row < n_rows;) {
    const std::uint64_t source = source_of(first + row);
    std::uint64_t run = 1;  // rows that follow each other in the checkpoint too are read at once
    while (row + run < n_rows && source_of(first + row + run) == source + run) ++run;
    QUERN_CHECK(read_floats(checkpoint, part, source * cols, values.subspan(row * cols, run * cols)));
    row += run;
  }
  reorder_columns(tensor, values);
  return {};
}

// A slice whose rows are no pieces of the checkpoint: read whole.
Result<void> read_slice(const OutputTensor& tensor, const Safetensors& checkpoint, const SafeTensor& part,
                        std::uint64_t slice, std::span<float> values) {
  const Gather& g = *tensor.gather;
  std::vector<float> stored(g.stored_elements);
  QUERN_CHECK(read_floats(checkpoint, part, slice * g.stored_elements, stored));
  for (std::uint64_t row = 0; row < g.slice_rows; ++row)
    for (std::uint64_t col = 0; col < tensor.part_cols; ++col)
      values[row * tensor.part_cols + col] = stored[g.first + row * g.row_step + col * g.col_step];
  return {};
}

void multiply_rows(const OutputTensor& tensor, std::uint64_t first_row, std::span<float> values) {
  std::uint64_t row = 0;
  for (const RowFactor& run : tensor.factors) {
    const std::uint64_t begin = std::max(row, first_row),
                        end = std::min(row + run.n_rows, first_row + values.size() / tensor.part_cols);
    for (std::uint64_t i = begin * tensor.part_cols; i < end * tensor.part_cols; ++i)
      values[i - first_row * tensor.part_cols] *= run.factor;
    row += run.n_rows;
  }
}

Result<void> encode(const OutputTensor& tensor, std::span<const float> values, const TakeBytes& take) {
  const formats::TensorTypeInfo& type = formats::tensor_type_info(tensor.type);
  const std::uint64_t cols = tensor.dims.size() == 1 ? values.size() : tensor.dims[0];
  std::vector<std::byte> bytes(values.size() / type.block_elements * type.block_bytes);
  const std::string_view name =
      tensor.parts.empty() ? std::string_view(tensor.name) : tensor.parts.front()->name;
  auto encoded = formats::encode_rows(tensor.type, values, cols, name, bytes);
  if (!encoded) {
    Error error = std::move(encoded).error();
    error.code = ErrorCode::corrupt;
    return error;
  }
  return take(bytes);
}

}  // namespace

std::uint64_t RowOrder::source(std::uint64_t row) const {
  const std::uint64_t D = head_dim, head = row / std::max<std::uint64_t>(D, 1),
                      i = row % std::max<std::uint64_t>(D, 1);
  const std::uint64_t pair =
      i / 2 + i % 2 * (D / 2);  // row 2i of a head was row i, row 2i + 1 was row i + D/2
  const std::uint64_t q_per_group = n_kv_heads == 0 ? 0 : n_heads / n_kv_heads;
  const auto group_row = [&](std::uint64_t group, std::uint64_t head_in_group) {
    return (group * (q_per_group + 2) + head_in_group) * D;
  };
  switch (op) {
    case Op::interleave_q:
    case Op::interleave_k: return head * D + pair;
    case Op::group_q: return group_row(head / q_per_group, head % q_per_group) + pair;
    case Op::group_k: return group_row(head, q_per_group) + pair;
    case Op::group_v: return group_row(head, q_per_group + 1) + i;
    case Op::ungroup:
      if (head < n_heads) return group_row(head / q_per_group, head % q_per_group) + i;
      if (head < n_heads + n_kv_heads) return group_row(head - n_heads, q_per_group) + i;
      return group_row(head - n_heads - n_kv_heads, q_per_group + 1) + i;
    case Op::first_half: return row / half_rows * 2 * half_rows + row % half_rows;
    case Op::second_half: return (row / half_rows * 2 + 1) * half_rows + row % half_rows;
    default: return row;
  }
}

std::uint64_t OutputTensor::n_elements() const {
  std::uint64_t n = 1;
  for (const std::uint64_t dim : dims) n *= dim;
  return n;
}

Result<void> make_tensor(const OutputTensor& tensor, const Safetensors& checkpoint, const TakeBytes& take) {
  if (tensor.parts.empty()) return encode(tensor, tensor.values, take);
  const Safetensors& weights = tensor.source ? *tensor.source : checkpoint;
  if (tensor.type == formats::TensorType::mxfp4) return make_mxfp4(tensor, weights, take);
  std::vector<float> values;
  for (const SafeTensor* part : tensor.parts) {
    const std::uint64_t rows_of_piece = tensor.gather
                                            ? tensor.gather->slice_rows
                                            : std::max<std::uint64_t>(1, piece_elements / tensor.part_cols);
    for (std::uint64_t row = 0; row < tensor.part_rows; row += rows_of_piece) {
      values.resize(std::min(rows_of_piece, tensor.part_rows - row) * tensor.part_cols);
      if (tensor.gather) {
        QUERN_CHECK(read_slice(tensor, weights, *part, row / rows_of_piece, values));
      } else {
        QUERN_CHECK(read_rows(tensor, weights, *part, row, values));
      }
      multiply_rows(tensor, row, values);
      for (float& value : values) {
        if (tensor.order.op == Op::plus_one) value += 1;
        if (tensor.order.op == Op::neg_exp) value = static_cast<float>(-exp(double(value)));
      }
      QUERN_CHECK(encode(tensor, values, take));
    }
  }
  return {};
}

}  // namespace quern::detail
