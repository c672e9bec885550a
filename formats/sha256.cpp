#include "formats/sha256.h"

#include <algorithm>
#include <bit>
#include <cstring>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

namespace quern::formats {
namespace {

constexpr std::size_t block_bytes = 64;

// The first 32 bits of the fractional parts of the cube roots of the first 64 primes (4.2.2).
alignas(16) constexpr std::uint32_t round_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

std::uint32_t big_endian_word(const std::uint8_t* at) {
  return std::uint32_t{at[0]} << 24 | std::uint32_t{at[1]} << 16 | std::uint32_t{at[2]} << 8 | at[3];
}

#if defined(__x86_64__)
bool has_sha_instructions() {
  unsigned eax, ebx, ecx, edx;
  if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx)) return false;
  const bool ssse3 = ecx >> 9 & 1, sse41 = ecx >> 19 & 1;
  return ssse3 && sse41 && __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && (ebx >> 29 & 1);
}
#endif

}  // namespace

Sha256::Sha256([[maybe_unused]] bool portable)
    : add_blocks_(add_blocks_portable),
      // The square roots of the first eight primes (5.3.3).
      state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19},
      rest_{} {
#if defined(__x86_64__)
  static const bool has_instructions = has_sha_instructions();
  if (has_instructions && !portable) add_blocks_ = add_blocks_x86;
#endif
}

void Sha256::add(std::span<const std::byte> bytes) {
  const auto* at = reinterpret_cast<const std::uint8_t*>(bytes.data());
  std::size_t n = bytes.size();
  const std::size_t begun = n_bytes_ % block_bytes;
  n_bytes_ += n;
  if (begun != 0) {
    const std::size_t taken = std::min(n, block_bytes - begun);
    std::copy_n(at, taken, rest_.begin() + begun);
    if (begun + taken < block_bytes) return;
    add_blocks_(state_, rest_.data(), 1);
    at += taken;
    n -= taken;
  }
  add_blocks_(state_, at, n / block_bytes);
  std::copy_n(at + n / block_bytes * block_bytes, n % block_bytes, rest_.begin());
}

Sha256::Digest Sha256::digest() {
  // One bit, zeros, and the number of bits as 64 bits at the end of a block (5.1.1).
  const std::uint64_t n_bits = n_bytes_ * 8;
  const std::size_t begun = n_bytes_ % block_bytes;
  std::array<std::uint8_t, 2 * block_bytes> tail{0x80};
  const std::size_t n = (begun < 56 ? block_bytes : 2 * block_bytes) - begun;
  for (unsigned i = 0; i < 8; ++i) tail[n - 1 - i] = static_cast<std::uint8_t>(n_bits >> 8 * i);
  add(std::as_bytes(std::span(tail).first(n)));
  Digest out;
  for (unsigned i = 0; i < 32; ++i) out[i] = static_cast<std::uint8_t>(state_[i / 4] >> (24 - i % 4 * 8));
  return out;
}

void Sha256::add_blocks_portable(State& state, const std::uint8_t* blocks, std::size_t n_blocks) {
  using std::rotr;
  for (; n_blocks > 0; --n_blocks, blocks += block_bytes) {
    std::uint32_t w[64];
    for (unsigned t = 0; t < 16; ++t) w[t] = big_endian_word(blocks + 4 * t);
    for (unsigned t = 16; t < 64; ++t) {
      const std::uint32_t s0 = rotr(w[t - 15], 7) ^ rotr(w[t - 15], 18) ^ w[t - 15] >> 3;
      const std::uint32_t s1 = rotr(w[t - 2], 17) ^ rotr(w[t - 2], 19) ^ w[t - 2] >> 10;
      w[t] = w[t - 16] + s0 + w[t - 7] + s1;
    }
    auto [a, b, c, d, e, f, g, h] = state;
    for (unsigned t = 0; t < 64; ++t) {
      const std::uint32_t sum1 = rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25);
      const std::uint32_t t1 = h + sum1 + ((e & f) ^ (~e & g)) + round_constants[t] + w[t];
      const std::uint32_t sum0 = rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22);
      const std::uint32_t t2 = sum0 + ((a & b) ^ (a & c) ^ (b & c));
      h = g, g = f, f = e, e = d + t1, d = c, c = b, b = a, a = t1 + t2;
    }
    const State mixed{a, b, c, d, e, f, g, h};
    for (unsigned i = 0; i < 8; ++i) state[i] += mixed[i];
  }
}

#if defined(__x86_64__)
// The SHA extensions keep the state as two vectors, (a, b, e, f) and (c, d, g, h) from the highest lane down;
// one sha256rnds2 makes two rounds.
__attribute__((target("sha,sse4.1,ssse3"))) void Sha256::add_blocks_x86(State& state,
                                                                        const std::uint8_t* blocks,
                                                                        std::size_t n_blocks) {
  const auto lane = [&](unsigned i) { return static_cast<int>(state[i]); };
  __m128i abef = _mm_set_epi32(lane(0), lane(1), lane(4), lane(5));
  __m128i cdgh = _mm_set_epi32(lane(2), lane(3), lane(6), lane(7));
  const __m128i swap_bytes = _mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3);
  for (; n_blocks > 0; --n_blocks, blocks += block_bytes) {
    const __m128i abef_before = abef, cdgh_before = cdgh;
    __m128i w[4];  // sixteen words of the schedule, the next four replacing the oldest
    for (unsigned i = 0; i < 4; ++i)
      w[i] = _mm_shuffle_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(blocks) + i), swap_bytes);
    for (unsigned i = 0; i < 16; ++i) {
      const __m128i now = w[i % 4];
      const __m128i sum =
          _mm_add_epi32(now, _mm_load_si128(reinterpret_cast<const __m128i*>(round_constants) + i));
      cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sum);
      abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(sum, 0x0E));
      const __m128i last = w[(i + 3) % 4], before = w[(i + 2) % 4];
      const __m128i w_minus_7 = _mm_alignr_epi8(last, before, 4);
      const __m128i partial = _mm_add_epi32(_mm_sha256msg1_epu32(now, w[(i + 1) % 4]), w_minus_7);
      w[i % 4] = _mm_sha256msg2_epu32(partial, last);
    }
    abef = _mm_add_epi32(abef, abef_before);
    cdgh = _mm_add_epi32(cdgh, cdgh_before);
  }
  alignas(16) std::uint32_t out[8];  // f e b a, h g d c
  _mm_store_si128(reinterpret_cast<__m128i*>(out), abef);
  _mm_store_si128(reinterpret_cast<__m128i*>(out + 4), cdgh);
  state = {out[3], out[2], out[7], out[6], out[1], out[0], out[5], out[4]};
}
#endif

std::string to_hex(const Sha256::Digest& digest) {
  constexpr const char* digits = "0123456789abcdef";
  std::string out;
  for (const std::uint8_t byte : digest) {
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
  return out;
}

}  // namespace quern::formats
