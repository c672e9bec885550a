// Panels with the vectors of the instruction set.
#include "kernels/lane_order.h"
#include "kernels/matmul_int8.h"
#include "kernels/panel.h"
#include "kernels/simd/math.h"
#include "kernels/simd/pairs.h"
#include "kernels/simd/words.h"
#include "kernels/token_block.h"

namespace quern::kernels::QUERN_ISA {
namespace {

constexpr std::size_t V = panel_vectors;

// One group of the first of some tokens; the others follow (token_block.h).
struct TileGroup {
  const std::int8_t* codes;
  const float* scales;
  const std::int32_t* sums;
};

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

// Products of n columns from `codes` on with those of T tokens, `stride` apart from `a` on; `steps` times
// four columns at a time: use(v, t, sums of pairs).
template <int steps, int T, std::size_t n, std::size_t stride, typename Use>
QUERN_INLINE void products_in_words(const std::int8_t* codes, const std::int8_t* a, const Use& use) {
  for (std::size_t first = 0; first < n / 4; first += steps) {
    I16x32 words[V][T];
#pragma GCC unroll 8
    for (std::size_t k = 0; k < steps; ++k) {
      I8x64 w[V];
      for (std::size_t v = 0; v < V; ++v) w[v] = load_bytes(codes + ((first + k) * V + v) * 64);
#pragma GCC unroll 8
      for (int t = 0; t < T; ++t) {
        const I8x64 four = repeat_bytes(a + t * stride + 4 * (first + k));
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

// sums = products of n columns of group g, from column s of it on.
template <Grouping grouping, int steps, bool has_min, int T>
QUERN_INLINE void products(I32x16 (&sums)[V][T], const Panel& panel, std::size_t g, std::size_t s,
                           const TileGroup& group) {
  constexpr std::size_t n = start_cols(grouping), stride = group_cols(grouping);
  for (int t = 0; t < T; ++t) {
    const I32x16 start = splat_i32(has_min ? 0 : group.sums[t * (stride / n) + s / n]);
    for (std::size_t v = 0; v < V; ++v) sums[v][t] = start;
  }
  const std::int8_t *codes = panel.codes + (g * stride + s) * panel_rows, *a = group.codes + s;
  if constexpr (steps > 1) {
    const I16x32 ones = splat_words(1);
    products_in_words<steps, T, n, stride>(codes, a, [&](std::size_t v, int t, const I16x32& words) {
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
          pairs[v][t / 2] = dot8(pairs[v][t / 2], w, a + t * stride + 4 * k, a + (t + 1) * stride + 4 * k);
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
      const I8x64 four = repeat_bytes(a + t * stride + 4 * k);
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

// The integers of group g, one of 128, in int32 or in float.
template <Grouping grouping, int steps, bool has_min, int T, typename Total>
QUERN_INLINE void scaled_products(Total (&total)[V][T], const Panel& panel, std::size_t g,
                                  const TileGroup& group) {
  constexpr std::size_t sub = sub_cols(grouping);
  for (auto& row : total)
    for (Total& lanes : row) clear(lanes);
  for (std::size_t s = 0; s < 128; s += sub) {
    const std::size_t at = g * 128 + s;
    if constexpr (multiplies_words<steps, has_min>) {
      I16x32 scales[V];
      for (std::size_t v = 0; v < V; ++v)
        scales[v] = repeat_in_pairs(load_i16(panel.scales + at / sub * panel_rows + 16 * v));
      products_in_words<steps, T, sub, 128>(panel.codes + at * panel_rows, group.codes + s,
                                            [&](std::size_t v, int t, const I16x32& words) {
                                              total[v][t] = dot2(total[v][t], words, scales[v]);
                                            });
      continue;
    }
    I32x16 sums[V][T];
    products<grouping, steps, has_min, T>(sums, panel, g, s, group);
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
QUERN_INLINE void group_products(F32x16 (&total)[V][T], const Panel& panel, std::size_t g,
                                 const TileGroup& group) {
  [[maybe_unused]] I32x16 sums[V][T];
  if constexpr (group_cols(grouping) != 128) {
    products<grouping, steps, has_min, T>(sums, panel, g, 0, group);
    round_sums<T>(total, sums);
  } else if constexpr (sum_in_float) {
    scaled_products<grouping, steps, has_min, T>(total, panel, g, group);
  } else {
    scaled_products<grouping, steps, has_min, T>(sums, panel, g, group);
    round_sums<T>(total, sums);
  }
}

// The integer J of group g, for a token whose sums these are.
template <Grouping grouping>
QUERN_INLINE I32x16 group_mins(const Panel& panel, const std::int32_t* sums, std::size_t g, std::size_t v) {
  constexpr std::size_t pairs = group_sums(grouping, true);
  if constexpr (group_cols(grouping) != 128) return splat_i32(*sums);
  I32x16 j = splat_i32(0);
#pragma GCC unroll 4
  for (std::size_t p = 0; p < pairs; ++p)
    j = dot2(j, load_words(panel.mins + 2 * ((pairs * g + p) * panel_rows + 16 * v)),
             repeat_words(reinterpret_cast<const std::int16_t*>(sums + p)));
  return j;
}

// The i-th lane (lane_order.h) of a panel and a block of tokens, whose groups lie at `position` there.
struct Lane {
  const Panel& panel;
  const TokenBlock& block;
  unsigned i;
  std::size_t position;
};
// What lanes of a block's tokens are under way; each tile has its own n_levels * V * T. The last lane writes
// results: [tokens][y_stride].
struct Results {
  F32x16* under_way;
  float* y;
  std::size_t y_stride, n_rows;
};

// The lane of T tokens from `token` on.
template <Grouping grouping, int steps, bool has_min, bool sum_in_float, int T>
void multiply_tile(const Lane& l, std::size_t token, const Results& results) {
  constexpr std::size_t cols = group_cols(grouping), n_sums = group_sums(grouping, has_min);
  const Panel& panel = l.panel;
  std::size_t at = l.block.at(token, l.position);
  F32x16 lane[V * T];
  for (F32x16& sum : lane) sum = zero();
  for (std::size_t g = lane_order[l.i]; g < panel.n_groups; g += 16, at += int8_tile_tokens) {
    const TileGroup group{l.block.codes + at * cols, l.block.scales + at, l.block.sums + at * n_sums};
    F32x16 total[V][T];
    group_products<grouping, steps, has_min, sum_in_float, T>(total, panel, g, group);
    for (std::size_t v = 0; v < V; ++v) {
      const F32x16 d = load(panel.d + g * panel_rows + 16 * v);
      for (int t = 0; t < T; ++t) {
        F32x16 x = d * total[v][t];
        if constexpr (has_min)
          x = fma(load(panel.offset + g * panel_rows + 16 * v),
                  to_f32(group_mins<grouping>(panel, group.sums + t * n_sums, g, v)), x);
        lane[v * T + t] = fma(splat(group.scales[t]), x, lane[v * T + t]);
      }
    }
  }
  auto* under_way = reinterpret_cast<F32x16(*)[V * T]>(results.under_way + token * n_levels * V);
  join_lane(l.i, lacks_last_group(lane_order[l.i], panel.n_groups), lane, under_way);
  if (l.i != 15) return;
  for (int t = 0; t < T; ++t)
    for (std::size_t v = 0; v < V; ++v)
      if (results.n_rows > 16 * v)
        store_n(results.y + (token + t) * results.y_stride + 16 * v, lane[v * T + t],
                results.n_rows - 16 * v < 16 ? results.n_rows - 16 * v : 16);
}

// All tokens from `token` on in tiles of T, or less where fewer are left.
template <Grouping grouping, int steps, bool has_min, bool sum_in_float, int T>
void multiply_lane(const Lane& lane, std::size_t token, std::size_t n_tokens, const Results& results) {
  for (; token + T <= n_tokens; token += T)
    multiply_tile<grouping, steps, has_min, sum_in_float, T>(lane, token, results);
  if constexpr (T > 1)
    multiply_lane<grouping, steps, has_min, sum_in_float, T / 2>(lane, token, n_tokens, results);
}

// A function for tiles of each kind.
using MultiplyLane = void (*)(const Lane&, std::size_t, std::size_t, const Results&);
// Fewer steps than a type could have are right too, so most, half and one of them are enough.
template <Grouping grouping>
MultiplyLane choose(const WeightType& type) {
  constexpr int T = int8_tile_tokens, most = most_steps(grouping), half = most > 1 ? most / 2 : most;
  constexpr bool sub_scales = group_cols(grouping) == 128, in_float = sub_scales && float_sub_scales;
  const int steps = word_steps(type);
  if (steps == signed_steps) return multiply_lane<grouping, signed_steps, false, false, T>;
  if constexpr (grouping != Grouping::scale_per_16)
    if (type.has_min) {  // at most 31, so never one step of several
      constexpr bool min_in_float = in_float && !sums_in_words;
      if (steps == most && (type.sums_fit_float || !min_in_float))
        return multiply_lane<grouping, most, true, min_in_float, T>;
      return multiply_lane<grouping, half, true, false, T>;
    }
  if (steps == most && (type.sums_fit_float || !in_float))
    return multiply_lane<grouping, most, false, in_float, T>;
  if (steps >= half) return multiply_lane<grouping, half, false, false, T>;
  return multiply_lane<grouping, small_steps, false, false, T>;
}
MultiplyLane choose(const WeightType& type) {
  switch (type.grouping) {
    case Grouping::scale_per_16: return choose<Grouping::scale_per_16>(type);
    case Grouping::scale_per_32: return choose<Grouping::scale_per_32>(type);
    case Grouping::sub_scales_of_16: return choose<Grouping::sub_scales_of_16>(type);
    case Grouping::sub_scales_of_32: return choose<Grouping::sub_scales_of_32>(type);
  }
  return nullptr;
}

// Panels that meet a block of tokens once it is packed: of very long rows fewer, which take megabytes.
constexpr std::size_t block_panels(std::size_t n_cols) { return (n_cols > 8192 ? 64 : 128) / panel_rows; }

// Rows that become a panel next. They come to the second cache while others are multiplied, part by part.
struct NextRows {
  const std::byte* data;
  std::size_t bytes;  // 0 where there are none, or where they would be driven out before their turn

  QUERN_INLINE void fetch(unsigned part) const {  // of 16
    const std::size_t end = bytes * (part + 1) / 16;
    for (std::size_t at = bytes * part / 16; at < end; at += 64) __builtin_prefetch(data + at, 0, 2);
  }
};

// Lane after lane, each for all tokens: what a lane reads of the panel stays in the nearest cache meanwhile.
void multiply_block(MultiplyLane multiply, const Panel& panel, const TokenBlock& block, std::size_t n_tokens,
                    const NextRows& next, std::size_t n_rows, float* y, std::size_t y_stride) {
  F32x16 under_way[n_levels * V * block_tokens];
  std::size_t position = 0;
  for (unsigned i = 0; i < 16; ++i) {
    next.fetch(i);
    multiply({panel, block, i, position}, 0, n_tokens, {under_way, y, y_stride, n_rows});
    for (std::size_t g = lane_order[i]; g < panel.n_groups; g += 16) ++position;
  }
}

}  // namespace

std::size_t panel_scratch_bytes(const WeightType& type, std::size_t n_cols) {
  return 16 * sizeof(Batch) + token_block_bytes(type, n_cols) +
         block_panels(n_cols) * panel_bytes(type, n_cols);
}

void matmul_by_panels(const WeightType& type, const WeightView& w, std::size_t row_begin, std::size_t row_end,
                      const TokenRows& tokens, std::size_t n_tokens, float* y, std::size_t y_stride,
                      std::byte* scratch) {
  auto* const batch = reinterpret_cast<Batch*>(scratch);
  std::byte* const block_at = scratch + 16 * sizeof(Batch);
  std::byte* const panels_at = block_at + token_block_bytes(type, w.n_cols);
  const TokenBlock block = place_token_block(type, w.n_cols, block_at);
  const auto panel_of = [&, bytes = panel_bytes(type, w.n_cols)](std::size_t row) {
    return place_panel(type, w.n_cols, panels_at + row / panel_rows * bytes);
  };
  const MultiplyLane multiply = choose(type);
  // Tokens of one block are packed once for all rows, so each panel is multiplied as soon as it is built.
  const bool is_one_block = n_tokens <= block_tokens;
  if (is_one_block) fill_token_block(block, type, tokens, 0, n_tokens);
  const std::size_t most = (is_one_block ? 1 : block_panels(w.n_cols)) * panel_rows;
  for (std::size_t first = row_begin; first < row_end; first += most) {
    const std::size_t n = row_end - first < most ? row_end - first : most;
    const auto rows_from = [&](std::size_t r) { return n - r < panel_rows ? n - r : panel_rows; };
    for (std::size_t r = 0; r < n; r += panel_rows)
      build_panel(type, w, first + r, rows_from(r), batch, panel_of(r));
    const std::size_t left = row_end - first - n;
    const std::size_t n_next = !is_one_block ? 0 : left < panel_rows ? left : panel_rows;
    const NextRows next{w.data + (first + n) * w.row_bytes, n_next * w.row_bytes};
    for (std::size_t t = 0; t < n_tokens; t += block_tokens) {
      const std::size_t n_block = n_tokens - t < block_tokens ? n_tokens - t : block_tokens;
      if (!is_one_block) fill_token_block(block, type, tokens, t, n_block);
      for (std::size_t r = 0; r < n; r += panel_rows)
        multiply_block(multiply, panel_of(r), block, n_block, next, rows_from(r),
                       y + t * y_stride + (first - row_begin + r), y_stride);
    }
  }
}

}  // namespace quern::kernels::QUERN_ISA
