#pragma once
// Products of bytes that are summed in 16 bits before they become 32, for instruction sets without an
// instruction that multiplies bytes and adds them to 32 bits at once.
#include QUERN_ISA_HEADER

namespace quern::kernels::QUERN_ISA {

#if defined(__AVX2__) && !defined(__AVXVNNI__) && !defined(__AVX512VNNI__)

inline constexpr bool sums_in_words = true;

#else

inline constexpr bool sums_in_words = false;

// Never called.
I16x32 splat_words(std::int16_t x);
// The low half of each lane, in both halves.
I16x32 repeat_in_pairs(I32x16 a);
// w[2i] * a[2i] + w[2i + 1] * a[2i + 1], with w from 0 to 127 and a >= -127.
I16x32 multiply_pairs(I8x64 w, I8x64 a);
I16x32 operator+(I16x32 a, I16x32 b);

#endif

}  // namespace quern::kernels::QUERN_ISA
