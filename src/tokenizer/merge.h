#pragma once
// Merging of adjacent symbols, the heart of both kinds of byte-pair encoding: the pair of least priority is
// joined, the leftmost of several, until no pair can be.
#include <algorithm>
#include <cstdint>
#include <functional>
#include <vector>

namespace quern::detail {

inline constexpr std::uint32_t no_symbol = 0xFFFFFFFF;
inline constexpr std::uint32_t never_merges = 0xFFFFFFFF;  // the priority of a pair that does not merge

// A part of a text: what its text is as a number (no_symbol: nothing that merges), and where it begins, in
// bytes; it ends where the next one begins. With it the pair that it forms with the next one.
struct Symbol {
  std::uint32_t number;
  std::uint32_t begin;
  std::uint32_t priority = never_merges;
  std::uint32_t merged = no_symbol;
};

struct MergedPair {
  std::uint32_t priority = never_merges;
  std::uint32_t number = no_symbol;
};

// Scratch space and the algorithm. One thread at a time.
class Merger {
 public:
  std::vector<Symbol> symbols;  // set before merge(), read after it

  // pair_of(left, right, end of right) gives the MergedPair of two neighbours. `end` is the end of the last
  // symbol.
  template <typename PairOf>
  void merge(std::uint32_t end, const PairOf& pair_of) {
    if (symbols.size() < 2) return;
    const auto n = static_cast<std::uint32_t>(symbols.size());
    for (std::uint32_t i = 0; i + 1 < n; ++i)
      set_pair(symbols[i], symbols[i + 1], i + 2 < n ? symbols[i + 2].begin : end, pair_of);
    symbols.back().priority = never_merges;
    // Up to here looking through all pairs is faster than keeping them in order.
    constexpr std::uint32_t few = 40;
    if (n <= few)
      merge_few(end, pair_of);
    else
      merge_many(end, pair_of);
  }

 private:
  template <typename PairOf>
  static void set_pair(Symbol& left, const Symbol& right, std::uint32_t end, const PairOf& pair_of) {
    const MergedPair pair = pair_of(left, right, end);
    left.priority = pair.priority;
    left.merged = pair.number;
  }

  template <typename PairOf>
  void merge_few(std::uint32_t end, const PairOf& pair_of) {
    for (std::size_t n = symbols.size();; --n) {
      std::size_t best = 0;
      for (std::size_t i = 1; i < n; ++i)
        if (symbols[i].priority < symbols[best].priority) best = i;
      if (symbols[best].priority == never_merges) {
        symbols.resize(n);
        return;
      }
      const auto begin_of = [&](std::size_t i) { return i < n - 1 ? symbols[i].begin : end; };
      symbols[best].number = symbols[best].merged;
      std::copy(symbols.begin() + static_cast<std::ptrdiff_t>(best) + 2,
                symbols.begin() + static_cast<std::ptrdiff_t>(n),
                symbols.begin() + static_cast<std::ptrdiff_t>(best) + 1);
      if (best + 1 < n - 1)
        set_pair(symbols[best], symbols[best + 1], begin_of(best + 2), pair_of);
      else
        symbols[best].priority = never_merges;
      if (best > 0) set_pair(symbols[best - 1], symbols[best], begin_of(best + 1), pair_of);
    }
  }

  // A heap of (priority, position). An entry is stale if its symbol's pair has another priority by now;
  // entries of equal priority and position are interchangeable. At most 3n entries are ever made.
  template <typename PairOf>
  void merge_many(std::uint32_t end, const PairOf& pair_of) {
    const auto n = static_cast<std::uint32_t>(symbols.size());
    previous_.resize(n);
    next_.resize(n);
    heap_.clear();
    for (std::uint32_t i = 0; i < n; ++i) {
      previous_[i] = i - 1;  // of the first: n, after all
      next_[i] = i + 1;
      if (symbols[i].priority != never_merges) heap_.push_back(entry(i));
    }
    previous_[0] = n;
    std::make_heap(heap_.begin(), heap_.end(), std::greater<>());

    const auto begin_of = [&](std::uint32_t i) { return i < n ? symbols[i].begin : end; };
    const auto pair_up = [&](std::uint32_t left) {
      const std::uint32_t right = next_[left];
      symbols[left].priority = never_merges;
      if (right == n) return;
      set_pair(symbols[left], symbols[right], begin_of(next_[right]), pair_of);
      if (symbols[left].priority == never_merges) return;
      heap_.push_back(entry(left));
      std::push_heap(heap_.begin(), heap_.end(), std::greater<>());
    };
    while (!heap_.empty()) {
      std::pop_heap(heap_.begin(), heap_.end(), std::greater<>());
      const std::uint64_t top = heap_.back();
      heap_.pop_back();
      const auto left = static_cast<std::uint32_t>(top);
      if (symbols[left].priority != top >> 32) continue;
      const std::uint32_t right = next_[left];
      symbols[left].number = symbols[left].merged;
      symbols[right].priority = never_merges;
      next_[left] = next_[right];
      if (next_[left] != n) previous_[next_[left]] = left;
      if (previous_[left] != n) pair_up(previous_[left]);
      pair_up(left);
    }

    std::uint32_t kept = 0;
    for (std::uint32_t i = 0; i < n; i = next_[i]) symbols[kept++] = symbols[i];
    symbols.resize(kept);
  }

  std::uint64_t entry(std::uint32_t i) const {
    return static_cast<std::uint64_t>(symbols[i].priority) << 32 | i;
  }

  std::vector<std::uint32_t> previous_, next_;
  std::vector<std::uint64_t> heap_;
};

}  // namespace quern::detail
