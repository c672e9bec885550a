// Chooses among the copies of kernels/logits.cpp, one per instruction set.
#include "kernels/logits.h"

namespace quern::kernels {

#define QUERN_DECLARE_ROW(row)             \
  namespace row {                          \
  extern const LogitKernels logit_kernels; \
  }
#ifdef QUERN_HAS_ISA_avx512
QUERN_DECLARE_ROW(avx512)
#endif
#ifdef QUERN_HAS_ISA_avx2
QUERN_DECLARE_ROW(avx2)
#endif
#ifdef QUERN_HAS_ISA_neon
QUERN_DECLARE_ROW(neon)
#endif
QUERN_DECLARE_ROW(scalar)
#undef QUERN_DECLARE_ROW

namespace {

struct Runnable {
  const LogitKernels* tables[4];
  std::size_t size = 0;

  Runnable() {
#ifdef QUERN_HAS_ISA_avx512
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("fma")) {
      tables[size++] = &avx512::logit_kernels;
    }
#endif
#ifdef QUERN_HAS_ISA_avx2
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
      tables[size++] = &avx2::logit_kernels;
#endif
#ifdef QUERN_HAS_ISA_neon
    tables[size++] = &neon::logit_kernels;
#endif
    tables[size++] = &scalar::logit_kernels;
  }
};

}  // namespace

LogitKernelTables runnable_logit_kernels() {
  static const Runnable runnable;
  return {runnable.tables, runnable.size};
}

}  // namespace quern::kernels
