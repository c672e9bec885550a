#include "src/sampling/draw.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <optional>

#include "src/base/math.h"

namespace quern::detail {

PhiloxCounter Noise::words(std::uint32_t draw) const {
  PhiloxCounter counter = counter_;
  counter[3] = draw;
  return philox(counter, key_);
}

std::uint32_t Noise::token_word(Token id) const {
  return words(token_draws + static_cast<std::uint32_t>(id) / 4)[static_cast<std::uint32_t>(id) % 4];
}

double Noise::coin() const {
  const PhiloxCounter w = words(coin_draw);
  return static_cast<double>(std::uint64_t{w[0]} << 21 | w[1] >> 11) * 0x1p-53;
}

kernels::NoiseStream Noise::stream() const {
  return {.counter = {counter_[0], counter_[1], counter_[2], token_draws}, .key = {key_[0], key_[1]}};
}

double gumbel(std::uint32_t word) { return -ln(-ln((static_cast<double>(word) + 0.5) * 0x1p-32)); }

namespace {

/// The best sum so far.
class Race {
 public:
  explicit Race(const Noise& noise) : noise_(noise) {}

  void enter(const Candidate& candidate) {
    const auto bound = word_to_win(candidate.logit);
    if (!bound) return;
    const std::uint32_t word = noise_.token_word(candidate.id);
    if (word < *bound) return;
    const double sum = candidate.logit + gumbel(word);
    if (sum > best_ || (sum == best_ && candidate.id < winner_.id)) {
      best_ = sum;
      winner_ = candidate;
    }
  }

  // A token with this logit wins only with noise g >= best - logit. Then 1 - u <= -ln u <= e^(logit - best),
  // that is 2^32 - word - 1/2 <= 2^32 e^(logit - best). Any upper bound of the power will do: here the line
  // between two powers of 2, read as the bits of a double. The margin covers the rounding of logit + g up to
  // 2^28.
  /// The smallest word that such a token can win with; nothing if none is large enough.
  std::optional<std::uint32_t> word_to_win(double logit) const {
    constexpr double largest_noise = 22.88, prunable = 0x1p28;
    const double distance = logit - best_;
    if (std::abs(best_) >= prunable || std::abs(logit) >= prunable) return 0;
    if (distance < -largest_noise) return {};
    if (distance >= 0) return 0;
    const double power = std::bit_cast<double>(static_cast<std::uint64_t>((distance / ln_2 + 1023) * 0x1p52));
    const double word = std::ceil(0x1p32 - 0.5 - (0x1p32 * power * (1 + 1e-7) + 2));
    return word <= 0 ? 0 : static_cast<std::uint32_t>(word);
  }

  const Candidate& winner() const { return winner_; }

 private:
  const Noise& noise_;
  double best_ = -std::numeric_limits<double>::infinity();
  Candidate winner_{};
};

}  // namespace

Candidate draw(Candidates& candidates, const Noise& noise) {
  Race race(noise);
  if (candidates.is_list() || candidates.size() == 1) {
    const std::vector<Candidate>& list = candidates.list();
    if (list.size() == 1) return list.front();
    for (const Candidate& c : list) race.enter(c);
    return race.winner();
  }
  for (const Candidate& c : candidates.changed()) race.enter(c);

  const kernels::LogitView& view = candidates.view();
  const auto logit = [&](float l) {
    return candidates.divisor() == 1 ? l : static_cast<double>(l) / candidates.divisor();
  };
  const auto run_block = [&](std::size_t b) {
    constexpr auto minus_infinity = -std::numeric_limits<float>::infinity();
    const float block_max = candidates.block_max()[b];
    if (block_max == minus_infinity) return;
    const auto bound = race.word_to_win(logit(block_max));
    if (!bound) return;
    std::uint64_t rest = view.candidates[b] & candidates.kernels().noise_at_least(noise.stream(), b, *bound);
    for (; rest != 0; rest &= rest - 1) {
      const std::size_t id = b * kernels::logit_block + static_cast<std::size_t>(std::countr_zero(rest));
      if (view.logits[id] == minus_infinity) continue;
      race.enter({.logit = logit(view.logits[id]), .id = static_cast<Token>(id)});
    }
  };
  // The block of the best first, to begin with a sum that few can beat.
  const std::span<const float> maxima = candidates.block_max();
  const auto first =
      static_cast<std::size_t>(std::max_element(maxima.begin(), maxima.end()) - maxima.begin());
  run_block(first);
  for (std::size_t b = 0; b < view.n_blocks; ++b) {
    if (b != first) run_block(b);
  }
  return race.winner();
}

}  // namespace quern::detail
