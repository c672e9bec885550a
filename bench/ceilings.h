#pragma once
// What the machine has to give, measured: the ceilings that every benchmark result is a share of. Rates count
// a multiply-add as two operations. The best of several short trials counts, as noise only ever slows down.
#include <cstdint>
#include <string>

namespace quern::bench {

struct Ceilings {
  int threads = 0;
  std::string int8_instruction;  ///< what int8_gops was measured with: "vpdpbusd, 512 bits"
  double int8_gops = 0;          ///< exact int8 dot products, 10^9 operations a second
  double fp32_gops = 0;          ///< single precision fused multiply-adds, 10^9 operations a second
  double read_gbps = 0;          ///< reading read_bytes, over and over, 10^9 bytes a second
  std::uint64_t read_bytes = 0;  ///< small ones stay in the cache, as a small model's weights do
};

/// On `threads` threads, with the dot product instruction of an instruction set that the library has kernels
/// for
/// ("avx2"; empty: the best that this CPU has). Takes about a second. read_bytes is rounded up to 1 MiB.
Ceilings measure_ceilings(int threads, std::uint64_t read_bytes, const std::string& isa = {});

}  // namespace quern::bench
