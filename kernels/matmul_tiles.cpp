// Products of many tokens with the tile registers of AMX: 16 tokens x 16 rows x 64 columns an instruction.
//
// Its sums have to go through memory to meet float scales. While one tile's sums are scaled, the next one's
// are under way.
//
// Groups of 128: the instruction has no place for their sub-scales, so these go into the codes. (code - zero)
// * scale is at most 4096 in size (weights.h) and splits into two signed bytes, 128 * high + low with -64 <=
// low < 64. Then I = 128 * sum(high * a) + sum(low * a), the same integer as everywhere: twice the products,
// at seven times the rate of the vector instruction.
//
// Groups of 32: half of an instruction's columns, and as much scaling as for 128. Four groups of one lane
// come together, so that the lane's sum stays in a register.
#include "kernels/matmul_int8.h"

#ifdef __AMX_INT8__

#include "kernels/lane_order.h"
#include "kernels/panel.h"

namespace quern::kernels::QUERN_ISA {
namespace {

constexpr std::size_t tile_tokens = 16;
// Tokens whose sums are under way together, and panels that meet them once they are packed. More panels share
// the cost of packing; of very long rows fewer, which take megabytes.
constexpr std::size_t block_tokens = 64, most_panels = 4;
constexpr std::size_t block_panels(std::size_t n_cols) { return n_cols > 8192 ? 2 : most_panels; }

// A register's shape; the layout is the processor's.
struct alignas(64) TileConfig {
  std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
  std::uint16_t row_bytes[16] = {};
  std::uint8_t rows[16] = {};
};
// Compilers do not know what memory the tile instructions touch.
QUERN_INLINE void memory_barrier() { asm volatile("" ::: "memory"); }

// Registers 0 and 1 are sums, 2 and 3 activations, 4 to 7 weights of `cols` columns.
class TileRegisters {
 public:
  explicit TileRegisters(std::size_t cols) {
    TileConfig config;
    for (int i = 0; i < 8; ++i) {
      config.row_bytes[i] = static_cast<std::uint16_t>(i == 2 || i == 3 ? cols : 64);
      config.rows[i] = static_cast<std::uint8_t>(i >= 4 ? cols / 4 : 16);
    }
    asm volatile("" ::"r"(&config) : "memory");
    _tile_loadconfig(&config);
  }
  ~TileRegisters() { _tile_release(); }
  TileRegisters(const TileRegisters&) = delete;
  TileRegisters& operator=(const TileRegisters&) = delete;
};

// A panel whose codes are signed: the low bytes in groups of 128.
struct SplitPanel {
  Panel panel;
  std::int8_t* high;  // laid out like the codes; groups of 128 only
};

// Sixteen int16 scales, each four times: beside 8 rows of 4 codes, from row `first` on.
QUERN_INLINE __m512i spread(__m512i scales, int first) {
  const __m512i lanes =
      _mm512_set_epi64(0x0007000700070007, 0x0006000600060006, 0x0005000500050005, 0x0004000400040004,
                       0x0003000300030003, 0x0002000200020002, 0x0001000100010001, 0);
  return _mm512_permutexvar_epi16(_mm512_add_epi16(lanes, _mm512_set1_epi16(static_cast<short>(first))),
                                  scales);
}

void split_codes(const SplitPanel& split, const WeightType& type, std::size_t n_cols) {
  const Panel& panel = split.panel;
  const std::size_t sub = sub_cols(type.grouping);
  const __m512i zeros = _mm512_set1_epi16(type.zero), half = _mm512_set1_epi16(64);
  for (std::size_t c = 0; c < n_cols; c += sub)
    for (std::size_t v = 0; v < panel_vectors; ++v) {
      const __m512i scales = _mm512_castsi256_si512(load_256(panel.scales + c / sub * panel_rows + 16 * v));
      const __m512i scale[2] = {spread(scales, 0), spread(scales, 8)};
      for (std::size_t k = c; k < c + sub; k += 4)
        for (std::size_t i = 0; i < 2; ++i) {
          const std::size_t at = k * panel_rows + 64 * v + 32 * i;
          const __m512i code = _mm512_cvtepu8_epi16(load_256(panel.codes + at));
          const __m512i value = _mm512_mullo_epi16(_mm512_sub_epi16(code, zeros), scale[i]);
          const __m512i high = _mm512_srai_epi16(_mm512_add_epi16(value, half), 7);
          const __m512i low = _mm512_sub_epi16(value, _mm512_slli_epi16(high, 7));
          _mm256_storeu_si256(reinterpret_cast<__m256i*>(split.high + at), _mm512_cvtepi16_epi8(high));
          _mm256_storeu_si256(reinterpret_cast<__m256i*>(panel.codes + at), _mm512_cvtepi16_epi8(low));
        }
    }
}

// Takes the type's zero off.
void center_codes(const SplitPanel& split, const WeightType& type, std::size_t n_cols) {
  const __m512i zeros = _mm512_set1_epi8(static_cast<char>(type.zero));
  for (std::size_t at = 0; at < n_cols * panel_rows; at += 64) {
    std::int8_t* codes = split.panel.codes + at;
    store_bytes(codes, {_mm512_sub_epi8(load_bytes(codes).v, zeros)});
  }
}

// Up to block_tokens tokens, group by group; those that fill up the last tile are zeros.
struct TokenBlock {
  std::int8_t* codes;  // [n_groups][block_tokens][cols of a group]
  // Types with a minimum only: [n_groups][block_tokens][8] sums of 16 codes, or four of 32; of groups of 32
  // one.
  std::int16_t* sums;
  float* scales;  // [n_groups][block_tokens]
  std::size_t n_tokens, n_tiles;
};
constexpr std::size_t group_sums(std::size_t cols) { return cols == 128 ? 8 : 1; }

template <std::size_t cols>
void pack(TokenBlock& block, const WeightType& type, std::size_t n_groups, const TokenRows& tokens,
          std::size_t first, std::size_t n) {
  constexpr std::size_t n_sums = group_sums(cols);
  block.n_tokens = n;
  block.n_tiles = (n + tile_tokens - 1) / tile_tokens;
  TokenRow rows[block_tokens];
  for (std::size_t t = 0; t < n; ++t) rows[t] = tokens[first + t];
  for (std::size_t g = 0; g < n_groups; ++g) {
    const std::size_t at = g * block_tokens, beyond = block.n_tiles * tile_tokens - n;
    for (std::size_t t = 0; t < n; ++t) {
      __builtin_memcpy(block.codes + (at + t) * cols, rows[t].codes + g * cols, cols);
      block.scales[at + t] = rows[t].scales[g];
    }
    __builtin_memset(block.codes + (at + n) * cols, 0, beyond * cols);
    __builtin_memset(block.scales + at + n, 0, beyond * sizeof(float));
    if (!type.has_min) continue;
    for (std::size_t t = 0; t < n; ++t) {
      const std::int16_t* from = rows[t].sums + g * (cols / 16);
      std::int16_t* to = block.sums + (at + t) * n_sums;
      if (type.grouping == Grouping::sub_scales_of_16)
        __builtin_memcpy(to, from, n_sums * sizeof *to);
      else
        join_sums(from, cols / 32, to);
    }
    __builtin_memset(block.sums + (at + n) * n_sums, 0, beyond * n_sums * sizeof(std::int16_t));
  }
}

// Where a tile's results go: the lanes of 16 tokens. The first groups of a lane begin it.
template <typename Add>
QUERN_INLINE void add_to_lanes(F32x16* lane, bool is_first, const Add& add) {
  if (is_first) {
#pragma GCC unroll 16
    for (std::size_t t = 0; t < tile_tokens; ++t) lane[t] = add(t, zero());
  } else {
#pragma GCC unroll 16
    for (std::size_t t = 0; t < tile_tokens; ++t) lane[t] = add(t, lane[t]);
  }
}

// One group of 128 at a time.
template <Grouping grouping, bool has_min>
struct Groups128 {
  static constexpr std::size_t cols = 128, tile_cols = 64, stride = 16;  // of groups in a lane

  struct alignas(64) Sums {
    std::int32_t low[tile_tokens][16], high[tile_tokens][16];
  };

  static QUERN_INLINE void load_weights(const SplitPanel& w, std::size_t v, std::size_t g) {
    constexpr std::size_t row = 4 * panel_rows, half = 64 * panel_rows;
    const std::size_t at = g * 128 * panel_rows + 64 * v;
    _tile_loadd(4, w.panel.codes + at, row);
    _tile_loadd(5, w.panel.codes + at + half, row);
    _tile_loadd(6, w.high + at, row);
    _tile_loadd(7, w.high + at + half, row);
  }

  static QUERN_INLINE void sum(Sums& sums, const TokenBlock& block, std::size_t g, std::size_t,
                               std::size_t tile) {
    const std::int8_t* a = block.codes + (g * block_tokens + tile * tile_tokens) * 128;
    _tile_zero(0);
    _tile_zero(1);
    _tile_loadd(2, a, 128);
    _tile_dpbssd(0, 2, 4);
    _tile_dpbssd(1, 2, 6);
    _tile_loadd(3, a + 64, 128);
    _tile_dpbssd(0, 3, 5);
    _tile_dpbssd(1, 3, 7);
    _tile_stored(0, sums.low, 64);
    _tile_stored(1, sums.high, 64);
    memory_barrier();
  }

  static QUERN_INLINE void add(F32x16* lane, const Sums& sums, const Panel& panel, std::size_t v,
                               const TokenBlock& block, std::size_t g, std::size_t tile) {
    constexpr std::size_t pairs = 128 / sub_cols(grouping) / 2;
    const F32x16 d = load(panel.d + g * panel_rows + 16 * v);
    F32x16 offset = zero();
    I16x32 mins[pairs];
    if constexpr (has_min) {
      offset = load(panel.offset + g * panel_rows + 16 * v);
      for (std::size_t p = 0; p < pairs; ++p)
        mins[p] = load_words(panel.mins + 2 * ((pairs * g + p) * panel_rows + 16 * v));
    }
    const std::size_t at = g * block_tokens + tile * tile_tokens;
    add_to_lanes(lane + tile * tile_tokens, g < 16, [&](std::size_t t, F32x16 sum) {
      const I32x16 i = load_i32(sums.low[t]) + shift_left<7>(load_i32(sums.high[t]));
      F32x16 x = d * to_f32(i);
      if constexpr (has_min) {
        I32x16 j = splat_i32(0);
        for (std::size_t p = 0; p < pairs; ++p)
          j = dot2(j, mins[p], repeat_words(block.sums + (at + t) * group_sums(cols) + 2 * p));
        x = fma(offset, to_f32(j), x);
      }
      return fma(splat(block.scales[at + t]), x, sum);
    });
  }
};

// Up to four groups of 32 at a time, which follow each other in a lane: g, g + 16...
template <bool has_min>
struct Groups32 {
  static constexpr std::size_t cols = 32, tile_cols = 32, stride = 64;

  struct alignas(64) Sums {
    std::int32_t of[4][tile_tokens][16];
  };
  static QUERN_INLINE std::size_t count(std::size_t g, std::size_t n_groups) {
    const std::size_t left = (n_groups - g + 15) / 16;
    return left < 4 ? left : 4;
  }

  static QUERN_INLINE void load_weights(const SplitPanel& w, std::size_t v, std::size_t g) {
    constexpr std::size_t row = 4 * panel_rows, next = 16 * 32 * panel_rows;
    const std::int8_t* codes = w.panel.codes + g * 32 * panel_rows + 64 * v;
    const std::size_t n = count(g, w.panel.n_groups);
    _tile_loadd(4, codes, row);
    if (n > 1) _tile_loadd(5, codes + next, row);
    if (n > 2) _tile_loadd(6, codes + 2 * next, row);
    if (n > 3) _tile_loadd(7, codes + 3 * next, row);
  }

  static QUERN_INLINE void sum(Sums& sums, const TokenBlock& block, std::size_t g, std::size_t n_groups,
                               std::size_t tile) {
    constexpr std::size_t next = 16 * block_tokens * 32;
    const std::int8_t* a = block.codes + (g * block_tokens + tile * tile_tokens) * 32;
    const std::size_t n = count(g, n_groups);
    _tile_zero(0);
    _tile_loadd(2, a, 32);
    _tile_dpbssd(0, 2, 4);
    _tile_stored(0, sums.of[0], 64);
    if (n > 1) {
      _tile_zero(1);
      _tile_loadd(3, a + next, 32);
      _tile_dpbssd(1, 3, 5);
      _tile_stored(1, sums.of[1], 64);
    }
    if (n > 2) {
      _tile_zero(0);
      _tile_loadd(2, a + 2 * next, 32);
      _tile_dpbssd(0, 2, 6);
      _tile_stored(0, sums.of[2], 64);
    }
    if (n > 3) {
      _tile_zero(1);
      _tile_loadd(3, a + 3 * next, 32);
      _tile_dpbssd(1, 3, 7);
      _tile_stored(1, sums.of[3], 64);
    }
    memory_barrier();
  }

  template <std::size_t n>
  static QUERN_INLINE void add_groups(F32x16* lane, const Sums& sums, const Panel& panel, std::size_t v,
                                      const TokenBlock& block, std::size_t g, std::size_t tile) {
    F32x16 d[n], offset[n];
    for (std::size_t q = 0; q < n; ++q) {
      d[q] = load(panel.d + (g + 16 * q) * panel_rows + 16 * v);
      if constexpr (has_min) offset[q] = load(panel.offset + (g + 16 * q) * panel_rows + 16 * v);
    }
    const std::size_t at = g * block_tokens + tile * tile_tokens;
    add_to_lanes(lane + tile * tile_tokens, g < 16, [&](std::size_t t, F32x16 sum) {
      for (std::size_t q = 0; q < n; ++q) {
        const std::size_t token = at + 16 * q * block_tokens + t;
        F32x16 x = d[q] * to_f32(load_i32(sums.of[q][t]));
        if constexpr (has_min) x = fma(offset[q], to_f32(splat_i32(block.sums[token])), x);
        sum = fma(splat(block.scales[token]), x, sum);
      }
      return sum;
    });
  }
  static QUERN_INLINE void add(F32x16* lane, const Sums& sums, const Panel& panel, std::size_t v,
                               const TokenBlock& block, std::size_t g, std::size_t tile) {
    switch (count(g, panel.n_groups)) {
      case 4: return add_groups<4>(lane, sums, panel, v, block, g, tile);
      case 3: return add_groups<3>(lane, sums, panel, v, block, g, tile);
      case 2: return add_groups<2>(lane, sums, panel, v, block, g, tile);
      default: return add_groups<1>(lane, sums, panel, v, block, g, tile);
    }
  }
};

// Rows 16 v on of a panel with a block of tokens: y[t][row].
template <typename Groups>
void multiply_rows_of(const SplitPanel& w, std::size_t v, const TokenBlock& block, std::size_t n_rows,
                      float* y, std::size_t y_stride) {
  const std::size_t n_groups = w.panel.n_groups;
  F32x16 lane[block_tokens], under_way[n_levels][block_tokens];
  typename Groups::Sums sums[2];
  unsigned turn = 0;
  Groups::load_weights(w, v, lane_order[0]);
  Groups::sum(sums[0], block, lane_order[0], n_groups, 0);
  for (unsigned i = 0; i < 16; ++i) {
    if (lane_order[i] >= n_groups)
      for (F32x16& sum : lane) sum = zero();
    for (std::size_t g = lane_order[i]; g < n_groups; g += Groups::stride)
      for (std::size_t tile = 0; tile < block.n_tiles; ++tile) {
        if (tile + 1 < block.n_tiles) {
          Groups::sum(sums[1 - turn], block, g, n_groups, tile + 1);
        } else if (const std::size_t next = next_group(i, g, Groups::stride, n_groups); next < n_groups) {
          Groups::load_weights(w, v, next);
          Groups::sum(sums[1 - turn], block, next, n_groups, 0);
        }
        Groups::add(lane, sums[turn], w.panel, v, block, g, tile);
        turn = 1 - turn;
      }
    join_lane(i, lacks_last_group(lane_order[i], n_groups), lane, under_way);
  }
  for (std::size_t t = 0; t < block.n_tokens; ++t) store_n(y + t * y_stride, lane[t], n_rows);
}

// What a kind of groups needs: one table for the types, so that each is asked for once.
struct TileKind {
  std::size_t tile_cols;
  void (*prepare)(const SplitPanel& split, const WeightType& type, std::size_t n_cols);
  void (*pack)(TokenBlock& block, const WeightType& type, std::size_t n_groups, const TokenRows& tokens,
               std::size_t first, std::size_t n);
  void (*multiply)(const SplitPanel&, std::size_t, const TokenBlock&, std::size_t, float*, std::size_t);
};
template <typename Groups>
TileKind kind_of(decltype(TileKind::prepare) prepare) {
  return {Groups::tile_cols, prepare, pack<Groups::cols>, multiply_rows_of<Groups>};
}
TileKind choose(const WeightType& type) {
  if (type.grouping == Grouping::scale_per_32)
    return type.has_min ? kind_of<Groups32<true>>(center_codes) : kind_of<Groups32<false>>(center_codes);
  if (!type.has_min) return kind_of<Groups128<Grouping::sub_scales_of_32, false>>(split_codes);
  return type.grouping == Grouping::sub_scales_of_32
             ? kind_of<Groups128<Grouping::sub_scales_of_32, true>>(split_codes)
             : kind_of<Groups128<Grouping::sub_scales_of_16, true>>(split_codes);
}

struct Scratch {
  Batch* batch;  // [16]
  TokenBlock block;
  SplitPanel panels[most_panels];
  std::size_t bytes;
};
// base may be null, where only the size is asked for.
Scratch place(const WeightType& type, std::size_t n_cols, std::byte* base) {
  Scratch s{};
  const auto take = [&]<typename T>(T*& part, std::size_t n) {
    part = reinterpret_cast<T*>(reinterpret_cast<std::uintptr_t>(base) + s.bytes);
    s.bytes += (n * sizeof(T) + 63) / 64 * 64;
  };
  const std::size_t cols = group_cols(type.grouping), rows = n_cols / cols * block_tokens;
  take(s.batch, 16);
  take(s.block.codes, rows * cols);
  take(s.block.sums, type.has_min ? rows * group_sums(cols) : 0);
  take(s.block.scales, rows);
  for (std::size_t p = 0; p < block_panels(n_cols); ++p) {
    SplitPanel& split = s.panels[p];
    std::byte* panel = nullptr;
    take(split.high, cols == 128 ? n_cols * panel_rows : 0);
    take(panel, panel_bytes(type, n_cols));
    if (base) split.panel = place_panel(type, n_cols, panel);
  }
  return s;
}

}  // namespace

bool suits_tiles(const WeightType& type) { return type.grouping != Grouping::scale_per_16; }

std::size_t tile_scratch_bytes(const WeightType& type, std::size_t n_cols) {
  return place(type, n_cols, nullptr).bytes;
}

void matmul_by_tiles(const WeightType& type, const WeightView& w, std::size_t row_begin, std::size_t row_end,
                     const TokenRows& tokens, std::size_t n_tokens, float* y, std::size_t y_stride,
                     std::byte* bytes) {
  Scratch scratch = place(type, w.n_cols, bytes);
  const TileKind kind = choose(type);
  const TileRegisters registers(kind.tile_cols);
  const std::size_t most = block_panels(w.n_cols) * panel_rows,
                    n_groups = w.n_cols / group_cols(type.grouping);
  for (std::size_t first = row_begin; first < row_end; first += most) {
    const std::size_t n = row_end - first < most ? row_end - first : most;
    for (std::size_t r = 0; r < n; r += panel_rows) {
      const SplitPanel& split = scratch.panels[r / panel_rows];
      build_panel(type, w, first + r, n - r < panel_rows ? n - r : panel_rows, scratch.batch, split.panel);
      kind.prepare(split, type, w.n_cols);
    }
    for (std::size_t t = 0; t < n_tokens; t += block_tokens) {
      kind.pack(scratch.block, type, n_groups, tokens, t,
                n_tokens - t < block_tokens ? n_tokens - t : block_tokens);
      memory_barrier();
      for (std::size_t r = 0; r < n; r += 16)
        kind.multiply(scratch.panels[r / panel_rows], r % panel_rows / 16, scratch.block,
                      n - r < 16 ? n - r : 16, y + t * y_stride + (first - row_begin + r), y_stride);
    }
  }
}

}  // namespace quern::kernels::QUERN_ISA

#endif
