// IQ1_S and IQ1_M: codebook entries of -1, 0 and 1, all shifted by +1/8 or -1/8.
#include "formats/codebook_codes.h"
#include "formats/codebook_search.h"
#include "formats/encode_search.h"
#include "formats/k_search_codebook.h"

namespace quern::formats {
namespace {

using Search = CodebookSearch<8, 2, 3, 2048>;
constexpr Search iq1_search(iq1_codes);

// The best entry of eight values under one delta, with its sums.
ScaleFit fit_eight(const float* x, const float* w, float scale, float delta, std::uint16_t& entry) {
  const F32x4 q = F32x4{-1.0f, 0.0f, 1.0f, 0.0f} + delta;
  Search::Costs costs;
  for (unsigned j = 0; j < 8; ++j) {
    const F32x4 miss = scale * q - x[j];
    const F32x4 cost = w[j] * miss * miss;
    std::memcpy(costs[j], &cost, sizeof cost);
  }
  const Search::Found found = iq1_search.cheapest(costs, entry);
  entry = static_cast<std::uint16_t>(found.entry);
  ScaleFit fit{found.cost, 0.0f, 0.0f};
  for (unsigned j = 0; j < 8; ++j) {
    const float level = q[iq1_search.level(found.entry, j)];
    fit.wxq += w[j] * x[j] * level;
    fit.wqq += w[j] * level * level;
  }
  return fit;
}

// Fits `n` eights with one delta for all of them. entry[0] holds what was found under +1/8 and entry[1] what
// was found under -1/8; signs says which of the two is meant.
void fit_with_delta(const float* x, const float* w, float scale, unsigned n, EightFit* eights) {
  ScaleFit fits[2][4];
  float errors[2] = {};
  for (unsigned minus = 0; minus < 2; ++minus)
    for (unsigned k = 0; k < n; ++k) {
      fits[minus][k] =
          fit_eight(x + 8 * k, w + 8 * k, scale, minus ? -0.125f : 0.125f, eights[k].entry[minus]);
      errors[minus] += fits[minus][k].error;
    }
  const unsigned minus = errors[1] < errors[0] ? 1 : 0;
  for (unsigned k = 0; k < n; ++k) {
    eights[k].fit = fits[minus][k];
    eights[k].signs = static_cast<std::uint8_t>(minus);
  }
}

unsigned chosen_entry(const EightFit& eight) { return eight.entry[eight.signs]; }

// `deltas`: how many eights share a delta.
template <unsigned group_size, unsigned deltas>
struct ShiftedFormat {
  static constexpr unsigned group = group_size;
  static constexpr int n_scales = 8;
  static constexpr float unit = 1.0f;
  // The largest value of a group is well above what its ones should stand for.
  static constexpr StartScales starts = {0.3f, 0.9f, 5};

  static void fit_group(const float* x, const float* w, float scale, EightFit* eights) {
    for (unsigned k = 0; k < group / 8; k += deltas)
      fit_with_delta(x + 8 * k, w + 8 * k, scale, deltas, eights + k);
  }
};
using IQ1_S = ShiftedFormat<32, 4>;
using IQ1_M = ShiftedFormat<16, 1>;

void pack(const CodebookSuperBlock<IQ1_S>& found, BlockIQ1_S& block) {
  for (unsigned g = 0; g < 8; ++g) {
    unsigned word = static_cast<unsigned>(found.scales[g]) << 12 | (found.eights[4 * g].signs ? 0x8000u : 0u);
    for (unsigned l = 0; l < 4; ++l) {
      const unsigned entry = chosen_entry(found.eights[4 * g + l]);
      block.qs[4 * g + l] = static_cast<std::uint8_t>(entry);
      word |= (entry >> 8) << 3 * l;
    }
    block.qh[g] = to_u16(static_cast<std::uint16_t>(word));
  }
  block.d = to_half(found.d);
}

void pack(const CodebookSuperBlock<IQ1_M>& found, BlockIQ1_M& block) {
  for (unsigned i = 0; i < 16; ++i) {
    unsigned nibbles = 0;
    for (unsigned l = 0; l < 2; ++l) {
      const EightFit& eight = found.eights[2 * i + l];
      const unsigned entry = chosen_entry(eight);
      block.qs[2 * i + l] = static_cast<std::uint8_t>(entry);
      nibbles |= (entry >> 8 | (eight.signs ? 8u : 0u)) << 4 * l;
    }
    block.qh[i] = static_cast<std::uint8_t>(nibbles);
  }
  const unsigned d = float_to_half(found.d);
  for (unsigned i = 0; i < 4; ++i) {
    unsigned word = (d >> 4 * i & 15u) << 12;
    for (unsigned b = 0; b < 4; ++b) word |= static_cast<unsigned>(found.scales[4 * i + b]) << 3 * b;
    block.scales[i] = to_u16(static_cast<std::uint16_t>(word));
  }
}

template <typename Searched, typename Block>
void encode_shifted(const float* x, const float* w, Block& block) {
  pack(CodebookSuperBlock<Searched>::search(x, w), block);
}

}  // namespace

void encode_row(const float* x, std::size_t n_cols, const float* importance, BlockIQ1_S* blocks) {
  for_each_super_block(x, n_cols, importance, 2.0, blocks, encode_shifted<IQ1_S, BlockIQ1_S>);
}
void encode_row(const float* x, std::size_t n_cols, const float* importance, BlockIQ1_M* blocks) {
  for_each_super_block(x, n_cols, importance, 2.0, blocks, encode_shifted<IQ1_M, BlockIQ1_M>);
}

}  // namespace quern::formats
