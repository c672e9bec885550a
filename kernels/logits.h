#pragma once
// Passes over a whole vocabulary of logits, for sampling. What they give back are comparisons, counts and
// integer sums, so every instruction set gives the same, and so would any split over threads.
//
// A vocabulary is seen as blocks of 64 tokens with one word of 64 bits each that says who is a candidate: bit
// i of word b stands for token 64 b + i. Bits past the end are 0, and nothing past the end is read.
#include <cstddef>
#include <cstdint>

namespace quern::kernels {

inline constexpr std::size_t logit_block = 64;

struct LogitView {
  const float* logits = nullptr;
  const std::uint64_t* candidates = nullptr;
  std::size_t n_blocks = 0;
};

/// What logits weigh: W = round-half-even(2^44 e^y) with y = logit / temperature - best, 0 where y < -31.2.
/// The largest weight is 2^44, so the sum over 2^19 tokens fits in 63 bits.
struct WeightRule {
  double best = 0;         ///< the largest logit / temperature
  double temperature = 1;  ///< 1: no division takes place
};
inline constexpr double weight_one = 0x1p44;
inline constexpr double weight_floor = -31.2;

/// A histogram over the distance from the best: bucket i holds the weights of -y in [i, i + 1) /
/// buckets_per_nat.
inline constexpr std::size_t n_weight_buckets = 2048;
inline constexpr double buckets_per_nat = 65.5;  // the last one ends at 31.27, behind the floor

/// The Philox words of a position; the counter's last word is that of token 0, and goes up by 1 every 4
/// tokens.
struct NoiseStream {
  std::uint32_t counter[4];
  std::uint32_t key[2];
};

/// Of one instruction set: KernelTable::logits.
struct LogitKernels {
  /// Writes each block's largest candidate to block_max, minus infinity where it has none. Gives the number
  /// of candidates above minus infinity. *all_valid: no logit of the n is NaN or plus infinity, candidate or
  /// not.
  std::size_t (*scan)(const LogitView& view, std::size_t n, float* block_max, bool* all_valid);

  /// Which candidates have a logit > bound, or == bound and an id < tie_end: their bits and number. Requires:
  /// bound > minus infinity; block_max[b] is no less than any candidate of its block.
  std::size_t (*at_least)(const LogitView& view, const float* block_max, float bound, std::size_t tie_end,
                          std::uint64_t* kept);

  std::uint64_t (*sum_weights)(const LogitView& view, const WeightRule& rule);
  /// The weights of n numbers, temperature 1.
  void (*weigh)(const double* logits, std::size_t n, double best, std::uint64_t* weights);
  /// Adds each candidate's weight to its bucket.
  void (*bucket_weights)(const LogitView& view, const WeightRule& rule, std::uint64_t* buckets);

  /// Which of the 64 tokens of block b have a noise word >= bound: one bit each.
  std::uint64_t (*noise_at_least)(const NoiseStream& noise, std::size_t b, std::uint32_t bound);
};

/// The bucket of y; n_weight_buckets or more has no weight. Requires: y <= 0.
constexpr std::size_t weight_bucket(double y) {
  return y < weight_floor ? n_weight_buckets : static_cast<std::size_t>(-y * buckets_per_nat);
}

}  // namespace quern::kernels
