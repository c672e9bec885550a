#pragma once
// The tables behind the IQ types. Every index in a block has exactly as many bits as its table has entries,
// so any bytes decode without leaving a table.
#include <cstdint>

namespace quern::formats {

template <typename Entry, unsigned n>
struct Codebook {
  static constexpr unsigned size = n;
  Entry entry[n];
};

/// Magnitudes 8, 25 or 43 of eight elements: element j in byte j, the least significant first.
extern const Codebook<std::uint64_t, 256> iq2_xxs_grid;
extern const Codebook<std::uint64_t, 512> iq2_xs_grid;
extern const Codebook<std::uint64_t, 1024> iq2_s_grid;
/// Magnitudes of four elements: 4, 12, 20, 28, 36, 44, 52 or 62.
extern const Codebook<std::uint32_t, 256> iq3_xxs_grid;
/// Magnitudes of four elements: the odd numbers 1 to 15.
extern const Codebook<std::uint32_t, 512> iq3_s_grid;
/// Signed values -1, 0 or 1 of eight elements, for IQ1_S and IQ1_M.
extern const Codebook<std::uint64_t, 2048> iq1_grid;

/// The levels in ascending order, by which the codes of codebook_codes.h are expanded.
constexpr std::uint8_t iq2_magnitudes[3] = {8, 25, 43};
constexpr std::uint8_t iq3_xxs_magnitudes[8] = {4, 12, 20, 28, 36, 44, 52, 62};
constexpr std::uint8_t iq3_s_magnitudes[8] = {1, 3, 5, 7, 9, 11, 13, 15};
constexpr std::int8_t iq1_values[3] = {-1, 0, 1};

/// Value of a 4-bit code of IQ4_NL and IQ4_XS. There is no zero and no symmetry.
constexpr std::int8_t iq4_values[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                        1,    13,   25,  38,  53,  69,  89,  113};

/// Byte j of a grid entry, as a magnitude (IQ2, IQ3) or a signed value (IQ1).
template <typename Entry>
static inline int grid_magnitude(Entry entry, unsigned j) {
  return static_cast<int>(entry >> 8 * j & 255u);
}
static inline int grid_signed(std::uint64_t entry, unsigned j) {
  return static_cast<std::int8_t>(entry >> 8 * j & 255u);
}

/// Eight signs from the seven bits that IQ2_XXS, IQ2_XS and IQ3_XXS store: bit j set means element j is
/// negative, and bit 7 makes the number of negative elements even.
static inline unsigned even_signs(unsigned seven) {
  unsigned parity = seven ^ seven >> 4;
  parity ^= parity >> 2;
  parity ^= parity >> 1;
  return seven | (parity & 1u) << 7;
}

}  // namespace quern::formats
