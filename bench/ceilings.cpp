#include "bench/ceilings.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <new>

#include "kernels/kernel_table.h"
#include "src/base/parallel.h"
#include "src/runtime/aligned_memory.h"
#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace quern::bench {
namespace {

// Runs n rounds of independent instructions and gives the operations in them.
using Arithmetic = std::uint64_t (*)(std::uint64_t n_rounds);
// Reads n bytes, a multiple of 512, and gives something that depends on all of them.
using Read = std::uint64_t (*)(const std::byte* bytes, std::size_t n);

struct Probe {
  const char* isa;
  const char* int8_instruction;
  Arithmetic int8, fp32;
  Read read;
};

// Chains of dependent sums: latency times issue width of every CPU known to us is at most 12, and two of the
// 16 registers of the smaller sets hold the factors.
constexpr int n_chains = 12;

// A probe's body is the same for every instruction set; only the vectors differ: c = step for every chain c,
// from a factor a. The optimizer is not told what c and a hold, so it can leave no step out.
#define QUERN_CHAINS(Vector, zero, factor, step, keep)          \
  auto a = (factor);                                            \
  Vector chain[n_chains];                                       \
  _Pragma("GCC unroll 12") for (Vector & c : chain) c = (zero); \
  for (std::uint64_t round = 0; round < n_rounds; ++round) {    \
    _Pragma("GCC unroll 12") for (Vector & c : chain) {         \
      c = (step);                                               \
      asm volatile("" : "+" keep(c), "+" keep(a));              \
    }                                                           \
  }                                                             \
  return n_rounds * n_chains * 2

#define QUERN_READ(Vector, load, combine, keep)                                                        \
  Vector sum[8];                                                                                       \
  _Pragma("GCC unroll 8") for (int i = 0; i < 8; ++i) sum[i] = load(bytes, i);                         \
  for (std::size_t at = 0; at < n; at += 8 * sizeof(Vector)) {                                         \
    _Pragma("GCC unroll 8") for (int i = 0; i < 8; ++i) sum[i] = combine(sum[i], load(bytes + at, i)); \
  }                                                                                                    \
  _Pragma("GCC unroll 8") for (int i = 1; i < 8; ++i) sum[0] = combine(sum[0], sum[i]);                \
  asm volatile("" : "+" keep(sum[0]));                                                                 \
  std::uint64_t out;                                                                                   \
  __builtin_memcpy(&out, &sum[0], sizeof out);                                                         \
  return out

#if defined(__x86_64__)

#define QUERN_FLOAT_REGISTER "x"
#define QUERN_LOAD_512(p, i) _mm512_loadu_si512((p) + 64 * (i))
#define QUERN_LOAD_256(p, i) _mm256_loadu_si256(reinterpret_cast<const __m256i*>((p) + 32 * (i)))

#if defined(__linux__)
[[gnu::target("amx-tile,amx-int8")]] std::uint64_t dot_amx(std::uint64_t n_rounds) {
  struct alignas(64) {
    std::uint8_t palette = 1, unused[15] = {};
    std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64};
    std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16};
  } config;
  asm volatile("" ::"r"(&config) : "memory");
  _tile_loadconfig(&config);
  _tile_zero(4);
  _tile_zero(5);
  for (std::uint64_t round = 0; round < n_rounds; ++round) {
    _tile_dpbssd(0, 4, 5);
    _tile_dpbssd(1, 4, 5);
    _tile_dpbssd(2, 4, 5);
    _tile_dpbssd(3, 4, 5);
  }
  _tile_release();
  return n_rounds * 4 * (16 * 16 * 64 * 2);
}
#endif
[[gnu::target("avx512f,avx512bw,avx512vnni")]] std::uint64_t dot_avx512vnni(std::uint64_t n_rounds) {
  const __m512i b = _mm512_set1_epi8(-5);
  QUERN_CHAINS(__m512i, _mm512_setzero_si512(), _mm512_set1_epi8(3), _mm512_dpbusd_epi32(c, a, b), "v") * 64;
}
[[gnu::target("avx512f,avx512bw")]] std::uint64_t dot_avx512(std::uint64_t n_rounds) {
  const __m512i b = _mm512_set1_epi8(-5), ones = _mm512_set1_epi16(1);
  QUERN_CHAINS(__m512i, _mm512_setzero_si512(), _mm512_set1_epi8(3),
               _mm512_add_epi32(c, _mm512_madd_epi16(_mm512_maddubs_epi16(a, b), ones)), "v") *
      64;
}
[[gnu::target("avx2,avxvnni")]] std::uint64_t dot_avxvnni(std::uint64_t n_rounds) {
  const __m256i b = _mm256_set1_epi8(-5);
  QUERN_CHAINS(__m256i, _mm256_setzero_si256(), _mm256_set1_epi8(3), _mm256_dpbusd_avx_epi32(c, a, b), "x") *
      32;
}
[[gnu::target("avx2")]] std::uint64_t dot_avx2(std::uint64_t n_rounds) {
  const __m256i b = _mm256_set1_epi8(-5), ones = _mm256_set1_epi16(1);
  QUERN_CHAINS(__m256i, _mm256_setzero_si256(), _mm256_set1_epi8(3),
               _mm256_add_epi32(c, _mm256_madd_epi16(_mm256_maddubs_epi16(a, b), ones)), "x") *
      32;
}
[[gnu::target("avx512f")]] std::uint64_t fma_avx512(std::uint64_t n_rounds) {
  const __m512 b = _mm512_set1_ps(1.0f);
  QUERN_CHAINS(__m512, _mm512_setzero_ps(), _mm512_set1_ps(0.5f), _mm512_fmadd_ps(c, a, b), "v") * 16;
}
[[gnu::target("avx2,fma")]] std::uint64_t fma_avx2(std::uint64_t n_rounds) {
  const __m256 b = _mm256_set1_ps(1.0f);
  QUERN_CHAINS(__m256, _mm256_setzero_ps(), _mm256_set1_ps(0.5f), _mm256_fmadd_ps(c, a, b), "x") * 8;
}
[[gnu::target("avx512f")]] std::uint64_t read_avx512(const std::byte* bytes, std::size_t n) {
  QUERN_READ(__m512i, QUERN_LOAD_512, _mm512_xor_si512, "v");
}
[[gnu::target("avx2")]] std::uint64_t read_avx2(const std::byte* bytes, std::size_t n) {
  QUERN_READ(__m256i, QUERN_LOAD_256, _mm256_xor_si256, "x");
}

#elif defined(__aarch64__)

#define QUERN_FLOAT_REGISTER "w"
#define QUERN_LOAD_NEON(p, i) vld1q_u8(reinterpret_cast<const std::uint8_t*>((p) + 16 * (i)))

[[gnu::target("arch=armv8.2-a+i8mm")]] std::uint64_t dot_neon_i8mm(std::uint64_t n_rounds) {
  const int8x16_t b = vdupq_n_s8(-5);
  QUERN_CHAINS(int32x4_t, vdupq_n_s32(0), vdupq_n_s8(3), vmmlaq_s32(c, a, b), "w") * 32;
}
[[gnu::target("arch=armv8.2-a+dotprod")]] std::uint64_t dot_neon_dotprod(std::uint64_t n_rounds) {
  const int8x16_t b = vdupq_n_s8(-5);
  QUERN_CHAINS(int32x4_t, vdupq_n_s32(0), vdupq_n_s8(3), vdotq_s32(c, a, b), "w") * 16;
}
std::uint64_t dot_neon(std::uint64_t n_rounds) {
  const int8x8_t b = vdup_n_s8(-5);
  QUERN_CHAINS(int32x4_t, vdupq_n_s32(0), vdup_n_s8(3), vpadalq_s16(c, vmull_s8(a, b)), "w") * 8;
}
std::uint64_t fma_neon(std::uint64_t n_rounds) {
  const float32x4_t b = vdupq_n_f32(1.0f);
  QUERN_CHAINS(float32x4_t, vdupq_n_f32(0), vdupq_n_f32(0.5f), vfmaq_f32(b, c, a), "w") * 4;
}
std::uint64_t read_neon(const std::byte* bytes, std::size_t n) {
  QUERN_READ(uint8x16_t, QUERN_LOAD_NEON, veorq_u8, "w");
}

#else
#define QUERN_FLOAT_REGISTER "m"
#endif

std::uint64_t dot_scalar(std::uint64_t n_rounds) {
  const std::int32_t b = -5;
  QUERN_CHAINS(std::int32_t, 0, std::int32_t{3}, c + a * b, "r");
}
std::uint64_t fma_scalar(std::uint64_t n_rounds) { QUERN_CHAINS(float, 0.0f, 0.5f, c* a + 1.0f, "m"); }
std::uint64_t load_word(const std::byte* p, int i) {
  std::uint64_t word;
  __builtin_memcpy(&word, p + 8 * i, sizeof word);
  return word;
}
std::uint64_t xor_words(std::uint64_t a, std::uint64_t b) { return a ^ b; }
std::uint64_t read_scalar(const std::byte* bytes, std::size_t n) {
  QUERN_READ(std::uint64_t, load_word, xor_words, "r");
}

constexpr Probe probes[] = {
#if defined(__x86_64__)
#if defined(__linux__)
    {"amx", "tdpbssd, 16 x 16 x 64", dot_amx, fma_avx512, read_avx512},
#endif
    {"avx512vnni", "vpdpbusd, 512 bits", dot_avx512vnni, fma_avx512, read_avx512},
    {"avx512", "vpmaddubsw, 512 bits", dot_avx512, fma_avx512, read_avx512},
    {"avxvnni", "vpdpbusd, 256 bits", dot_avxvnni, fma_avx2, read_avx2},
    {"avx2", "vpmaddubsw, 256 bits", dot_avx2, fma_avx2, read_avx2},
#elif defined(__aarch64__)
    {"neon-i8mm", "smmla, 128 bits", dot_neon_i8mm, fma_neon, read_neon},
    {"neon-dotprod", "sdot, 128 bits", dot_neon_dotprod, fma_neon, read_neon},
    {"neon", "smull, 128 bits", dot_neon, fma_neon, read_neon},
#endif
    {"scalar", "plain C++", dot_scalar, fma_scalar, read_scalar},
};

// The probe of the instruction set, or of the best one that both the CPU and this list have.
const Probe& find_probe(const std::string& isa) {
  for (const Probe& probe : probes) {
    const bool wanted = isa.empty() || isa == probe.isa;
    if (wanted && kernels::find_table(probe.isa) != nullptr) return probe;
  }
  return isa.empty() ? std::end(probes)[-1] : find_probe({});
}

// Seconds that all threads together take for body(tile), a few tiles each.
template <typename Body>
double seconds(int threads, Body&& body) {
  const auto n_tiles = static_cast<std::size_t>(threads == 1 ? 1 : 4 * threads);
  const auto start = std::chrono::steady_clock::now();
  detail::run_in_parallel(threads, [&](detail::Worker& worker) noexcept {
    worker.tiles(n_tiles, [&](std::size_t tile) { body(tile, n_tiles); });
  });
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

constexpr int n_trials = 7;

// 10^9 operations a second.
double arithmetic_rate(int threads, Arithmetic arithmetic) {
  constexpr double long_enough = 0.02;
  std::uint64_t n_rounds = 1024, operations = 0;
  const auto trial = [&] {
    return seconds(threads, [&](std::size_t, std::size_t n_tiles) {
      const std::uint64_t done = arithmetic(n_rounds);
      __atomic_store_n(&operations, done * n_tiles, __ATOMIC_RELAXED);
    });
  };
  while (trial() < long_enough) n_rounds *= 2;
  double best = trial();
  for (int i = 1; i < n_trials; ++i) best = std::min(best, trial());
  return 1e-9 * static_cast<double>(operations) / best;
}

// 10^9 bytes a second.
double read_rate(int threads, std::uint64_t n_bytes, Read read) {
  const detail::AlignedMemory memory = detail::allocate_aligned(n_bytes);
  if (!memory) throw std::bad_alloc();
  const auto tile_of = [&](std::size_t tile, std::size_t n_tiles) {
    const std::uint64_t n_units = n_bytes / 512;
    const std::uint64_t begin = n_units * tile / n_tiles * 512, end = n_units * (tile + 1) / n_tiles * 512;
    return std::pair{memory.get() + begin, static_cast<std::size_t>(end - begin)};
  };
  seconds(threads, [&](std::size_t tile, std::size_t n_tiles) {
    const auto [begin, n] = tile_of(tile, n_tiles);
    __builtin_memset(begin, static_cast<int>(tile + 1), n);
  });
  std::uint64_t sum = 0;
  double best = 1e9;
  for (int i = 0; i < n_trials; ++i) {
    best = std::min(best, seconds(threads, [&](std::size_t tile, std::size_t n_tiles) {
                      const auto [begin, n] = tile_of(tile, n_tiles);
                      __atomic_fetch_xor(&sum, read(begin, n), __ATOMIC_RELAXED);
                    }));
  }
  return 1e-9 * static_cast<double>(n_bytes) / best;
}

}  // namespace

Ceilings measure_ceilings(int threads, std::uint64_t read_bytes, const std::string& isa) {
  const Probe& probe = find_probe(isa);
  Ceilings ceilings;
  ceilings.threads = threads;
  ceilings.int8_instruction = probe.int8_instruction;
  ceilings.int8_gops = arithmetic_rate(threads, probe.int8);
  ceilings.fp32_gops = arithmetic_rate(threads, probe.fp32);
  measure_reading(ceilings, read_bytes, isa);
  return ceilings;
}

void measure_reading(Ceilings& ceilings, std::uint64_t read_bytes, const std::string& isa) {
  constexpr std::uint64_t mebibyte = 1 << 20;
  ceilings.read_bytes = std::max<std::uint64_t>(1, (read_bytes + mebibyte - 1) / mebibyte) * mebibyte;
  ceilings.read_gbps = read_rate(ceilings.threads, ceilings.read_bytes, find_probe(isa).read);
}

}  // namespace quern::bench
