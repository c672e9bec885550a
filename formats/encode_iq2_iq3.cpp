// IQ2_XXS, IQ2_XS, IQ2_S, IQ3_XXS and IQ3_S: magnitudes from a codebook, signs beside them.
#include "formats/codebook_codes.h"
#include "formats/codebook_search.h"
#include "formats/encode_search.h"
#include "formats/k_search_codebook.h"

namespace quern::formats {
namespace {

// How the eight signs of a group are stored: all of them, or seven and an even number of minus signs.
enum class Signs { all, even };

// n values |x| against the magnitudes of one codebook.
template <unsigned n, unsigned bits, unsigned n_codes, unsigned n_magnitudes>
class MagnitudeFit {
 public:
  using Search = CodebookSearch<n, bits, n_magnitudes, n_codes>;
  using Found = typename Search::Found;

  constexpr MagnitudeFit(const std::uint16_t (&codes)[n_codes],
                         const std::uint8_t (&magnitudes)[n_magnitudes])
      : search_(codes) {
    for (unsigned l = 0; l < n_magnitudes; ++l) magnitude_[l] = static_cast<float>(magnitudes[l]);
  }

  Found best(const float* x, const float* w, float scale, unsigned hint) const {
    typename Search::Costs costs;
    set_costs(x, w, scale, costs);
    return search_.cheapest(costs, hint);
  }

  // The best with one element of the wrong sign: (scale*q + |x|)^2 is 4 scale q |x| more than (scale*q -
  // |x|)^2.
  Found best_flipped(const float* x, const float* w, float scale, unsigned hint) const {
    typename Search::Costs costs, flips;
    set_costs(x, w, scale, costs);
    for (unsigned j = 0; j < n; ++j)
      for (unsigned l = 0; l < Search::n_fields; ++l)
        flips[j][l] = 4.0f * w[j] * std::fabs(x[j]) * scale * magnitude_[l];
    return search_.cheapest_flipped(costs, flips, hint);
  }

  // Adds the sums of an entry with its signs.
  void add_sums(unsigned entry, unsigned signs, const float* x, const float* w, ScaleFit& fit) const {
    for (unsigned j = 0; j < n; ++j) {
      const float magnitude = magnitude_[search_.level(entry, j)];
      const float q = signs >> j & 1u ? -magnitude : magnitude;
      fit.wxq += w[j] * x[j] * q;
      fit.wqq += w[j] * q * q;
    }
  }

 private:
  void set_costs(const float* x, const float* w, float scale, typename Search::Costs& costs) const {
    for (unsigned j = 0; j < n; ++j)
      for (unsigned l = 0; l < Search::n_fields; l += 4) {
        const F32x4 miss = scale * load4(magnitude_ + l) - std::fabs(x[j]);
        const F32x4 cost = w[j] * miss * miss;
        std::memcpy(costs[j] + l, &cost, sizeof cost);
      }
  }

  Search search_;
  float magnitude_[Search::n_fields] = {};
};

unsigned signs_of(const float* x) {
  unsigned signs = 0;
  for (unsigned j = 0; j < 8; ++j) signs |= (x[j] < 0.0f ? 1u : 0u) << j;
  return signs;
}

bool is_odd(unsigned signs) { return (even_signs(signs & 127u) ^ signs) >> 7 != 0; }

// One entry of eight magnitudes.
template <Signs rule, typename Fit>
void fit_eight(const Fit& magnitudes, const float* x, const float* w, float scale, EightFit& eight) {
  unsigned signs = signs_of(x);
  typename Fit::Found found;
  if (rule == Signs::even && is_odd(signs)) {
    found = magnitudes.best_flipped(x, w, scale, eight.entry[0]);
    signs ^= 1u << found.flipped;
  } else {
    found = magnitudes.best(x, w, scale, eight.entry[0]);
  }
  eight.entry[0] = static_cast<std::uint16_t>(found.entry);
  eight.signs = static_cast<std::uint8_t>(signs);
  eight.fit = {found.cost, 0.0f, 0.0f};
  magnitudes.add_sums(found.entry, signs, x, w, eight.fit);
}

// Two entries of four magnitudes; where a sign must be flipped, in the half where that costs less.
template <Signs rule, typename Fit>
void fit_two_fours(const Fit& magnitudes, const float* x, const float* w, float scale, EightFit& eight) {
  unsigned signs = signs_of(x);
  typename Fit::Found low = magnitudes.best(x, w, scale, eight.entry[0]),
                      high = magnitudes.best(x + 4, w + 4, scale, eight.entry[1]);
  if (rule == Signs::even && is_odd(signs)) {
    const auto low_flipped = magnitudes.best_flipped(x, w, scale, eight.entry[0]);
    const auto high_flipped = magnitudes.best_flipped(x + 4, w + 4, scale, eight.entry[1]);
    if (low_flipped.cost + high.cost <= low.cost + high_flipped.cost) {
      low = low_flipped;
      signs ^= 1u << low.flipped;
    } else {
      high = high_flipped;
      signs ^= 16u << high.flipped;
    }
  }
  eight.entry[0] = static_cast<std::uint16_t>(low.entry);
  eight.entry[1] = static_cast<std::uint16_t>(high.entry);
  eight.signs = static_cast<std::uint8_t>(signs);
  eight.fit = {low.cost + high.cost, 0.0f, 0.0f};
  magnitudes.add_sums(low.entry, signs, x, w, eight.fit);
  magnitudes.add_sums(high.entry, signs >> 4, x + 4, w + 4, eight.fit);
}

constexpr MagnitudeFit<8, 2, 256, 3> iq2_xxs_fit(iq2_xxs_codes, iq2_magnitudes);
constexpr MagnitudeFit<8, 2, 512, 3> iq2_xs_fit(iq2_xs_codes, iq2_magnitudes);
constexpr MagnitudeFit<8, 2, 1024, 3> iq2_s_fit(iq2_s_codes, iq2_magnitudes);
constexpr MagnitudeFit<4, 3, 256, 8> iq3_xxs_fit(iq3_xxs_codes, iq3_xxs_magnitudes);
constexpr MagnitudeFit<4, 3, 512, 8> iq3_s_fit(iq3_s_codes, iq3_s_magnitudes);

// The largest value of a group may be cut off by 40%, or leave 15% of the largest magnitude unused.
constexpr StartScales around_magnitude(float magnitude) { return {0.65f / magnitude, 1.1f / magnitude, 5}; }

template <unsigned group_size, Signs rule, const auto& magnitudes, unsigned divisor, unsigned largest>
struct SignedFormat {
  static constexpr unsigned group = group_size;
  static constexpr int n_scales = 16;
  static constexpr float unit = 1.0f / divisor;
  static constexpr StartScales starts = around_magnitude(largest);

  static void fit_group(const float* x, const float* w, float scale, EightFit* eights) {
    for (unsigned k = 0; k < group / 8; ++k) {
      if constexpr (largest == 43) {
        fit_eight<rule>(magnitudes, x + 8 * k, w + 8 * k, scale, eights[k]);
      } else {
        fit_two_fours<rule>(magnitudes, x + 8 * k, w + 8 * k, scale, eights[k]);
      }
    }
  }
};
using IQ2_XXS = SignedFormat<32, Signs::even, iq2_xxs_fit, 8, 43>;
using IQ2_XS = SignedFormat<16, Signs::even, iq2_xs_fit, 8, 43>;
using IQ2_S = SignedFormat<16, Signs::all, iq2_s_fit, 8, 43>;
using IQ3_XXS = SignedFormat<32, Signs::even, iq3_xxs_fit, 4, 62>;
using IQ3_S = SignedFormat<32, Signs::all, iq3_s_fit, 1, 15>;

// Signs of four eights at seven bits and the scale code of the group.
template <typename Found>
U32 pack_signs_scale(const Found& found, unsigned g) {
  std::uint32_t word = static_cast<std::uint32_t>(found.scales[g]) << 28;
  for (unsigned l = 0; l < 4; ++l) word |= (found.eights[4 * g + l].signs & 127u) << 7 * l;
  return to_u32(word);
}

void pack(const CodebookSuperBlock<IQ2_XXS>& found, BlockIQ2_XXS& block) {
  for (unsigned g = 0; g < 8; ++g) {
    for (unsigned l = 0; l < 4; ++l)
      block.groups[g].index[l] = static_cast<std::uint8_t>(found.eights[4 * g + l].entry[0]);
    block.groups[g].signs_scale = pack_signs_scale(found, g);
  }
}

void pack(const CodebookSuperBlock<IQ2_XS>& found, BlockIQ2_XS& block) {
  for (unsigned k = 0; k < 32; ++k)
    block.qs[k] =
        to_u16(static_cast<std::uint16_t>(found.eights[k].entry[0] | (found.eights[k].signs & 127u) << 9));
  for (unsigned i = 0; i < 8; ++i)
    block.scales[i] = static_cast<std::uint8_t>(found.scales[2 * i] | found.scales[2 * i + 1] << 4);
}

void pack(const CodebookSuperBlock<IQ2_S>& found, BlockIQ2_S& block) {
  for (std::uint8_t& byte : block.qh) byte = 0;
  for (unsigned k = 0; k < 32; ++k) {
    block.qs[k] = static_cast<std::uint8_t>(found.eights[k].entry[0]);
    block.qh[k / 4] |= static_cast<std::uint8_t>((found.eights[k].entry[0] >> 8) << 2 * (k % 4));
    block.signs[k] = found.eights[k].signs;
  }
  for (unsigned i = 0; i < 8; ++i)
    block.scales[i] = static_cast<std::uint8_t>(found.scales[2 * i] | found.scales[2 * i + 1] << 4);
}

void pack(const CodebookSuperBlock<IQ3_XXS>& found, BlockIQ3_XXS& block) {
  for (unsigned t = 0; t < 64; ++t) block.qs[t] = static_cast<std::uint8_t>(found.eights[t / 2].entry[t % 2]);
  for (unsigned g = 0; g < 8; ++g) block.signs_scale[g] = pack_signs_scale(found, g);
}

void pack(const CodebookSuperBlock<IQ3_S>& found, BlockIQ3_S& block) {
  for (std::uint8_t& byte : block.qh) byte = 0;
  for (unsigned t = 0; t < 64; ++t) {
    const unsigned entry = found.eights[t / 2].entry[t % 2];
    block.qs[t] = static_cast<std::uint8_t>(entry);
    block.qh[t / 8] |= static_cast<std::uint8_t>((entry >> 8) << t % 8);
  }
  for (unsigned k = 0; k < 32; ++k) block.signs[k] = found.eights[k].signs;
  for (unsigned i = 0; i < 4; ++i)
    block.scales[i] = static_cast<std::uint8_t>(found.scales[2 * i] | found.scales[2 * i + 1] << 4);
}

template <typename Searched, typename Block>
void encode_signed_magnitudes(const float* x, const float* w, Block& block) {
  const auto found = CodebookSuperBlock<Searched>::search(x, w);
  pack(found, block);
  block.d = to_half(found.d);
}

}  // namespace

void encode_row(const float* x, std::size_t n_cols, const float* importance, BlockIQ2_XXS* blocks) {
  for_each_super_block(x, n_cols, importance, 1.0, blocks, encode_signed_magnitudes<IQ2_XXS, BlockIQ2_XXS>);
}
void encode_row(const float* x, std::size_t n_cols, const float* importance, BlockIQ2_XS* blocks) {
  for_each_super_block(x, n_cols, importance, 1.0, blocks, encode_signed_magnitudes<IQ2_XS, BlockIQ2_XS>);
}
void encode_row(const float* x, std::size_t n_cols, const float* importance, BlockIQ2_S* blocks) {
  for_each_super_block(x, n_cols, importance, 2.0, blocks, encode_signed_magnitudes<IQ2_S, BlockIQ2_S>);
}
void encode_row(const float* x, std::size_t n_cols, const float* importance, BlockIQ3_XXS* blocks) {
  for_each_super_block(x, n_cols, importance, 2.0, blocks, encode_signed_magnitudes<IQ3_XXS, BlockIQ3_XXS>);
}
void encode_row(const float* x, std::size_t n_cols, const float* importance, BlockIQ3_S* blocks) {
  for_each_super_block(x, n_cols, importance, 2.0, blocks, encode_signed_magnitudes<IQ3_S, BlockIQ3_S>);
}

}  // namespace quern::formats
