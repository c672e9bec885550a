// MXFP4 as checkpoints store it: 16 bytes for 32 values, neighbours in one byte, and the scales in a tensor
// of their own. The same codes are written as blocks of GGUF, in which a byte holds values i and i + 16.
#include <algorithm>

#include "formats/fp4_blocks.h"
#include "formats/printable.h"
#include "formats/try.h"
#include "src/convert/weights.h"

namespace quern::detail {
namespace {

using formats::BlockMXFP4;
using formats::cat;
using formats::SafeTensor;

constexpr std::uint64_t block_values = 32, block_bytes = 16;

Error wrong(const SafeTensor& tensor, std::string_view what) {
  return tensor_error(ErrorCode::corrupt, tensor.name, what);
}

BlockMXFP4 to_block(const std::byte* codes, std::byte scale) {
  const auto code = [&](std::uint64_t i) {
    const auto byte = static_cast<unsigned>(codes[i / 2]);
    return i % 2 == 0 ? byte & 15 : byte >> 4;
  };
  BlockMXFP4 block;
  block.e = static_cast<std::uint8_t>(scale);
  for (std::uint64_t i = 0; i < block_bytes; ++i)
    block.qs[i] = static_cast<std::uint8_t>(code(i) | code(i + block_values / 2) << 4);
  return block;
}

}  // namespace

Result<OutputTensor> plan_mxfp4(const SafeTensor& blocks, const SafeTensor& scales, Op op, std::string name) {
  for (const SafeTensor* tensor : {&blocks, &scales})
    if (tensor->type != formats::SafeType::u8)
      return wrong(*tensor, cat("is ", to_string(tensor->type), ", expected U8"));
  if (blocks.dims.size() != 4 || blocks.dims[3] != block_bytes || blocks.n_bytes == 0)
    return wrong(blocks, "is no tensor of experts, rows, blocks and 16 bytes");
  if (!std::ranges::equal(scales.dims, std::span(blocks.dims).first(3)))
    return wrong(scales, cat("has not one scale for each block of '", formats::printable(blocks.name), "'"));
  const std::uint64_t n_experts = blocks.dims[0], n_rows = blocks.dims[1],
                      n_cols = blocks.dims[2] * block_values;
  const std::uint64_t step = op == Op::mxfp4 ? 1 : 2;
  if (n_rows % step != 0) return wrong(blocks, cat("has ", n_rows, " rows, expected an even number"));
  OutputTensor tensor{.name = std::move(name),
                      .type = formats::TensorType::mxfp4,
                      .dims = {n_cols, n_rows / step, n_experts},
                      .parts = {&blocks, &scales},
                      .part_rows = n_rows / step,
                      .part_cols = n_cols};
  tensor.order.op = op;
  return tensor;
}

Result<void> make_mxfp4(const OutputTensor& tensor, const formats::Safetensors& checkpoint,
                        const TakeBytes& take) {
  constexpr std::byte nan{255};
  const SafeTensor &blocks = *tensor.parts[0], &scales = *tensor.parts[1];
  const std::uint64_t blocks_in_row = blocks.dims[2], step = tensor.order.op == Op::mxfp4 ? 1 : 2,
                      first = tensor.order.op == Op::mxfp4_odd ? 1 : 0;
  std::vector<std::byte> codes(blocks.n_bytes / blocks.dims[0]), exponents(scales.n_bytes / blocks.dims[0]);
  std::vector<BlockMXFP4> out(tensor.part_rows * blocks_in_row);
  for (std::uint64_t expert = 0; expert < blocks.dims[0]; ++expert) {
    QUERN_CHECK(checkpoint.read(blocks, expert * codes.size(), codes));
    QUERN_CHECK(checkpoint.read(scales, expert * exponents.size(), exponents));
    for (std::uint64_t i = 0; i < out.size(); ++i) {
      const std::uint64_t row = i / blocks_in_row * step + first,
                          block = row * blocks_in_row + i % blocks_in_row;
      if (exponents[block] == nan)
        return wrong(scales,
                     cat("holds 255 for block ", block, " of expert ", expert, ", which is no number"));
      out[i] = to_block(codes.data() + block * block_bytes, exponents[block]);
    }
    QUERN_CHECK(take(std::as_bytes(std::span(out))));
  }
  return {};
}

}  // namespace quern::detail
