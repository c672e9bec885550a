#include "src/runtime/blas.h"

#if QUERN_OPENBLAS
#include <cblas.h>

#include <algorithm>
#include <string_view>

#include "formats/tensor_type.h"
#endif

namespace quern::detail {

#if QUERN_OPENBLAS

// Of OpenBLAS's own threads we want none: the threads of a pass share out the rows already, and how many it
// uses is one number for the whole process, which is the host's to set. It takes one for a product of up to
// 65536 * GEMM_MULTITHREAD_THRESHOLD (4 as it is packaged) multiplications; ours are just so large.
constexpr std::size_t block_rows = 32, block_cols = 256, block_tokens = 32;
static_assert(block_rows * block_cols * block_tokens <= 65536 * 4);

bool blas_is_quicker_than(const kernels::KernelTable& table) {
  return table.isa == std::string_view("scalar");
}

void blas_multiply(const kernels::WeightView& w, std::size_t begin, std::size_t end, const float* x,
                   std::size_t n, float* y, std::size_t stride) {
  const formats::TensorTypeInfo& type = formats::tensor_type_info(w.type);
  static_assert(sizeof(blasint) >= sizeof(int));
  const auto as_int = [](std::size_t size) { return static_cast<blasint>(size); };
  alignas(64) float block[block_rows * block_cols];
  for (std::size_t r = begin; r < end; r += block_rows) {
    const std::size_t n_rows = std::min(block_rows, end - r);
    for (std::size_t c = 0; c < w.n_cols; c += block_cols) {
      // A row is a whole number of the type's blocks, and they divide block_cols.
      const std::size_t n_cols = std::min(block_cols, w.n_cols - c);
      for (std::size_t i = 0; i < n_rows; ++i)
        type.decode(w.data + (r + i) * w.row_bytes + c / type.block_elements * type.block_bytes,
                    n_cols / type.block_elements, block + i * block_cols);
      for (std::size_t t = 0; t < n; t += block_tokens)
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, as_int(std::min(block_tokens, n - t)),
                    as_int(n_rows), as_int(n_cols), 1.0f, x + t * w.n_cols + c, as_int(w.n_cols), block,
                    as_int(block_cols), c == 0 ? 0.0f : 1.0f, y + t * stride + (r - begin), as_int(stride));
    }
  }
}

#else

bool blas_is_quicker_than(const kernels::KernelTable&) { return false; }

void blas_multiply(const kernels::WeightView&, std::size_t, std::size_t, const float*, std::size_t, float*,
                   std::size_t) {}

#endif

}  // namespace quern::detail
