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
/// for ("avx2"; empty: the best that this CPU has). Takes about a second. read_bytes is rounded up to 1 MiB.
Ceilings measure_ceilings(int threads, std::uint64_t read_bytes, const std::string& isa = {});
/// Only what depends on read_bytes, anew.
void measure_reading(Ceilings& ceilings, std::uint64_t read_bytes, const std::string& isa = {});

/// What something has to do at least: operations (a multiply-add is two) and bytes read.
struct Work {
  double int8_ops = 0, fp32_ops = 0, bytes = 0;

  double operations() const { return int8_ops + fp32_ops; }
  /// The time that it takes at the ceilings, where reading and arithmetic overlap.
  double reading_seconds(const Ceilings& c) const { return bytes / (1e9 * c.read_gbps); }
  double arithmetic_seconds(const Ceilings& c) const {
    return int8_ops / (1e9 * c.int8_gops) + fp32_ops / (1e9 * c.fp32_gops);
  }
  double least_seconds(const Ceilings& c) const {
    const double reading = reading_seconds(c), arithmetic = arithmetic_seconds(c);
    return reading > arithmetic ? reading : arithmetic;
  }
};

}  // namespace quern::bench
