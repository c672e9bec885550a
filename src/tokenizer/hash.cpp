#include "src/tokenizer/hash.h"

#include <chrono>

namespace quern::detail {

namespace {

// One step of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
std::uint64_t split_mix(std::uint64_t& state) {
  std::uint64_t z = state += 0x9E3779B97F4A7C15u;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
  z = (z ^ z >> 27) * 0x94D049BB133111EBu;
  return z ^ z >> 31;
}

}  // namespace

Hasher::Hasher() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch().count();
  const int on_the_stack = 0;
  std::uint64_t state = static_cast<std::uint64_t>(now);
  state ^= split_mix(state) + reinterpret_cast<std::uintptr_t>(&on_the_stack);
  state ^= split_mix(state) + reinterpret_cast<std::uintptr_t>(&split_mix);
  seed_ = split_mix(state);
  multiplier_ = split_mix(state) | 1;
}

}  // namespace quern::detail
