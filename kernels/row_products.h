#pragma once
// Products for a few tokens, which are bound by reading the weights: a row's codes are unpacked in registers,
// once for all tokens of a tile, and 16 groups fill the lanes at once. And the line of a type's table, which
// holds this product for the type.
#include <cstddef>

#include "kernels/simd/heads.h"
#include "kernels/simd/lane_sums.h"
#include "kernels/simd/math.h"
#include "kernels/simd/turned.h"
#include "kernels/simd/words.h"
#include "kernels/weights.h"

namespace quern::kernels::QUERN_ISA {

// acc + products of 64 codes, summed in fours.
template <typename Type>
QUERN_INLINE I32x16 dot_codes(const I32x16& acc, const I8x64& w, const std::int8_t* a) {
  if constexpr (Type::largest_code != any_byte)
    return dot4_small(acc, w, load_bytes(a));
  else
    return dot4(acc, w, load_bytes(a));
}

// Columns that fill 16 lanes with one group each.
template <typename Type>
inline constexpr std::size_t set_cols = 16 * group_cols(Type::grouping);
// Columns that share an activation scale.
template <typename Type>
inline constexpr std::size_t scale_cols = group_cols(Type::grouping) == 128 ? 128 : 32;

// Whether a block begins with its scale and then its offset or fifth bits: one load serves both. For a scale
// alone it gains nothing, nor where they stand at the end.
template <typename Type>
constexpr bool has_head() {
  using Block = typename Type::Block;
  if constexpr (!loads_heads)
    return false;
  else if constexpr (requires(Block block) { block.dmin; })
    return offsetof(Block, d) == 0 && offsetof(Block, dmin) == 2;
  else if constexpr (requires(Block block) { block.m; })
    return offsetof(Block, d) == 0 && offsetof(Block, m) == 2;
  else
    return HasFifthBits<Type>;
}
// Of each group of a set the four bytes that begin with its scale, and its fifth bits where it has them.
struct SetHeads {
  I32x16 scales, fifth_bits;
};
template <typename Type>
QUERN_INLINE SetHeads set_heads(const typename Type::Block* blocks) {
  using Block = typename Type::Block;
  SetHeads heads = {};
  if constexpr (HasFifthBits<Type>)
    load_two_heads<sizeof(Block), offsetof(Block, qh)>(blocks, heads.scales, heads.fifth_bits);
  else if constexpr (block_groups<Type> == 2)
    heads.scales = load_heads_twice<sizeof(Block)>(blocks);
  else
    heads.scales = load_heads<sizeof(Block)>(blocks);
  return heads;
}
// The float scales d of a set's groups. A type has them as binary16, or a function of its own for all of
// them.
template <typename Type>
QUERN_INLINE F32x16 set_scales(const typename Type::Block* blocks) {
  if constexpr (requires { Type::set_scales(blocks); }) {
    return Type::set_scales(blocks);
  } else {
    F32x16 d;
    if constexpr (has_head<Type>())
      d = halves_in(set_heads<Type>(blocks).scales & splat_i32(0xffff));
    else
      d = halves_of<block_groups<Type>>([&](std::size_t b) { return Type::d_bits(blocks[b]); });
    return Type::d_factor == 1 ? d : d * splat(Type::d_factor);
  }
}
template <typename Type>
QUERN_INLINE F32x16 set_offsets(const typename Type::Block* blocks) {
  F32x16 offset;
  if constexpr (has_head<Type>())
    offset = halves_in(upper_words(set_heads<Type>(blocks).scales));
  else
    offset = halves_of<block_groups<Type>>([&](std::size_t b) { return Type::offset_bits(blocks[b]); });
  return Type::offset_factor == 1 ? offset : offset * splat(Type::offset_factor);
}

// acc + factor times the sums of each 32 activations.
template <int factor>
QUERN_INLINE I32x16 add_pairs_of_sums(const I32x16& acc, const TokenRow& a) {
  static constexpr std::int16_t factors[2] = {factor, factor};
  return dot2(acc, load_words(a.sums), repeat_words(factors));
}

// Columns of a sum of activations and, in groups of 128, of the sub-scale and the minimum beside it.
template <typename Type>
inline constexpr std::size_t sum_cols = scales_words&& Type::grouping == Grouping::sub_scales_of_32 ? 32 : 16;

// Of each group of 128 of a set: factors of its sub-blocks, times the sums of the activations there.
template <typename Type>
QUERN_INLINE I32x16 sums_times(const std::int16_t* factors, const TokenRow& a) {
  I32x16 parts[64 / sum_cols<Type>];
  std::size_t at = 0;
  for (I32x16& part : parts) {
    part = dot2(splat_i32(0), load_words(factors + at), load_words(a.sums + at));
    at += 32;
  }
  return sum_cols<Type> == 16 ? sum_fours(parts) : sum_twos(parts);
}

// Sub-scales and minimums of a set's sub-blocks; zeros beyond its steps, a pair of which is begun. Like Steps
// all of them before the first is used.
template <typename Type>
struct SubScales {
  static constexpr bool has_scales = group_cols(Type::grouping) == 128;
  static constexpr bool has_mins = Type::has_min && has_scales;
  static constexpr std::size_t per_step = step_cols / sum_cols<Type>;
  alignas(64) std::int16_t scales[has_scales ? 8 * per_step : 1];
  alignas(64) std::int16_t mins[has_mins ? 8 * per_step : 1];

  QUERN_INLINE SubScales(const typename Type::Block* blocks, std::size_t n_steps) {
    if constexpr (has_scales)
#pragma GCC unroll 4
      for (std::size_t s = 0; s < 8; s += 2) {
        if (s >= n_steps) {
          __builtin_memset(scales + per_step * s, 0, 2 * per_step * sizeof *scales);
          if constexpr (has_mins) __builtin_memset(mins + per_step * s, 0, 2 * per_step * sizeof *mins);
        } else if constexpr (sub_cols(Type::grouping) == 32) {
          store_two(Type::scales_of_two(blocks[s], blocks[s + 1]), scales + per_step * s);
          if constexpr (has_mins) store_two(Type::mins_of_two(blocks[s], blocks[s + 1]), mins + per_step * s);
        } else {
          for (std::size_t i = s; i < s + 2; ++i) {
            store_scales<Type>(blocks[i], scales + per_step * i);
            if constexpr (has_mins) store_mins<Type>(blocks[i], mins + per_step * i);
          }
        }
      }
  }

 private:
  static QUERN_INLINE void store_two(const Words16& of_two, std::int16_t* to) {
    if constexpr (per_step == 8) {
      store_words(to, of_two);
    } else {
      store_words(to, first_eight_twice(of_two));
      store_words(to + 16, last_eight_twice(of_two));
    }
  }
};

template <typename Type>
using SetSteps = Steps<Type, set_cols<Type> / step_cols>;

template <typename Use>
QUERN_INLINE void each_quarter(const Use& use) {
  use.template operator()<0>(), use.template operator()<1>();
  use.template operator()<2>(), use.template operator()<3>();
}

// Products of 64 codes, summed in pairs.
template <typename Type>
QUERN_INLINE I16x32 pairs_of_codes(const I8x64& w, const std::int8_t* a) {
  if constexpr (Type::largest_code != any_byte)
    return multiply_pairs(w, load_bytes(a));
  else
    return multiply_signed_pairs(w, load_bytes(a));
}

// How the integers I of a set come about: sums of the products of each group, with sub-scales in groups of
// 128. The codes' zero is still in them.
enum class RowSums : std::uint8_t {
  fours,         // sums of four products, 32 bits each; groups of 128 are scaled in sub-blocks of 16
  words,         // sums of pairs, which are added up in 16 bits
  scaled_words,  // sums of pairs times sub-scales
  turned,        // sums of pairs with the groups side by side, so that a lane's are its group's
};
template <typename Type>
constexpr RowSums row_sums() {
  constexpr std::size_t cols = group_cols(Type::grouping);
  if (turns_sets && InNibbles<Type>) return RowSums::turned;
  if (scales_words && cols == 128) return RowSums::scaled_words;
  if (scales_words && cols == 32 && 4 * 2 * 127 * Type::largest_code <= INT16_MAX) return RowSums::words;
  return RowSums::fours;
}

template <typename Type, int T>
QUERN_INLINE void sum_words(I32x16 (&i)[T], const SetSteps<Type>& steps, std::size_t n_steps,
                            const TokenRow* a) {
  I16x32 parts[T][8];
  for (std::size_t s = 0; s < 2; ++s) {
    if (s >= n_steps) {
      for (auto& token : parts)
        for (std::size_t k = 0; k < 4; ++k) token[4 * s + k] = splat_words(0);
      continue;
    }
    prefetch_step<Type>(steps.blocks(s));
    each_quarter([&]<int k>() {
      const I8x64 w = steps.template codes<k>(s);
      for (int t = 0; t < T; ++t)
        parts[t][4 * s + k] = pairs_of_codes<Type>(w, a[t].codes + step_cols * s + 64 * k);
    });
  }
  for (int t = 0; t < T; ++t) i[t] = sum_sixteens(parts[t]);
}

template <typename Type, int T>
QUERN_INLINE void sum_scaled_words(I32x16 (&i)[T], const SetSteps<Type>& steps, std::size_t n_steps,
                                   const TokenRow* a, const SubScales<Type>& sub) {
  SumsOfTwo parts[T][4];
  for (std::size_t two = 0; two < 4; ++two) {
    if (2 * two >= n_steps) {
      for (auto& token : parts) token[two] = SumsOfTwo{};
      continue;
    }
    I32x16 sums[T][2];
#pragma GCC unroll 2
    for (std::size_t j = 0; j < 2; ++j) {
      const std::size_t s = 2 * two + j;
      prefetch_step<Type>(steps.blocks(s));
      I32x16 groups[T][2];
      for (auto& token : groups) token[0] = token[1] = splat_i32(0);
      each_quarter([&]<int k>() {
        const I8x64 w = steps.template codes<k>(s);
        const I16x32 scales = spread_scales<k, sum_cols<Type>>(sub.scales + SubScales<Type>::per_step * s);
        for (int t = 0; t < T; ++t) {
          const I16x32 pairs = pairs_of_codes<Type>(w, a[t].codes + step_cols * s + 64 * k);
          groups[t][k / 2] = dot2(groups[t][k / 2], pairs, scales);
        }
      });
      for (int t = 0; t < T; ++t) sums[t][j] = add_halves(groups[t][0], groups[t][1]);
    }
    for (int t = 0; t < T; ++t) parts[t][two] = sum_eights_of_two(sums[t][0], sums[t][1]);
  }
  for (int t = 0; t < T; ++t) i[t] = join_sums_of_two(parts[t]);
}

template <typename Type, int T>
QUERN_INLINE void sum_products(I32x16 (&i)[T], const SetSteps<Type>& steps, std::size_t n_steps,
                               const TokenRow* a, const SubScales<Type>& sub) {
  constexpr std::size_t cols = group_cols(Type::grouping), most_steps = set_cols<Type> / step_cols;
  constexpr std::size_t per_step = cols == 128 ? 1 : 4;  // vectors of a step before the last sums
  I32x16 parts[T][most_steps * per_step];
  for (std::size_t s = 0; s < n_steps; ++s) {
    prefetch_step<Type>(steps.blocks(s));
    const I8x64 w[4] = {steps.template codes<0>(s), steps.template codes<1>(s), steps.template codes<2>(s),
                        steps.template codes<3>(s)};
    I32x16 scales;
    if constexpr (cols == 128) scales = load_i16(sub.scales + 16 * s);
    for (int t = 0; t < T; ++t) {
      I32x16 fours[4];
      for (std::size_t k = 0; k < 4; ++k)
        fours[k] = dot_codes<Type>(splat_i32(0), w[k], a[t].codes + step_cols * s + 64 * k);
      if constexpr (cols == 128) {
        parts[t][s] = sum_fours(fours) * scales;
      } else {
        for (std::size_t k = 0; k < 4; ++k) parts[t][4 * s + k] = fours[k];
      }
    }
  }
  for (int t = 0; t < T; ++t) {
    for (std::size_t k = n_steps * per_step; k < most_steps * per_step; ++k) parts[t][k] = splat_i32(0);
    i[t] = cols == 16 ? sum_fours(parts[t]) : sum_eights(parts[t]);
  }
}

// How many sums of pairs fit 16 bits together: 1, 2, 4 or 8.
template <typename Type>
constexpr int pairs_in_word() {
  int n = 8;
  while (n > 1 && n * 2 * 127 * Type::largest_code > INT16_MAX) n /= 2;
  return n;
}
// a: with turned codes.
template <typename Type, int T>
QUERN_INLINE void sum_turned(I32x16 (&i)[T], const typename Type::Block* blocks, const TokenRow* a) {
  constexpr int together = pairs_in_word<Type>();
  prefetch_step<Type>(blocks), prefetch_step<Type>(blocks + step_blocks<Type>);
  I8x64 bytes[4];
  load_turned(blocks->qs, sizeof(*blocks), bytes);
  I32x16 fifth_bits = {};
  if constexpr (HasFifthBits<Type>) fifth_bits = set_heads<Type>(blocks).fifth_bits;
  I16x32 words[T];
  for (int t = 0; t < T; ++t) i[t] = splat_i32(0);
  const auto add = [&]<int k>(const I8x64& low_nibbles) {
    I8x64 w = Type::from_nibbles(low_nibbles & splat_bytes(15));
    if constexpr (HasFifthBits<Type>) w = w | as_fifth_bits<4 * k>(fifth_bits);
    for (int t = 0; t < T; ++t) {
      const I16x32 pairs = pairs_of_codes<Type>(w, a[t].codes + 64 * k);
      words[t] = k % together == 0 ? pairs : words[t] + pairs;
      if (k % together == together - 1) i[t] = dot2(i[t], words[t], splat_words(1));
    }
  };
  each_quarter([&]<int k>() { add.template operator()<k>(bytes[k]); });
  each_quarter([&]<int k>() { add.template operator()<4 + k>(shift_quarters<4, 4, 4, 4>(bytes[k])); });
}
// Groups of 32 activations side by side in each 512, as sum_turned meets them: codes 4 k to 4 k + 3 of all
// 16, then the next four. n: a multiple of 512.
inline void turn_codes(const std::int8_t* from, std::size_t n, std::int8_t* to) {
  for (std::size_t c = 0; c < n; c += 256) {
    I8x64 v[4];
    load_turned(from + c / 512 * 512 + c % 512 / 16, 32, v);
    for (std::size_t k = 0; k < 4; ++k) store_bytes(to + c + 64 * k, v[k]);
  }
}

// Adds the 16 groups of a set to the lanes of each token. All its blocks can be read. Of a row's last,
// partial set only the first `n_steps` steps are its own, and only its own groups are ones in `own`.
template <typename Type, int T, bool is_whole>
QUERN_INLINE void add_set(F32x16* lanes, const typename Type::Block* blocks, std::size_t n_steps,
                          const TokenRow* a, const I32x16& own) {
  constexpr std::size_t cols = group_cols(Type::grouping);
  constexpr RowSums how = row_sums<Type>();
  const SubScales<Type> sub(blocks, n_steps);
  if constexpr (how == RowSums::scaled_words) n_steps += n_steps % 2;
  const SetSteps<Type> steps(blocks, n_steps);
  I32x16 sums[T];
  if constexpr (how == RowSums::turned)
    sum_turned<Type, T>(sums, blocks, a);
  else if constexpr (how == RowSums::words)
    sum_words<Type, T>(sums, steps, n_steps, a);
  else if constexpr (how == RowSums::scaled_words)
    sum_scaled_words<Type, T>(sums, steps, n_steps, a, sub);
  else
    sum_products<Type, T>(sums, steps, n_steps, a, sub);
  const auto owned = [&](const F32x16& x) { return is_whole ? x : as_f32(as_i32(x) & own); };
  const F32x16 d = owned(set_scales<Type>(blocks));
  for (int t = 0; t < T; ++t) {
    I32x16 i = sums[t];
    if constexpr (Type::zero != 0) {
      if constexpr (cols == 128)
        i = i - splat_i32(Type::zero) * sums_times<Type>(sub.scales, a[t]);
      else if constexpr (cols == 32)
        i = add_pairs_of_sums<-Type::zero>(i, a[t]);
      else
        i = i - splat_i32(Type::zero) * load_i16(a[t].sums);
    }
    F32x16 x = d * to_f32(i);
    if constexpr (Type::has_min) {
      const I32x16 j =
          cols == 128 ? sums_times<Type>(sub.mins, a[t]) : add_pairs_of_sums<1>(splat_i32(0), a[t]);
      x = fma(owned(set_offsets<Type>(blocks)), to_f32(j), x);
    }
    if constexpr (cols == 16) {
      lanes[t] = fma(load_twice(a[t].scales), x, lanes[t]);  // two groups share an activation scale
    } else {
      lanes[t] = fma(load(a[t].scales), x, lanes[t]);
    }
  }
}

// The activations of a row's last, partial set, as many times as rows share a set, filled up with zeros.
template <typename Type>
struct PaddedToken {
  alignas(64) std::int8_t codes[set_cols<Type>] = {};
  alignas(64) std::int16_t sums[set_cols<Type> / 16] = {};
  float scales[16] = {};

  QUERN_INLINE TokenRow fill(const TokenRow& a, std::size_t done, std::size_t n_cols, std::size_t times) {
    const std::size_t n_scales = n_cols / scale_cols<Type>;
    for (std::size_t i = 0; i < times; ++i) {
      __builtin_memcpy(codes + i * n_cols, a.codes + done, n_cols);
      __builtin_memcpy(sums + i * n_cols / 16, a.sums + done / 16, n_cols / 16 * sizeof *sums);
      __builtin_memcpy(scales + i * n_scales, a.scales + done / scale_cols<Type>, n_scales * sizeof *scales);
    }
    return {codes, scales, sums};
  }
};

// A row's last, partial set. Rows that lie one behind the other and are no longer than half a set share one:
// what a set costs beyond its products is as much as the products of such a row.
template <typename Type, int T>
class PartialSet {
  using Block = typename Type::Block;
  static constexpr std::size_t set = set_cols<Type>;

 public:
  QUERN_INLINE explicit PartialSet(const WeightView& w)
      : w_(w), cols_(w.n_cols % set), whole_(w.n_cols - cols_), blocks_(cols_ / Block::elements) {
    if (whole_ == 0 && w.row_bytes == blocks_ * sizeof(Block)) together_ = set / cols_;
    for (std::size_t g = 0; g < 16; ++g) own_[g] = g < together_ * groups() ? -1 : 0;
  }
  bool is_empty() const { return cols_ == 0; }
  std::size_t groups() const { return cols_ / group_cols(Type::grouping); }
  // Rows that share a set: 1 where a row has more than this one.
  std::size_t rows_together() const { return together_; }
  QUERN_INLINE TokenRow& fill(int t, const TokenRow& a) {
    return tokens_[t] = padded_[t].fill(a, whole_, cols_, together_);
  }
  // Rows r to r + n_rows - 1, n_rows <= rows_together(): the first one's groups come first.
  QUERN_INLINE void add(F32x16* lanes, std::size_t r, std::size_t n_rows) {
    // In place, where what is read beyond the row is still the matrix.
    const std::size_t before = whole_ / Block::elements;
    const Block* blocks = reinterpret_cast<const Block*>(w_.data + r * w_.row_bytes) + before;
    if ((w_.n_rows - r) * w_.row_bytes < before * sizeof(Block) + sizeof copy_) {
      __builtin_memcpy(copy_, blocks, n_rows * blocks_ * sizeof(Block));
      blocks = copy_;
    }
    add_set<Type, T, false>(lanes, blocks, (n_rows * cols_ + step_cols - 1) / step_cols, tokens_,
                            load_i32(own_));
  }

 private:
  const WeightView& w_;
  const std::size_t cols_, whole_, blocks_;
  std::size_t together_ = 1;
  PaddedToken<Type> padded_[T];
  TokenRow tokens_[T];
  Block copy_[set / Block::elements] = {};
  std::int32_t own_[16];
};

template <typename Type, int T>
void multiply_rows_by_tile(const WeightView& w, std::size_t row_begin, std::size_t row_end,
                           const TokenRow* tokens, float* const* y, std::byte* scratch) {
  using Block = typename Type::Block;
  constexpr std::size_t set = set_cols<Type>;
  const std::size_t whole = w.n_cols / set * set;
  PartialSet<Type, T> partial(w);
  const std::int8_t* codes[T];
  const std::int16_t* sums[T];
  for (int t = 0; t < T; ++t, scratch += row_scratch_bytes(w.n_cols) / 2) {
    TokenRow& last = partial.fill(t, tokens[t]);
    codes[t] = tokens[t].codes, sums[t] = tokens[t].sums;
    if constexpr (row_sums<Type>() == RowSums::turned) {
      auto* turned = reinterpret_cast<std::int8_t*>(scratch);
      turn_codes(codes[t], whole, turned);
      turn_codes(last.codes, set, turned + whole);
      codes[t] = turned, last.codes = turned + whole;
    }
    if constexpr (sum_cols<Type> == 32) {
      auto* joined = reinterpret_cast<std::int16_t*>(scratch);
      join_sums(sums[t], whole / 32, joined);
      join_sums(last.sums, set / 32, joined + whole / 32);
      sums[t] = joined, last.sums = joined + whole / 32;
    }
  }
  const std::size_t together = partial.rows_together();
  if (together > 1) {
    for (std::size_t r = row_begin; r < row_end; r += together) {
      const std::size_t n = row_end - r < together ? row_end - r : together;
      F32x16 lanes[T];
      for (auto& token : lanes) token = zero();
      partial.add(lanes, r, n);
      for (int t = 0; t < T; ++t) {
        float sums_of_groups[16];
        store(sums_of_groups, lanes[t]);
        for (std::size_t i = 0; i < n; ++i)
          y[t][r - row_begin + i] = tree_sum(load_n(sums_of_groups + i * partial.groups(), partial.groups()));
      }
    }
    return;
  }
  for (std::size_t r = row_begin; r < row_end; ++r) {
    const auto* row = reinterpret_cast<const Block*>(w.data + r * w.row_bytes);
    F32x16 lanes[T];
    for (auto& token : lanes) token = zero();
    for (std::size_t c = 0; c < whole; c += set) {
      TokenRow a[T];
      for (int t = 0; t < T; ++t)
        a[t] = {codes[t] + c, tokens[t].scales + c / scale_cols<Type>, sums[t] + c / sum_cols<Type>};
      add_set<Type, T, true>(lanes, row + c / Block::elements, set / step_cols, a, splat_i32(-1));
    }
    if (!partial.is_empty()) partial.add(lanes, r, 1);
    for (int t = 0; t < T; ++t) y[t][r - row_begin] = tree_sum(lanes[t]);
  }
}

// Rows that more than two tokens meet together, so that they are read from memory once: what fits the second
// cache beside activations. Zen 3, one core, 8 tokens, 32768 rows of 2048 columns, products/ns without and
// with: Q4_K 30 and 38, Q6_K 24 and 38, Q4_0 35 and 49.
inline constexpr std::size_t cached_bytes = 128 << 10;

template <typename Type>
void multiply_rows(const WeightView& w, std::size_t row_begin, std::size_t row_end, const TokenRows& tokens,
                   std::size_t n_tokens, float* y, std::size_t y_stride, std::byte* scratch) {
  const std::size_t rows = row_end - row_begin;
  const std::size_t parts = n_tokens > 2 ? rows * w.row_bytes / cached_bytes + 1 : 1;
  const std::size_t most = (rows + parts - 1) / parts;
  for (std::size_t r = row_begin; r < row_end; r += most, y += most) {
    const std::size_t end = row_end - r < most ? row_end : r + most;
    std::size_t i = 0;
    for (; i + 1 < n_tokens; i += 2) {
      const TokenRow pair[2] = {tokens[i], tokens[i + 1]};
      float* const out[2] = {y + i * y_stride, y + (i + 1) * y_stride};
      multiply_rows_by_tile<Type, 2>(w, r, end, pair, out, scratch);
    }
    if (i < n_tokens) {
      const TokenRow one[1] = {tokens[i]};
      float* const out[1] = {y + i * y_stride};
      multiply_rows_by_tile<Type, 1>(w, r, end, one, out, scratch);
    }
  }
}

template <typename Type>
constexpr bool sums_fit_float() {
  if constexpr (group_cols(Type::grouping) == 128) return 128 * 127 * Type::largest <= 1 << 24;
  return false;
}

// Sums of words make products of two tokens so quick that turning rows into a panel pays late; not where
// codes are looked up. Zen 3, one core, 16384 rows of 4096 columns, products/ns by panels and by rows: Q4_K
// 47 and 50 for 8 tokens, 46 and 48 for 9, 47 and 48 for 10, 54 and 48 for 12; Q6_K 39 and 38, 38 and 38, 42
// and 38, 45 and 39; Q8_0 32 and 31, 32 and 29, 34 and 31, 37 and 31; IQ3_S, rows in cache, 26 and 12 for 8.
template <typename Type>
constexpr std::uint16_t panel_from_tokens() {
  if (!scales_words || Type::grouping == Grouping::scale_per_16) return 4;
  if constexpr (requires { Type::from_codebook; }) return Type::from_codebook ? 5 : 9;
  return 9;
}

template <typename Type>
constexpr WeightType weight_type(formats::TensorType type) {
  static_assert(!Type::has_min || (Type::zero == 0 && Type::largest_code <= 31));
  return {type,
          Type::grouping,
          Type::has_min,
          Type::zero,
          Type::largest_code,
          sums_fit_float<Type>(),
          Type::Block::elements,
          sizeof(typename Type::Block),
          panel_from_tokens<Type>(),
          unpack_columns<Type>,
          multiply_rows<Type>};
}

}  // namespace quern::kernels::QUERN_ISA
