// Which rows this CPU can run. Built plainly, without any row's flags.
#include "kernels/kernel_table.h"

#if defined(__x86_64__)
#include <cpuid.h>
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif
#elif defined(__aarch64__) && defined(__linux__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

#define QUERN_DECLARE_ROW(row)    \
  namespace row {                 \
  extern const KernelTable table; \
  }

namespace quern::kernels {

QUERN_DECLARE_ROW(scalar)
#if defined(__x86_64__)
QUERN_DECLARE_ROW(avx2)
QUERN_DECLARE_ROW(avxvnni)
QUERN_DECLARE_ROW(avx512)
QUERN_DECLARE_ROW(avx512vnni)
#if defined(__linux__)
QUERN_DECLARE_ROW(amx)
#endif
#elif defined(__aarch64__)
QUERN_DECLARE_ROW(neon)
QUERN_DECLARE_ROW(neon_dotprod)
QUERN_DECLARE_ROW(neon_i8mm)
#endif

namespace {

struct RunnableRows {
  const KernelTable* rows[8];
  std::size_t size = 0;
};

#if defined(__x86_64__)
// The two features that some compilers' __builtin_cpu_supports has no name for. Both work on the registers of
// AVX, which the caller has asked about.
bool has_f16c() {
  unsigned eax, ebx, ecx, edx;
  return __get_cpuid(1, &eax, &ebx, &ecx, &edx) && (ecx >> 29 & 1);
}
bool has_avxvnni() {
  unsigned eax, ebx, ecx, edx;
  return __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) && (eax >> 4 & 1);
}
#if defined(__linux__)
// A process has to ask Linux for the tile registers, once for all its threads. The answer is no where a
// thread's alternate signal stack is too small to save them, or where a sandbox forbids the question.
bool has_amx() {
  constexpr int arch_req_xcomp_perm = 0x1023, tile_data = 18;
  unsigned eax, ebx, ecx, edx;
  return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && (edx >> 24 & 3) == 3 &&
         syscall(SYS_arch_prctl, arch_req_xcomp_perm, tile_data) == 0;
}
#endif
#endif

// Best first. __builtin_cpu_supports also asks whether the operating system saves the wider registers.
RunnableRows find_rows() {
  RunnableRows found;
  const auto offer = [&](bool runs, const KernelTable& table) {
    if (runs) found.rows[found.size++] = &table;
  };
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
  const bool has_avx512 = has_avx2 && __builtin_cpu_supports("avx512f") &&
                          __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
                          __builtin_cpu_supports("avx512dq");
  const bool has_avx512vnni = has_avx512 && __builtin_cpu_supports("avx512vnni");
#if defined(__linux__)
  offer(has_avx512vnni && has_amx(), amx::table);
#endif
  offer(has_avx512vnni, avx512vnni::table);
  offer(has_avx512, avx512::table);
  offer(has_avx2 && has_avxvnni(), avxvnni::table);
  offer(has_avx2, avx2::table);
#elif defined(__aarch64__)
#if defined(__linux__)
  const bool has_dotprod = (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0;
  offer(has_dotprod && (getauxval(AT_HWCAP2) & HWCAP2_I8MM) != 0, neon_i8mm::table);
  offer(has_dotprod, neon_dotprod::table);
#endif
  offer(true, neon::table);
#endif
  offer(true, scalar::table);
  return found;
}

bool same_text(const char* a, const char* b) {
  while (*a && *a == *b) ++a, ++b;
  return *a == *b;
}

}  // namespace

KernelTables runnable_tables() {
  static const RunnableRows found = find_rows();
  return {found.rows, found.size};
}

const KernelTable* find_table(const char* isa) {
  const char* name = same_text(isa, "generic") ? "scalar" : isa;
  const KernelTables all = runnable_tables();
  for (std::size_t i = 0; i < all.size; ++i)
    if (same_text(all.tables[i]->isa, name)) return all.tables[i];
  return nullptr;
}

const char* known_isas() {
  return "generic, avx2, avxvnni, avx512, avx512vnni, amx, neon, neon-dotprod, neon-i8mm";
}

ActivationKind activation_kind(formats::TensorType type) {
  using enum formats::TensorType;
  switch (type) {
    case f32:
    case f16:
    case bf16: return ActivationKind::f32;
    case q4_0:
    case q4_1:
    case q5_0:
    case q5_1:
    case q8_0:
    case iq4_nl:
    case mxfp4:
    case nvfp4:
    case q1_0:
    case q2_0: return ActivationKind::q8_32;
    default: return ActivationKind::q8_128;
  }
}

std::size_t activation_group(ActivationKind kind) {
  switch (kind) {
    case ActivationKind::f32: return 1;
    case ActivationKind::q8_32: return 32;
    case ActivationKind::q8_128: return 128;
  }
  return 1;
}

std::size_t kv_row_bytes(KvType type, std::size_t n) {
  switch (type) {
    case KvType::f32: return 4 * n;
    case KvType::f16:
    case KvType::bf16: return 2 * n;
    case KvType::q8_0: return n / 32 * 34;
  }
  return 0;
}

}  // namespace quern::kernels
