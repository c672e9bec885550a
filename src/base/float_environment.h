#pragma once
// The floating-point mode that canonical arithmetic needs: round to nearest even, subnormals kept, no traps.
// A host program may have set another one on its threads (audio code flushes subnormals, for one).
#if defined(__x86_64__)
#include <xmmintrin.h>
#elif !defined(__aarch64__)
#include <cfenv>
#endif
#include <cstdint>

namespace quern::detail {

/// Sets the mode on this thread, and puts back what was there before.
class FloatEnvironment {
 public:
  FloatEnvironment() { set(standard); }
  ~FloatEnvironment() { set(before_); }
  FloatEnvironment(const FloatEnvironment&) = delete;
  FloatEnvironment& operator=(const FloatEnvironment&) = delete;

 private:
#if defined(__x86_64__)
  using Mode = unsigned;
  static constexpr Mode standard = _MM_MASK_MASK;  // all exceptions masked, every other bit 0
  static Mode get() { return _mm_getcsr(); }
  static void set(Mode mode) { _mm_setcsr(mode); }
#elif defined(__aarch64__)
  using Mode = std::uint64_t;
  static constexpr Mode standard = 0;
  static Mode get() {
    Mode mode;
    asm volatile("mrs %0, fpcr" : "=r"(mode));
    return mode;
  }
  static void set(Mode mode) { asm volatile("msr fpcr, %0" : : "r"(mode)); }
#else
  using Mode = int;
  static constexpr Mode standard = FE_TONEAREST;
  static Mode get() { return std::fegetround(); }
  static void set(Mode mode) { std::fesetround(mode); }
#endif
  const Mode before_ = get();
};

}  // namespace quern::detail
