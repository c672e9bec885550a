#include "formats/encode_plain.h"

#include "formats/block_pack.h"
#include "formats/rounding.h"
#include "formats/search_min.h"

namespace quern::formats {
namespace {

float magnitude(float x) { return x < 0.0f ? -x : x; }

float max_magnitude(const float* x, unsigned n) {
  float max = 0.0f;
  for (unsigned i = 0; i < n; ++i) max = magnitude(x[i]) > max ? magnitude(x[i]) : max;
  return max;
}

// The value of largest magnitude, with its sign; the first of several.
float extreme(const float* x, unsigned n) {
  float found = 0.0f;
  for (unsigned i = 0; i < n; ++i)
    if (magnitude(x[i]) > magnitude(found)) found = x[i];
  return found;
}

// d = max|x| / 127 and the rounded codes; returns d.
float encode_int8(const float* x, std::int8_t* qs) {
  const float d = max_magnitude(x, 32) / 127.0f;
  const float inverse = inverse_or_zero(d);
  for (unsigned e = 0; e < 32; ++e) qs[e] = static_cast<std::int8_t>(round_half_away(x[e] * inverse));
  return d;
}

// Levels -zero .. zero-1 with the extreme value at -zero; returns d.
float encode_signed(const float* x, int zero, std::uint8_t* codes) {
  const float d = extreme(x, 32) / static_cast<float>(-zero);
  const float inverse = inverse_or_zero(d);
  for (unsigned e = 0; e < 32; ++e)
    codes[e] = static_cast<std::uint8_t>(
        truncate_to(x[e] * inverse + (static_cast<float>(zero) + 0.5f), 0, 2 * zero - 1));
  return d;
}

// Levels 0 .. n from the smallest to the largest value; returns d, the minimum is range.low.
float encode_from_min(const float* x, ValueRange range, int n, std::uint8_t* codes) {
  const float d = (range.high - range.low) / static_cast<float>(n);
  const float inverse = inverse_or_zero(d);
  for (unsigned e = 0; e < 32; ++e)
    codes[e] = static_cast<std::uint8_t>(truncate_to((x[e] - range.low) * inverse + 0.5f, 0, n));
  return d;
}

// Levels -1, 0, 1 as codes 0, 1, 2 under d = max|x|; returns d.
float encode_ternary(const float* x, unsigned n, std::uint8_t* codes) {
  const float d = max_magnitude(x, n);
  const float inverse = inverse_or_zero(d);
  for (unsigned e = 0; e < n; ++e) codes[e] = static_cast<std::uint8_t>(round_half_away(x[e] * inverse) + 1);
  return d;
}

}  // namespace

void encode_plain(const float* x, BlockQ8_0& block) { block.d = to_half(encode_int8(x, block.qs)); }

void encode_plain(const float* x, BlockQ4_0& block) {
  std::uint8_t codes[32];
  block.d = to_half(encode_signed(x, 8, codes));
  pack_nibbles(codes, block.qs);
}

void encode_plain(const float* x, BlockQ5_0& block) {
  std::uint8_t codes[32];
  block.d = to_half(encode_signed(x, 16, codes));
  block.qh = pack_fifth_bits(codes);
  pack_nibbles(codes, block.qs);
}

void encode_plain(const float* x, BlockQ4_1& block) {
  std::uint8_t codes[32];
  const ValueRange range = range_of(x, 32);
  block.d = to_half(encode_from_min(x, range, 15, codes));
  block.m = to_half(range.low);
  pack_nibbles(codes, block.qs);
}

void encode_plain(const float* x, BlockQ5_1& block) {
  std::uint8_t codes[32];
  const ValueRange range = range_of(x, 32);
  block.d = to_half(encode_from_min(x, range, 31, codes));
  block.m = to_half(range.low);
  block.qh = pack_fifth_bits(codes);
  pack_nibbles(codes, block.qs);
}

void encode_plain(const float* x, BlockQ1_0& block) {
  float sum = 0.0f;
  for (unsigned e = 0; e < 128; ++e) sum += magnitude(x[e]);
  block.d = to_half(sum / 128.0f);
  for (unsigned i = 0; i < 16; ++i) {
    unsigned bits = 0;
    for (unsigned j = 0; j < 8; ++j) bits |= (x[8 * i + j] >= 0.0f ? 1u : 0u) << j;
    block.qs[i] = static_cast<std::uint8_t>(bits);
  }
}

void encode_plain(const float* x, BlockQ2_0& block) {
  std::uint8_t codes[64];
  block.d = to_half(encode_ternary(x, 64, codes));
  pack_codes(codes, block);
}

void encode_plain(const float* x, BlockTQ1_0& block) {
  std::uint8_t codes[256];
  block.d = to_half(encode_ternary(x, 256, codes));
  pack_codes(codes, block);
}

void encode_plain(const float* x, BlockTQ2_0& block) {
  std::uint8_t codes[256];
  block.d = to_half(encode_ternary(x, 256, codes));
  pack_codes(codes, block);
}

unsigned fp4_code(float x, float scale) {
  // Half-way points between the levels 0 1 2 3 4 6 8 12. The products are exact: a scale has four significant
  // bits.
  constexpr float midpoints[7] = {0.5f, 1.5f, 2.5f, 3.5f, 5.0f, 7.0f, 10.0f};
  if (scale == 0.0f) return 0;
  unsigned level = 0;
  for (const float midpoint : midpoints) level += magnitude(x) > midpoint * scale ? 1u : 0u;
  return level != 0 && x < 0.0f ? level + 8 : level;
}

void encode_plain(const float* x, BlockMXFP4& block) {
  // The exponent field holds floor(log2(max)) + 127; the largest value then lies within 8 to 16 half scales.
  const int exponent = static_cast<int>(float_bits(max_magnitude(x, 32)) >> 23);
  block.e = static_cast<std::uint8_t>(exponent > 2 ? exponent - 2 : 0);
  std::uint8_t codes[32];
  for (unsigned e = 0; e < 32; ++e) codes[e] = static_cast<std::uint8_t>(fp4_code(x[e], e8m0_half(block.e)));
  pack_nibbles(codes, block.qs);
}

std::uint8_t ue4m3_code(float scale) {
  if (!(scale > 0.0f)) return 0;
  const std::uint32_t bits = float_bits(scale);
  int exponent = static_cast<int>(bits >> 23) - 127 + 7;
  if (exponent <= 0) return static_cast<std::uint8_t>(truncate_to(scale * 512.0f + 0.5f, 0, 7));
  unsigned mantissa = (bits >> 20 & 7u) + (bits >> 19 & 1u);
  if (mantissa == 8) {
    mantissa = 0;
    ++exponent;
  }
  if (exponent >= 15) return 0x7E;
  return static_cast<std::uint8_t>(static_cast<unsigned>(exponent) << 3 | mantissa);
}

void encode_plain(const float* x, BlockNVFP4& block) {
  for (unsigned s = 0; s < 4; ++s) {
    const float* sub = x + 16 * s;
    block.d[s] = ue4m3_code(max_magnitude(sub, 16) / 6.0f);
    std::uint8_t codes[16];
    for (unsigned r = 0; r < 16; ++r)
      codes[r] = static_cast<std::uint8_t>(fp4_code(sub[r], ue4m3_half(block.d[s])));
    pack_sub_block(codes, s, block);
  }
}

void encode_plain(const float* x, BlockQ8_1& block) {
  const float d = encode_int8(x, block.qs);
  int sum = 0;
  for (const std::int8_t q : block.qs) sum += q;
  block.d = to_half(d);
  block.s = to_half(d * static_cast<float>(sum));
}

void encode_plain(const float* x, BlockQ8_K& block) {
  const float largest = extreme(x, 256);
  const float inverse = -127.0f / largest;
  const bool zero = inverse - inverse != 0.0f;  // infinite: a zero block, or one too small to invert
  for (unsigned e = 0; e < 256; ++e) {
    const float q = zero ? 0.0f : round_half_even(inverse * x[e]);
    block.qs[e] = static_cast<std::int8_t>(q < 127.0f ? q : 127.0f);
  }
  block.d = to_u32(float_bits(zero ? 0.0f : 1.0f / inverse));
  for (unsigned j = 0; j < 16; ++j) {
    int sum = 0;
    for (unsigned r = 0; r < 16; ++r) sum += block.qs[16 * j + r];
    block.sums[j] = to_u16(static_cast<std::uint16_t>(sum));
  }
}

void pack_codes(const std::uint8_t* codes, BlockTQ1_0& block) {
  // The byte is the smallest one whose fraction of 256 reaches digits/243. `stride` is the distance of the
  // digits.
  const auto pack = [](const std::uint8_t* c, unsigned stride, unsigned n_digits) {
    unsigned digits = 0;
    for (unsigned k = 0; k < 5; ++k) digits = 3 * digits + (k < n_digits ? c[k * stride] : 0u);
    return static_cast<std::uint8_t>((digits * 256 + 242) / 243);
  };
  for (unsigned i = 0; i < 32; ++i) block.qs[i] = pack(codes + i, 32, 5);
  for (unsigned i = 0; i < 16; ++i) block.qs[32 + i] = pack(codes + 160 + i, 16, 5);
  for (unsigned i = 0; i < 4; ++i) block.qh[i] = pack(codes + 240 + i, 4, 4);
}

}  // namespace quern::formats
