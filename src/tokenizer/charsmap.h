#pragma once
// The precompiled map of a Unigram vocabulary: which beginnings of a text are replaced by what. In the file
// it is a double array of 32-bit units behind its size in bytes, and behind it the replacements, each ended
// by NUL:
//   bits 0..7   the label, the byte that leads to the unit
//   bit 8       a key ends here; the unit reached with label 0 holds the replacement's offset in 31 bits
//   bits 10..31 the distance to the children, in units, or (bit 9) in 256 units
// It is a part of the file like any other: each index and offset is checked where it is used.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "formats/metadata.h"
#include "quern/result.h"

namespace quern::detail {

class Charsmap {
 public:
  // An absent key is an empty map. The metadata outlives it.
  static Result<Charsmap> load(const formats::Metadata& metadata);

  struct Match {
    std::size_t n_bytes = 0;  // 0: nothing matches
    std::string_view replacement{};
  };
  // The longest key that `text` begins with. An error where following the text leads out of the map.
  Result<Match> longest(std::string_view text) const;

 private:
  std::uint32_t unit(std::size_t index) const;
  Result<std::string_view> replacement(std::size_t offset) const;

  std::span<const std::byte> units_{};
  std::string_view replacements_{};  // ends in NUL
};

}  // namespace quern::detail
