#include "kernels/panel.h"

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

I32x16 load_lanes(const void* p) {
  std::int32_t lanes[16];
  __builtin_memcpy(lanes, p, sizeof lanes);
  return load_i32(lanes);
}

// Vector v of the panel, columns [c, c + n), from 16 unpacked rows. n is rounded up to 64 where it is not a
// multiple.
void interleave(const Batch* batch, const WeightType& type, std::size_t c, std::size_t n, std::size_t v,
                const Panel& panel) {
  I32x16 lanes[16];
  for (std::size_t k = 0; k < n; k += 64) {
    for (std::size_t r = 0; r < 16; ++r) lanes[r] = load_lanes(batch[r].codes + k);
    transpose(lanes);
    std::int8_t* to = panel.codes + (c + k) * panel_rows + 64 * v;
    for (std::size_t i = 0; i < 16; ++i)
      store_i32(reinterpret_cast<std::int32_t*>(to + i * 4 * panel_rows), lanes[i]);
  }
  const std::size_t cols = group_cols(type.grouping);
  for (std::size_t g = 0; g < n / cols; ++g)
    for (std::size_t r = 0; r < 16; ++r) {
      const std::size_t at = (c / cols + g) * panel_rows + 16 * v + r;
      panel.d[at] = batch[r].d[g];
      if (type.has_min) panel.minus_dmin[at] = -batch[r].dmin[g];
    }
  if (cols != 128) return;
  const std::size_t sub = sub_cols(type.grouping);
  for (std::size_t s = 0; s < n / sub; ++s)
    for (std::size_t r = 0; r < 16; ++r)
      panel.scales[(c / sub + s) * panel_rows + 16 * v + r] = batch[r].scales[s * (sub / 16)];
  if (!type.has_min) return;
  for (std::size_t s = 0; s < n / sub; ++s)
    for (std::size_t r = 0; r < 16; ++r)
      panel.mins[((c / sub + s) / 2 * panel_rows + 16 * v + r) * 2 + s % 2] = batch[r].mins[s * (sub / 16)];
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
  panel.minus_dmin = reinterpret_cast<float*>(at += align_up(bytes.floats));
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
