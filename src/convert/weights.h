#pragma once
// The tensors of a conversion: which of the checkpoint's become which of the file's, and the bytes of each,
// made a few MiB at a time.
#include <functional>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "formats/safetensors.h"
#include "formats/tensor_type.h"
#include "quern/convert.h"
#include "src/convert/family.h"
#include "src/convert/sentence_modules.h"

namespace quern::detail {

/// Which row of a stored tensor is which row of the written one.
struct RowOrder {
  Op op = Op::copy;
  std::uint64_t n_heads = 0, n_kv_heads = 0, head_dim = 0;
  std::uint64_t half_rows = 0;  ///< first_half, second_half: rows of half a slice

  std::uint64_t source(std::uint64_t row) const;
};

/// Written slices (experts, heads) whose elements lie in one piece of a part, but in another order:
/// element (row, col) of slice s is stored at s * stored_elements + first + row * row_step + col * col_step.
struct Gather {
  std::uint64_t slice_rows = 0;  ///< as written
  std::uint64_t stored_elements = 0;
  std::uint64_t first = 0, row_step = 0, col_step = 0;
};

/// A run of written rows that are multiplied.
struct RowFactor {
  std::uint64_t n_rows = 0;
  float factor = 1;
};

/// One tensor to be written. Its parts, all of one shape, lie behind each other in its outermost dimension.
struct OutputTensor {
  std::string name;
  formats::TensorType type{};
  std::vector<std::uint64_t> dims;  ///< dims[0] is the row length
  std::vector<const formats::SafeTensor*> parts{};
  std::uint64_t part_rows = 0,
                part_cols = 0;  ///< of a part, as written; a vector is one row unless rows are reordered
  RowOrder order{};
  std::optional<Gather> gather{};  ///< in place of an order
  /// In place of an order too: what each written row, or column, is in a part. Empty: as they are there.
  std::vector<std::uint32_t> source_rows{}, source_cols{};
  std::vector<RowFactor> factors{};              ///< of all rows; empty: they stay
  std::vector<float> values{};                   ///< without parts: these
  const formats::Safetensors* source = nullptr;  ///< where the parts are, if not in the checkpoint itself

  std::uint64_t n_elements() const;
};

/// "tensor 'name' <what>"
Error tensor_error(ErrorCode code, std::string_view name, std::string_view what);
/// "[320, 64]"
std::string shape_text(const formats::SafeTensor& tensor);
/// corrupt: "tensor 'name' has shape <its shape>, expected <expected>".
Error wrong_shape(const formats::SafeTensor& tensor, std::string_view expected);

/// Finds every tensor of the family's rows. A tensor that is missing, one whose shape cannot be, and one of
/// the checkpoint that has no part in the family are errors that name it.
Result<std::vector<OutputTensor>> plan_tensors(Conversion& conversion, const formats::Safetensors& checkpoint,
                                               ConvertType type);

/// The matrix of a module beside the checkpoint. Requires: the module outlives what is returned.
Result<OutputTensor> plan_dense_module(Conversion& conversion, const DenseModule& module, ConvertType type);

/// Blocks of MXFP4 and their scales, of which op (mxfp4 and the like) says which rows are written.
Result<OutputTensor> plan_mxfp4(const formats::SafeTensor& blocks, const formats::SafeTensor& scales, Op op,
                                std::string name);

using TakeBytes = std::function<Result<void>(std::span<const std::byte>)>;
/// The tensor's bytes, in order, in pieces.
Result<void> make_tensor(const OutputTensor& tensor, const formats::Safetensors& checkpoint,
                         const TakeBytes& take);

/// The same of one that plan_mxfp4 has made.
Result<void> make_mxfp4(const OutputTensor& tensor, const formats::Safetensors& checkpoint,
                        const TakeBytes& take);

}  // namespace quern::detail
