#include "kernels/panel.h"

#include "kernels/simd/turned.h"

namespace quern::kernels::QUERN_ISA {
namespace {

constexpr std::size_t align_up(std::size_t n) { return (n + 63) / 64 * 64; }

// Bytes of each part, in the order of the struct. Codes are written a step at a time.
struct PanelBytes {
  std::size_t codes, scales, mins, floats;
};
PanelBytes part_bytes(const WeightType& type, std::size_t n_cols) {
  const std::size_t whole = (n_cols + step_cols - 1) / step_cols * step_cols;
  const std::size_t words =
      group_cols(type.grouping) == 128 ? n_cols / sub_cols(type.grouping) * panel_rows * 2 : 0;
  return {whole * panel_rows, words, type.has_min ? words : 0,
          whole / group_cols(type.grouping) * panel_rows * sizeof(float)};
}

// The low halves.
QUERN_INLINE void store_halves(std::int16_t* p, I32x16 a) {
  std::int32_t lanes[16];
  store_i32(lanes, a);
  for (int r = 0; r < 16; ++r) p[r] = static_cast<std::int16_t>(lanes[r]);
}

// Turns words of 32 bits of 16 rows: to(i, lanes) for each i < n, where lane r is word i of row r.
template <typename Words, typename To>
QUERN_INLINE void turn(const Batch* batch, std::size_t n, Words words, To to) {
  for (std::size_t k = 0; k < n; k += 4) {
    I8x64 lanes[4];
    load_turned(reinterpret_cast<const std::byte*>(words(*batch)) + 4 * k, sizeof *batch, lanes);
#pragma GCC unroll 4
    for (std::size_t i = 0; i < 4; ++i)
      if (k + i < n) to(k + i, as_i32(lanes[i]));
  }
}
QUERN_INLINE void turn_floats(const Batch* batch, std::size_t n, float (Batch::*floats)[batch_cols / 16],
                              float* to) {
  turn(
      batch, n, [=](const Batch& row) { return row.*floats; },
      [=](std::size_t g, const I32x16& lanes) { store(to + g * panel_rows, as_f32(lanes)); });
}

// Vector v of the panel, columns [c, c + n), from 16 unpacked rows. n is rounded up to 64 where it is not a
// multiple. Scales and minimums come for each 16 columns, two a word.
void interleave(const Batch* batch, const WeightType& type, std::size_t c, std::size_t n, std::size_t v,
                const Panel& panel) {
  turn(
      batch, (n + 63) / 64 * 16, [](const Batch& row) { return row.codes; },
      [&](std::size_t i, const I32x16& lanes) {
        store_i32(panel.codes + (c + 4 * i) * panel_rows + 64 * v, lanes);
      });
  const std::size_t cols = group_cols(type.grouping), first = c / cols * panel_rows + 16 * v;
  turn_floats(batch, n / cols, &Batch::d, panel.d + first);
  if (type.has_min) turn_floats(batch, n / cols, &Batch::offset, panel.offset + first);
  if (cols != 128) return;
  const std::size_t sub = sub_cols(type.grouping);
  std::int16_t* const scales = panel.scales + c / sub * panel_rows + 16 * v;
  turn(
      batch, n / 32, [](const Batch& row) { return row.scales; },
      [&](std::size_t i, const I32x16& lanes) {
        store_halves(scales + i * (32 / sub) * panel_rows, lanes);
        if (sub == 16) store_halves(scales + (2 * i + 1) * panel_rows, shift_right<16>(lanes));
      });
  if (!type.has_min) return;
  std::int16_t* const mins = panel.mins + 2 * (c / sub / 2 * panel_rows + 16 * v);
  I32x16 even = splat_i32(0);
  turn(
      batch, n / 32, [](const Batch& row) { return row.mins; },
      [&](std::size_t i, const I32x16& lanes) {
        if (sub == 16) return store_i32(mins + 2 * i * panel_rows, lanes);
        if (i % 2 != 0)
          store_i32(mins + (i - 1) * panel_rows, (even & splat_i32(0xffff)) | shift_left<16>(lanes));
        even = lanes;
      });
}

}  // namespace

std::size_t panel_bytes(const WeightType& type, std::size_t n_cols) {
  const PanelBytes bytes = part_bytes(type, n_cols);
  return align_up(bytes.codes) + align_up(bytes.scales) + align_up(bytes.mins) + 2 * align_up(bytes.floats);
}

Panel place_panel(const WeightType& type, std::size_t n_cols, std::byte* at) {
  const PanelBytes bytes = part_bytes(type, n_cols);
  Panel panel;
  panel.n_groups = n_cols / group_cols(type.grouping);
  panel.codes = reinterpret_cast<std::int8_t*>(at);
  panel.scales = reinterpret_cast<std::int16_t*>(at += align_up(bytes.codes));
  panel.mins = reinterpret_cast<std::int16_t*>(at += align_up(bytes.scales));
  panel.d = reinterpret_cast<float*>(at += align_up(bytes.mins));
  panel.offset = reinterpret_cast<float*>(at += align_up(bytes.floats));
  return panel;
}

void build_panel(const WeightType& type, const WeightView& w, std::size_t row, std::size_t n_rows,
                 Batch* batch, const Panel& panel) {
  for (std::size_t v = 0; v < panel_vectors; ++v) {
    const std::size_t first = 16 * v, n = n_rows <= first ? 0 : n_rows - first < 16 ? n_rows - first : 16;
    if (n < 16) __builtin_memset(static_cast<void*>(batch + n), 0, (16 - n) * sizeof(Batch));
    for (std::size_t c = 0; c < w.n_cols; c += batch_cols) {
      const std::size_t n_cols = w.n_cols - c < batch_cols ? w.n_cols - c : batch_cols;
      for (std::size_t r = 0; r < n; ++r)
        type.unpack(w.data + (row + first + r) * w.row_bytes + c / type.block_cols * type.block_bytes, n_cols,
                    batch[r]);
      interleave(batch, type, c, n_cols, v, panel);
    }
  }
}

}  // namespace quern::kernels::QUERN_ISA
