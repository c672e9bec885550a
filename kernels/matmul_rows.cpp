#include "kernels/matmul_int8.h"
#include "kernels/simd/math.h"

namespace quern::kernels::QUERN_ISA {
namespace {

constexpr std::size_t max_tokens = 4;  // that share one pass over a row

// Sums of 4 or 8 neighbouring lanes, of as many vectors, in order.
QUERN_INLINE I32x16 sum_fours(const I32x16* v) {
  return pair_sum(pair_sum(v[0], v[1]), pair_sum(v[2], v[3]));
}
QUERN_INLINE I32x16 sum_eights(const I32x16* v) { return pair_sum(sum_fours(v), sum_fours(v + 4)); }

// The products of 64 codes, summed in fours.
QUERN_INLINE I32x16 fours(const std::int8_t* w, const std::int8_t* a) {
  return dot4(splat_i32(0), load_bytes(w), load_bytes(a));
}
// Sums of the products of 16 codes, 256 codes in all.
QUERN_INLINE I32x16 sixteens(const std::int8_t* w, const std::int8_t* a) {
  const I32x16 v[4] = {fours(w, a), fours(w + 64, a + 64), fours(w + 128, a + 128), fours(w + 192, a + 192)};
  return sum_fours(v);
}

// Adds 16 groups to the lanes: `first` is the first group's place in the batch, the token's pointers are at
// the first group.
template <Grouping grouping>
QUERN_INLINE F32x16 add_groups(F32x16 lanes, const Batch& w, std::size_t first, bool has_min,
                               const TokenRow& a) {
  constexpr std::size_t cols = group_cols(grouping);
  const std::int8_t* codes = w.codes + first * cols;
  const F32x16 d = load(w.d + first);
  if constexpr (grouping == Grouping::scale_per_16) {
    float scales[16];  // two groups share an activation scale
    for (int i = 0; i < 16; ++i) scales[i] = a.scales[i / 2];
    return fma(d * load(scales), to_f32(sixteens(codes, a.codes)), lanes);
  } else if constexpr (grouping == Grouping::scale_per_32) {
    I32x16 v[8];
    for (int i = 0; i < 8; ++i) v[i] = fours(codes + 64 * i, a.codes + 64 * i);
    const F32x16 scales = load(a.scales);
    lanes = fma(d * scales, to_f32(sum_eights(v)), lanes);
    if (!has_min) return lanes;
    const I32x16 j = pair_sum(load_i16(a.sums), load_i16(a.sums + 16));
    return fma(negate(load(w.dmin + first) * scales), to_f32(j), lanes);
  } else {
    I32x16 v[8];
    for (int i = 0; i < 8; ++i)
      v[i] = sixteens(codes + 256 * i, a.codes + 256 * i) * load_i16(w.scales + 8 * first + 16 * i);
    const F32x16 scales = load(a.scales);
    lanes = fma(d * scales, to_f32(sum_eights(v)), lanes);
    if (!has_min) return lanes;
    I32x16 j[4];
    for (int i = 0; i < 4; ++i)
      j[i] = dot2(splat_i32(0), load_words(w.mins + 8 * first + 32 * i), load_words(a.sums + 32 * i));
    return fma(negate(load(w.dmin + first) * scales), to_f32(sum_fours(j)), lanes);
  }
}

// A token's last, partial set of 16 groups, filled up with zeros.
struct PaddedToken {
  alignas(64) std::int8_t codes[batch_cols];
  alignas(64) std::int16_t sums[batch_cols / 16];
  float scales[16];
};
template <std::size_t cols>
TokenRow pad(const TokenRow& a, std::size_t n_cols, PaddedToken& padded) {
  const std::size_t group = cols < 32 ? 32 : cols;  // of the activations
  __builtin_memset(padded.codes, 0, 16 * cols);
  __builtin_memset(padded.sums, 0, 16 * cols / 16 * sizeof(std::int16_t));
  __builtin_memset(padded.scales, 0, sizeof padded.scales);
  __builtin_memcpy(padded.codes, a.codes, n_cols);
  __builtin_memcpy(padded.sums, a.sums, n_cols / 16 * sizeof(std::int16_t));
  __builtin_memcpy(padded.scales, a.scales, n_cols / group * sizeof(float));
  return {padded.codes, padded.scales, padded.sums};
}

template <Grouping grouping>
void multiply_rows(const WeightType& type, const WeightView& w, std::size_t row_begin, std::size_t row_end,
                   const TokenRows& tokens, std::size_t first_token, std::size_t n_tokens, float* y,
                   std::size_t y_stride, Batch& batch) {
  constexpr std::size_t cols = group_cols(grouping), set = 16 * cols;
  TokenRow a[max_tokens];
  for (std::size_t t = 0; t < n_tokens; ++t) a[t] = tokens[first_token + t];
  // The tail is the same for every row. Whatever lies in the batch beyond it meets activations of 0, so only
  // the float scales need to be 0 as well.
  const std::size_t tail = w.n_cols % set;
  PaddedToken padded[max_tokens];
  TokenRow last[max_tokens];
  if (tail)
    for (std::size_t t = 0; t < n_tokens; ++t) {
      const std::size_t done = w.n_cols - tail, group = cols < 32 ? 32 : cols;
      last[t] =
          pad<cols>({a[t].codes + done, a[t].scales + done / group, a[t].sums + done / 16}, tail, padded[t]);
    }
  for (std::size_t r = row_begin; r < row_end; ++r) {
    const std::byte* row = w.data + r * w.row_bytes;
    F32x16 lanes[max_tokens];
    for (std::size_t t = 0; t < n_tokens; ++t) lanes[t] = zero();
    for (std::size_t c = 0; c < w.n_cols; c += batch_cols) {
      const std::size_t n = w.n_cols - c < batch_cols ? w.n_cols - c : batch_cols;
      type.unpack(row + c / type.block_cols * type.block_bytes, n / type.block_cols,
                  {batch.codes, batch.scales, batch.mins, batch.d, batch.dmin});
      for (std::size_t g = n / cols; g % 16 != 0; ++g) {
        batch.d[g] = 0;
        if (type.has_min) batch.dmin[g] = 0;
      }
      for (std::size_t k = 0; k < n; k += set) {
        const bool is_whole = n - k >= set;
        for (std::size_t t = 0; t < n_tokens; ++t) {
          constexpr std::size_t group = cols < 32 ? 32 : cols;
          const std::size_t at = c + k;
          const TokenRow here =
              is_whole ? TokenRow{a[t].codes + at, a[t].scales + at / group, a[t].sums + at / 16} : last[t];
          lanes[t] = add_groups<grouping>(lanes[t], batch, k / cols, type.has_min, here);
        }
      }
    }
    for (std::size_t t = 0; t < n_tokens; ++t)
      y[(first_token + t) * y_stride + (r - row_begin)] = tree_sum(lanes[t]);
  }
}

}  // namespace

void matmul_by_rows(const WeightType& type, const WeightView& w, std::size_t row_begin, std::size_t row_end,
                    const TokenRows& tokens, std::size_t n_tokens, float* y, std::size_t y_stride,
                    Batch* scratch) {
  for (std::size_t t = 0; t < n_tokens; t += max_tokens) {
    const std::size_t n = n_tokens - t < max_tokens ? n_tokens - t : max_tokens;
    switch (type.grouping) {
      case Grouping::scale_per_16:
        multiply_rows<Grouping::scale_per_16>(type, w, row_begin, row_end, tokens, t, n, y, y_stride,
                                              *scratch);
        break;
      case Grouping::scale_per_32:
        multiply_rows<Grouping::scale_per_32>(type, w, row_begin, row_end, tokens, t, n, y, y_stride,
                                              *scratch);
        break;
      case Grouping::sub_scales_of_16:
      case Grouping::sub_scales_of_32:
        multiply_rows<Grouping::sub_scales_of_16>(type, w, row_begin, row_end, tokens, t, n, y, y_stride,
                                                  *scratch);
        break;
    }
  }
}

}  // namespace quern::kernels::QUERN_ISA
