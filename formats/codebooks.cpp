#include "formats/codebooks.h"

#include "formats/codebook_codes.h"

namespace quern::formats {
namespace {

// Each code's levels, `bits` wide, replaced by the byte that the level stands for.
template <typename Entry, unsigned bits, unsigned n, typename Value, unsigned n_levels>
constexpr Codebook<Entry, n> expand(const std::uint16_t (&codes)[n], const Value (&values)[n_levels]) {
  Codebook<Entry, n> grid{};
  for (unsigned i = 0; i < n; ++i)
    for (unsigned j = 0; j < sizeof(Entry); ++j) {
      const unsigned level = codes[i] >> bits * j & ((1u << bits) - 1u);
      grid.entry[i] |= static_cast<Entry>(static_cast<std::uint8_t>(values[level])) << 8 * j;
    }
  return grid;
}

}  // namespace

constinit const Codebook<std::uint64_t, 256> iq2_xxs_grid =
    expand<std::uint64_t, 2>(iq2_xxs_codes, iq2_magnitudes);
constinit const Codebook<std::uint64_t, 512> iq2_xs_grid =
    expand<std::uint64_t, 2>(iq2_xs_codes, iq2_magnitudes);
constinit const Codebook<std::uint64_t, 1024> iq2_s_grid =
    expand<std::uint64_t, 2>(iq2_s_codes, iq2_magnitudes);
constinit const Codebook<std::uint32_t, 256> iq3_xxs_grid =
    expand<std::uint32_t, 3>(iq3_xxs_codes, iq3_xxs_magnitudes);
constinit const Codebook<std::uint32_t, 512> iq3_s_grid =
    expand<std::uint32_t, 3>(iq3_s_codes, iq3_s_magnitudes);
constinit const Codebook<std::uint64_t, 2048> iq1_grid = expand<std::uint64_t, 2>(iq1_codes, iq1_values);

}  // namespace quern::formats
