#pragma once
// The nearest of the 16 uneven IQ4 levels, by table: all half-way points are multiples of 1/2, so a cell of
// width 1/2 belongs to one level. Exactly between two levels the upper one is taken.
#include "formats/codebooks.h"
#include "formats/search_lanes.h"

namespace quern::formats {

struct Iq4Levels {
  /// Codes of the levels nearest to n values x / scale.
  static void codes(const float* x, float scale, unsigned n, std::uint8_t* out) {
    const float inverse = inverse_or_zero(scale);
    for (unsigned e = 0; e < n; ++e) out[e] = table.code[cell(x[e] * inverse)];
  }
  static F32x4 nearest(F32x4 t) {
    F32x4 q;
    for (unsigned i = 0; i < 4; ++i) q[i] = table.value[cell(t[i])];
    return q;
  }

 private:
  static constexpr int n_cells = 512;  // from -128 to 128
  struct Table {
    std::uint8_t code[n_cells];
    float value[n_cells];
  };
  static int cell(float t) { return truncate_to(2.0f * t + 256.0f, 0, n_cells - 1); }
  static constexpr Table make_table() {
    Table made{};
    for (int i = 0; i < n_cells; ++i) {
      // The cell holds t = (i - 256)/2 up to the next half; it is past the point between levels a and b where
      // 2t >= a + b.
      unsigned code = 0;
      while (code < 15 && i - 256 >= iq4_values[code] + iq4_values[code + 1]) ++code;
      made.code[i] = static_cast<std::uint8_t>(code);
      made.value[i] = iq4_values[code];
    }
    return made;
  }
  static const Table table;
};

inline constexpr Iq4Levels::Table Iq4Levels::table = Iq4Levels::make_table();

}  // namespace quern::formats
