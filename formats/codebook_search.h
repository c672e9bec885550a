#pragma once
// The cheapest entry of a codebook where every element has its own cost for every level: exactly the best of
// all entries, found without looking at most of them.
//
// A code is split in two halves. The costs of all possible halves are tabled once (a few vector additions),
// so an entry costs one addition; and entries are grouped by their high half, so a whole group is passed over
// when its high half plus the cheapest imaginable low half is no better than the best entry so far. A hint,
// the answer for a similar question, makes that bound tight from the start.
#include <cstdint>
#include <limits>

#include "formats/search_lanes.h"

namespace quern::formats {

/// Codes of `elements` fields of `bits` bits each, in ascending order, each field a level 0 .. n_levels - 1.
template <unsigned elements, unsigned bits, unsigned n_levels, unsigned n_codes>
class CodebookSearch {
 public:
  static constexpr unsigned n_fields = 1u << bits;  // what a field of a code could hold
  /// costs[j][l] is finite and >= 0: what level l costs at element j. Fields from n_levels on are not used.
  using Costs = float[elements][n_fields];

  struct Found {
    float cost;
    unsigned entry;
    unsigned flipped;  ///< the element whose sign is flipped, where one must be
  };

  constexpr explicit CodebookSearch(const std::uint16_t (&codes)[n_codes]) : codes_(codes) {
    for (unsigned i = 0; i < n_codes; ++i) {
      const unsigned high = slot_of(codes[i] >> half_bits);
      for (unsigned slot = high + 1; slot <= n_slots; ++slot)
        first_[slot] = static_cast<std::uint16_t>(i + 1);
      high_[i] = static_cast<std::uint8_t>(high);
      low_[i] = static_cast<std::uint8_t>(slot_of(codes[i] & ((1u << half_bits) - 1)));
    }
  }

  /// The entry of least total cost, the hint before others of equal cost.
  Found cheapest(const Costs& costs, unsigned hint) const { return search<false>(costs, costs, hint); }

  /// The same where the sign of one element must be flipped, at an extra cost flips[j][l] >= 0.
  Found cheapest_flipped(const Costs& costs, const Costs& flips, unsigned hint) const {
    return search<true>(costs, flips, hint);
  }

  /// Level of element j of an entry.
  unsigned level(unsigned entry, unsigned j) const { return codes_[entry] >> bits * j & (n_fields - 1); }

 private:
  static constexpr unsigned half_bits = bits * elements / 2;
  static constexpr unsigned quarter_bits = half_bits / 2;
  static constexpr unsigned quarter = elements / 4;  // elements in a quarter of a code: 2 or 1
  static_assert(quarter == 1 || quarter == 2);
  // A half is tabled at its low quarter as it stands, plus its high quarter with the impossible ones left
  // out.
  static constexpr unsigned n_low_quarters = 1u << quarter_bits;
  static constexpr unsigned n_high_quarters = quarter == 2 ? n_levels * n_levels : n_levels;
  static constexpr unsigned n_slots = n_low_quarters * n_high_quarters;
  static_assert(n_slots <= 256 && n_low_quarters % 4 == 0);

  static constexpr unsigned slot_of(unsigned half) {
    const unsigned high = half >> quarter_bits;
    const unsigned dense = quarter == 2 ? (high >> bits) * n_levels + (high & (n_fields - 1)) : high;
    return dense << quarter_bits | (half & (n_low_quarters - 1));
  }

  // Costs of the halves that begin at element j.
  static void table_half(const Costs& costs, unsigned j, float* out) {
    float low[n_low_quarters], high[n_high_quarters];
    if constexpr (quarter == 2) {
      for (unsigned l = 0; l < n_fields; ++l) {
        const F32x4 sum = load4(costs[j]) + costs[j + 1][l];
        std::memcpy(low + n_fields * l, &sum, sizeof sum);
      }
      for (unsigned h = 0; h < n_high_quarters; ++h)
        high[h] = costs[j + 2][h % n_levels] + costs[j + 3][h / n_levels];
    } else {
      std::memcpy(low, costs[j], sizeof low);
      std::memcpy(high, costs[j + 1], sizeof high);
    }
    for (unsigned h = 0; h < n_high_quarters; ++h)
      for (unsigned l = 0; l < n_low_quarters; l += 4) {
        const F32x4 sum = load4(low + l) + high[h];
        std::memcpy(out + (h << quarter_bits | l), &sum, sizeof sum);
      }
  }

  static float least_of(const float* costs) {
    float least = costs[0];
    for (unsigned l = 1; l < n_levels; ++l) least = costs[l] < least ? costs[l] : least;
    return least;
  }

  template <bool flip>
  Found search(const Costs& costs, const Costs& flips, unsigned hint) const {
    float low[n_slots], high[n_slots];
    table_half(costs, 0, low);
    table_half(costs, elements / 2, high);
    // What an entry costs at the least, beyond its high half.
    float least = 0.0f;
    for (unsigned j = 0; j < elements / 2; ++j) least += least_of(costs[j]);
    float least_flip = 0.0f;
    if constexpr (flip) {
      least_flip = least_of(flips[0]);
      for (unsigned j = 1; j < elements; ++j) {
        const float cost = least_of(flips[j]);
        least_flip = cost < least_flip ? cost : least_flip;
      }
      least += least_flip;
    }

    Found best{std::numeric_limits<float>::infinity(), hint, 0};
    const auto consider = [&](unsigned i, float cost) {
      unsigned flipped = 0;
      if constexpr (flip) {
        if (!(cost + least_flip < best.cost)) return;
        float flip_cost = flips[0][level(i, 0)];
        for (unsigned j = 1; j < elements; ++j) {
          const float other = flips[j][level(i, j)];
          if (!(other < flip_cost)) continue;
          flip_cost = other;
          flipped = j;
        }
        cost += flip_cost;
      }
      if (cost < best.cost) best = {cost, i, flipped};
    };
    consider(hint, high[high_[hint]] + low[low_[hint]]);
    for (unsigned slots = 0; slots < n_slots; slots += 4) {
      if (!any_below(load4(high + slots) + least, best.cost)) continue;
      for (unsigned slot = slots; slot < slots + 4; ++slot) {
        if (!(high[slot] + least < best.cost)) continue;
        for (unsigned i = first_[slot]; i < first_[slot + 1]; ++i) consider(i, high[slot] + low[low_[i]]);
      }
    }
    return best;
  }

  const std::uint16_t (&codes_)[n_codes];
  std::uint16_t first_[n_slots + 1] = {};  // entries first_[slot] .. first_[slot+1] have that high half
  std::uint8_t high_[n_codes] = {}, low_[n_codes] = {};  // slots of the halves of each entry
};

}  // namespace quern::formats
