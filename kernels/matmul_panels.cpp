// Panels with the vectors of the instruction set.
#include "kernels/lane_order.h"
#include "kernels/matmul_int8.h"
#include "kernels/panel.h"
#include "kernels/simd/math.h"
#include "kernels/simd/pairs.h"
#include "kernels/simd/words.h"

namespace quern::kernels::QUERN_ISA {
namespace {

constexpr std::size_t V = panel_vectors;

// A token, and sums of its codes as the tile reads them.
struct TileToken {
  TokenRow a;
  // int32. Types with a minimum: the sum of each 32 codes, as int16 where two meet two minimums at once. The
  // others: minus zero times the sum of each 16 codes, or 32 where that is what a sum of products covers; it
  // takes the type's zero off.
  const std::int32_t* sums;
};

constexpr std::size_t start_cols(Grouping grouping) {
  return grouping == Grouping::scale_per_16 || grouping == Grouping::sub_scales_of_16 ? 16 : 32;
}
void fill_sums(const WeightType& type, const TokenRow& a, std::size_t n_cols, std::int32_t* sums) {
  const std::int32_t factor = type.has_min ? 1 : -type.zero;
  if (type.has_min && type.grouping == Grouping::sub_scales_of_32) {
    join_sums(a.sums, n_cols / 32, reinterpret_cast<std::int16_t*>(sums));
  } else if (start_cols(type.grouping) == 32) {
    for (std::size_t s = 0; s < n_cols / 32; ++s) sums[s] = factor * (a.sums[2 * s] + a.sums[2 * s + 1]);
  } else if (!type.has_min) {
    for (std::size_t s = 0; s < n_cols / 16; ++s) sums[s] = factor * a.sums[s];
  }
}

// How codes meet activations. Any signed bytes; or 0 to 127; or so small that their products with `steps`
// times four columns fit 16 bits.
constexpr int signed_steps = 0, small_steps = 1;
constexpr int most_steps(Grouping grouping) { return sums_in_words ? start_cols(grouping) / 4 : small_steps; }
int word_steps(const WeightType& type) {
  if (type.largest_code == any_byte) return signed_steps;
  int steps = most_steps(type.grouping);
  while (steps > 1 && steps * 2 * 127 * type.largest_code > INT16_MAX) steps /= 2;
  return steps;
}

// Products of n columns from `codes` on with codes of token t at a(t), `steps` times four columns at a time:
// use(v, t, sums of pairs).
template <int steps, int T, std::size_t n, typename Codes, typename Use>
QUERN_INLINE void products_in_words(const std::int8_t* codes, const Codes& a, const Use& use) {
  for (std::size_t first = 0; first < n / 4; first += steps) {
    I16x32 words[V][T];
#pragma GCC unroll 8
    for (std::size_t k = 0; k < steps; ++k) {
      I8x64 w[V];
      for (std::size_t v = 0; v < V; ++v) w[v] = load_bytes(codes + ((first + k) * V + v) * 64);
#pragma GCC unroll 8
      for (int t = 0; t < T; ++t) {
        const I8x64 four = repeat_bytes(a(t) + 4 * (first + k));
        for (std::size_t v = 0; v < V; ++v) {
          const I16x32 pairs = multiply_pairs(w[v], four);
          words[v][t] = k == 0 ? pairs : words[v][t] + pairs;
        }
      }
    }
    for (std::size_t v = 0; v < V; ++v)
      for (int t = 0; t < T; ++t) use(v, t, words[v][t]);
  }
}

// sums = products of n columns from `at` on, with codes of token t at a(t).
template <int steps, bool has_min, int T, std::size_t n, typename Codes>
QUERN_INLINE void products(I32x16 (&sums)[V][T], const Panel& panel, const TileToken* tokens, std::size_t at,
                           const Codes& a) {
  for (int t = 0; t < T; ++t) {
    const I32x16 start = splat_i32(has_min ? 0 : tokens[t].sums[at / (n < 32 ? 16 : 32)]);
    for (std::size_t v = 0; v < V; ++v) sums[v][t] = start;
  }
  const std::int8_t* codes = panel.codes + at * panel_rows;
  if constexpr (steps > 1) {
    const I16x32 ones = splat_words(1);
    products_in_words<steps, T, n>(codes, a, [&](std::size_t v, int t, const I16x32& words) {
      sums[v][t] = dot2(sums[v][t], words, ones);
    });
    return;
  }
  if constexpr (multiplies_pairs && T % 2 == 0) {
    PairSums pairs[V][T / 2];
    for (std::size_t v = 0; v < V; ++v)
#pragma GCC unroll 8
      for (int t = 0; t < T; t += 2) pairs[v][t / 2] = pair_sums(sums[v][t], sums[v][t + 1]);
    for (std::size_t k = 0; k < n / 4; k += 2)
      for (std::size_t v = 0; v < V; ++v) {
        const RowPairs w = pair_rows(codes + (k * V + v) * 64, codes + ((k + 1) * V + v) * 64);
#pragma GCC unroll 8
        for (int t = 0; t < T; t += 2)
          pairs[v][t / 2] = dot8(pairs[v][t / 2], w, a(t) + 4 * k, a(t + 1) + 4 * k);
      }
    for (std::size_t v = 0; v < V; ++v)
#pragma GCC unroll 8
      for (int t = 0; t < T; t += 2) split(pairs[v][t / 2], sums[v][t], sums[v][t + 1]);
    return;
  }
#pragma GCC unroll 8
  for (std::size_t k = 0; k < n / 4; ++k) {
    I8x64 w[V];
    for (std::size_t v = 0; v < V; ++v) w[v] = load_bytes(codes + (k * V + v) * 64);
#pragma GCC unroll 8
    for (int t = 0; t < T; ++t) {
      const I8x64 four = repeat_bytes(a(t) + 4 * k);
      for (std::size_t v = 0; v < V; ++v)
        sums[v][t] = steps > 0 ? dot4_small(sums[v][t], w[v], four) : dot4(sums[v][t], w[v], four);
    }
  }
}

// The float ones serve instruction sets with float_sub_scales only.
QUERN_INLINE void clear(I32x16& a) { a = splat_i32(0); }
[[maybe_unused]] QUERN_INLINE void clear(F32x16& a) { a = zero(); }

// total += sum * scale.
QUERN_INLINE void add_scaled(I32x16& total, I32x16 sum, I32x16 scale) { total = total + sum * scale; }
[[maybe_unused]] QUERN_INLINE void add_scaled(F32x16& total, I32x16 sum, I32x16 scale) {
  total = fma(to_f32(sum), to_f32(scale), total);
}

// Whether sub-scales multiply sums of pairs: then these are not added up before, and nothing else is.
template <int steps, bool has_min>
constexpr bool multiplies_words = steps > 1 && has_min;

// The integers of group g, one of 128, in int32 or in float. a: the tokens' codes in it.
template <Grouping grouping, int steps, bool has_min, int T, typename Total>
QUERN_INLINE void scaled_products(Total (&total)[V][T], const Panel& panel, const TileToken* tokens,
                                  std::size_t g, const std::int8_t (&a)[T][128]) {
  constexpr std::size_t sub = sub_cols(grouping);
  for (auto& row : total)
    for (Total& lanes : row) clear(lanes);
  for (std::size_t s = 0; s < 128; s += sub) {
    const std::size_t at = g * 128 + s;
    if constexpr (multiplies_words<steps, has_min>) {
      I16x32 scales[V];
      for (std::size_t v = 0; v < V; ++v)
        scales[v] = repeat_in_pairs(load_i16(panel.scales + at / sub * panel_rows + 16 * v));
      products_in_words<steps, T, sub>(
          panel.codes + at * panel_rows, [&](int t) { return a[t] + s; },
          [&](std::size_t v, int t, const I16x32& words) {
            total[v][t] = dot2(total[v][t], words, scales[v]);
          });
      continue;
    }
    I32x16 sums[V][T];
    products<steps, has_min, T, sub>(sums, panel, tokens, at, [&](int t) { return a[t] + s; });
    for (std::size_t v = 0; v < V; ++v) {
      const I32x16 scales = load_i16(panel.scales + at / sub * panel_rows + 16 * v);
      for (int t = 0; t < T; ++t) add_scaled(total[v][t], sums[v][t], scales);
    }
  }
}

template <int T>
QUERN_INLINE void round_sums(F32x16 (&total)[V][T], const I32x16 (&sums)[V][T]) {
  for (std::size_t v = 0; v < V; ++v)
    for (int t = 0; t < T; ++t) total[v][t] = to_f32(sums[v][t]);
}

// The whole of group g: float(I).
template <Grouping grouping, int steps, bool has_min, bool sum_in_float, int T>
QUERN_INLINE void group_products(F32x16 (&total)[V][T], const Panel& panel, const TileToken* tokens,
                                 std::size_t g) {
  constexpr std::size_t cols = group_cols(grouping);
  [[maybe_unused]] I32x16 sums[V][T];
  if constexpr (cols != 128) {
    products<steps, has_min, T, cols>(sums, panel, tokens, g * cols,
                                      [&](int t) { return tokens[t].a.codes + g * cols; });
    round_sums<T>(total, sums);
  } else {
    // Side by side, so that one register addresses them all.
    alignas(64) std::int8_t codes[T][cols];
    for (int t = 0; t < T; ++t)
      for (std::size_t c = 0; c < cols; c += 64)
        store_bytes(codes[t] + c, load_bytes(tokens[t].a.codes + g * cols + c));
    if constexpr (sum_in_float) {
      scaled_products<grouping, steps, has_min, T>(total, panel, tokens, g, codes);
    } else {
      scaled_products<grouping, steps, has_min, T>(sums, panel, tokens, g, codes);
      round_sums<T>(total, sums);
    }
  }
}

// The integer J of group g.
template <Grouping grouping>
QUERN_INLINE I32x16 group_mins(const Panel& panel, const TileToken& token, std::size_t g, std::size_t v) {
  if constexpr (group_cols(grouping) == 128) {
    constexpr std::size_t pairs = grouping == Grouping::sub_scales_of_32 ? 2 : 4;
    const auto* sums = grouping == Grouping::sub_scales_of_32
                           ? reinterpret_cast<const std::int16_t*>(token.sums)
                           : token.a.sums;
    I32x16 j = splat_i32(0);
#pragma GCC unroll 4
    for (std::size_t p = 0; p < pairs; ++p)
      j = dot2(j, load_words(panel.mins + 2 * ((pairs * g + p) * panel_rows + 16 * v)),
               repeat_words(sums + 2 * (pairs * g + p)));
    return j;
  } else {
    return splat_i32(token.sums[g]);
  }
}

// T tokens over the whole panel.
template <Grouping grouping, int steps, bool has_min, bool sum_in_float, int T>
void multiply_tile(const Panel& panel, const TileToken* tokens, std::size_t n_rows, float* const* y) {
  constexpr std::size_t cols = group_cols(grouping), act_group = cols < 32 ? 32 : cols;
  F32x16 lane[V * T], under_way[n_levels][V * T];
  for (unsigned i = 0; i < 16; ++i) {
    for (F32x16& sum : lane) sum = zero();
    for (std::size_t g = lane_order[i]; g < panel.n_groups; g += 16) {
      // A lane's groups lie too far apart for the hardware to foresee the next one. Zen 3, one core, 8192
      // columns, 512 tokens: with this Q4_K went from 75 to 87, Q4_0 from 53 to 76 and Q8_0 from 36 to 51
      // products/ns.
      if (const std::size_t next = next_group(i, g, 16, panel.n_groups); next < panel.n_groups) {
        for (int t = 0; t < T; ++t)
          for (std::size_t c = 0; c < cols; c += 64) __builtin_prefetch(tokens[t].a.codes + next * cols + c);
      }
      F32x16 total[V][T];
      group_products<grouping, steps, has_min, sum_in_float, T>(total, panel, tokens, g);
      for (std::size_t v = 0; v < V; ++v) {
        const F32x16 d = load(panel.d + g * panel_rows + 16 * v);
        for (int t = 0; t < T; ++t) {
          F32x16 x = d * total[v][t];
          if constexpr (has_min)
            x = fma(load(panel.minus_dmin + g * panel_rows + 16 * v),
                    to_f32(group_mins<grouping>(panel, tokens[t], g, v)), x);
          lane[v * T + t] = fma(splat(tokens[t].a.scales[g * cols / act_group]), x, lane[v * T + t]);
        }
      }
    }
    join_lane(i, lacks_last_group(lane_order[i], panel.n_groups), lane, under_way);
  }
  for (int t = 0; t < T; ++t)
    for (std::size_t v = 0; v < V; ++v)
      if (n_rows > 16 * v)
        store_n(y[t] + 16 * v, lane[v * T + t], n_rows - 16 * v < 16 ? n_rows - 16 * v : 16);
}

template <Grouping grouping, int steps, bool has_min, bool sum_in_float, int T>
void multiply_tokens(const Panel& panel, const TileToken* tokens, std::size_t n_tokens, std::size_t n_rows,
                     float* const* y) {
  std::size_t t = 0;
  for (; n_tokens - t >= T; t += T)
    multiply_tile<grouping, steps, has_min, sum_in_float, T>(panel, tokens + t, n_rows, y + t);
  if constexpr (T > 1)
    multiply_tokens<grouping, steps, has_min, sum_in_float, T / 2>(panel, tokens + t, n_tokens - t, n_rows,
                                                                   y + t);
}

// A function for tiles of each kind.
using Multiply = void (*)(const Panel&, const TileToken*, std::size_t, std::size_t, float* const*);
// Fewer steps than a type could have are right too, so most, half and one of them are enough.
template <Grouping grouping>
Multiply choose(const WeightType& type) {
  constexpr int T = int8_tile_tokens, most = most_steps(grouping), half = most > 1 ? most / 2 : most;
  constexpr bool sub_scales = group_cols(grouping) == 128, in_float = sub_scales && float_sub_scales;
  const int steps = word_steps(type);
  if (steps == signed_steps) return multiply_tokens<grouping, signed_steps, false, false, T>;
  if constexpr (grouping != Grouping::scale_per_16)
    if (type.has_min) {  // at most 31, so never one step of several
      constexpr bool min_in_float = in_float && !sums_in_words;
      if (steps == most && (type.sums_fit_float || !min_in_float))
        return multiply_tokens<grouping, most, true, min_in_float, T>;
      return multiply_tokens<grouping, half, true, false, T>;
    }
  if (steps == most && (type.sums_fit_float || !in_float))
    return multiply_tokens<grouping, most, false, in_float, T>;
  if (steps >= half) return multiply_tokens<grouping, half, false, false, T>;
  return multiply_tokens<grouping, small_steps, false, false, T>;
}
Multiply choose(const WeightType& type) {
  switch (type.grouping) {
    case Grouping::scale_per_16: return choose<Grouping::scale_per_16>(type);
    case Grouping::scale_per_32: return choose<Grouping::scale_per_32>(type);
    case Grouping::sub_scales_of_16: return choose<Grouping::sub_scales_of_16>(type);
    case Grouping::sub_scales_of_32: return choose<Grouping::sub_scales_of_32>(type);
  }
  return nullptr;
}

// Tokens that are prepared together.
constexpr std::size_t block_tokens = 8 * int8_tile_tokens;

std::size_t sums_size(std::size_t n_cols) { return (n_cols / 16 + 15) / 16 * 16; }

}  // namespace

std::size_t panel_scratch_bytes(const WeightType& type, std::size_t n_cols) {
  return 16 * sizeof(Batch) + block_tokens * sums_size(n_cols) * sizeof(std::int32_t) +
         panel_bytes(type, n_cols);
}

void matmul_by_panels(const WeightType& type, const WeightView& w, std::size_t row_begin, std::size_t row_end,
                      const TokenRows& tokens, std::size_t n_tokens, float* y, std::size_t y_stride,
                      std::byte* scratch) {
  auto* batch = reinterpret_cast<Batch*>(scratch);
  auto* sums = reinterpret_cast<std::int32_t*>(scratch + 16 * sizeof(Batch));
  const std::size_t stride = sums_size(w.n_cols);
  const Panel panel = place_panel(type, w.n_cols, reinterpret_cast<std::byte*>(sums + block_tokens * stride));
  const Multiply multiply = choose(type);
  for (std::size_t r = row_begin; r < row_end; r += panel_rows) {
    const std::size_t n_rows = row_end - r < panel_rows ? row_end - r : panel_rows;
    build_panel(type, w, r, n_rows, batch, panel);
    for (std::size_t t = 0; t < n_tokens; t += block_tokens) {
      const std::size_t n = n_tokens - t < block_tokens ? n_tokens - t : block_tokens;
      TileToken tile[block_tokens];
      float* out[block_tokens];
      for (std::size_t i = 0; i < n; ++i) {
        tile[i] = {tokens[t + i], sums + i * stride};
        fill_sums(type, tile[i].a, w.n_cols, sums + i * stride);
        out[i] = y + (t + i) * y_stride + (r - row_begin);
      }
      multiply(panel, tile, n, n_rows, out);
    }
  }
}

}  // namespace quern::kernels::QUERN_ISA
