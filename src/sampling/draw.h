#pragma once
// The draw: the candidate with the largest logit + Gumbel noise, equal sums to the lowest id. With -ln u_i
// exponential, i wins if -ln u_i / e^(x_i) is the smallest, which has probability e^(x_i) / sum e^(x_j). A
// token's noise depends on seed, position, stream and its id, on nothing else: removing tokens that did not
// win changes nothing, and neither does the order of the comparisons.
#include <cstdint>

#include "kernels/logits.h"
#include "src/base/philox.h"
#include "src/sampling/candidates.h"

namespace quern::detail {

/// The random numbers of one position of one completion.
class Noise {
 public:
  /// position: the index in the sequence of the token being chosen. stream: the index of the completion.
  Noise(std::uint64_t seed, std::uint64_t position, std::uint32_t stream)
      : key_{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)},
        counter_{static_cast<std::uint32_t>(position), static_cast<std::uint32_t>(position >> 32), stream,
                 0} {}

  /// The four words of a draw index.
  PhiloxCounter words(std::uint32_t draw) const;
  /// The 32 random bits of a token.
  std::uint32_t token_word(Token id) const;
  /// Uniform in [0, 1) with 53 bits: XTC's coin.
  double coin() const;
  /// All tokens' words, for the kernels.
  kernels::NoiseStream stream() const;

 private:
  static constexpr std::uint32_t coin_draw = 1;
  static constexpr std::uint32_t token_draws = std::uint32_t{1} << 31;  ///< that of tokens 0 to 3

  PhiloxKey key_;
  PhiloxCounter counter_;
};

/// -ln(-ln u) with u = (word + 1/2) 2^-32, which is exact.
double gumbel(std::uint32_t word);

/// Requires: there is a candidate. A single one is taken without noise.
Candidate draw(Candidates& candidates, const Noise& noise);

}  // namespace quern::detail
