// Passes over blocks of 64 logits. The plain loops over doubles and random words are written without
// branches, so that the compiler turns them into vectors of the row's instruction set.
#include "kernels/logits.h"

#include "kernels/exp_ln.h"
#include "kernels/functions.h"
#include QUERN_ISA_HEADER

namespace quern::kernels::QUERN_ISA {
namespace {

constexpr float infinity = __builtin_inff();

// The block's logits, those that are no candidates replaced by minus infinity; `scratch` has room for them.
const float* masked_block(const LogitView& view, std::size_t b, float* scratch) {
  const float* x = view.logits + b * logit_block;
  const std::uint64_t bits = view.candidates[b];
  if (bits == ~std::uint64_t{0}) return x;
  for (std::size_t i = 0; i < logit_block; ++i) scratch[i] = -infinity;
  for (std::uint64_t rest = bits; rest != 0; rest &= rest - 1) {
    const int i = __builtin_ctzll(rest);
    scratch[i] = x[i];
  }
  return scratch;
}

// At the floor, 2^44 e^y is below one half: no test is needed to make what lies below it 0.
QUERN_ALWAYS_INLINE double above_floor(double y) { return y < weight_floor ? weight_floor : y; }

// Requires: weight_floor <= y <= 0.
QUERN_ALWAYS_INLINE std::uint64_t weight(double y) {
  // Adding 2^52 leaves the rounded product in the low bits of the sum.
  const double shifted = exp_bounded(y) * weight_one + 0x1p52;
  return __builtin_bit_cast(std::uint64_t, shifted) - __builtin_bit_cast(std::uint64_t, 0x1p52);
}

QUERN_ALWAYS_INLINE void distances(const float* x, const WeightRule& rule, double* y) {
  if (rule.temperature == 1) {
    for (std::size_t i = 0; i < logit_block; ++i) y[i] = static_cast<double>(x[i]) - rule.best;
  } else {
    for (std::size_t i = 0; i < logit_block; ++i)
      y[i] = static_cast<double>(x[i]) / rule.temperature - rule.best;
  }
}

// A logit, or plus infinity for NaN, so that one maximum finds both.
QUERN_ALWAYS_INLINE float poisoned(float x) { return x < infinity ? x : infinity; }
QUERN_ALWAYS_INLINE F32x16 poisoned(F32x16 x) { return select(less(x, splat(infinity)), x, splat(infinity)); }

std::size_t scan(const LogitView& view, std::size_t n, float* block_max, bool* all_valid) {
  std::size_t n_candidates = 0, n_full = 0;  // in blocks of some and of all candidates
  F32x16 highest = splat(-infinity), lowest_full = splat(infinity);
  float highest_rest = -infinity;
  for (std::size_t b = 0; b < view.n_blocks; ++b) {
    const float* x = view.logits + b * logit_block;
    const std::uint64_t bits = view.candidates[b];
    const std::size_t size = n - b * logit_block < logit_block ? n - b * logit_block : logit_block;
    block_max[b] = -infinity;
    if (size == logit_block) {
      const F32x16 x0 = load(x), x1 = load(x + 16), x2 = load(x + 32), x3 = load(x + 48);
      const F32x16 best = max(max(poisoned(x0), poisoned(x1)), max(poisoned(x2), poisoned(x3)));
      highest = max(highest, best);
      if (bits == ~std::uint64_t{0}) {
        block_max[b] = tree_max(best);
        lowest_full = min(lowest_full, min(min(x0, x1), min(x2, x3)));
        n_full += logit_block;
        continue;
      }
    } else {
      for (std::size_t i = 0; i < size; ++i) {
        highest_rest = poisoned(x[i]) > highest_rest ? poisoned(x[i]) : highest_rest;
      }
    }
    for (std::uint64_t rest = bits; rest != 0; rest &= rest - 1) {
      const float candidate = x[__builtin_ctzll(rest)];
      block_max[b] = candidate > block_max[b] ? candidate : block_max[b];
      n_candidates += candidate > -infinity;
    }
  }
  *all_valid = tree_max(highest) < infinity && highest_rest < infinity;
  if (tree_max(splat(0) - lowest_full) < infinity) return n_candidates + n_full;
  // Rare: a full block holds minus infinity, so its candidates have to be counted.
  for (std::size_t b = 0; b < view.n_blocks; ++b) {
    if (view.candidates[b] != ~std::uint64_t{0}) continue;
    const float* x = view.logits + b * logit_block;
    for (std::size_t i = 0; i < logit_block; ++i) n_candidates += x[i] > -infinity;
  }
  return n_candidates;
}

std::size_t at_least(const LogitView& view, const float* block_max, float bound, std::size_t tie_end,
                     std::uint64_t* kept) {
  std::size_t n_kept = 0;
  for (std::size_t b = 0; b < view.n_blocks; ++b) {
    kept[b] = 0;
    if (view.candidates[b] == 0 || block_max[b] < bound) continue;
    const float* x = view.logits + b * logit_block;
    std::uint64_t bits = 0;
    if (view.candidates[b] == ~std::uint64_t{0}) {
      const F32x16 bounds = splat(bound);
      for (std::size_t i = 0; i < logit_block; i += 16) {
        bits |= std::uint64_t{lane_bits(less(load(x + i), bounds))} << i;
      }
      bits = ~bits;
    } else {
      for (std::uint64_t rest = view.candidates[b]; rest != 0; rest &= rest - 1) {
        const int i = __builtin_ctzll(rest);
        bits |= std::uint64_t{x[i] >= bound} << i;
      }
    }
    if ((b + 1) * logit_block > tie_end) {
      for (std::uint64_t rest = bits; rest != 0; rest &= rest - 1) {
        const int i = __builtin_ctzll(rest);
        if (x[i] == bound && b * logit_block + static_cast<std::size_t>(i) >= tie_end)
          bits &= ~(std::uint64_t{1} << i);
      }
    }
    kept[b] = bits;
    n_kept += static_cast<std::size_t>(__builtin_popcountll(bits));
  }
  return n_kept;
}

std::uint64_t sum_weights(const LogitView& view, const WeightRule& rule) {
  float scratch[logit_block];
  double y[logit_block];
  std::uint64_t sum = 0;
  for (std::size_t b = 0; b < view.n_blocks; ++b) {
    if (view.candidates[b] == 0) continue;
    distances(masked_block(view, b, scratch), rule, y);
    for (std::size_t i = 0; i < logit_block; ++i) sum += weight(above_floor(y[i]));
  }
  return sum;
}

void weigh(const double* logits, std::size_t n, double best, std::uint64_t* weights) {
  for (std::size_t i = 0; i < n; ++i) weights[i] = weight(above_floor(logits[i] - best));
}

void bucket_weights(const LogitView& view, const WeightRule& rule, std::uint64_t* buckets) {
  float scratch[logit_block];
  double y[logit_block];
  std::uint64_t weights[logit_block];
  std::int32_t index[logit_block];
  // Neighbours often fall into the same bucket; four histograms keep one addition from waiting for another.
  std::uint64_t parts[4][n_weight_buckets] = {};
  for (std::size_t b = 0; b < view.n_blocks; ++b) {
    if (view.candidates[b] == 0) continue;
    distances(masked_block(view, b, scratch), rule, y);
    for (std::size_t i = 0; i < logit_block; ++i) {
      const double near = above_floor(y[i]);
      weights[i] = weight(near);
      index[i] = static_cast<std::int32_t>(-near * buckets_per_nat);
    }
    for (std::size_t i = 0; i < logit_block; ++i) parts[i % 4][index[i]] += weights[i];
  }
  for (std::size_t i = 0; i < n_weight_buckets; ++i) {
    buckets[i] += parts[0][i] + parts[1][i] + parts[2][i] + parts[3][i];
  }
}

// Philox4x32-10 (src/base/philox.h) for the 16 counters of a block side by side.
std::uint64_t noise_at_least(const NoiseStream& noise, std::size_t b, std::uint32_t bound) {
  constexpr std::size_t n_calls = logit_block / 4;
  std::uint32_t c0[n_calls], c1[n_calls], c2[n_calls], c3[n_calls];
  for (std::size_t i = 0; i < n_calls; ++i) {
    c0[i] = noise.counter[0];
    c1[i] = noise.counter[1];
    c2[i] = noise.counter[2];
    c3[i] = noise.counter[3] + static_cast<std::uint32_t>(b * n_calls + i);
  }
  std::uint32_t key0 = noise.key[0], key1 = noise.key[1];
  for (int round = 0; round < 10; ++round) {
    for (std::size_t i = 0; i < n_calls; ++i) {
      const std::uint64_t p0 = std::uint64_t{0xd2511f53} * c0[i];
      const std::uint64_t p1 = std::uint64_t{0xcd9e8d57} * c2[i];
      c0[i] = static_cast<std::uint32_t>(p1 >> 32) ^ c1[i] ^ key0;
      c1[i] = static_cast<std::uint32_t>(p1);
      c2[i] = static_cast<std::uint32_t>(p0 >> 32) ^ c3[i] ^ key1;
      c3[i] = static_cast<std::uint32_t>(p0);
    }
    key0 += 0x9e3779b9;
    key1 += 0xbb67ae85;
  }
  std::uint32_t any = 0;
  for (std::size_t i = 0; i < n_calls; ++i) {
    any |= (c0[i] >= bound) | (c1[i] >= bound) | (c2[i] >= bound) | (c3[i] >= bound);
  }
  if (any == 0) return 0;
  std::uint64_t hits = 0;
  for (std::size_t i = 0; i < n_calls; ++i) {
    const std::uint64_t four =
        (c0[i] >= bound) | (c1[i] >= bound) << 1 | (c2[i] >= bound) << 2 | (c3[i] >= bound) << 3;
    hits |= four << (4 * i);
  }
  return hits;
}

}  // namespace

constinit const LogitKernels logit_kernels = {
    .scan = scan,
    .at_least = at_least,
    .sum_weights = sum_weights,
    .weigh = weigh,
    .bucket_weights = bucket_weights,
    .noise_at_least = noise_at_least,
};

}  // namespace quern::kernels::QUERN_ISA
