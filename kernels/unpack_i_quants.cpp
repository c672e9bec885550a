// Codebook types: super-blocks of 256, two groups of 128. The float factors (1/8 of IQ2 and IQ1, 1/4 of
// IQ3_XXS) are powers of two, so d takes them exactly: half times 1/8 is a normal float.
#include "formats/i_quants.h"
#include "kernels/simd/bytes.h"
#include "kernels/unpack.h"

namespace quern::kernels::QUERN_ISA {
namespace {

using namespace formats;

QUERN_INLINE void set_both(float* pair, float value) { pair[0] = pair[1] = value; }

// 2s + 1 for both halves of group g.
QUERN_INLINE void set_group_scale(unsigned g, unsigned s, const UnpackTo& to) {
  to.scales[2 * g] = to.scales[2 * g + 1] = static_cast<std::int16_t>(2 * s + 1);
}
QUERN_INLINE void nibble_scales(const std::uint8_t (&scales)[8], const UnpackTo& to) {
  for (unsigned g = 0; g < 8; ++g) {
    to.scales[2 * g] = static_cast<std::int16_t>(2 * (scales[g] & 15) + 1);
    to.scales[2 * g + 1] = static_cast<std::int16_t>(2 * (scales[g] >> 4) + 1);
  }
}

void unpack_iq2_xxs(const BlockIQ2_XXS& block, const UnpackTo& to) {
  set_both(to.d, load_half(&block.d) * 0.125f);
  for (unsigned g = 0; g < 8; ++g) {
    const std::uint32_t w = to_uint(block.groups[g].signs_scale);
    set_group_scale(g, w >> 28, to);
    for (unsigned l = 0; l < 4; ++l)
      store_8(to.codes + 32 * g + 8 * l,
              with_signs(iq2_xxs_grid.entry[block.groups[g].index[l]], even_signs(w >> 7 * l & 127)));
  }
}

void unpack_iq2_xs(const BlockIQ2_XS& block, const UnpackTo& to) {
  set_both(to.d, load_half(&block.d) * 0.125f);
  nibble_scales(block.scales, to);
  for (unsigned k = 0; k < 32; ++k) {
    const unsigned q = to_uint(block.qs[k]);
    store_8(to.codes + 8 * k, with_signs(iq2_xs_grid.entry[q & 511], even_signs(q >> 9)));
  }
}

void unpack_iq2_s(const BlockIQ2_S& block, const UnpackTo& to) {
  set_both(to.d, load_half(&block.d) * 0.125f);
  nibble_scales(block.scales, to);
  for (unsigned k = 0; k < 32; ++k) {
    const unsigned high = block.qh[k / 4] >> 2 * (k % 4) & 3u;
    store_8(to.codes + 8 * k, with_signs(iq2_s_grid.entry[block.qs[k] | high << 8], block.signs[k]));
  }
}

void unpack_iq3_xxs(const BlockIQ3_XXS& block, const UnpackTo& to) {
  set_both(to.d, load_half(&block.d) * 0.25f);
  for (unsigned g = 0; g < 8; ++g) {
    const std::uint32_t w = to_uint(block.signs_scale[g]);
    set_group_scale(g, w >> 28, to);
    for (unsigned k = 4 * g; k < 4 * g + 4; ++k) {
      const std::uint64_t first = iq3_xxs_grid.entry[block.qs[2 * k]],
                          second = iq3_xxs_grid.entry[block.qs[2 * k + 1]];
      store_8(to.codes + 8 * k, with_signs(first | second << 32, even_signs(w >> 7 * (k % 4) & 127)));
    }
  }
}

void unpack_iq3_s(const BlockIQ3_S& block, const UnpackTo& to) {
  set_both(to.d, load_half(&block.d));
  for (unsigned g = 0; g < 8; ++g) set_group_scale(g, block.scales[g / 2] >> 4 * (g % 2) & 15u, to);
  for (unsigned k = 0; k < 32; ++k) {
    const unsigned high = block.qh[k / 4] >> 2 * (k % 4);
    const std::uint64_t first = iq3_s_grid.entry[block.qs[2 * k] | (high & 1) << 8];
    const std::uint64_t second = iq3_s_grid.entry[block.qs[2 * k + 1] | (high & 2) << 7];
    store_8(to.codes + 8 * k, with_signs(first | second << 32, block.signs[k]));
  }
}

// 8 (grid + delta), delta = +-1/8, for eight elements; grid bytes are -1, 0 or 1.
QUERN_INLINE void iq1_codes_of(unsigned index, bool minus, std::int8_t* codes) {
  const std::uint64_t eights = iq1_grid.entry[index] << 3 & 0xf8 * every_byte;
  store_8(codes, add_bytes(eights, minus ? 255 * every_byte : every_byte));
}

void unpack_iq1_s(const BlockIQ1_S& block, const UnpackTo& to) {
  set_both(to.d, load_half(&block.d) * 0.125f);
  for (unsigned g = 0; g < 8; ++g) {
    const unsigned qh = to_uint(block.qh[g]);
    set_group_scale(g, qh >> 12 & 7, to);
    for (unsigned l = 0; l < 4; ++l)
      iq1_codes_of(block.qs[4 * g + l] | (qh >> 3 * l & 7u) << 8, qh >> 15, to.codes + 32 * g + 8 * l);
  }
}

void unpack_iq1_m(const BlockIQ1_M& block, const UnpackTo& to) {
  set_both(to.d, iq1_m_d(block) * 0.125f);
  for (unsigned b = 0; b < 16; ++b) {
    const unsigned s = to_uint(block.scales[b / 4]) >> 3 * (b % 4) & 7u;
    to.scales[b] = static_cast<std::int16_t>(2 * s + 1);
  }
  for (unsigned k = 0; k < 32; ++k) {
    const unsigned high = block.qh[k / 2] >> 4 * (k % 2) & 15u;
    iq1_codes_of(block.qs[k] | (high & 7u) << 8, high & 8u, to.codes + 8 * k);
  }
}

void unpack_iq4_xs(const BlockIQ4_XS& block, const UnpackTo& to) {
  set_both(to.d, load_half(&block.d));
  for (unsigned g = 0; g < 8; ++g) {
    to.scales[2 * g] = to.scales[2 * g + 1] = static_cast<std::int16_t>(iq4_xs_scale(block, g));
    const Bytes16 b = load_16(block.qs + 16 * g);
    store_values(to.codes + 32 * g, iq4_values, b & 15);
    store_values(to.codes + 32 * g + 16, iq4_values, b >> 4);
  }
}

using enum Grouping;
constexpr WeightType types[] = {
    weight_type<BlockIQ2_XXS, sub_scales_of_32, unpack_iq2_xxs>(TensorType::iq2_xxs),
    weight_type<BlockIQ2_XS, sub_scales_of_16, unpack_iq2_xs>(TensorType::iq2_xs),
    weight_type<BlockIQ2_S, sub_scales_of_16, unpack_iq2_s>(TensorType::iq2_s),
    weight_type<BlockIQ3_XXS, sub_scales_of_32, unpack_iq3_xxs>(TensorType::iq3_xxs),
    weight_type<BlockIQ3_S, sub_scales_of_32, unpack_iq3_s>(TensorType::iq3_s),
    weight_type<BlockIQ1_S, sub_scales_of_32, unpack_iq1_s>(TensorType::iq1_s),
    weight_type<BlockIQ1_M, sub_scales_of_16, unpack_iq1_m>(TensorType::iq1_m),
    weight_type<BlockIQ4_XS, sub_scales_of_32, unpack_iq4_xs>(TensorType::iq4_xs),
};

}  // namespace

WeightTypes i_quant_weight_types() { return {types, sizeof types / sizeof *types}; }

}  // namespace quern::kernels::QUERN_ISA
